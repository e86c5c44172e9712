"""Streaming first and second moments of one space and of a pair.

Every block is centred on its own mean in float64 before it is multiplied, and blocks are
joined by the update of Chan, Golub and LeVeque (1983): no large number is subtracted from
another, so that features of mean 1e4 and spread 1 lose nothing. Memory O(d²), never O(n²).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.arrays import to_numpy
from platonica.errors import DegenerateInputError, ShapeError

__all__ = ["CrossMoments", "CrossSums", "SpaceMoments", "SpaceSums", "squared_norms"]

_Float = NDArray[np.float64]

_ROWS = 2048  # rows centred at a time: bounds the float64 copy of a large block


@dataclass(frozen=True)
class SpaceSums:
    """Moments of one space.

    Attributes
    ----------
    n : int
        Number of rows.
    mean : array of shape (d,)
    scatter : array of shape (d, d)
        X_cᵀ X_c with X_c = X - mean; not divided by n.
    """

    n: int
    mean: _Float
    scatter: _Float


@dataclass(frozen=True)
class CrossSums:
    """Moments of a pair of spaces of the same items.

    Attributes
    ----------
    n : int
        Number of rows.
    mean_x, mean_y : arrays of shape (d_x,) and (d_y,)
    scatter : array of shape (d_x, d_y)
        X_cᵀ Y_c with both sides centred; not divided by n.
    """

    n: int
    mean_x: _Float
    mean_y: _Float
    scatter: _Float


class CrossMoments:
    """Accumulates the moments of a pair of spaces block by block.

    Parameters
    ----------
    n_features_x, n_features_y : int

    Examples
    --------
    >>> moments = CrossMoments(1, 1).update([[1.0], [3.0]], [[0.0], [2.0]])
    >>> moments.update([[5.0]], [[4.0]]).result().scatter.tolist()
    [[8.0]]
    """

    def __init__(self, n_features_x: int, n_features_y: int) -> None:
        self._n = 0
        self._mean_x = np.zeros(n_features_x)
        self._mean_y = np.zeros(n_features_y)
        self._scatter = np.zeros((n_features_x, n_features_y))

    def update(self, X: Any, Y: Any) -> CrossMoments:
        """Add rows; row i of both blocks is the same item.

        Parameters
        ----------
        X : array of shape (m, n_features_x), m >= 1
        Y : array of shape (m, n_features_y)

        Returns
        -------
        CrossMoments
            This object.

        Raises
        ------
        ShapeError
            No rows, other widths, or different numbers of rows.
        DegenerateInputError
            NaN or infinite values.
        """
        X = _check_block(X, len(self._mean_x), "X")
        Y = _check_block(Y, len(self._mean_y), "Y")
        if len(X) != len(Y):
            raise ShapeError(f"X and Y must have as many rows, but have {len(X)} and {len(Y)}")
        self._add(X, Y)
        return self

    def merge(self, other: CrossMoments) -> CrossMoments:
        """Add all rows that another accumulator has seen.

        Returns
        -------
        CrossMoments
            This object; the other is not changed.

        Raises
        ------
        ShapeError
            The widths differ.
        """
        if self._scatter.shape != other._scatter.shape:
            raise ShapeError(
                f"moments of widths {self._scatter.shape} and {other._scatter.shape} do not merge"
            )
        if other._n:
            self._join(other._n, other._mean_x, other._mean_y, other._scatter)
        return self

    def result(self) -> CrossSums:
        """Return the moments of all rows so far.

        Raises
        ------
        ShapeError
            No rows were added.
        """
        if self._n == 0:
            raise ShapeError("moments need at least 1 row, but none was added")
        return CrossSums(self._n, self._mean_x.copy(), self._mean_y.copy(), self._scatter.copy())

    def _add(self, X: NDArray[Any], Y: NDArray[Any]) -> None:
        for start in range(0, len(X), _ROWS):
            x, mean_x = _centred(X[start : start + _ROWS])
            y, mean_y = (x, mean_x) if Y is X else _centred(Y[start : start + _ROWS])
            self._join(len(x), mean_x, mean_y, x.T @ y)

    def _join(self, n: int, mean_x: _Float, mean_y: _Float, scatter: _Float) -> None:
        total = self._n + n
        gap_x, gap_y = mean_x - self._mean_x, mean_y - self._mean_y
        self._scatter += scatter
        self._scatter += np.outer(gap_x * (self._n * n / total), gap_y)
        self._mean_x += gap_x * (n / total)
        self._mean_y += gap_y * (n / total)
        self._n = total


class SpaceMoments:
    """Accumulates the moments of one space block by block.

    Parameters
    ----------
    n_features : int

    Examples
    --------
    >>> sums = SpaceMoments(1).update([[1.0], [3.0]]).update([[5.0]]).result()
    >>> sums.n, sums.mean.tolist(), sums.scatter.tolist()
    (3, [3.0], [[8.0]])
    """

    def __init__(self, n_features: int) -> None:
        self._cross = CrossMoments(n_features, n_features)

    def update(self, X: Any) -> SpaceMoments:
        """Add rows.

        Parameters
        ----------
        X : array of shape (m, n_features), m >= 1

        Returns
        -------
        SpaceMoments
            This object.

        Raises
        ------
        ShapeError
            No rows, or another width.
        DegenerateInputError
            NaN or infinite values.
        """
        X = _check_block(X, len(self._cross._mean_x), "X")
        self._cross._add(X, X)
        return self

    def merge(self, other: SpaceMoments) -> SpaceMoments:
        """Add all rows that another accumulator has seen; see `CrossMoments.merge`."""
        self._cross.merge(other._cross)
        return self

    def result(self) -> SpaceSums:
        """Return the moments of all rows so far.

        Raises
        ------
        ShapeError
            No rows were added.
        """
        sums = self._cross.result()
        # rounding differs between the triangles of an outer product
        return SpaceSums(sums.n, sums.mean_x, (sums.scatter + sums.scatter.T) / 2)


def squared_norms(X: Any, mean: _Float) -> _Float:
    """Squared norms p_i = |x_i - mean|² of rows: the second pass, once the mean is known.

    Parameters
    ----------
    X : array of shape (m, n_features), m >= 1
    mean : array of shape (n_features,)

    Returns
    -------
    array of shape (m,), float64

    Raises
    ------
    ShapeError
        No rows, or another width.
    DegenerateInputError
        NaN or infinite values.

    Examples
    --------
    >>> squared_norms([[1.0, 2.0], [4.0, 6.0]], np.array([1.0, 2.0])).tolist()
    [0.0, 25.0]
    """
    X = _check_block(X, len(mean), "X")
    norms = np.empty(len(X))
    for start in range(0, len(X), _ROWS):
        centred = X[start : start + _ROWS] - mean
        norms[start : start + _ROWS] = (centred * centred).sum(axis=1)
    return norms


def _check_block(X: Any, n_features: int, name: str) -> NDArray[Any]:
    """Check a block; unlike whole features, it may have one row, or equal rows."""
    block = to_numpy(X, name)
    if block.ndim != 2 or len(block) == 0 or block.shape[1] != n_features:
        raise ShapeError(
            f"{name} must have shape (at least 1 row, {n_features} features), not {block.shape}"
        )
    if not np.isfinite(block).all():
        row = int(np.argmin(np.isfinite(block).all(axis=1)))
        raise DegenerateInputError(f"{name} has NaN or infinite values, first in row {row}")
    return block


def _centred(X: NDArray[Any]) -> tuple[_Float, _Float]:
    block = X.astype(np.float64)
    mean = block.mean(axis=0)
    block -= mean
    # a second step removes what rounding left of a large mean
    rest = block.mean(axis=0)
    block -= rest
    return block, mean + rest
