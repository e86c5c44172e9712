"""What can be compared: one array, named layers, or stored features, seen through one face."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from platonica.errors import PairingError, ParameterError, ShapeError
from platonica.store import Features
from platonica.store.view import LayerView

__all__ = ["RULES", "Rule", "Space", "as_space", "check_paired"]

Rule = Literal["first", "mean", "pool", "set", "expand"]
"""What stands for an item with several rows, see `platonica.compare`."""

RULES = ("first", "mean", "pool", "set", "expand")


@dataclass(frozen=True)
class Space:
    """Layers of features of the same items.

    Attributes
    ----------
    name : str
    layers : tuple of str
    array : callable
        From a layer's name to its array (n_items, n_features).
    n_items : int
    item_ids : tuple of str, or None
        None for bare arrays, which are paired by row.
    groups : tuple, or None
        The group of each item.
    fingerprint : str or None
    reduce : str or None
        What stands for an item with several rows; None where each has one.
    """

    name: str
    layers: tuple[str, ...]
    array: Callable[[str], Any]
    n_items: int
    item_ids: tuple[str, ...] | None = None
    groups: tuple[Hashable, ...] | None = None
    fingerprint: str | None = None
    reduce: str | None = None

    def only(self, layer: str) -> Space:
        """The same space with a single layer."""
        return replace(self, layers=(layer,))


def as_space(X: Any, name: str, reduce: Rule = "first") -> Space:
    """See an array, a mapping or list of layers, or Features as a space.

    Raises
    ------
    ShapeError
        No layers, or layers of different numbers of items.
    ParameterError
        A ``reduce`` that does not exist.
    """
    if reduce not in RULES:
        raise ParameterError(f"reduce must be one of {', '.join(RULES)}, not {reduce!r}")
    if isinstance(X, Features):
        return Space(
            name=X.model or name,
            layers=tuple(X.layer_names),
            array=lambda layer: _layer(X, layer, reduce),
            n_items=X.n_items,
            item_ids=tuple(X.item_ids),
            groups=None if _ungrouped(X.groups) else tuple(X.groups or ()),
            fingerprint=X.fingerprint,
            reduce=None if X.n_rows == X.n_items else reduce,
        )
    if isinstance(X, Mapping):
        layers = {str(key): value for key, value in X.items()}
    elif isinstance(X, list | tuple) and X and _has_two_axes(X[0]):
        layers = {str(index): value for index, value in enumerate(X)}
    else:
        layers = {"features": X}
    sizes = {key: _length(value, f"{name}, layer {key}") for key, value in layers.items()}
    if not sizes:
        raise ShapeError(f"{name} has no layers")
    if len(set(sizes.values())) != 1:
        raise ShapeError(
            f"all layers of {name} must have the same items, but have "
            f"{', '.join(f'{key}: {size}' for key, size in sizes.items())}"
        )
    n_items = next(iter(sizes.values()))
    return Space(name, tuple(layers), layers.__getitem__, n_items)


def check_paired(x: Space, y: Space) -> Space:
    """Return y with its items in x's order.

    Raises
    ------
    PairingError
        Item ids differ, or groups do.
    ShapeError
        Bare arrays with different numbers of rows.
    """
    if x.item_ids is None or y.item_ids is None:
        if x.n_items != y.n_items:
            raise ShapeError(
                f"{x.name} and {y.name} must have the same items, but have {x.n_items} and "
                f"{y.n_items} rows"
            )
        return y
    if x.item_ids == y.item_ids:
        ordered = y
    else:
        ordered = _reordered(x, y)
    if x.groups != ordered.groups:
        raise PairingError(f"{x.name} and {y.name} put their items into different groups")
    return ordered


def _layer(X: Features, layer: str, reduce: Rule) -> Any:
    """One layer, still unread where every item is one row in the end."""
    if reduce == "set" or reduce == "expand":
        return X.view(layer) if X.n_rows == X.n_items else X.item_rows(layer, reduce)
    return X.view(layer, reduce)


def _reordered(x: Space, y: Space) -> Space:
    assert x.item_ids is not None
    assert y.item_ids is not None
    where = {item: row for row, item in enumerate(y.item_ids)}
    missing = [item for item in x.item_ids if item not in where]
    if missing or len(where) != len(x.item_ids):
        common = len(x.item_ids) - len(missing)
        example = missing[0] if missing else next(i for i in y.item_ids if i not in x.item_ids)
        raise PairingError(
            f"{x.name} ({x.n_items} items) and {y.name} ({y.n_items} items) have only {common} "
            f"item ids in common; {example!r} stands in one of them only. Compare features of "
            "the same items, or take the common ones with Features.take"
        )
    rows = [where[item] for item in x.item_ids]
    array = y.array
    return replace(
        y,
        array=lambda layer: _taken(array(layer), rows),
        item_ids=x.item_ids,
        groups=None if y.groups is None else tuple(y.groups[row] for row in rows),
    )


def _taken(layer: Any, rows: list[int]) -> Any:
    """Rows of a layer in another order; a lazy one remains lazy."""
    chosen = np.asarray(rows, dtype=np.int64)
    return layer.take(chosen) if isinstance(layer, LayerView) else layer[chosen]


def _ungrouped(groups: Sequence[Hashable] | None) -> bool:
    return groups is None or all(group is None for group in groups)


def _has_two_axes(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 2


def _length(value: Any, name: str) -> int:
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape) != 2:
        raise ShapeError(f"{name} must have shape (n_items, n_features), not {tuple(shape)}")
    try:
        return len(value)
    except TypeError as error:
        raise ShapeError(f"{name} must be an array of shape (n_items, n_features)") from error
