"""Measures that compare who is near whom: overlaps of neighbour sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_k
from platonica.errors import ParameterError
from platonica.exact_moments import cycle_mean, graph_moments, jaccard_mean
from platonica.item_rows import ItemRows
from platonica.measures._base import MeasureSpec, Moments, Move
from platonica.measures._expanded import ExpandedState, expanded, shared_weights
from platonica.measures._knn import KnnMeasure, KnnState, PrhKnnMeasure, shared_counts
from platonica.measures._overlap import shared_edges, shared_edges_permuted
from platonica.measures._prh import Compat
from platonica.neighbors import row_graph

__all__ = ["CycleKnn", "JaccardKnn", "MutualKnn", "cycle_knn", "jaccard_knn", "mutual_knn"]

KNN_INVARIANT: tuple[Move, ...] = ("rotation", "column_permutation", "scaling", "row_scaling")
KNN_SENSITIVE: tuple[Move, ...] = ("translation", "invertible_map", "row_shuffle")
KNN_COST = "prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k)"


@dataclass(frozen=True)
class MutualKnn(PrhKnnMeasure):
    """Overlap of the k nearest neighbours by cosine."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="mutual_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost=KNN_COST,
        summary="share of the k nearest neighbours (cosine) that both spaces have in common",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set", "expand")

    def _of_items(self, X: ItemRows, groups: tuple[Any, ...] | None, role: str) -> Any:
        if X.how != "expand" or self.compat is not None or self.search is not None:
            return super()._of_items(X, groups, role)
        return expanded(row_graph(X, check_k(self.k, len(X)), groups), X, groups)

    def permuted(self, state: Any, order: NDArray[np.int64]) -> Any:
        """Relabel the graph in O(n k)."""
        if not isinstance(state, ExpandedState):
            return super().permuted(state, order)
        groups = None if state.groups is None else tuple(state.groups[i] for i in order)
        shares = state.shares[order][:, order]
        return replace(state, features=state.features[order], groups=groups, shares=shares)

    def score(self, a: KnnState, b: KnnState) -> float:
        """Mean share of common neighbours."""
        if isinstance(a, ExpandedState) or isinstance(b, ExpandedState):
            return float(self.score_all([a], [b])[0, 0])
        return shared_edges(a.graph.indices, b.graph.indices) / (a.n_items * self.k)

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
        if any(isinstance(state, ExpandedState) for state in (*A, *B)):
            return shared_weights(A, B, orders) / (A[0].n_items * self.k)
        counts = shared_edges_permuted(
            [a.graph.indices for a in A], [b.graph.indices for b in B], orders
        )
        return counts / (A[0].n_items * self.k)

    def null_moments(self, a: KnnState, b: KnnState) -> Moments:
        """Exact under free exchange: the mean is k / (n - 1), whatever the spaces.

        Hubs and mutual neighbours widen the null, and only the graphs tell by how much.
        """
        _refuse_groups(a, b)
        edges = a.n_items * self.k
        return Moments(
            mean=self.k / (a.n_items - 1),
            variance=lambda: graph_moments(a.arc_pairs, b.arc_pairs).over(edges).variance,
            skewness=lambda: graph_moments(a.arc_triples, b.arc_triples).skewness,
            step=0.0 if isinstance(a, ExpandedState) or isinstance(b, ExpandedState) else 1 / edges,
        )


