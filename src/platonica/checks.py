"""Validators: each returns what it checked, or raises an error that names the argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.arrays import to_numpy
from platonica.errors import DegenerateInputError, PairingError, ParameterError, ShapeError
from platonica.rows import RowView

__all__ = [
    "check_features",
    "check_ids",
    "check_k",
    "check_pair",
    "check_rdm",
    "check_resamples",
    "check_view",
]


def check_features(X: Any, name: str = "X", *, min_items: int = 1) -> NDArray[Any]:
    """Return features as a finite two-dimensional float array.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
    name : str
        How an error calls the argument.
    min_items : int
        The least number of rows.

    Returns
    -------
    array of shape (n_items, n_features), float32 or float64

    Raises
    ------
    ShapeError
        Not two-dimensional, no columns, or fewer rows than ``min_items``.
    DegenerateInputError
        NaN or infinite values, or all rows equal.
    """
    features = to_numpy(X, name)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ShapeError(f"{name} must have shape (n_items, n_features), not {features.shape}")
    if len(features) < min_items:
        raise ShapeError(f"{name} needs at least {min_items} items, not {len(features)}")
    finite = np.isfinite(features).all()
    if not finite:
        finite = np.isfinite(features).all(axis=1)
        row = int(np.argmin(finite))
        raise DegenerateInputError(
            f"{name} has NaN or infinite values in {int((~finite).sum())} rows, first in row {row}"
        )
    alike = len(features) > 1 and (features[-1] == features[0]).all()  # spares most a pass
    if alike and (features == features[0]).all():
        raise DegenerateInputError(f"{name} is constant: all {len(features)} rows are equal")
    return features


def check_view(X: RowView, name: str = "X", *, min_items: int = 1) -> RowView:
    """Return a lazy matrix whose shape is right; its values are checked as they are read.

    Raises
    ------
    ShapeError
        As in `check_features`.
    """
    if len(X.shape) != 2 or X.shape[1] == 0:
        raise ShapeError(f"{name} must have shape (n_items, n_features), not {X.shape}")
    if X.shape[0] < min_items:
        raise ShapeError(f"{name} needs at least {min_items} items, not {X.shape[0]}")
    return X


def check_rdm(D: Any, name: str = "X", *, min_items: int = 2) -> NDArray[np.float64]:
    """Return a dissimilarity matrix, square and in float64.

    Parameters
    ----------
    D : array of shape (n_items, n_items), or (n_items (n_items - 1) / 2,) as SciPy's pdist
    name : str
        How an error calls the argument.
    min_items : int

    Raises
    ------
    ShapeError
        Neither square nor of such a length, not symmetric, a diagonal that is not 0, or too few
        items.
    DegenerateInputError
        NaN or infinite values, or all dissimilarities equal.
    """
    matrix = to_numpy(D, name).astype(np.float64)
    if matrix.ndim == 1:
        n = round((1 + (1 + 8 * len(matrix)) ** 0.5) / 2)
        if n * (n - 1) // 2 != len(matrix):
            raise ShapeError(f"{name} has {len(matrix)} entries: no number of items has so many")
        upper, matrix = matrix, np.zeros((n, n))
        matrix[np.triu_indices(n, 1)] = upper
        matrix += matrix.T
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"{name} must be a square dissimilarity matrix, not {matrix.shape}")
    if len(matrix) < min_items:
        raise ShapeError(f"{name} needs at least {min_items} items, not {len(matrix)}")
    if not np.isfinite(matrix).all():
        row = int(np.argmin(np.isfinite(matrix).all(axis=1)))
        raise DegenerateInputError(f"{name} has NaN or infinite values, first in row {row}")
    largest = np.abs(matrix).max()
    if np.abs(np.diagonal(matrix)).max() > 1e-12 * largest:
        raise ShapeError(f"{name} must have zeros on its diagonal to hold dissimilarities")
    if np.abs(matrix - matrix.T).max() > 1e-8 * largest:
        raise ShapeError(f"{name} must be symmetric")
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    if off.size and (off == off[0]).all():
        raise DegenerateInputError(f"{name} is constant: all dissimilarities are equal")
    symmetric: NDArray[np.float64] = (matrix + matrix.T) / 2
    return symmetric


def check_pair(X: Any, Y: Any, *, min_items: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return two feature matrices with the same number of rows.

    Raises
    ------
    ShapeError
        The numbers of rows differ; and as in `check_features`.
    """
    X = check_features(X, "X", min_items=min_items)
    Y = check_features(Y, "Y", min_items=min_items)
    if len(X) != len(Y):
        raise ShapeError(f"X and Y must have the same items, but have {len(X)} and {len(Y)} rows")
    return X, Y


def check_k(k: int, n_items: int) -> int:
    """Return k if 1 <= k <= n_items - 2.

    With k = n_items - 1 every item is a neighbour of every other and any two spaces agree.

    Raises
    ------
    ShapeError
        Otherwise.
    """
    if isinstance(k, bool) or int(k) != k:
        raise ShapeError(f"k must be a whole number, not {k!r}")
    if not 1 <= k <= n_items - 2:
        raise ShapeError(
            f"k must be from 1 to n_items - 2 = {n_items - 2} "
            f"(at n_items - 1 all spaces agree), not {k}"
        )
    return int(k)


def check_ids(item_ids: Sequence[str], name: str = "item_ids") -> tuple[str, ...]:
    """Return item ids that do not repeat.

    Raises
    ------
    PairingError
        An id stands twice.
    """
    ids = tuple(item_ids)
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise PairingError(
            f"{name}: {len(ids) - len(set(ids))} of {len(ids)} ids are duplicates, first {twice!r}"
        )
    return ids


def check_resamples(n_resamples: int) -> int:
    """Return the number of permutations if a p-value of 0.05 can be reached with it.

    Raises
    ------
    ParameterError
        Fewer than 19.
    """
    if isinstance(n_resamples, bool) or int(n_resamples) != n_resamples or n_resamples < 19:
        raise ParameterError(
            f"n_resamples must be a whole number of at least 19 (with fewer, p = 0.05 cannot be "
            f"reached, and no score is shown without its null), not {n_resamples}"
        )
    return int(n_resamples)
