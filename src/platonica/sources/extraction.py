"""Features of a model on a data set, computed once and kept in the store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_ids
from platonica.errors import (
    DegenerateInputError,
    InvalidItemError,
    MissingExtraError,
    PairingError,
    ParameterError,
    ShapeError,
    StaleFeaturesError,
    StoreError,
    UnknownNameError,
)
from platonica.sources._contracts import Data, Encoded, Item, Layer, Model, ModelCard
from platonica.store import (
    Features,
    FeatureWriter,
    Plan,
    default_root,
    features_folder,
    make_plan,
    open_features,
)
from platonica.store.atomic import remove_temporaries
from platonica.store.opening import MANIFEST

__all__ = ["Progress", "extract"]

Progress = Callable[[int, int], None]
"""Called with the number of rows that are done and the number of all rows."""


def extract(
    model: str | ModelCard,
    data: str | Data,
    *,
    layers: str | Sequence[str] = "all",
    pooling: str = "auto",
    device: str = "auto",
    batch_size: int = 32,
    store: str | Path | None = None,
    shard_rows: int = 64,
    on_bad_item: Literal["error", "skip"] = "error",
    progress: Progress | None = None,
) -> Features:
    """Features of every layer of a model on a data set, from the store if they are there.

    Features that the store holds are returned without loading the model. Otherwise only the
    shards that are missing are computed: a run that was killed continues where it was, and ends
    with the same bytes as one that was not.

    Parameters
    ----------
    model : str or ModelCard
    data : str or Data
        Each payload of the model's modality becomes a row; those of one item are consecutive.
    layers : "all", or a name, or several, default "all"
    pooling : str, default "auto"
        One of the poolings of the model; "auto" is the first of them.
    device : {"auto", "cpu"}, default "auto"
    batch_size : int, default 32
        Payloads that are encoded together; it affects the features by rounding only. Batches
        never cross shards.
    store : path, optional
        Root folder of the store, by default `platonica.store.default_root`.
    shard_rows : int, default 64
        Rows of one shard, the most that is lost when a run is killed.
    on_bad_item : {"error", "skip"}, default "error"
        What to do with an item that lacks the modality or has an empty caption or an unreadable
        image. "skip" looks for such items first and leaves them out, with a warning; their ids
        are then not among those of the features.
    progress : callable, optional
        Called with the rows that are done and all rows.

    Returns
    -------
    Features

    Raises
    ------
    UnknownNameError
        There is no such model, data set or layer.
    ParameterError
        Another pooling, device or on_bad_item; no items; a count below 1.
    PairingError
        Ids repeat, or no item has what the model reads.
    InvalidItemError
        A bad item.
    DegenerateInputError
        The model returns NaN or infinite features.
    StoreError
        The store is not writable, or its disk is full.
    StaleFeaturesError
        The folder of these features holds others.
    """
    _check_options(device, batch_size, shard_rows, on_bad_item)
    card, data = _resolve(model, data)
    choice = _Choice(card, data, _check_layers(layers), _check_pooling(card, pooling), shard_rows)
    root = default_root() if store is None else Path(store).expanduser()
    items = _check_items(card, data)
    if on_bad_item == "skip":
        items = _good_items(choice, items, root)
    rows = _rows(card, data, items)
    plan = choice.plan(rows)
    folder = features_folder(root, plan)
    stored = _stored(folder, plan)
    if stored is not None:
        return stored
    return _compute(card, rows, FeatureWriter(folder, plan), batch_size, progress)


@dataclass(frozen=True)
class _Rows:
    """The payloads of a model's modality, and the item of each."""

    items: Sequence[Item]
    payloads: list[Any]
    item_index: list[int]


@dataclass(frozen=True)
class _Choice:
    """What was asked for, but for the items."""

    card: ModelCard
    data: Data
    layers: tuple[str, ...] | Literal["all"]
    pooling: str
    shard_rows: int

    def plan(self, rows: _Rows) -> Plan:
        """Return the plan for some rows."""
        groups = tuple(item.group for item in rows.items)
        return make_plan(
            model=self.card.name,
            model_revision=self.card.revision,
            modality=self.card.modality,
            data=self.data.name,
            data_revision=self.data.revision,
            item_ids=tuple(item.id for item in rows.items),
            groups=groups if any(group is not None for group in groups) else None,
            item_index=tuple(rows.item_index),
            layers=self.layers,
            pooling=self.pooling,
            preprocessing=self.card.preprocessing,
            shard_rows=self.shard_rows,
        )