@dataclass(frozen=True)
class JaccardKnn(KnnMeasure):
    """Jaccard index of the sets of k nearest neighbours by cosine."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="jaccard_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost=KNN_COST,
        summary="common neighbours over all neighbours that either space names, item by item",
        reference="Wang, Stansbury, Tinati 2020; Klabunde et al. 2024, arXiv:2305.06329",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set",)

    def score(self, a: KnnState, b: KnnState) -> float:
        """Mean over items of |common| / |named by either|."""
        shared = shared_counts(a.graph.indices, b.graph.indices)
        return float((shared / (2 * self.k - shared)).mean())

    def null_moments(self, a: KnnState, b: KnnState) -> Moments:
        """Exact mean under free exchange: common neighbours are hypergeometric."""
        _refuse_groups(a, b)
        return Moments(mean=jaccard_mean(a.n_items, self.k, self.k))


@dataclass(frozen=True)
class CycleKnn(PrhKnnMeasure):
    """Whether a step to a neighbour in Y and one to a neighbour in X can lead back."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cycle_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=False,
        self_score=None,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost="prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k^2)",
        summary="share of items that a neighbour in Y has among its own neighbours in X",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987, code",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set",)

    def score(self, a: KnnState, b: KnnState) -> float:
        """Share of items i that are an X-neighbour of one of their Y-neighbours."""
        items = np.arange(a.n_items, dtype=np.int32)[:, None]
        found = np.zeros(a.n_items, dtype=bool)
        for step in b.graph.indices.T:  # one at a time: (n, k) numbers, not (n, k, k)
            found |= (a.graph.indices[step] == items).any(axis=1)
        return int(np.count_nonzero(found)) / a.n_items

    def null_moments(self, a: KnnState, b: KnnState) -> Moments:
        """Exact mean under free exchange, from the in-degrees of X's graph."""
        _refuse_groups(a, b)
        degrees = np.bincount(a.graph.indices.ravel(), minlength=a.n_items)
        return Moments(mean=cycle_mean(degrees, self.k))


def _refuse_groups(a: KnnState, b: KnnState) -> None:
    if a.groups is not None or b.groups is not None:
        raise ParameterError("with excluded groups the exact mean is not that of free neighbours")


def mutual_knn(X: Any, Y: Any, *, k: int = 10, compat: Compat = None) -> float:
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
    compat : {None, "prh", "prh-script"}
        Clip outliers as the first paper's code does; None is the exact form.

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
    return MutualKnn(k=k, compat=compat)(X, Y)


def jaccard_knn(X: Any, Y: Any, *, k: int = 10) -> float:
    """Jaccard index of the nearest neighbours in two feature spaces.

    Mean over items i of ``|N_X(i) & N_Y(i)| / |N_X(i) | N_Y(i)|`` with neighbours by cosine
    similarity: `mutual_knn` with disagreement counted twice.

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
        Similarity in [0, 1], unitless; 1 = the same neighbour sets. Its mean over shuffled rows
        is exact: common neighbours of an item are hypergeometric.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`.

    References
    ----------
    Klabunde, Schumacher, Strohmaier, Lemmerich (2024), arXiv:2305.06329.

    Examples
    --------
    >>> import numpy as np
    >>> def circle(*degrees):
    ...     t = np.deg2rad(degrees)
    ...     return np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> jaccard_knn(circle(0, 10, 50, 65), circle(0, 10, 24, 90), k=1)
    0.75
    """
    return JaccardKnn(k=k)(X, Y)


def cycle_knn(X: Any, Y: Any, *, k: int = 10, compat: Compat = None) -> float:
    """Share of items to which a neighbour in Y leads back by a neighbour in X.

    Item i counts if it is among the X-neighbours of at least one of its Y-neighbours.
    Asymmetric, and near 1 as soon as the spaces agree a little.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
        The second step is taken here.
    Y : array of shape (n_items, n_features_y)
        The first step is taken here; n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    compat : {None, "prh", "prh-script"}
        Clip outliers as the first paper's code does; None is the exact form.

    Returns
    -------
    float
        Similarity in [0, 1], unitless. A space with itself scores less than 1 where neighbours
        are not mutual. Its mean over shuffled rows is exact, from the in-degrees of X's graph.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`.

    References
    ----------
    Huh, Cheung, Wang, Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987.

    Examples
    --------
    Items 0, 1 and items 2, 3 are pairs in both spaces.

    >>> import numpy as np
    >>> def circle(*degrees):
    ...     t = np.deg2rad(degrees)
    ...     return np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> cycle_knn(circle(0, 10, 50, 65), circle(0, 20, 100, 130), k=1)
    1.0
    """
    return CycleKnn(k=k, compat=compat)(X, Y)
