"""Inner products of kernels: sum over i, j of K_ij L_p(i)p(j), the diagonals included or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError
from platonica.exact_moments._pairing import PairingMoments, same_items
from platonica.rows import BLOCK_BYTES

__all__ = [
    "KernelSummary",
    "UCentredSummary",
    "cube_sum",
    "kernel_moments",
    "u_centre",
    "u_centred_moments",
]

F64 = NDArray[np.float64]

# Distinct items, count, and the sum over distinct items as a combination of the five cubes of a
# kernel without trace whose rows sum to 0; the cubes are named in `KernelSummary`.
_THIRD = (
    (1, 1, (0, 1, 0, 0, 0)),
    (2, 9, (0, -1, 0, 0, 0)),
    (2, 12, (0, -1, 0, 1, 0)),
    (2, 6, (0, -1, 0, 0, 1)),
    (2, 4, (0, -1, 1, 0, 0)),
    (3, 4, (0, 2, 0, 0, 0)),
    (3, 12, (0, 2, 0, -1, 0)),
    (3, 24, (0, 2, 0, -1, -1)),
    (3, 12, (0, 2, 0, 0, -1)),
    (3, 6, (0, 2, 0, -2, 0)),
    (3, 24, (0, 2, -1, -1, 0)),
    (3, 8, (1, 2, 0, -3, 0)),
    (4, 12, (0, -6, 0, 2, 2)),
    (4, 3, (0, -6, 0, 0, 2)),
    (4, 12, (0, -6, 0, 3, 2)),
    (4, 6, (0, -6, 2, 4, 0)),
    (4, 8, (0, -6, 2, 3, 0)),
    (4, 24, (-1, -6, 1, 5, 1)),
    (5, 3, (0, 24, 0, -8, -8)),
    (5, 12, (2, 24, -4, -16, -4)),
    (6, 1, (-8, -120, 16, 72, 24)),
)


@dataclass(frozen=True)
class KernelSummary:
    """What a doubly centred kernel K adds to the moments of its product with another.

    All but the trace are of K less the multiple of the centring matrix that has its trace: the
    product of two such kernels has mean 0, and no large number is subtracted from another.

    Attributes
    ----------
    n_items : int
    trace : float
    squares : float
        Sum of K_ij^2.
    diagonal : float
        Sum of K_ii^2.
    cubes : tuple of five floats, or None
        tr K^3, and the sums of K_ii^3, of K_ij^3 over all i and j, of K_ii (K^2)_ii, and of
        K_ii K_ij K_jj.
    """

    n_items: int
    trace: float
    squares: float
    diagonal: float
    cubes: tuple[float, float, float, float, float] | None

    @classmethod
    def of_traces(cls, diagonal: Any, squares: float) -> KernelSummary:
        """Summarise for mean and variance what is known of a kernel already, in O(n).

        Parameters
        ----------
        diagonal : array of shape (n_items,)
            Of K; for a linear kernel the squared norms of the centred items.
        squares : float
            Sum of K_ij^2; for a linear kernel that of the squared covariances X_cᵀ X_c.
        """
        d = np.asarray(diagonal, dtype=np.float64)
        n, trace = len(d), float(d.sum())
        off = d - trace / n
        return cls(n, trace, float(squares) - trace**2 / (n - 1), float(off @ off), None)

    @classmethod
    def of_gram(cls, gram: Any, order: Literal[2, 3] = 3) -> KernelSummary:
        """Summarise a kernel that is there: O(n^2) for order 2, O(n^3) for 3.

        Parameters
        ----------
        gram : array of shape (n_items, n_items)
            Symmetric; its rows sum to 0.
        order : {2, 3}
            The highest moment.
        """
        K = _check_square(gram)
        n, trace = len(K), float(np.trace(K))
        K0 = K + trace / (n - 1) / n
        K0[np.diag_indices(n)] -= trace / (n - 1)
        d = np.diagonal(K0).copy()
        squares, diagonal = float(np.vdot(K0, K0)), float(d @ d)
        if _check_order(order) == 2:
            return cls(n, trace, squares, diagonal, None)
        c3 = g = 0.0
        for part in _parts(n, n):
            path = K0[part] @ K0
            c3 += float(np.vdot(path, K0[part]))
            g += float(d[part] @ np.einsum("ij,ij->i", K0[part], K0[part]))
        e3 = _cubes_of(lambda part: K0[part], n, n)
        return cls(n, trace, squares, diagonal, (c3, float((d**3).sum()), e3, g, float(d @ K0 @ d)))

    @classmethod
    def of_features(cls, features: Any, order: Literal[2, 3] = 3) -> KernelSummary:
        """Summarise a linear kernel without holding it: O(n p^2); the third moment O(n^2 p).

        Parameters
        ----------
        features : array of shape (n_items, n_features)
            Centred: the columns sum to 0.
        order : {2, 3}
            The highest moment.
        """
        X = np.asarray(features, dtype=np.float64)
        if X.ndim != 2:
            raise ShapeError(f"features must have shape (n_items, n_features), not {X.shape}")
        n, p = X.shape
        scatter = X.T @ X
        power = np.einsum("ij,ij->i", X, X)
        trace = float(power.sum())
        if _check_order(order) == 2:
            return cls.of_traces(power, float(np.vdot(scatter, scatter)))
        t = trace / (n - 1)
        d = power - trace / n
        values = np.linalg.eigvalsh(scatter) - t
        rest = n - 1 - p  # directions of the centring matrix in which the kernel is 0
        squares = float((values**2).sum() + rest * t**2)
        c3 = float((values**3).sum() - rest * t**3)
        path = np.einsum("ij,ij->i", X @ scatter, X) - 2 * t * power + t**2 * (1 - 1 / n)
        along = d @ X
        q = float(along @ along - t * (d @ d))
        cubes = (c3, float((d**3).sum()), cube_sum(X, t), float(d @ path), q)
        return cls(n, trace, squares, float(d @ d), cubes)


def kernel_moments(a: KernelSummary, b: KernelSummary) -> PairingMoments:
    """Moments of ``sum over i, j of K_ij L_p(i)p(j)``, diagonals included.

    Divided by the root of the product of both sums of squares this is the RV coefficient, linear
    CKA, CKA with any kernel, or the square of distance correlation. The third moment is known if
    both summaries are of order 3.

    Parameters
    ----------
    a, b : KernelSummary
        Of the same items, at least 4.

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 4.

    References
    ----------
    Kazi-Aoual, Hitier, Sabatier, Lebreton (1995), Computational Statistics & Data Analysis 20.

    Examples
    --------
    Four items on a line, in steps of 1, about their mean:

    >>> line = KernelSummary.of_gram(np.outer([-1.5, -0.5, 0.5, 1.5], [-1.5, -0.5, 0.5, 1.5]))
    >>> round(kernel_moments(line, line).mean, 12) == round(5 * 5 / 3, 12)
    True
    """
    n = same_items(a.n_items, b.n_items, least=4)
    spread = 2.0 * a.squares * b.squares / ((n + 1) * (n - 2))
    own = _heaviness(a) * _heaviness(b) / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    third = None
    if a.cubes is not None and b.cubes is not None:
        third = math.fsum(
            count * _combined(weights, a.cubes) * _combined(weights, b.cubes) / math.perm(n, places)
            for places, count, weights in _THIRD
            if places <= n
        )
    return PairingMoments(a.trace * b.trace / (n - 1), spread + own, third)


def cube_sum(features: Any, shift: float = 0.0) -> float:
    """Sum of the cubed entries of the linear kernel, less a multiple of the centring matrix.

    One pass of O(n^2 p) in blocks of rows; the kernel is never held.

    Parameters
    ----------
    features : array of shape (n_items, n_features)
    shift : float
        How often the centring matrix is taken off.

    Examples
    --------
    >>> cube_sum([[1.0], [2.0]])  # 1 + 8 + 8 + 64
    81.0
    """
    X = np.asarray(features, dtype=np.float64)
    n = len(X)

    def rows(part: slice) -> F64:
        block = X[part] @ X.T + shift / n
        block[np.arange(len(block)), np.arange(part.start, part.stop)] -= shift
        return block

    return _cubes_of(rows, n, n)


@dataclass(frozen=True)
class UCentredSummary:
    """What a U-centred matrix U adds to the moments of its product with another.

    Attributes
    ----------
    n_items : int
    squares, cubes : float
        Sums of U_ij^2 and of U_ij^3.
    triangles : float
        tr U^3.
    """

    n_items: int
    squares: float
    cubes: float
    triangles: float

    @classmethod
    def of_matrix(cls, matrix: Any) -> UCentredSummary:
        """Summarise a symmetric matrix, which is U-centred first. O(n^3).

        Parameters
        ----------
        matrix : array of shape (n_items, n_items)
            A kernel or dissimilarities; the diagonal is not looked at.
        """
        U = u_centre(matrix)
        n = len(U)
        triangles = sum(float(np.vdot(U[part] @ U, U[part])) for part in _parts(n, n))
        cubes = _cubes_of(lambda part: U[part], n, n)
        return cls(n, float(np.vdot(U, U)), cubes, triangles)

    @classmethod
    def of_features(cls, features: Any) -> UCentredSummary:
        """Summarise a linear kernel without holding it: O(n^2 p).

        Parameters
        ----------
        features : array of shape (n_items, n_features)
            Centred: the columns sum to 0.

        Notes
        -----
        Beside its diagonal, U is a product Z J Zᵀ of the features and two columns more, so that
        its traces come from n_features + 2 columns.
        """
        X = np.asarray(features, dtype=np.float64)
        n = len(X)
        same_items(n, n, least=4)
        power = np.einsum("ij,ij->i", X, X)
        offset = power.sum() / ((n - 1) * (n - 2))
        # K_ij + u_i + u_j - offset, for u_i = K_ii / (n - 2)
        Z = np.column_stack([X, power / (n - 2), np.ones(n)])
        ZJ = np.column_stack([X, np.ones(n), power / (n - 2) - offset])
        own = np.einsum("ij,ij->i", Z, ZJ)  # its diagonal, which U does not have
        square = Z.T @ ZJ
        along = np.einsum("ij,ij->i", ZJ @ (Z.T @ Z), ZJ)
        squares = float(np.vdot(square, square.T) - own @ own)
        triangles = float(np.trace(square @ square @ square) - 3 * (own @ along))
        triangles += 2 * float((own**3).sum())
        cubes = _cubes_of(lambda part: ZJ[part] @ Z.T, n, n) - float((own**3).sum())
        return cls(n, squares, cubes, triangles)


def u_centre(matrix: Any) -> F64:
    """Set the diagonal of a symmetric matrix to 0, and centre the rest so that rows sum to 0.

    Parameters
    ----------
    matrix : array of shape (n_items, n_items)
        At least 3 items.

    References
    ----------
    Székely, Rizzo (2014), Annals of Statistics 42.
    """
    U = _check_square(matrix).copy()
    n = len(U)
    same_items(n, n, least=3)
    np.fill_diagonal(U, 0.0)
    rows = U.sum(axis=1)
    U -= rows / (n - 2)
    U -= rows[:, None] / (n - 2)
    U += rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(U, 0.0)
    return U


def u_centred_moments(a: UCentredSummary, b: UCentredSummary) -> PairingMoments:
    """Moments of ``sum over i, j of U_ij V_p(i)p(j)`` for two U-centred matrices.

    Divided by the root of the product of both sums of squares this is debiased CKA or the
    bias-corrected square of distance correlation, with variance 2 / (n (n - 3)) for any spaces.

    Parameters
    ----------
    a, b : UCentredSummary
        Of the same items, at least 4.

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 4.
    """
    n = same_items(a.n_items, b.n_items, least=4)
    e, c, f, d = a.cubes, a.triangles, b.cubes, b.triangles
    terms = (
        (2, 4 * e * f),
        (3, 24 * e * f + 8 * c * d),
        (4, 56 * e * f + 24 * (e - c) * (f - d)),
        (5, 48 * (c - 2 * e) * (d - 2 * f)),
        (6, 64 * (2 * e - c) * (2 * f - d)),
    )
    third = math.fsum(value / math.perm(n, places) for places, value in terms if places <= n)
    return PairingMoments(0.0, 2.0 * a.squares * b.squares / (n * (n - 3)), third)


def _heaviness(a: KernelSummary) -> float:
    """How unequal the diagonal is, beyond what the squares make it."""
    return a.n_items * (a.n_items + 1) * a.diagonal - 2 * (a.n_items - 1) * a.squares


def _combined(weights: tuple[int, ...], cubes: tuple[float, ...]) -> float:
    return math.fsum(weight * cube for weight, cube in zip(weights, cubes, strict=True))


def _cubes_of(rows: Callable[[slice], F64], n: int, width: int) -> float:
    """Sum of cubes of a matrix that comes in blocks of rows."""
    return math.fsum(float(np.vdot(block * block, block)) for block in map(rows, _parts(n, width)))


def _parts(n: int, width: int) -> Iterator[slice]:
    """Blocks of rows of a float64 matrix."""
    size = max(1, BLOCK_BYTES // (8 * width))
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


def _check_square(matrix: Any) -> F64:
    K = np.asarray(matrix, dtype=np.float64)
    if K.ndim != 2 or K.shape[0] != K.shape[1]:
        raise ShapeError(f"the matrix must have shape (n_items, n_items), not {K.shape}")
    return K


def _check_order(order: int) -> int:
    if order not in (2, 3):
        raise ParameterError(f"order must be 2 or 3, not {order!r}")
    return order