def _compute(
    card: ModelCard,
    rows: _Rows,
    writer: FeatureWriter,
    batch_size: int,
    progress: Progress | None,
) -> Features:
    """Load the model, compute the shards that are missing, write the manifest."""
    model = card.load()
    # Some models are made of their data, such as tf-idf of its vocabulary.
    fit = getattr(model, "fit", None)
    if fit is not None:
        fit(rows.payloads)
    layers = _chosen_layers(card, model, writer.plan.layers)
    names = [layer.name for layer in layers]
    missing = writer.missing(names)
    done, total = len(rows.payloads) - sum(map(len, missing)), len(rows.payloads)
    report = progress or (lambda done, total: None)
    report(done, total)
    for shard in missing:
        batches = []
        for first in range(shard.start, shard.stop, batch_size):
            batch = range(first, min(first + batch_size, shard.stop))
            batches.append(_encode(card, model, rows, batch, names, writer.plan))
            done += len(batch)
            if batch.stop < shard.stop:
                report(done, total)
        writer.write(shard.start, *_join(batches))
        report(done, total)
    return writer.finish(layers, model.n_parameters)


def _encode(
    card: ModelCard, model: Model, rows: _Rows, batch: range, names: list[str], plan: Plan
) -> Encoded:
    """Encode one batch and check what comes back."""
    payloads = [rows.payloads[row] for row in batch]
    try:
        encoded = model.encode(payloads, names, pooling=plan.pooling)
    except InvalidItemError as error:
        suspects = [rows.items[rows.item_index[row]] for row in batch]
        bad = next((reason for item in suspects if (reason := _problem(card, item))), str(error))
        raise InvalidItemError(
            f"{plan.data}: {bad}; leave it out with on_bad_item='skip' (--skip-bad-items)"
        ) from error
    layers = {}
    for name in names:
        if name not in encoded.layers:
            raise ShapeError(f"{card.name} returned no features of its layer {name!r}")
        array = np.asarray(encoded.layers[name], dtype=np.float32)
        if array.ndim != 2 or len(array) != len(batch):
            raise ShapeError(
                f"{card.name}, layer {name!r}: expected shape ({len(batch)}, n_features), "
                f"not {array.shape}"
            )
        finite = np.isfinite(array).all(axis=1)
        if not finite.all():
            item = rows.items[rows.item_index[batch[int(np.argmin(finite))]]]
            raise DegenerateInputError(
                f"{card.name}, layer {name!r}: NaN or infinite features of item {item.id!r}"
            )
        layers[name] = array
    return Encoded(layers, encoded.side)


