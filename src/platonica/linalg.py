"""Linear algebra that several measures and maps share: bases, powers and norms of matrices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError

__all__ = ["nuclear_norm", "numerical_rank", "symmetric_power", "triangular_factor"]

F64 = NDArray[np.float64]


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
    return float(scipy.linalg.svdvals(matrix).sum())


def symmetric_power(matrix: F64, power: float) -> F64:
    """Power of a symmetric positive definite matrix.

    Raises
    ------
    DegenerateInputError
        A negative power of a matrix that is singular up to rounding.
    """
    values, vectors = np.linalg.eigh(matrix)
    values = np.where(values > 0, values, 0.0)
    if power < 0 and numerical_rank(values, len(values)) < len(values):
        raise DegenerateInputError(
            f"the matrix is singular up to rounding: rank {numerical_rank(values, len(values))} "
            f"of {len(values)}"
        )
    result: F64 = (vectors * values**power) @ vectors.T
    return result


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
