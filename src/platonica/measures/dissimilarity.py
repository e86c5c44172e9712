"""Representational similarity analysis: two tables of dissimilarities, compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from platonica.distances import (
    Dissimilarities,
    Rdm,
    condensed_size,
    dissimilarities,
    doubled_ranks,
)
from platonica.errors import DegenerateInputError, ParameterError
from platonica.exact_moments import GraphSummary, KernelSummary, graph_moments, kernel_moments
from platonica.linalg import thin_svd
from platonica.measures._base import Kind, MeasureBase, MeasureSpec, Moments
from platonica.measures._stacks import STACK_BUDGET, half_products
from platonica.rng import as_generator

__all__ = ["COMPARISONS", "RdmState", "Rsa", "rsa"]

F64 = NDArray[np.float64]
Index = NDArray[np.int64]

Comparator = Literal["pearson", "spearman", "rho_a", "kendall", "cosine", "whitened_cosine"]
COMPARISONS: tuple[Comparator, ...] = (
    "pearson",
    "spearman",
    "rho_a",
    "kendall",
    "cosine",
    "whitened_cosine",
)

CHUNK = 1 << 20
"""Dissimilarities that are multiplied in float64 at a time."""


@dataclass(frozen=True)
class RdmState:
    """The dissimilarities of one space, as they are compared.

    Attributes
    ----------
    source : Dissimilarities
    vector : array of shape (n_pairs,), or (n_items, n_items) for "whitened_cosine"
        Dissimilarities, twice their ranks (uint32), or the centred matrix.
    middle : float
        What is subtracted from the vector before it is multiplied.
    norm : float
        Root of the sum of squares of what is multiplied.
    pairs : (array, array) or None
        Items of the pairs, where these are a sample.
    features : array
        As they came, for subsets.
    kind : {"features", "rdm"}
    folds : array or None
    controls : tuple of RdmState
        What was taken out of the vector.
    """

    source: Dissimilarities
    vector: NDArray[Any]
    middle: float
    norm: float
    pairs: tuple[Index, Index] | None
    features: Any
    kind: Kind
    folds: NDArray[Any] | None
    controls: tuple[RdmState, ...] = ()

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.source.n_items

    @cached_property
    def arcs(self) -> GraphSummary:
        """What the dissimilarities add to the moments of their product with others: O(n^3)."""
        return GraphSummary.of_matrix(_square(np.concatenate(list(self.parts())), self.n_items))

    @cached_property
    def kernel(self) -> KernelSummary:
        """The same for a doubly centred matrix."""
        return KernelSummary.of_gram(self.vector)

    def parts(self) -> Iterator[F64]:
        """Yield what is multiplied, in float64 and in pieces."""
        flat = self.vector.ravel()
        for start in range(0, len(flat), CHUNK):
            yield flat[start : start + CHUNK].astype(np.float64) - self.middle


@dataclass(frozen=True)
class Rsa(MeasureBase):
    """Agreement of two dissimilarity matrices."""

    rdm: Rdm = "correlation"
    compare: Comparator = "spearman"
    sample: int | None = None

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="rsa",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("column_permutation", "scaling", "row_scaling"),
        sensitive_to=("rotation", "translation", "invertible_map", "row_shuffle"),
        family="dissimilarity",
        min_items=4,
        cost="prepare O(n^2 (d + log n)), score O(n^2); memory O(n^2)",
        summary="correlation of the dissimilarities of all pairs of items in both spaces",
        reference="Kriegeskorte, Mur & Bandettini 2008, Front. Syst. Neurosci. 2",
        kinds=("features", "rdm"),
    )

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Any = None,
        kind: Kind = "features",
    ) -> RdmState:
        """Compute the dissimilarities, and rank them where ranks are compared."""
        self._check_input(None, kind)
        if self.compare not in COMPARISONS:
            raise ParameterError(
                f"compare must be one of {', '.join(COMPARISONS)}, not {self.compare!r}"
            )
        source = dissimilarities(
            X, self.rdm, folds=folds, ready=kind == "rdm", min_items=self.spec.min_items
        )
        labels = None if folds is None else np.asarray(folds)
        state = RdmState(source, np.empty(0), 0.0, np.nan, self._pairs(source), X, kind, labels)
        return self._filled(state)

    def _pairs(self, source: Dissimilarities) -> tuple[Index, Index] | None:
        """Draw pairs of items; the same for both spaces, since only their number decides."""
        if self.sample is None:
            return None
        n = source.n_items
        if self.compare in ("kendall", "whitened_cosine") or self.sample < 10:
            raise ParameterError(
                "sample must be at least 10 pairs, and none of kendall and whitened_cosine, not "
                f"{self.sample} with {self.compare}"
            )
        if self.sample >= condensed_size(n):
            raise ParameterError(
                f"sample = {self.sample} is no sample: there are {condensed_size(n)} pairs"
            )
        generator = as_generator(0)
        first = generator.integers(n, size=self.sample)
        second = (first + generator.integers(1, n, size=self.sample)) % n
        return first, second

    def _filled(self, state: RdmState) -> RdmState:
        """Compute what is compared from the dissimilarities."""
        if self.compare == "whitened_cosine":
            return _normed(state, _doubly_centred(state.source), 0.0)
        ranked = self.compare not in ("cosine", "pearson")
        # squares rank as their roots do, and a root makes noise of what rounding left of a 0
        source = replace(state.source, root=False) if ranked else state.source
        values = source.condensed() if state.pairs is None else source.of_pairs(*state.pairs)
        if self.compare == "cosine":
            return _normed(state, values, 0.0)
        if np.ptp(values) <= 1e-12 * np.abs(values).max():
            raise DegenerateInputError("X has a constant RDM: all dissimilarities are equal")
        if self.compare == "pearson":
            return _normed(state, values, float(values.mean()))
        ranks = doubled_ranks(values if source.ready else _stepped(values))
        del values
        return _normed(state, ranks, len(ranks) + 1.0)

    def score(self, a: RdmState, b: RdmState) -> float:
        """Agreement of two states of the same items."""
        if self.compare == "kendall":
            return _tau_a(a.vector, b.vector)
        product = sum(float(x @ y) for x, y in zip(a.parts(), b.parts(), strict=True))
        return product / self._scale(a, b)

    def _scale(self, a: RdmState, b: RdmState) -> float:
        if self.compare == "rho_a":  # the largest that ranks without ties can reach, doubled twice
            n_pairs = float(len(a.vector))
            return (n_pairs**3 - n_pairs) / 3.0
        return a.norm * b.norm

    def permuted(self, state: RdmState, order: Index) -> RdmState:
        """Reorder the items; nothing is computed or ranked again."""
        source = state.source.permuted(order)
        moved = replace(
            state,
            source=source,
            features=_taken(state, order, whole=True),
            controls=tuple(self.permuted(control, order) for control in state.controls),
        )
        if state.pairs is not None:
            return self._filled(moved)
        if self.compare == "whitened_cosine":
            return replace(moved, vector=state.vector[np.ix_(order, order)])
        return replace(moved, vector=_reordered(state.vector, order))

    def subset(self, state: RdmState, rows: Index) -> RdmState:
        """Prepare the rows: ranks among some items are not those among all."""
        folds = state.folds
        if folds is not None:
            labels = np.unique(folds)
            folds = np.repeat(labels, len(rows))
        features = _taken(state, rows, whole=False)
        part = self.prepare(features, folds=folds, kind=state.kind)
        if not state.controls:
            return part
        return self.partial(part, [self.subset(control, rows) for control in state.controls])

    def partial(self, state: RdmState, controls: Sequence[RdmState]) -> RdmState:
        """Take the dissimilarities of other spaces out: what `score` then gives is partial RSA.

        Under permutation the residuals change places (Freedman and Lane 1983). Those of the
        other side are orthogonal to the controls, so that no second regression is needed.

        Parameters
        ----------
        state : RdmState
        controls : sequence of RdmState
            Of the same items.

        Raises
        ------
        ParameterError
            A comparison that is no correlation, or pairs that are a sample.
        DegenerateInputError
            The controls leave nothing.
        """
        if self.compare not in ("pearson", "spearman") or self.sample is not None:
            raise ParameterError(
                "controls are taken out of all dissimilarities or their ranks: partial rsa needs "
                f"compare='pearson' or 'spearman' without sample, not {self.compare!r}"
            )
        vectors = [np.concatenate(list(control.parts())) for control in controls]
        basis, _, _ = thin_svd(np.stack([v / np.linalg.norm(v) for v in vectors], axis=1))
        whole = np.concatenate(list(state.parts()))
        left = whole - basis @ (basis.T @ whole)
        left -= basis @ (basis.T @ left)  # once more, for what rounding left
        if left @ left <= 1e-20 * (whole @ whole):
            raise DegenerateInputError("the controls explain its dissimilarities wholly")
        return _normed(replace(state, controls=tuple(controls)), left, 0.0)

    def score_all(self, A: Sequence[RdmState], B: Sequence[RdmState]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        size = sum(state.vector.size for state in (*A, *B))
        if self.compare == "kendall" or 8 * size > STACK_BUDGET:
            return np.array([[self.score(a, b) for b in B] for a in A])
        X, Y = (np.stack([np.concatenate(list(s.parts())) for s in side]) for side in (A, B))
        scores: F64 = (X @ Y.T) / self._scales(A, B)
        return scores

    def _scales(self, A: Sequence[RdmState], B: Sequence[RdmState]) -> F64:
        return np.array([[self._scale(a, b) for b in B] for a in A])

    def score_permuted(self, A: Sequence[RdmState], B: Sequence[RdmState], orders: Index) -> F64:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        n = A[0].n_items
        plain = self.compare not in ("kendall", "whitened_cosine") and self.sample is None
        if not plain or 8 * n * n * (len(A) + 2 * len(B)) > STACK_BUDGET:
            moved = ([self.permuted(b, order) for b in B] for order in orders)
            return np.array([[[self.score(a, b) for b in Bs] for a in A] for Bs in moved])
        halves = np.stack([np.concatenate(list(a.parts())) for a in A])
        squares = np.stack([_square(np.concatenate(list(b.parts())), n).ravel() for b in B], axis=1)
        crosses = half_products(halves, squares, orders, diagonal=False)
        return np.stack([cross for _, cross in crosses]) / self._scales(A, B)

    def null_moments(self, a: RdmState, b: RdmState) -> Moments:
        """Exact mean under free exchange: 0 for correlations, the product of means for cosines."""
        if self.compare == "kendall" or self.sample is not None:
            return Moments(mean=0.0)
        if self.compare == "whitened_cosine":
            mean = np.trace(a.vector) * np.trace(b.vector) / (a.n_items - 1) / (a.norm * b.norm)
            exact = cache(lambda: kernel_moments(a.kernel, b.kernel).over(a.norm * b.norm))
        else:
            means = (a.vector.mean() - a.middle) * (b.vector.mean() - b.middle)
            mean = len(a.vector) * means / self._scale(a, b)
            exact = cache(lambda: graph_moments(a.arcs, b.arcs).over(2 * self._scale(a, b)))
        return Moments(
            mean=float(mean),
            variance=lambda: exact().variance,
            skewness=lambda: exact().skewness,
        )

    def cautions(self, state: RdmState) -> list[str]:
        """Say what a sample of the pairs costs in certainty."""
        if state.pairs is None:
            return []
        size, every = len(state.vector), condensed_size(state.n_items)
        return [
            f"estimated from {size} of {every} pairs of items, drawn at random: standard error at "
            f"most {1 / np.sqrt(size - 1):.2g} beside the exact value"
        ]


def _stepped(values: F64) -> F64:
    """Round to steps of 2^-36 of the mean, so that rounding noise does not break ties."""
    values *= 2.0**36 / np.abs(values).mean()
    return np.rint(values, out=values)


def _normed(state: RdmState, vector: NDArray[Any], middle: float) -> RdmState:
    filled = replace(state, vector=vector, middle=middle)
    norm = float(np.sqrt(sum(float(part @ part) for part in filled.parts())))
    if norm == 0.0:
        raise DegenerateInputError("X has a constant RDM: all dissimilarities are equal")
    return replace(filled, norm=norm)


def _doubly_centred(source: Dissimilarities) -> F64:
    """Inner products that squared dissimilarities would come from."""
    matrix = np.concatenate([band for _, band in source.bands()])
    mean = matrix.mean(axis=0)
    centred: F64 = -0.5 * (matrix - mean - mean[:, None] + mean.mean())
    return centred


def _tau_a(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Concordant less discordant pairs over all, from SciPy's tau-b and the ties."""
    n = len(x)
    total = n * (n - 1) / 2
    tied_x, tied_y = (_tied(v) for v in (x, y))
    tau_b = float(kendalltau(x, y).statistic)
    return tau_b * float(np.sqrt((total - tied_x) / total * ((total - tied_y) / total)))


