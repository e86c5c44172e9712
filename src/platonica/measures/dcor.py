"""Distance correlation: dependence of any form, from distances between items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.distances import Dissimilarities, dissimilarities
from platonica.errors import DegenerateInputError
from platonica.measures._base import Kind, MeasureSpec, Moments
from platonica.measures._kernel import (
    KernelAlignment,
    KernelState,
    debiased_moments,
    fields_of,
)
from platonica.measures.kernel import debiased_numerator

__all__ = [
    "DebiasedDistanceCorrelation",
    "DistanceCorrelation",
    "DistanceState",
    "debiased_distance_correlation",
    "distance_correlation",
]

F64 = NDArray[np.float64]

MATRIX_BUDGET = 1 << 30
"""Bytes of one n x n matrix of centred distances; more items are read again in bands."""

DISTANCE_COST = "prepare O(n^2 d), score O(n^2) or O(n^2 d); memory O(n^2) up to 1 GiB, then O(n d)"


@dataclass(frozen=True)
class DistanceState(KernelState):
    """Minus the doubly centred distances of one space, which make a kernel.

    Attributes
    ----------
    source : Dissimilarities
    means : array of shape (n_items,)
        Mean distance of each item to all.
    """

    source: Dissimilarities
    means: F64


@dataclass(frozen=True)
class _DistanceAlignment(KernelAlignment):
    """The kernel of both estimators."""

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> DistanceState:
        """Compute the distances, and keep them centred where memory allows."""
        self._check_input(folds, kind)
        ready = kind == "rdm"
        least = self.spec.min_items
        return self._of(dissimilarities(X, "euclidean", ready=ready, min_items=least))

    def _of(self, source: Dissimilarities) -> DistanceState:
        n = source.n_items
        means = np.concatenate([band.mean(axis=1) for _, band in source.bands()])
        # minus a centred distance to oneself: 2 means - mean of means
        power = 2.0 * means - means.mean()
        scale = power.mean()
        state = DistanceState(None, None, power / scale, float(scale**-0.5), np.nan, source, means)
        if 8 * n * n <= MATRIX_BUDGET:
            gram = np.concatenate([band for band in _centred_bands(state)])
            state = replace(state, gram=gram)
        return self._own(state)

    def _own(self, state: DistanceState) -> DistanceState:
        squared = _inner_product(state, state)
        own = float(self._numerator(squared, state.power, state.power))
        if own <= 1e-12 * squared:
            raise DegenerateInputError(
                f"{self.spec.name} is undefined: the estimate of the space with itself is 0 up "
                "to rounding, as where all items are equally far from one another"
            )
        return replace(state, self_term=own)

    def score(self, a: Any, b: Any) -> float:
        """The alignment of two states of the same items."""
        numerator = self._numerator(_inner_product(a, b), a.power, b.power)
        return float(self._finish(np.array([[numerator]]), [a], [b])[0, 0])

    def permuted(self, state: Any, order: NDArray[np.int64]) -> Any:
        """Reorder the items; nothing is computed again."""
        moved = super().permuted(state, order)
        source = state.source.permuted(order)
        return DistanceState(**{**fields_of(moved), "source": source, "means": state.means[order]})

    def subset(self, state: Any, rows: NDArray[np.int64]) -> Any:
        """Centre the distances of the rows about their own means."""
        source = state.source
        if source.ready:
            part = replace(source, rows=source.rows[np.ix_(rows, rows)])
        else:
            part = replace(source, rows=source.rows[rows], power=source.power[rows])
        return self._of(part)

    def score_all(self, A: Sequence[Any], B: Sequence[Any]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        if any(state.gram is None for state in (*A, *B)):
            return np.array([[self.score(a, b) for b in B] for a in A])
        return super().score_all(A, B)

    def score_permuted(self, A: Sequence[Any], B: Sequence[Any], orders: NDArray[np.int64]) -> F64:
        """Scores for every permutation of B's items, shape (len(orders), len(A), len(B))."""
        if any(state.gram is None for state in (*A, *B)):
            moved = ([self.permuted(b, order) for b in B] for order in orders)
            return np.array([[[self.score(a, b) for b in Bs] for a in A] for Bs in moved])
        return super().score_permuted(A, B, orders)


def _centred_bands(state: DistanceState) -> Any:
    """Yield rows of the kernel, in units in which its mean diagonal is 1."""
    means = state.means
    for rows, band in state.source.bands():
        band -= means
        band -= means[rows, None]
        band += means.mean()
        band *= -(state.unit**2)
        yield band


def _inner_product(a: DistanceState, b: DistanceState) -> float:
    if a.gram is not None and b.gram is not None:
        return float(np.vdot(a.gram, b.gram))
    if a is b:
        return sum(float(np.vdot(band, band)) for band in _centred_bands(a))
    bands = zip(_centred_bands(a), _centred_bands(b), strict=True)
    return sum(float(np.vdot(x, y)) for x, y in bands)


@dataclass(frozen=True)
class DistanceCorrelation(_DistanceAlignment):
    """Distance correlation, the biased estimator (a root)."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="distance_correlation",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="dissimilarity",
        min_items=4,
        cost=DISTANCE_COST,
        summary="dependence of any form: root of the aligned, doubly centred distances",
        reference="Székely, Rizzo & Bakirov 2007, Annals of Statistics 35",
        kinds=("features", "rdm"),
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross

    def _finish(self, numerators: F64, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        squares = super()._finish(numerators, A, B)
        if (squares < -1e-12).any():  # distances of a metric of negative type have none
            raise DegenerateInputError(
                "the squared distance correlation is negative: the dissimilarities are not "
                "Euclidean distances"
            )
        roots: F64 = np.sqrt(np.maximum(squares, 0.0))
        return roots


@dataclass(frozen=True)
class DebiasedDistanceCorrelation(_DistanceAlignment):
    """Bias-corrected squared distance correlation."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="debiased_distance_correlation",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="dissimilarity",
        min_items=4,
        cost=DISTANCE_COST,
        summary="squared distance correlation without bias; 0 on average for unrelated spaces",
        reference="Székely & Rizzo 2014, Annals of Statistics 42",
        kinds=("features", "rdm"),
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return debiased_numerator(squared_cross, p, q)

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact: mean 0 and variance 2 / (n (n - 3)), whatever the spaces."""
        return debiased_moments(a, b)


def distance_correlation(X: Any, Y: Any) -> float:
    """Distance correlation of two feature spaces, the biased estimator.

    ``sqrt(<A, B> / sqrt(<A, A> <B, B>))`` with A and B the doubly centred Euclidean distances. 0
    in the population only for independence, linear or not; in a sample it is well above 0 for
    unrelated spaces, the more the wider they are.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = the same distances up to one scale. It is the root;
        `debiased_distance_correlation` is a square.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Székely, Rizzo, Bakirov (2007), Measuring and testing dependence by correlation of distances,
    Annals of Statistics 35.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(distance_correlation(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return DistanceCorrelation()(X, Y)


def debiased_distance_correlation(X: Any, Y: Any) -> float:
    """Bias-corrected squared distance correlation of two feature spaces.

    As the square of `distance_correlation`, with U-centred distances: 0 on average for unrelated
    spaces, with variance 2 / (n (n - 3)); negative values are returned as they are.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = the same distances up to one scale. It is a square,
        not a root.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, or items that are all equally far from one another.

    References
    ----------
    Székely, Rizzo (2014), Partial distance correlation with methods for dissimilarities, Annals
    of Statistics 42.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(debiased_distance_correlation(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return DebiasedDistanceCorrelation()(X, Y)
