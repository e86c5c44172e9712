"""``pip:NAME``: models of the catalog."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from platonica.errors import ParameterError
from platonica.sources._contracts import Model, ModelCard
from platonica.sources.models.catalog import Entry, find_entry, installed_version
from platonica.sources.names import Name

__all__ = ["open_model"]


@dataclass(frozen=True)
class _Reader:
    """What loads a kind of file, and why it has no untrained twin where it has none."""

    target: str
    no_twin: str = ""
    initialiser: str = ""  # the library that draws the weights of a twin


_READERS = {
    "efficientnet": _Reader("efficientnet:load", initialiser="torch"),
    "transformer": _Reader("transformer:load", initialiser="transformers"),
    "causal": _Reader("causal:load", initialiser="transformers"),
    "onnx_image": _Reader(
        "onnx_graph:load_image", "an ONNX file holds no architecture to initialise"
    ),
    "onnx_text": _Reader(
        "onnx_graph:load_text", "an ONNX file holds no architecture to initialise"
    ),
    "static": _Reader("static:load", "static vectors have no architecture to initialise"),
}


def open_model(name: Name) -> ModelCard:
    """Return the card of a catalog model, or of its untrained twin with ``?init=random&seed=0``.

    Raises
    ------
    UnknownNameError
        Not in the catalog.
    ParameterError
        An unknown option, or a twin that the source cannot have.
    MissingExtraError
        The packages of the weights are not installed.
    """
    entry = find_entry(name.body)
    seed = _seed(name, entry)
    revision = entry.revision()
    if seed is not None:
        library = _READERS[entry.reader].initialiser
        revision += f", untrained: seed {seed}, {library} {installed_version(library)}"
    return ModelCard(
        name=name.text,
        revision=revision,
        modality=entry.modality,
        poolings=entry.poolings,
        preprocessing=entry.preprocessing,
        load=_loader(entry, seed),
        n_parameters=entry.n_parameters,
        reference=f"{entry.reference}; {entry.licence}",
    )


def _seed(name: Name, entry: Entry) -> int | None:
    """Seed of the untrained twin; None for the trained weights."""
    options = name.check_options(["init", "seed"])
    seed = name.count("seed", least=0)
    if "init" not in options:
        if seed is not None:
            raise ParameterError(f"{name.text!r}: seed needs init=random beside it")
        return None
    if options["init"] != "random":
        raise ParameterError(f"{name.text!r}: init must be random, not {options['init']!r}")
    if refusal := _READERS[entry.reader].no_twin:
        raise ParameterError(f"{name.text!r}: no untrained twin, {refusal}")
    return seed or 0


def _loader(entry: Entry, seed: int | None) -> Callable[[], Model]:
    def load() -> Model:
        module, _, function = _READERS[entry.reader].target.partition(":")
        reader: Any = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        model: Model = reader(entry) if seed is None else reader(entry, seed=seed)
        return model

    return load