def _tied(values: NDArray[Any]) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _reordered(vector: NDArray[Any], order: Index) -> NDArray[Any]:
    """Condensed entries of items in another order, a band of rows at a time."""
    n, at = len(order), 0
    out = np.empty_like(vector)
    size = max(1, CHUNK // n)
    columns = np.arange(n)
    for first in range(0, n, size):
        rows = columns[first : first + size]
        a, b = order[rows][:, None], order[None, first:]
        low, high = np.minimum(a, b), np.maximum(a, b)
        upper = columns[None, first:] > rows[:, None]
        where = (low * (2 * n - low - 1) // 2 + high - low - 1)[upper]
        out[at : at + len(where)] = vector[where]
        at += len(where)
    return out


def _square(vector: F64, n: int) -> F64:
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = vector
    matrix += matrix.T
    return matrix


def _taken(state: RdmState, rows: Index, *, whole: bool) -> Any:
    """What was given, for some items; the rows of every fold for repeated measurements."""
    if state.kind == "rdm":
        square = state.source.rows
        return square[np.ix_(rows, rows)]
    features = np.asarray(state.features)
    if state.folds is None:
        return features[rows]
    return np.concatenate([features[state.folds == f][rows] for f in np.unique(state.folds)])


def rsa(
    X: Any,
    Y: Any,
    *,
    rdm: Rdm = "correlation",
    compare: Comparator = "spearman",
    sample: int | None = None,
) -> float:
    """Representational similarity analysis of two feature spaces.

    The dissimilarities of all pairs of items are computed in each space, and the two lists are
    compared. Both choices are part of the result: they decide what the score reacts to.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    rdm : {"correlation", "cosine", "euclidean", "sqeuclidean", "mahalanobis"}
        The dissimilarity; "correlation" is one minus Pearson's correlation across features.
        ("crossnobis" needs the measure's ``prepare`` with ``folds``.)
    compare : {"spearman", "pearson", "rho_a", "kendall", "cosine", "whitened_cosine"}
        Rank correlation with mean ranks for ties; correlation; rank correlation as it would be
        on average if ties were broken at random; Kendall's tau-a; cosine; cosine after the
        covariance of dissimilarities that share an item is taken out.
    sample : int, optional
        Compare so many random pairs of items only. The exact value is the default.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = the same order of dissimilarities (spearman,
        kendall), the same up to scale and offset (pearson), up to scale (cosines). 0 on average
        for unrelated spaces, but for the cosines.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, have fewer than 4, or more dissimilarities than
        the budget of memory holds.
    DegenerateInputError
        Non-finite or constant features, dissimilarities that are all equal, an item whose
        correlation or cosine is undefined, or (mahalanobis) as many features as items.
    ParameterError
        Another ``rdm`` or ``compare``, or a sample that is none.

    References
    ----------
    Kriegeskorte, Mur, Bandettini (2008), Frontiers in Systems Neuroscience 2. Nili et al. (2014),
    PLoS Computational Biology 10. Diedrichsen et al. (2021), arXiv:2007.02789.

    Examples
    --------
    Distances 1, 4, 9, 3, 8, 5 in the first space, and their squares in the second.

    >>> X = [[0.0], [1.0], [4.0], [9.0]]
    >>> round(rsa(X, X, rdm="euclidean", compare="pearson"), 12)
    1.0
    >>> import numpy as np
    >>> r = np.random.default_rng(0)
    >>> Z = r.standard_normal((20, 5))
    >>> round(rsa(Z, 2 * Z[:, ::-1]), 12)
    1.0
    """
    return Rsa(rdm=rdm, compare=compare, sample=sample)(X, Y)
