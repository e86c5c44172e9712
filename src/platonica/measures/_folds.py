"""Folds of the items: what is predicted is never fitted on, and groups stay together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError

__all__ = ["fold_labels", "splits"]

FEWEST = 2
"""Items of a test fold: about the mean of a single item nothing varies."""


def fold_labels(
    n_items: int,
    n_folds: int,
    folds: Sequence[int] | NDArray[np.int64] | None = None,
    groups: Sequence[Any] | None = None,
) -> NDArray[np.int64]:
    """Return the fold in which each item is tested.

    Parameters
    ----------
    n_items, n_folds : int
    folds : sequence of int, optional
        The fold of each item; -1 for items that are only fitted on, and so are those that are
        alone in their fold. By default item i, or else the i-th group by first appearance, is
        in fold ``i % n_folds``.
    groups : sequence, optional
        Items of one group are in one fold; None stands for no group.

    Returns
    -------
    array of shape (n_items,)

    Raises
    ------
    ShapeError
        Another number of labels than items, too few items or groups for the folds.
    ParameterError
        Labels that are no whole numbers from -1, none to test, or a group in several folds.
    """
    units = np.arange(n_items) if groups is None else _units(groups)
    if len(units) != n_items:
        raise ShapeError(f"groups must name each of the {n_items} items, not {len(units)}")
    if folds is None:
        if units.max() + 1 < n_folds:
            raise ShapeError(f"{n_folds} folds need as many groups, not {units.max() + 1}")
        labels = units % n_folds
    else:
        labels = _checked(folds, n_items)
        if len(set(zip(units, labels, strict=True))) > units.max() + 1:
            raise ParameterError("folds: items of one group must be in one fold")
    sizes = np.unique(labels[labels >= 0], return_counts=True)[1]
    smallest = sizes.min() if folds is None else sizes.max()
    if smallest < FEWEST or n_items - sizes.max() < FEWEST + 1:
        raise ShapeError(
            f"the folds of {n_items} items test {sizes.min()} to {sizes.max()} of them; a fold "
            f"needs at least {FEWEST} to test and {FEWEST + 1} to fit on"
        )
    return labels


def splits(labels: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return (items to fit on, items to test) of every fold."""
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    return [
        (np.flatnonzero(labels != fold), np.flatnonzero(labels == fold))
        for fold in names[sizes >= FEWEST]
    ]


def _units(groups: Sequence[Any]) -> NDArray[np.int64]:
    """Number groups, and items without one, by first appearance."""
    seen: dict[Hashable, int] = {}
    keys = (("item", i) if g is None else ("group", g) for i, g in enumerate(groups))
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def _checked(folds: Sequence[int] | NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    given = np.asarray(folds)
    if given.shape != (n_items,):
        raise ShapeError(
            f"folds must have one label for each of {n_items} items, not {given.shape}"
        )
    if given.dtype.kind not in "iu" or given.min() < -1 or given.max() < 0:
        raise ParameterError(
            "folds must be whole numbers from 0, or -1 for items that are never tested, with at "
            f"least one fold to test, not {np.unique(given)[:5].tolist()}"
        )
    labels: NDArray[np.int64] = given.astype(np.int64)
    return labels
