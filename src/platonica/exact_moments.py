"""Moments of a statistic under random pairing of the items, in closed form.

The statistic is ``S = sum_ij A_ij B_p(i)p(j)`` with a uniform permutation p: overlaps of neighbour
graphs (zero diagonals), inner products of kernels (with the diagonal), correlations of
dissimilarities. What is needed of each space is summed once, O(n k) for graphs; a pair of spaces
then costs a handful of operations. Whole numbers stay whole, so that nothing is lost at any n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ShapeError

__all__ = [
    "ArcSummary",
    "KernelSummary",
    "arcs_of_lists",
    "arcs_of_matrix",
    "kernel_summary",
    "overlap_moments",
    "product_moments",
    "third_moment",
]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class ArcSummary:
    """What a directed, weighted graph without loops adds to mean and variance.

    Attributes
    ----------
    n : int
        Items.
    total : number
        Sum of the weights.
    squares, mutual : number
        Sums of A_ij^2 and of A_ij A_ji.
    out_squares, in_squares, out_in : number
        Sums over items of out^2, in^2 and out x in, of the weights that leave and arrive.
    """

    n: int
    total: Any
    squares: Any
    mutual: Any
    out_squares: Any
    in_squares: Any
    out_in: Any

    @property
    def disjoint(self) -> Any:
        """Sum over pairs of arcs that share no item."""
        return (
            self.total**2 + self.squares + self.mutual
            - self.out_squares - self.in_squares - 2 * self.out_in
        )  # fmt: skip


def arcs_of_lists(indices: NDArray[np.integer[Any]]) -> ArcSummary:
    """Summarise a neighbour graph in O(n k).

    Parameters
    ----------
    indices : array of shape (n_items, k)
        Neighbours of each item; no item is its own, none stands twice.
    """
    n, k = indices.shape
    arriving = np.bincount(indices.ravel(), minlength=n)
    source = np.repeat(np.arange(n, dtype=np.int64), k)
    target = indices.ravel().astype(np.int64)
    mutual = np.isin(source * n + target, target * n + source, assume_unique=True).sum()
    return ArcSummary(
        n,
        n * k,
        n * k,
        int(mutual),
        n * k * k,
        int((arriving.astype(object) ** 2).sum()),
        n * k * k,
    )


def arcs_of_matrix(A: Any) -> ArcSummary:
    """Summarise a matrix (n_items, n_items); its diagonal is not looked at."""
    matrix = np.array(A, dtype=np.float64)
    np.fill_diagonal(matrix, 0.0)
    leaving, arriving = matrix.sum(axis=1), matrix.sum(axis=0)
    return ArcSummary(
        len(matrix),
        float(matrix.sum()),
        float((matrix**2).sum()),
        float((matrix * matrix.T).sum()),
        float(leaving @ leaving),
        float(arriving @ arriving),
        float(leaving @ arriving),
    )


def overlap_moments(a: ArcSummary, b: ArcSummary) -> tuple[float, float]:
    """Mean and variance of ``sum over i != j of A_ij B_p(i)p(j)``.

    Parameters
    ----------
    a, b : ArcSummary
        Of the same number of items, at least 4.

    Returns
    -------
    (float, float)

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 4.

    Examples
    --------
    Two graphs of 5 items with 1 neighbour each share k / (n - 1) of their arcs on average.

    >>> ring = arcs_of_lists(np.array([[1], [2], [3], [4], [0]]))
    >>> overlap_moments(ring, ring)[0] / 5
    0.25
    """
    n = _same_items(a.n, b.n)
    pairs, triples, fours = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    mean = _over(a.total * b.total, pairs)
    second = (
        _over(a.squares * b.squares + a.mutual * b.mutual, pairs)
        + _over(
            (a.out_squares - a.squares) * (b.out_squares - b.squares)
            + (a.in_squares - a.squares) * (b.in_squares - b.squares)
            + 2 * (a.out_in - a.mutual) * (b.out_in - b.mutual),
            triples,
        )
        + _over(a.disjoint * b.disjoint, fours)
    )
    return float(mean), float(second - mean * mean)


@dataclass(frozen=True)
class KernelSummary:
    """What a doubly centred kernel adds to mean and variance.

    Attributes
    ----------
    n : int
    trace : float
        Sum of the diagonal.
    squares : float
        Sum of all squared entries.
    diagonal_squares : float
    """

    n: int
    trace: float
    squares: float
    diagonal_squares: float


def kernel_summary(diagonal: F64, squares: float) -> KernelSummary:
    """Summarise a doubly centred kernel, of which no n x n matrix is needed.

    Parameters
    ----------
    diagonal : array of shape (n_items,)
        For a linear kernel, the squared norms of the centred items.
    squares : float
        Sum of all squared entries; for a linear kernel, of the squared covariances.
    """
    trace = float(diagonal.sum())
    return KernelSummary(len(diagonal), trace, float(squares), float(diagonal @ diagonal))


def product_moments(a: KernelSummary, b: KernelSummary) -> tuple[float, float]:
    """Mean and variance of ``sum over i, j of K_ij L_p(i)p(j)``, diagonals included.

    Parameters
    ----------
    a, b : KernelSummary
        Of the same number of items, at least 4.

    Returns
    -------
    (float, float)

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 4.

    References
    ----------
    Kazi-Aoual, Hitier, Sabatier, Lebreton (1995), Computational Statistics & Data Analysis 20.
    """
    n = _same_items(a.n, b.n)
    mean = a.trace * b.trace / (n - 1)
    spread = 2.0 * _off_mean(a) * _off_mean(b) / ((n + 1) * (n - 2))
    own = _heaviness(a) * _heaviness(b) / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return mean, spread + own


def _off_mean(a: KernelSummary) -> float:
    return a.squares - a.trace**2 / (a.n - 1)


def _heaviness(a: KernelSummary) -> float:
    n = a.n
    return n * (n + 1) * a.diagonal_squares - (n - 1) * (a.trace**2 + 2 * a.squares)


def third_moment(A: Any, B: Any) -> float:
    """Third raw moment of ``sum over i != j of A_ij B_p(i)p(j)``.

    Parameters
    ----------
    A, B : arrays of shape (n_items, n_items)
        Diagonals are not looked at; at least 6 items.

    Returns
    -------
    float
        The mean of the cube. O(n^3) time, O(n^2) memory.

    Notes
    -----
    Three arcs have six ends, and the mean depends on which of them are the same item only: a sum
    over the 87 partitions of six ends in which no arc closes on itself.
    """
    matrices = [np.array(M, dtype=np.float64) for M in (A, B)]
    for matrix in matrices:
        np.fill_diagonal(matrix, 0.0)
    n = _same_items(len(matrices[0]), len(matrices[1]), least=6)
    found: list[dict[tuple[int, ...], float]] = [{}, {}]
    total = 0.0
    for sigma, coarser in _partitions():
        value = 1.0
        for matrix, cache in zip(matrices, found, strict=True):
            value *= sum(sign * _sum_over(matrix, tau, cache) for tau, sign in coarser)
        places = max(sigma) + 1
        total += value / float(np.prod(np.arange(n - places + 1, n + 1, dtype=np.float64)))
    return total


def _sum_over(matrix: F64, labels: tuple[int, ...], cache: dict[tuple[int, ...], float]) -> float:
    """Sum of products of three entries whose ends are named by labels, over all items."""
    if labels not in cache:
        names = ["".join("abcdef"[label] for label in labels[i : i + 2]) for i in (0, 2, 4)]
        product = np.einsum(",".join(names) + "->", matrix, matrix, matrix, optimize="greedy")
        cache[labels] = float(product)
    return cache[labels]


@lru_cache(maxsize=1)
def _partitions() -> list[tuple[tuple[int, ...], list[tuple[tuple[int, ...], int]]]]:
    """Partitions of six arc ends, each with all coarser ones and their Möbius weights."""
    every = [
        labels for labels in _labellings(6) if all(labels[i] != labels[i + 1] for i in (0, 2, 4))
    ]
    result = []
    for sigma in every:
        coarser = [(tau, _weight(sigma, tau)) for tau in every if _refines(sigma, tau)]
        result.append((sigma, coarser))
    return result


def _labellings(size: int, head: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Set partitions, as labels that grow by at most one."""
    if len(head) == size:
        yield head
        return
    for label in range(max(head, default=-1) + 2):
        yield from _labellings(size, (*head, label))


def _refines(fine: tuple[int, ...], coarse: tuple[int, ...]) -> bool:
    return len(set(zip(fine, coarse, strict=True))) == len(set(fine))


def _weight(fine: tuple[int, ...], coarse: tuple[int, ...]) -> int:
    """Product over blocks of (-1)^(b-1) (b-1)!, b fine blocks merged into one."""
    weight = 1
    for block in set(coarse):
        merged = len({f for f, c in zip(fine, coarse, strict=True) if c == block})
        for factor in range(1, merged):
            weight *= -factor
    return weight


def _same_items(n: int, m: int, least: int = 4) -> int:
    if n != m or n < least:
        raise ShapeError(f"both sides need the same items, at least {least}, not {n} and {m}")
    return n


def _over(number: Any, divisor: int) -> Any:
    """Exact for whole numbers."""
    return Fraction(number, divisor) if isinstance(number, int) else number / divisor
