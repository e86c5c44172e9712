"""Overlaps of directed graphs: sum over i != j of A_ij B_p(i)p(j)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError
from platonica.exact_moments._pairing import PairingMoments, same_items
from platonica.exact_moments._patterns import Component, component, distinct_sums, patterns

__all__ = ["GraphSummary", "cycle_mean", "graph_moments", "jaccard_mean"]

Index = NDArray[np.integer[Any]]

PATHS = 1 << 22
"""Paths of two arcs that are held at a time."""


@dataclass(frozen=True)
class GraphSummary:
    """What a graph without loops adds to the moments of its overlap with another.

    Attributes
    ----------
    n_items : int
    total : int or float
        Sum of the weights.
    sums : tuple of tuples of numbers
        For one, two and (where asked for) three arcs: the sums over distinct items, one for each
        way in which the ends of the arcs coincide. Weights of a matrix are about their mean.
    """

    n_items: int
    total: Any
    sums: tuple[tuple[Any, ...], ...]

    @classmethod
    def of_neighbors(cls, indices: Index, order: Literal[2, 3] = 3) -> GraphSummary:
        """Summarise neighbour lists, exactly: whole numbers of any size.

        Parameters
        ----------
        indices : array of shape (n_items, k)
            Neighbours of each item; no item is its own neighbour, none stands twice in a row.
        order : {2, 3}
            The highest moment: O(n k) for 2, O(n k^2) for 3.
        """
        n, k = indices.shape
        free = _list_sums(indices, _check_order(order))
        return cls(n, n * k, tuple(distinct_sums(m, free) for m in range(1, order + 1)))

    @classmethod
    def of_matrix(cls, weights: Any, order: Literal[2, 3] = 3) -> GraphSummary:
        """Summarise a dense matrix; its diagonal is not looked at. O(n^2) for 2, O(n^3) for 3.

        Parameters
        ----------
        weights : array of shape (n_items, n_items)
        order : {2, 3}
        """
        A = np.array(weights, dtype=np.float64)
        if A.ndim != 2 or A.shape[0] != A.shape[1] or len(A) < 2:
            raise ShapeError(f"weights must have shape (n_items, n_items), not {A.shape}")
        n = len(A)
        np.fill_diagonal(A, 0.0)
        total = float(A.sum())
        # About their mean the weights have a statistic of mean 0: nothing large is subtracted.
        A -= total / (n * (n - 1))
        np.fill_diagonal(A, 0.0)
        free = _matrix_sums(A, _check_order(order))
        sums = [distinct_sums(m, free) for m in range(1, order + 1)]
        return cls(n, total, ((0.0,), *sums[1:]))


def graph_moments(a: GraphSummary, b: GraphSummary) -> PairingMoments:
    """Moments of the overlap of two graphs whose items are paired at random.

    The third is known if both summaries are of order 3.

    Parameters
    ----------
    a, b : GraphSummary
        Of the same items, at least 3.

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 3.

    Examples
    --------
    Two rings of 5 items share 5 x 1 / (5 - 1) of their arcs on average.

    >>> ring = GraphSummary.of_neighbors(np.array([[1], [2], [3], [4], [0]]))
    >>> graph_moments(ring, ring).mean
    1.25
    """
    n = same_items(a.n_items, b.n_items, least=3)
    raw = [
        sum(
            _over(pattern.count * x * y, math.perm(n, pattern.n_places))
            for pattern, x, y in zip(patterns(m), one, other, strict=True)
            if pattern.n_places <= n
        )
        for m, (one, other) in enumerate(zip(a.sums, b.sums, strict=False), 1)
    ]
    first, second = raw[0], raw[1]
    variance = second - first**2
    third = float(raw[2] - 3 * first * variance - first**3) if len(raw) == 3 else None
    return PairingMoments(float(_over(a.total * b.total, n * (n - 1))), float(variance), third)


def jaccard_mean(n_items: int, k_x: int, k_y: int) -> float:
    """Mean Jaccard index of the neighbour sets of two spaces whose items are paired at random.

    The number of common neighbours of an item is hypergeometric.

    Parameters
    ----------
    n_items : int
    k_x, k_y : int in [1, n_items - 1]
        Neighbours an item on each side.

    Examples
    --------
    >>> jaccard_mean(3, 1, 1)  # one of two others: the same half of the time
    0.5
    """
    for name, k in (("k_x", k_x), ("k_y", k_y)):
        if not 1 <= k < n_items:
            raise ShapeError(f"{name} must be from 1 to n_items - 1 = {n_items - 1}, not {k}")
    others = n_items - 1
    ways = (
        Fraction(math.comb(k_x, m) * math.comb(others - k_x, k_y - m) * m, k_x + k_y - m)
        for m in range(1, min(k_x, k_y) + 1)
    )
    return float(sum(ways) / math.comb(others, k_y))


def cycle_mean(in_degrees: Any, k: int) -> float:
    """Mean share of items that lead back to themselves, when items are paired at random.

    An item is found again unless all its k neighbours in Y miss the items of X that have it as
    their neighbour.

    Parameters
    ----------
    in_degrees : array of shape (n_items,)
        How many items of X have each item as a neighbour.
    k : int in [1, n_items - 1]
        Neighbours an item in Y.

    Examples
    --------
    >>> cycle_mean([1, 1, 1], 1)
    0.5
    """
    degrees = np.asarray(in_degrees)
    n = len(degrees)
    if not 1 <= k < n:
        raise ShapeError(f"k must be from 1 to n_items - 1 = {n - 1}, not {k}")
    values, counts = np.unique(degrees, return_counts=True)
    missed = sum(
        int(count) * math.comb(n - 1 - int(degree), k)
        for degree, count in zip(values, counts, strict=True)
    )
    return float(1 - Fraction(missed, n * math.comb(n - 1, k)))


def _check_order(order: int) -> int:
    if order not in (2, 3):
        raise ParameterError(f"order must be 2 or 3, not {order!r}")
    return order


def _over(number: Any, divisor: int) -> Any:
    """Exact for whole numbers."""
    return Fraction(number, divisor) if isinstance(number, int) else number / divisor


@cache
def _connected(n_arcs: int) -> tuple[Component, ...]:
    """Every component that the patterns of this many arcs are made of."""
    every = {part for p in patterns(n_arcs) for _, parts in p.terms for part in parts}
    return tuple(sorted(every))


def _matrix_sums(A: NDArray[np.float64], order: int) -> dict[Component, float]:
    """Free sums of a dense matrix, straight from what they mean."""
    sums = {}
    for part in _connected(order) + _connected(2):
        names = ",".join("".join("abcd"[end] for end in arc) for arc in part)
        sums[part] = float(np.einsum(f"{names}->", *[A] * len(part), optimize="greedy"))
    return sums


def _list_sums(indices: Index, order: int) -> Mapping[Component, int]:
    """Free sums of neighbour lists: of each item k arcs leave, and its in-degree arrive."""
    n, k = indices.shape
    arrive = np.bincount(indices.ravel(), minlength=n)
    starts = np.arange(0, n * k + 1, k)
    graph = scipy.sparse.csr_array((np.ones(n * k, np.int64), indices.ravel(), starts), (n, n))
    both = graph.multiply(graph.T).sum(axis=1)
    squares, mutual = _total(arrive * arrive), _total(both)
    sums = {
        "ab": n * k,
        "ab ba": mutual,
        "ab ac": n * k * k,
        "ab bc": n * k * k,
        "ac bc": squares,
    }
    if order == 3:
        cyclic, transitive = _triangles(graph, k)
        sums |= {
            "ab ba ac": k * mutual,
            "ab ba ca": _total(both * arrive),
            "ab bc ca": cyclic,
            "ab bc ac": transitive,
            "ab ac ad": n * k**3,
            "ba ac ad": n * k**3,
            "ba ca ad": k * squares,
            "ba ca da": _total(arrive**3),
            "ca ab bd": n * k**3,
            "ac ab bd": n * k**3,
            "ac ab db": k * squares,
            "ca ab db": _total(arrive[:, None] * arrive[indices]),
        }
    simple = {component(text): value for text, value in sums.items()}
    # an arc has weight 1, so that it may stand any number of times
    return {part: simple[_once(part)] for part in _connected(order) + _connected(2)}


@cache
def _once(part: Component) -> Component:
    """The component with every arc standing once."""
    return component(" ".join(f"{'abcd'[i]}{'abcd'[j]}" for i, j in sorted(set(part))))


def _triangles(graph: Any, k: int) -> tuple[int, int]:
    """Cyclic triangles (three times each) and transitive ones."""
    cyclic = transitive = 0
    back = graph.T.tocsr()
    size = max(1, PATHS // (k * k))
    for first in range(0, graph.shape[0], size):
        rows = slice(first, first + size)
        paths = graph[rows] @ graph
        cyclic += int(paths.multiply(back[rows]).sum())
        transitive += int(paths.multiply(graph[rows]).sum())
    return cyclic, transitive


def _total(values: Any) -> int:
    """Sum of whole numbers, none of them negative, that may exceed 64 bits."""
    whole = np.asarray(values)
    return (int((whole >> 32).sum()) << 32) + int((whole & 0xFFFFFFFF).sum())
