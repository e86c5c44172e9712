"""Measures that compare neighbour lists as lists: who comes first counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.measures._base import MeasureSpec
from platonica.measures._knn import KnnMeasure, KnnState, PrhKnnMeasure, common_neighbors
from platonica.measures._prh import Compat
from platonica.measures.neighborhood import KNN_INVARIANT, KNN_SENSITIVE

__all__ = [
    "EditKnn",
    "LcsKnn",
    "RankSimilarity",
    "edit_knn",
    "lcs_knn",
    "rank_similarity",
]

ORDERED_COST = "prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k^2)"


@dataclass(frozen=True)
class LcsKnn(PrhKnnMeasure):
    """Longest common subsequence of the two neighbour lists of each item."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="lcs_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost=ORDERED_COST,
        summary="longest run of neighbours that both lists have in the same order, over k",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set",)

    def score(self, a: KnnState, b: KnnState) -> float:
        """Mean length over k."""
        total = sum(int(_lcs(same).sum()) for _, same in _lists(a, b))
        return total / a.n_items / self.k


@dataclass(frozen=True)
class EditKnn(PrhKnnMeasure):
    """Levenshtein distance of the two neighbour lists of each item, as a similarity."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="edit_knn",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost=ORDERED_COST,
        summary="1 minus the edits that turn one neighbour list into the other, over k",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set",)

    def score(self, a: KnnState, b: KnnState) -> float:
        """One minus the mean Levenshtein distance over k."""
        edits = sum(int(_edits(same).sum()) for _, same in _lists(a, b))
        return 1.0 - edits / a.n_items / self.k


@dataclass(frozen=True)
class RankSimilarity(KnnMeasure):
    """How closely the ranks of common neighbours agree, near ranks first."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="rank_similarity",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost=ORDERED_COST,
        summary="agreement of the ranks of common neighbours, whatever their number",
        reference="Wang, Stansbury, Tinati 2020; Klabunde et al. 2024, arXiv:2305.06329",
    )

    row_rules: ClassVar[tuple[str, ...]] = ("set",)

    def score(self, a: KnnState, b: KnnState) -> float:
        """Mean over items of the weighted agreement over its largest possible value."""
        rank = np.arange(1.0, self.k + 1)
        weight = 2.0 / ((1.0 + abs(rank[:, None] - rank)) * (rank[:, None] + rank))
        harmonic = np.concatenate([[np.inf], np.cumsum(1.0 / rank)])  # no common one: 0
        total = 0.0
        for _, same in _lists(a, b):
            agreement = np.einsum("ipq,pq->i", same.astype(np.float64), weight)
            total += float((agreement / harmonic[same.sum(axis=(1, 2))]).sum())
        return total / a.n_items


def _lists(a: KnnState, b: KnnState) -> Any:
    return common_neighbors(a.graph.indices, b.graph.indices)


def _lcs(same: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Length of the longest common subsequence, for tables (n, k, k) of equal entries."""
    longest = np.zeros((same.shape[0], same.shape[2] + 1), dtype=np.int32)
    for p in range(same.shape[1]):  # one row of the dynamic programme for all items
        longest[:, 1:] = np.maximum(longest[:, 1:], longest[:, :-1] + same[:, p])
        np.maximum.accumulate(longest, axis=1, out=longest)
    return longest[:, -1]


def _edits(same: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Levenshtein distance, for tables (n, k, k) of equal entries."""
    at = np.arange(same.shape[2] + 1, dtype=np.int32)
    edits = np.tile(at, (same.shape[0], 1))
    for p in range(same.shape[1]):
        changed = np.empty_like(edits)
        changed[:, 0] = p + 1
        changed[:, 1:] = np.minimum(edits[:, 1:] + 1, edits[:, :-1] + ~same[:, p])
        # an insertion costs one a step: the least of what stands to the left, plus the way
        edits = np.minimum.accumulate(changed - at, axis=1) + at
    return edits[:, -1]


def lcs_knn(X: Any, Y: Any, *, k: int = 10, compat: Compat = None) -> float:
    """Longest common subsequence of the nearest-neighbour lists in two spaces.

    Mean over items of the length of the longest sequence of neighbours that both lists, nearest
    first, have in the same order (gaps allowed), divided by k.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    compat : {None, "prh", "prh-script"}
        Clip outliers as the first paper's code does; None is the exact form. That code prints a
        length: this number times k.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = the same lists in the same order.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`.

    References
    ----------
    Huh, Cheung, Wang, Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987.

    Examples
    --------
    Two points whose two neighbours changed places, two whose neighbours did not.

    >>> import numpy as np
    >>> def circle(*degrees):
    ...     t = np.deg2rad(degrees)
    ...     return np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> lcs_knn(circle(0, 10, 25, 65), circle(0, 10, 24, 70), k=2)
    1.0
    """
    return LcsKnn(k=k, compat=compat)(X, Y)


def edit_knn(X: Any, Y: Any, *, k: int = 10, compat: Compat = None) -> float:
    """Edit similarity of the nearest-neighbour lists in two spaces.

    One minus the mean Levenshtein distance (insertions, deletions and replacements) of the two
    lists of each item, nearest first, divided by k.

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
        Similarity in [0, 1], unitless; 1 = the same lists in the same order.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`.

    References
    ----------
    Huh, Cheung, Wang, Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987.

    Examples
    --------
    >>> import numpy as np
    >>> def circle(*degrees):
    ...     t = np.deg2rad(degrees)
    ...     return np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> edit_knn(circle(0, 10, 50, 65), circle(0, 10, 24, 90), k=1)
    0.75
    """
    return EditKnn(k=k, compat=compat)(X, Y)


def rank_similarity(X: Any, Y: Any, *, k: int = 10) -> float:
    """Agreement of the ranks of common nearest neighbours in two spaces.

    Mean over items of ``sum over common neighbours of 2 / ((1 + |r - r'|)(r + r'))``, with r and
    r' its ranks in the two lists, divided by the largest value that so many common neighbours
    can reach. Because it divides by what the common ones can reach, one shared first neighbour
    scores 1: read it beside `mutual_knn`, which says how many are shared.

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
        Similarity in [0, 1], unitless; an item without common neighbours counts 0.

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
    >>> rank_similarity(circle(0, 10, 50, 65), circle(0, 10, 24, 90), k=1)
    0.75
    """
    return RankSimilarity(k=k)(X, Y)
