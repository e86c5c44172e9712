"""What the moves are that measures declare themselves invariant or sensitive to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from platonica.measures._base import Move

__all__ = ["moved"]

F64 = NDArray[np.float64]


def moved(move: Move, X: F64, rng: np.random.Generator) -> F64:
    """Return a space after one move, drawn at random where there is something to draw.

    Parameters
    ----------
    move : Move
    X : array of shape (n_items, n_features)
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (n_items, n_features)
        Row i is still item i, unless the move is a row shuffle.
    """
    n, d = X.shape
    rotation: F64 = np.linalg.qr(rng.standard_normal((d, d)))[0]
    if move == "rotation":
        return X @ rotation
    if move == "column_permutation":
        return X[:, rng.permutation(d)]
    if move == "scaling":
        return X * 37.0
    if move == "row_scaling":
        return X * rng.uniform(0.2, 5.0, (n, 1))
    if move == "translation":
        return X + 3.0 * rng.standard_normal(d)
    if move == "invertible_map":
        return X @ (rotation * np.geomspace(1.0, 30.0, d))
    if move == "row_shuffle":
        return X[rng.permutation(n)]
    raise AssertionError(f"no such move: {move}")
