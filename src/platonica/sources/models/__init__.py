"""Model sources: from a name to a card, and from a card to a loaded model."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from platonica.errors import ParameterError, UnknownNameError
from platonica.sources._contracts import ModelCard
from platonica.sources.models.catalog import catalog
from platonica.sources.models.installing import Installed, install_models
from platonica.sources.names import Name, parse_name

__all__ = [
    "MODEL_SOURCES",
    "Installed",
    "ModelRow",
    "install_models",
    "list_models",
    "parse_name",
    "resolve_model",
]

MODEL_SOURCES: dict[str, str] = {
    "pip": "platonica.sources.models.pip:open_model",
    "control": "platonica.sources.controls:open_model",
}
"""Scheme to the function that makes a card of a `Name`. Packages add schemes by entry points of
the group ``platonica.models``, which load on the first look-up of an unknown one."""


@dataclass(frozen=True)
class ModelRow:
    """One line of ``platonica models``.

    Attributes
    ----------
    name, modality : str
    n_parameters : int
        0 for controls.
    packages : tuple of str
        ``NAME==VERSION``; empty for controls.
    size_mb : float
        Download, in MB.
    installed : bool
    licence, reference : str
    """

    name: str
    modality: str
    n_parameters: int
    packages: tuple[str, ...]
    size_mb: float
    installed: bool
    licence: str
    reference: str


def resolve_model(name: str) -> ModelCard:
    """Return the card of a model; cheap, nothing is loaded.

    Parameters
    ----------
    name : str
        For example ``"pip:efficientnet-lite0?init=random&seed=0"`` or ``"control:pixels"``.

    Raises
    ------
    UnknownNameError
        No such scheme or model; the message holds the nearest names.
    ParameterError
        An option that the source does not take; or ready features, which are no model.
    MissingExtraError
        The packages of the weights are not installed.
    """
    parsed = parse_name(name)
    if parsed.scheme == "file":
        raise ParameterError(f"{name!r} names ready features, not a model that could be run")
    open_model = _source(parsed)
    if open_model is None:
        known = [row.name for row in list_models()]
        raise UnknownNameError.among("model", parsed.path, known)
    return open_model(parsed)


def list_models() -> tuple[ModelRow, ...]:
    """List the models that can be named without a path: the catalog and the controls."""
    from platonica.sources.controls import CONTROLS

    packaged = [
        ModelRow(
            name=f"pip:{entry.name}",
            modality=entry.modality,
            n_parameters=entry.n_parameters,
            packages=tuple(f"{package}=={version}" for package, version in entry.packages.items()),
            size_mb=entry.size_mb,
            installed=entry.installed,
            licence=entry.licence,
            reference=entry.reference,
        )
        for entry in catalog().values()
    ]
    controls = [
        ModelRow(f"control:{name}", control.modality, 0, (), 0.0, True, "", control.reference)
        for name, control in CONTROLS.items()
    ]
    return tuple(packaged + controls)


def _source(name: Name) -> Callable[[Name], ModelCard] | None:
    if name.scheme in MODEL_SOURCES:
        module, _, function = MODEL_SOURCES[name.scheme].partition(":")
        found: Callable[[Name], ModelCard] = getattr(importlib.import_module(module), function)
        return found
    for entry_point in metadata.entry_points(group="platonica.models", name=name.scheme):
        loaded: Callable[[Name], ModelCard] = entry_point.load()
        return loaded
    return None
