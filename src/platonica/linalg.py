"""Linear algebra that several measures and maps share: bases, factors and norms of matrices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.sparse.linalg
from numpy.typing import NDArray

__all__ = [
    "leading_left_vector",
    "nuclear_norm",
    "numerical_rank",
    "thin_svd",
    "triangular_factor",
]

F64 = NDArray[np.float64]

DENSE_SIDE = 64
"""Matrices whose smaller side is at most this are squared; others take Lanczos steps."""

SQUARINGS = 60
"""Enough for every gap between two values that double precision tells apart."""


def numerical_rank(values: F64, size: int) -> int:
    """Count singular values above rounding: the largest times ``size`` times 2^-52.

    Parameters
    ----------
    values : array
        Singular values, not negative.
    size : int
        The larger side of the matrix that they belong to.
    """
    return int(np.count_nonzero(values > values.max(initial=0.0) * size * 2.0**-52))


def nuclear_norm(matrix: F64) -> float:
    """Sum of the singular values."""
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


def triangular_factor(blocks: Iterable[F64]) -> F64:
    """R with RᵀR = AᵀA for a matrix A read in blocks of rows; AᵀA itself would cost digits.

    Parameters
    ----------
    blocks : iterable of arrays of shape (m, d)

    Returns
    -------
    array of shape (min(n, d), d)
        Upper triangular.
    """
    factor: F64 | None = None
    for rows in blocks:
        stacked = rows if factor is None else np.concatenate([factor, rows])
        factor = np.asarray(np.linalg.qr(stacked, mode="r"))
    assert factor is not None, "a matrix has at least one block"
    return factor


def thin_svd(matrix: F64) -> tuple[F64, F64, F64]:
    """Singular value decomposition without the directions that are rounding.

    Parameters
    ----------
    matrix : array of shape (n, d)

    Returns
    -------
    (left, values, right)
        Arrays of shape (n, r), (r,) and (d, r) with matrix = (left * values) @ right.T and
        r the numerical rank.
    """
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    rank = numerical_rank(values, max(matrix.shape))
    return left[:, :rank], values[:rank], right[:rank].T


def leading_left_vector(matrix: F64) -> F64:
    """Left singular vector (n,) of the largest singular value, to working precision."""
    n, d = matrix.shape
    if min(n, d) > DENSE_SIDE:  # a fixed start makes the result the same in every run
        found = scipy.sparse.linalg.svds(matrix, k=1, v0=np.ones(min(n, d)))
        long: F64 = found[0][:, 0]
        return long
    if n <= d:
        return _leading_eigenvector(matrix @ matrix.T)
    leading = matrix @ _leading_eigenvector(matrix.T @ matrix)
    return leading / float(np.linalg.norm(leading))


def _leading_eigenvector(gram: F64) -> F64:
    """Square a small positive matrix until only its strongest direction is left.

    Forming and squaring it cost the weak directions digits, and the strongest one none. Products
    this small run on one thread; a decomposition would wake others and wait for them.
    """
    for _ in range(SQUARINGS):
        gram = gram / np.trace(gram)
        if 1.0 - np.vdot(gram, gram) < 1e-15:
            break
        gram = gram @ gram
    column: F64 = gram[:, int(np.argmax(gram.diagonal()))]
    return column / float(np.linalg.norm(column))
