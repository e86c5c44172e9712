"""Centred kernel alignment with linear kernels: biased, debiased, corrected for features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.arrays import to_numpy
from platonica.errors import DegenerateInputError
from platonica.measures._base import Kind, MeasureSpec, Moments
from platonica.measures._centred import Centred, centre
from platonica.measures._kernel import (
    CANCELLATION,
    KernelAlignment,
    KernelState,
    debiased_moments,
    fields_of,
    own_terms,
    product_moments,
    units,
)
from platonica.measures._prh import PRH_EPSILON, Compat, check_compat, prh_features

__all__ = [
    "CKA",
    "DebiasedCKA",
    "FeatureCorrectedCKA",
    "cka",
    "debiased_cka",
    "feature_corrected_cka",
]

F64 = NDArray[np.float64]


def debiased_numerator(squared_cross: Any, p: F64, q: F64) -> Any:
    """N (n - 3) HSIC_1 of two centred kernels: no diagonal is set to 0, no n x n matrix needed.

    Parameters
    ----------
    squared_cross : float or array (n_layers_x, n_layers_y)
        Inner products <K, L> of the centred kernels.
    p, q : arrays of shape (..., n_items)
        Diagonals of K and L.
    """
    n = p.shape[-1]
    sums = np.multiply.outer(p.sum(axis=-1), q.sum(axis=-1))
    return squared_cross - n / (n - 2) * (p @ q.T) + sums / ((n - 1) * (n - 2))


@dataclass(frozen=True)
class SourceState(KernelState):
    """A kernel whose subset is no part of it, since its values depend on all the items.

    Attributes
    ----------
    features : array or RowView of shape (n_items, n_features)
        As they came, for subsets.
    """

    features: Any


def _with_source(state: KernelState, features: Any) -> SourceState:
    return SourceState(**{**fields_of(state), "features": features})


@dataclass(frozen=True)
class _FromSource(KernelAlignment):
    """Subsets of a state that keeps its features are prepared from them."""

    def permuted(self, state: KernelState, order: NDArray[np.int64]) -> KernelState:
        """Reorder the items; nothing is computed again."""
        moved = super().permuted(state, order)
        if not isinstance(state, SourceState):
            return moved
        return _with_source(moved, _rows(state.features, order))

    def subset(self, state: KernelState, rows: NDArray[np.int64]) -> KernelState:
        """Prepare the rows, or centre them about their own mean where that is the same."""
        if not isinstance(state, SourceState):
            return super().subset(state, rows)
        return self.prepare(_rows(state.features, rows))


@dataclass(frozen=True)
class _WithParity(_FromSource):
    """A linear CKA that the first paper's code has too."""

    compat: Compat = None

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KernelState:
        """Centre in float64; in parity mode after clipping and scaling the rows."""
        if check_compat(self.compat) is None:
            return super().prepare(X, role=role, groups=groups, folds=folds, kind=kind)
        self._check_input(folds, kind)
        clipped = prh_features(X, self.compat, min_items=self.spec.min_items)
        # the rows of a subset clip at another value
        return _with_source(self._of_space(centre(clipped)), X)

    def _finish(self, numerators: F64, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        if self.compat is None:
            return super()._finish(numerators, A, B)
        # that code adds its constant to terms in the units of the features
        constant = PRH_EPSILON * self._divisor(A[0].n_items) * units(A, B)
        return numerators / (own_terms(A, B) + constant)

    def _divisor(self, n: int) -> float:
        """What that code divides its inner product by."""
        raise NotImplementedError


@dataclass(frozen=True)
class CKA(_WithParity):
    """Linear CKA, biased: the RV coefficient."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cka",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))",
        summary="squared cross-covariance of two spaces, relative to their own (RV coefficient)",
        reference="Kornblith et al. 2019, arXiv:1905.00414; Robert & Escoufier 1976",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross

    def _divisor(self, n: int) -> float:
        return 1.0

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean under free exchange: grows with the width of both spaces."""
        return product_moments(a, b)


@dataclass(frozen=True)
class DebiasedCKA(_WithParity):
    """Linear CKA with the unbiased estimator of HSIC."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="debiased_cka",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))",
        summary="CKA with the unbiased HSIC estimator; 0 on average for unrelated spaces",
        reference="Song et al. 2012, JMLR 13; Nguyen, Raghu & Kornblith 2021, arXiv:2010.15327",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return debiased_numerator(squared_cross, p, q)

    def _divisor(self, n: int) -> float:
        return n * (n - 3.0)

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact: mean 0 and variance 2 / (n (n - 3)), whatever the spaces."""
        return debiased_moments(a, b)

    def cautions(self, state: KernelState) -> list[str]:
        """Say when there are too few items for the estimate to mean anything."""
        if state.n_items < 20:
            return [f"debiased CKA of {state.n_items} items is legal but hardly informative"]
        return []


@dataclass(frozen=True)
class FeatureCorrectedCKA(_FromSource):
    """Debiased CKA for features that are themselves a sample."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="feature_corrected_cka",
        direction="similarity",
        bounds=(-np.inf, np.inf),
        symmetric=True,
        self_score=None,
        paired=True,
        invariant_to=("column_permutation", "scaling", "translation"),
        sensitive_to=("rotation", "invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))",
        summary="debiased CKA corrected for a finite sample of features too",
        reference="Chun et al. 2025; Song et al. 2012, JMLR 13",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return debiased_numerator(squared_cross, p, q)

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KernelState:
        """Centre in float64, and take each feature's product with itself out of the self term."""
        self._check_input(folds, kind)
        space = centre(X, min_items=self.spec.min_items)
        if space.n_features < 2:
            raise DegenerateInputError(
                "feature_corrected_cka needs at least 2 features: products of different features "
                "are all that it keeps"
            )
        state = self._of_space(space)
        d = space.n_features
        own = (state.self_term - _diagonal_term(space)) * d / (d - 1)
        if own <= CANCELLATION * abs(state.self_term):
            raise DegenerateInputError(
                f"feature_corrected_cka is undefined: the estimate of the space with itself is "
                f"{own:.3g}, as where different features have nothing in common"
            )
        return _with_source(replace(state, self_term=float(own)), X)


def _rows(features: Any, rows: NDArray[np.int64]) -> Any:
    return features.read_rows(rows) if hasattr(features, "read_rows") else to_numpy(features)[rows]


def _diagonal_term(space: Centred) -> float:
    """Sum over features of n (n - 3) HSIC_1 of the feature with itself."""
    n = space.n_items
    squares, fourths = np.zeros(space.n_features), np.zeros(space.n_features)
    for _, block in space.blocks():
        square = block * block
        squares += square.sum(axis=0)
        fourths += np.einsum("ij,ij->j", square, square)
    terms = squares**2 * (1 + 1 / ((n - 1) * (n - 2))) - n / (n - 2) * fourths
    return float(terms.sum())


def cka(X: Any, Y: Any, *, compat: Compat = None) -> float:
    """Linear centred kernel alignment of two feature spaces, the biased estimator.

    ``||Xc' Yc||^2 / (||Xc' Xc|| ||Yc' Yc||)`` of the centred features, in float64. It is also
    the RV coefficient. Unrelated spaces score above 0, the more the wider they are: print it
    with its null, or use `debiased_cka`.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    compat : {None, "prh", "prh-script"}
        Clip outliers, scale rows and add 1e-6 to the denominator as the first paper's code does;
        None is the exact form.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton (2019), Similarity of Neural Network Representations
    Revisited, arXiv:1905.00414.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> round(cka(X, [[0.0], [2.0], [4.0], [6.0]]), 12)
    1.0
    """
    return CKA(compat=compat)(X, Y)


def debiased_cka(X: Any, Y: Any, *, compat: Compat = None) -> float:
    """Linear centred kernel alignment of two feature spaces with the unbiased HSIC estimator.

    ``HSIC_1(X, Y) / sqrt(HSIC_1(X, X) HSIC_1(Y, Y))``; each term corrects for the finite number
    of items, so that unrelated spaces score 0 on average, with variance 2 / (n (n - 3)).
    Negative values are estimates like any other and are returned as they are.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    compat : {None, "prh", "prh-script"}
        Clip outliers, scale rows and add 1e-6 to the denominator as the first paper's code does;
        None is the exact form.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, or an estimate of a space with itself that is not
        positive.

    References
    ----------
    Song, Smola, Gretton, Bedo, Borgwardt (2012), Feature Selection via Dependence
    Maximization, JMLR 13. Nguyen, Raghu, Kornblith (2021), arXiv:2010.15327.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(debiased_cka(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return DebiasedCKA(compat=compat)(X, Y)


def feature_corrected_cka(X: Any, Y: Any) -> float:
    """Debiased CKA corrected for a finite sample of features as well as of items.

    The numerator is that of `debiased_cka`. In each self term a feature's product with itself is
    left out, and the rest is scaled up: as if the features, too, were drawn from more.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4, at least 2 features.

    Returns
    -------
    float
        Similarity, unitless; 0 on average for unrelated spaces. It estimates the CKA that more
        features of the same kind would have, and may exceed 1. It depends on the basis.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, one feature only, or an estimate of a space with itself
        that is not positive.

    References
    ----------
    Chun, Canatar, Chung, Lee (2025), Estimating Neural Representation Alignment from Sparsely
    Sampled Inputs and Features.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.random.default_rng(0)
    >>> world = r.standard_normal((100, 3))
    >>> X, Y = (world @ r.standard_normal((3, 8)) + r.standard_normal((100, 8)) for _ in "XY")
    >>> feature_corrected_cka(X, Y) > debiased_cka(X, Y)
    True
    """
    return FeatureCorrectedCKA()(X, Y)
