"""The state that all neighbour measures share: one space as its neighbour lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_k
from platonica.errors import ParameterError
from platonica.exact_moments import GraphSummary
from platonica.item_rows import ItemRows
from platonica.measures._base import Kind, MeasureBase
from platonica.measures._prh import Compat, check_compat, prh_features
from platonica.neighbors import (
    KnnGraph,
    approximate_knn_graph,
    item_graph,
    knn_graph,
    relabel,
    restrict,
)

__all__ = ["KnnMeasure", "KnnState", "PrhKnnMeasure", "common_neighbors", "shared_counts"]

Indices = NDArray[np.int32]

BLOCK_CELLS = 1 << 22
"""Entries of the (rows, k, k) tables that compare lists; more rows are compared in blocks."""


@dataclass(frozen=True)
class KnnState:
    """One space as its neighbour graph.

    Attributes
    ----------
    graph : KnnGraph
        Neighbours of every item, nearest first.
    features : array of shape (n_items, n_features), or ItemRows
        A reference, for the rows that a subset leaves short of neighbours.
    groups : tuple or None
    """

    graph: KnnGraph
    features: Any
    groups: tuple[Any, ...] | None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.graph.indices)

    @cached_property
    def arc_pairs(self) -> GraphSummary:
        """What the graph adds to the variance of an overlap: O(n k)."""
        return GraphSummary.of_neighbors(self.graph.indices, order=2)

    @cached_property
    def arc_triples(self) -> GraphSummary:
        """What the graph adds to its skewness: O(n k^2)."""
        return GraphSummary.of_neighbors(self.graph.indices, order=3)


@dataclass(frozen=True)
class KnnMeasure(MeasureBase):
    """Three of the four verbs, for any measure that compares neighbour lists."""

    row_rules: ClassVar[tuple[str, ...]] = ()
    """How items of several rows can be compared, beside one row for each."""

    k: int = 10
    search: Literal["approximate"] | None = None

    @property
    def _parity(self) -> Compat:
        """The parity mode, for the measures that the paper's code has."""
        return None

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KnnState:
        """Build the exact neighbour graph, once a space."""
        self._check_input(folds, kind)
        if isinstance(X, ItemRows):
            of_items: KnnState = self._of_items(X, None if groups is None else tuple(groups), role)
            return of_items
        X = check_features(X, min_items=self.spec.min_items)
        k = check_k(self.k, len(X))
        rows = X if check_compat(self._parity) is None else prh_features(X, self._parity)
        graph = self._graph(rows, k, groups)
        state = KnnState(graph, X, None if groups is None else tuple(groups))
        return self._state(state, role)

    def _graph(self, rows: NDArray[Any], k: int, groups: Sequence[Any] | None) -> KnnGraph:
        if self.search is None:
            return knn_graph(rows, k, metric="cosine", groups=groups)
        if self.search != "approximate" or groups is not None:
            raise ParameterError(
                f"search must be None (exact), or 'approximate' for items without groups, not "
                f"{self.search!r}"
            )
        return approximate_knn_graph(rows, k, metric="cosine")

    def _of_items(self, X: ItemRows, groups: tuple[Any, ...] | None, role: str) -> Any:
        """Lists of items with several rows each, where lists are all that the measure needs."""
        if X.how not in self.row_rules or self._parity is not None or self.search is not None:
            rules = ", ".join(repr(rule) for rule in ("first", "mean", "pool", *self.row_rules))
            raise ParameterError(
                f"{self.spec.name} cannot compare items of several rows by reduce={X.how!r} "
                f"(with these parameters); it can by {rules}"
            )
        graph = item_graph(X, check_k(self.k, len(X)), groups)
        return self._state(KnnState(graph, X, groups), role)

    def _state(self, state: KnnState, role: str) -> KnnState:
        """Add what a measure needs beside the lists; nothing unless it says so."""
        return state

    def permuted(self, state: Any, order: NDArray[np.int64]) -> Any:
        """Relabel the graph in O(n k)."""
        groups = None if state.groups is None else tuple(state.groups[i] for i in order)
        graph = replace(
            state.graph,
            indices=relabel(state.graph.indices, order),
            distances=state.graph.distances[order],
        )
        return replace(state, graph=graph, features=state.features[order], groups=groups)

    def subset(self, state: KnnState, rows: NDArray[np.int64]) -> Any:
        """Neighbours among the chosen rows only."""
        groups = None if state.groups is None else tuple(state.groups[i] for i in rows)
        check_k(self.k, len(rows))
        # in parity the rows that are left clip at another value; of several rows each item has
        # lists too short to take items out of
        if self._parity is not None or isinstance(state.features, ItemRows):
            return self.prepare(state.features[rows], groups=groups)
        graph = restrict(state.graph, state.features, rows, self.k, groups=state.groups)
        return self._state(KnnState(graph, state.features[rows], groups), "x")

    def cautions(self, state: KnnState) -> list[str]:
        """Say what an approximate graph misses, and how many rows have a tie at their border."""
        graph, said = state.graph, []
        if graph.recall is not None:
            said.append(
                f"approximate graph: it has {graph.recall:.2%} (± {graph.recall_error or 0.0:.2%}) "
                f"of the true neighbours of a sample; overlaps with it come out lower by up to "
                f"{1 - graph.recall:.2%} of themselves"
            )
        tied = graph.n_tied_rows
        if not tied:
            return said
        if isinstance(state.features, ItemRows):
            rows = len(state.features.rows)
            return [*said, f"{tied} of {rows} rows have a neighbour that is tied with one left out"]
        share = graph.n_arbitrary / (state.n_items * self.k)
        return [
            *said,
            f"{tied} of {state.n_items} items ({tied / state.n_items:.1%}) have their k-th "
            f"neighbour tied with another item; {share:.1%} of all neighbours were chosen among "
            "equals, by a priority of the space's own",
        ]


@dataclass(frozen=True)
class PrhKnnMeasure(KnnMeasure):
    """A neighbour measure that the first paper's code has too."""

    compat: Compat = None

    @property
    def _parity(self) -> Compat:
        return self.compat


def shared_counts(a: Indices, b: Indices) -> NDArray[np.int64]:
    """Number of neighbours that both lists of an item have, shape (n_items,)."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    shared: NDArray[np.int64] = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)
    return shared


def common_neighbors(a: Indices, b: Indices) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
    """Compare the lists of each item entry by entry, in blocks of items.

    Yields
    ------
    (slice, array of shape (m, k, k))
        Entry (i, p, q) tells whether the p-th neighbour in a is the q-th in b.
    """
    size = max(1, BLOCK_CELLS // (a.shape[1] * b.shape[1]))
    for first in range(0, len(a), size):
        part = slice(first, min(first + size, len(a)))
        yield part, a[part, :, None] == b[part, None, :]
