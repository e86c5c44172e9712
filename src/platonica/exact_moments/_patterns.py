"""How the ends of up to three arcs can coincide, and sums over distinct items from free sums.

The mean of ``S^m`` with ``S = sum_ij A_ij B_p(i)p(j)`` is a sum over the ways in which the ends of
m arcs coincide: in each way, the sum over distinct items in A times that in B over the number of
places. Sums over distinct items follow from sums over free indices by Möbius inversion on the
lattice of set partitions, and free sums are products over connected components.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Any

__all__ = ["Component", "Pattern", "component", "distinct_sums", "patterns"]

Component = tuple[tuple[int, int], ...]
"""A connected graph of arcs (from, to) in canonical order; an arc may stand several times."""


@dataclass(frozen=True)
class Pattern:
    """One way in which the ends of some arcs coincide, up to the order of the arcs.

    Attributes
    ----------
    count : int
        Set partitions of the arc ends that are of this kind.
    n_places : int
        Distinct items.
    terms : tuple of (int, tuple of Component)
        The sum over distinct items as a sum of products of free sums, with their coefficients.
    """

    count: int
    n_places: int
    terms: tuple[tuple[int, tuple[Component, ...]], ...]


@lru_cache(maxsize=3)
def patterns(n_arcs: int) -> tuple[Pattern, ...]:
    """All patterns of 1, 2 or 3 arcs without an arc from an item to itself: 1, 6 or 24."""
    counts: Counter[tuple[Component, ...]] = Counter()
    example = {}
    for labels in _partitions(2 * n_arcs):
        arcs = _arcs(labels)
        if arcs is not None:
            kind = _components(arcs)
            counts[kind] += 1
            example[kind] = arcs
    found = []
    for kind, count in sorted(counts.items()):
        n_places = len({end for arc in example[kind] for end in arc})
        found.append(Pattern(count, n_places, _inversion(example[kind], n_places)))
    return tuple(found)


def distinct_sums(n_arcs: int, free: Mapping[Component, Any]) -> tuple[Any, ...]:
    """Sums over distinct items, one for each pattern.

    Parameters
    ----------
    n_arcs : int
    free : mapping of Component to number
        Sums over free indices.
    """
    return tuple(
        sum(sign * math.prod(free[part] for part in parts) for sign, parts in pattern.terms)
        for pattern in patterns(n_arcs)
    )


@lru_cache(maxsize=256)
def component(text: str) -> Component:
    """Read a component: ``"ab bc"`` is a path of two arcs.

    Examples
    --------
    >>> component("xy yz") == component("ca ab")
    True
    """
    return _canonical([(ord(arc[0]), ord(arc[1])) for arc in text.split()])


def _inversion(
    arcs: Sequence[tuple[int, int]], n_places: int
) -> tuple[tuple[int, tuple[Component, ...]], ...]:
    """Coefficients of the free sums of all coarser patterns."""
    terms: Counter[tuple[Component, ...]] = Counter()
    for merged in _partitions(n_places):
        coarse = [(merged[i], merged[j]) for i, j in arcs]
        if all(i != j for i, j in coarse):
            sizes = Counter(merged).values()
            weight = math.prod((-1) ** (b - 1) * math.factorial(b - 1) for b in sizes)
            terms[_components(coarse)] += weight
    return tuple((weight, parts) for parts, weight in sorted(terms.items()) if weight)


def _partitions(size: int, head: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Set partitions as labels that start at 0 and grow by at most one."""
    if len(head) == size:
        yield head
        return
    for label in range(max(head, default=-1) + 2):
        yield from _partitions(size, (*head, label))


def _arcs(labels: tuple[int, ...]) -> list[tuple[int, int]] | None:
    arcs = list(zip(labels[::2], labels[1::2], strict=True))
    return None if any(i == j for i, j in arcs) else arcs


def _components(arcs: Sequence[tuple[int, int]]) -> tuple[Component, ...]:
    """Connected components, canonical and sorted."""
    parts: list[list[tuple[int, int]]] = []
    for arc in arcs:
        touching = [part for part in parts if any(set(arc) & set(other) for other in part)]
        parts = [part for part in parts if part not in touching]
        parts.append([arc, *(other for part in touching for other in part)])
    return tuple(sorted(_canonical(part) for part in parts))


def _canonical(arcs: Sequence[tuple[int, int]]) -> Component:
    """The smallest list of arcs over all names of the items."""
    ends = sorted({end for arc in arcs for end in arc})
    renamed = (dict(zip(ends, names, strict=True)) for names in permutations(range(len(ends))))
    return min(tuple(sorted((name[i], name[j]) for i, j in arcs)) for name in renamed)
