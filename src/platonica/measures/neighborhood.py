"""Measures that compare who is near whom: overlaps of neighbour graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_k
from platonica.errors import ParameterError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec, Moments
from platonica.measures._overlap import shared_edges, shared_edges_permuted
from platonica.neighbors import KnnGraph, knn_graph, relabel, restrict

__all__ = ["KnnState", "MutualKnn", "mutual_knn"]


@dataclass(frozen=True)
class KnnState:
    """One space as its neighbour graph.

    Attributes
    ----------
    graph : KnnGraph
        Neighbours of every item, nearest first.
    features : array of shape (n_items, n_features)
        A reference, for the rows that a subset leaves short of neighbours.
    groups : tuple or None
    """

    graph: KnnGraph
    features: NDArray[Any]
    groups: tuple[Any, ...] | None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.graph.indices)


@dataclass(frozen=True)
class MutualKnn(MeasureBase):
    """Overlap of the k nearest neighbours by cosine."""

    k: int = 10

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="mutual_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
        sensitive_to=("translation", "invertible_map", "row_shuffle"),
        family="neighbourhood",
        min_items=4,
        cost="prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k)",
        summary="share of the k nearest neighbours (cosine) that both spaces have in common",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987",
    )

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
        X = check_features(X, min_items=self.spec.min_items)
        graph = knn_graph(X, check_k(self.k, len(X)), metric="cosine", groups=groups)
        return KnnState(graph, X, None if groups is None else tuple(groups))

    def score(self, a: KnnState, b: KnnState) -> float:
        """Mean share of common neighbours."""
        return shared_edges(a.graph.indices, b.graph.indices) / (a.n_items * self.k)

    def permuted(self, state: KnnState, order: NDArray[np.int64]) -> KnnState:
        """Relabel the graph in O(n k)."""
        groups = None if state.groups is None else tuple(state.groups[i] for i in order)
        graph = replace(
            state.graph,
            indices=relabel(state.graph.indices, order),
            distances=state.graph.distances[order],
        )
        return KnnState(graph, state.features[order], groups)

    def subset(self, state: KnnState, rows: NDArray[np.int64]) -> KnnState:
        """Neighbours among the chosen rows only."""
        groups = None if state.groups is None else tuple(state.groups[i] for i in rows)
        check_k(self.k, len(rows))
        graph = restrict(state.graph, state.features, rows, self.k, groups=state.groups)
        return KnnState(graph, state.features[rows], groups)

    def score_all(self, A: Sequence[KnnState], B: Sequence[KnnState]) -> NDArray[np.float64]:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        one = np.arange(A[0].n_items)[None]
        scores: NDArray[np.float64] = self.score_permuted(A, B, one)[0]
        return scores

    def score_permuted(
        self, A: Sequence[KnnState], B: Sequence[KnnState], orders: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        counts = shared_edges_permuted(
            [a.graph.indices for a in A], [b.graph.indices for b in B], orders
        )
        return counts / (A[0].n_items * self.k)

    def null_moments(self, a: KnnState, b: KnnState) -> Moments:
        """Exact mean under free exchange: k / (n - 1), whatever the spaces."""
        if a.groups is not None or b.groups is not None:
            raise ParameterError("with excluded groups the exact mean is not k / (n - 1)")
        return Moments(mean=self.k / (a.n_items - 1))

    def cautions(self, state: KnnState) -> list[str]:
        """Say how many rows have a tie at the border of their neighbourhood."""
        tied = state.graph.n_tied_rows
        if not tied:
            return []
        share = state.graph.n_arbitrary / (state.n_items * self.k)
        return [
            f"{tied} of {state.n_items} items ({tied / state.n_items:.1%}) have their k-th "
            f"neighbour tied with another item; {share:.1%} of all neighbours were chosen among "
            "equals, by a priority of the space's own"
        ]


def mutual_knn(X: Any, Y: Any, *, k: int = 10) -> float:
    """Share of nearest neighbours that two feature spaces have in common.

    Mean over items i of ``|N_X(i) & N_Y(i)| / k`` with neighbours by cosine similarity; i is
    never its own neighbour. The graph is that of exact arithmetic; equal similarities are
    ordered by a priority that each space draws from its own values.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = the same neighbour sets. Its mean over shuffled
        rows is exactly k / (n_items - 1).

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows; k or n_items out of range.
    DegenerateInputError
        Non-finite or constant features, a row of zeros, or more than half of the
        neighbours tied with items left out.

    References
    ----------
    Huh, Cheung, Wang, Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987.

    Examples
    --------
    Directions on a circle, in degrees: 0, 10, 50, 65 and 0, 10, 24, 90; item 2 changes
    neighbour.

    >>> import numpy as np
    >>> def circle(*degrees):
    ...     t = np.deg2rad(degrees)
    ...     return np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> mutual_knn(circle(0, 10, 50, 65), circle(0, 10, 24, 90), k=1)
    0.75
    """
    return MutualKnn(k=k)(X, Y)