def _join(batches: Sequence[Encoded]) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Layers and side results of consecutive batches."""

    def joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return joined([batch.layers for batch in batches]), joined([batch.side for batch in batches])


def _stored(folder: Path, plan: Plan) -> Features | None:
    """Open the features in a folder; None if they are not there or a shard of them is damaged."""
    if not (folder / MANIFEST).exists():
        return None
    try:
        features = open_features(folder)
    except StaleFeaturesError:
        raise
    except StoreError as error:
        warnings.warn(f"{error}; computing what is missing", stacklevel=3)
        return None
    if features.fingerprint != plan.fingerprint:
        raise StaleFeaturesError(
            f"{folder} holds features of a different fingerprint than those asked for; remove it"
        )
    remove_temporaries(folder)  # of a run that was killed between its last file and its end
    return features


def _resolve(model: str | ModelCard, data: str | Data) -> tuple[ModelCard, Data]:
    if isinstance(model, str):
        from platonica.sources.models import resolve_model

        model = resolve_model(model)
    if isinstance(data, str):
        from platonica.sources.data import load_data

        data = load_data(data)
    return model, data


def _check_items(card: ModelCard, data: Data) -> list[Item]:
    """Return the items of a data set, of which one at least has what the model reads."""
    items = list(data.items)
    if not items:
        raise ParameterError(f"data set {data.name} has no items")
    check_ids([item.id for item in items], data.name)
    if not any(item.payloads.get(card.modality) for item in items):
        raise PairingError(
            f"{card.name} reads {card.modality}, which no item of {data.name} has; "
            f"it has {', '.join(data.modalities) or 'nothing that all items share'}"
        )
    return items


def _rows(card: ModelCard, data: Data, items: Sequence[Item]) -> _Rows:
    """Return the rows of some items; each of them must have what the model reads."""
    payloads: list[Any] = []
    index: list[int] = []
    for i, item in enumerate(items):
        problem = _missing_or_blank(card, item)
        if problem:
            raise InvalidItemError(
                f"{data.name}: {problem}; leave it out with on_bad_item='skip' (--skip-bad-items)"
            )
        payloads.extend(item.payloads[card.modality])
        index.extend([i] * len(item.payloads[card.modality]))
    return _Rows(items, payloads, index)


def _good_items(choice: _Choice, items: list[Item], root: Path) -> list[Item]:
    """Return the items that can be encoded; a warning lists the others."""
    card, data = choice.card, choice.data
    if not any(_missing_or_blank(card, item) for item in items):
        # Features of all items are proof enough that none of them is bad.
        folder = features_folder(root, choice.plan(_rows(card, data, items)))
        if (folder / MANIFEST).exists():
            return items
    problems = {item.id: problem for item in items if (problem := _problem(card, item))}
    if problems and len(problems) < len(items):
        listed = ", ".join(repr(name) for name in list(problems)[:5])
        warnings.warn(
            f"{data.name}: {len(problems)} of {len(items)} items left out for {card.name}: "
            f"{listed}{', ...' if len(problems) > 5 else ''}",
            stacklevel=3,
        )
    good = [item for item in items if item.id not in problems]
    if not good:
        raise InvalidItemError(f"{data.name}: {next(iter(problems.values()))}; no item is left")
    return good


def _problem(card: ModelCard, item: Item) -> str | None:
    """Why an item cannot be encoded, or None; images are decoded to find out."""
    problem = _missing_or_blank(card, item)
    if problem or card.modality != "image":
        return problem
    unreadable = (_unreadable(payload) for payload in item.payloads["image"])
    return next((f"item {item.id!r}: {reason}" for reason in unreadable if reason), None)


def _missing_or_blank(card: ModelCard, item: Item) -> str | None:
    payloads = item.payloads.get(card.modality)
    if not payloads:
        return f"item {item.id!r} has no {card.modality}"
    if any(isinstance(payload, str) and not payload.strip() for payload in payloads):
        kind = "caption" if card.modality == "text" else card.modality
        return f"item {item.id!r} has an empty {kind}"
    return None


def _unreadable(payload: Any) -> str | None:
    """Why an image file cannot be decoded, or None."""
    if not isinstance(payload, str | Path):
        return None
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError.of("models", "PIL") from error
    try:
        with Image.open(payload) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"image {payload} cannot be read: {error}"
    return None


def _chosen_layers(
    card: ModelCard, model: Model, wanted: tuple[str, ...] | Literal["all"]
) -> list[Layer]:
    """Return the layers that were asked for, from input to output."""
    known = [layer.name for layer in model.layers]
    if wanted == "all":
        return list(model.layers)
    for name in wanted:
        if name not in known:
            raise UnknownNameError.among(f"layer of {card.name}", name, known)
    return [layer for layer in model.layers if layer.name in wanted]


def _check_layers(layers: str | Sequence[str]) -> tuple[str, ...] | Literal["all"]:
    if layers == "all":
        return "all"
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names or len(set(names)) != len(names):
        raise ParameterError(f"layers must be 'all' or names, none twice, not {layers!r}")
    return names


def _check_pooling(card: ModelCard, pooling: str) -> str:
    if pooling == "auto":
        return card.poolings[0]
    if pooling not in card.poolings:
        raise ParameterError(
            f"pooling of {card.name} must be 'auto' or one of {', '.join(card.poolings)}, "
            f"not {pooling!r}"
        )
    return pooling


def _check_options(device: str, batch_size: int, shard_rows: int, on_bad_item: str) -> None:
    if device not in ("auto", "cpu"):
        raise ParameterError(
            f"device must be 'auto' or 'cpu', not {device!r}: models run on the CPU only so far"
        )
    for name, count in (("batch_size", batch_size), ("shard_rows", shard_rows)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ParameterError(f"{name} must be a whole number of at least 1, not {count!r}")
    if on_bad_item not in ("error", "skip"):
        raise ParameterError(f"on_bad_item must be 'error' or 'skip', not {on_bad_item!r}")
