"""Relatives of the RV coefficient, and the unbiased HSIC itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError
from platonica.measures._base import MeasureSpec, Moments, Move
from platonica.measures._kernel import (
    KernelAlignment,
    KernelState,
    debiased_moments,
    own_terms,
    product_moments,
    units,
)
from platonica.measures.kernel import debiased_numerator

__all__ = ["RV2", "AdjustedRV", "DebiasedHSIC", "adjusted_rv", "debiased_hsic", "rv2"]

F64 = NDArray[np.float64]

LINEAR_INVARIANT: tuple[Move, ...] = ("rotation", "column_permutation", "scaling", "translation")
LINEAR_SENSITIVE: tuple[Move, ...] = ("invertible_map", "row_scaling", "row_shuffle")
LINEAR_COST = "prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))"


@dataclass(frozen=True)
class AdjustedRV(KernelAlignment):
    """The RV coefficient (linear CKA), with its chance level taken out."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="adjusted_rv",
        direction="similarity",
        bounds=(-np.inf, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=LINEAR_INVARIANT,
        sensitive_to=LINEAR_SENSITIVE,
        family="kernel",
        min_items=4,
        cost=LINEAR_COST,
        summary="linear CKA on a scale from its exact mean under random pairing to 1",
        reference="Kazi-Aoual et al. 1995; Mayer, Lorent & Horgan 2011",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross

    def _finish(self, numerators: F64, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        own = own_terms(A, B)
        traces = np.outer([a.power.sum() for a in A], [b.power.sum() for b in B])
        chance = traces / ((A[0].n_items - 1) * own)
        if (chance >= 1 - 1e-12).any():
            raise DegenerateInputError(
                "adjusted_rv is undefined: items that are equally far from one another in both "
                "spaces agree as much under any pairing"
            )
        adjusted: F64 = (numerators / own - chance) / (1 - chance)
        return adjusted

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean under free exchange: 0; the shape is that of the RV coefficient's null."""
        rv = product_moments(a, b)
        return Moments(
            mean=0.0,
            variance=lambda: None if rv.variance is None else rv.variance / (1 - rv.mean) ** 2,
            skewness=lambda: rv.skewness,
        )


@dataclass(frozen=True)
class RV2(KernelAlignment):
    """The RV coefficient without the diagonals of the Gram matrices."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="rv2",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=LINEAR_INVARIANT,
        sensitive_to=LINEAR_SENSITIVE,
        family="kernel",
        min_items=4,
        cost=LINEAR_COST,
        summary="cosine of the centred Gram matrices without their diagonals",
        reference="Smilde, Kiers, Bijlsma, Rubingh & van Erk 2009, Bioinformatics 25",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross - p @ q.T

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean under free exchange; a little below that of unrelated items."""
        n = a.n_items
        # the whole inner product less the diagonals', each with its mean over all pairings
        mean = a.power.sum() * b.power.sum() * (1 / (n - 1) - 1 / n)
        return Moments(mean=float(mean / np.sqrt(a.self_term * b.self_term)))


@dataclass(frozen=True)
class DebiasedHSIC(KernelAlignment):
    """The unbiased estimate of HSIC with linear kernels, in units of the features."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="debiased_hsic",
        direction="similarity",
        bounds=(-np.inf, np.inf),
        symmetric=True,
        self_score=None,
        paired=True,
        invariant_to=("rotation", "column_permutation", "translation"),
        sensitive_to=("scaling", "invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost=LINEAR_COST,
        summary="squared cross-covariance of two spaces, estimated without bias; not normalised",
        reference="Song et al. 2012, JMLR 13",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return debiased_numerator(squared_cross, p, q)

    def _finish(self, numerators: F64, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        n = A[0].n_items
        return numerators / (n * (n - 3) * units(A, B))

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean and variance under free exchange."""
        n = a.n_items
        own = float(np.sqrt(a.self_term * b.self_term)) / float(units([a], [b])[0, 0])
        return debiased_moments(a, b, scale=own / (n * (n - 3.0)))


def adjusted_rv(X: Any, Y: Any) -> float:
    """Linear CKA with its chance level taken out.

    ``(RV - m) / (1 - m)`` with RV the linear CKA and m its exact mean over all pairings of the
    items: 0 on average for a random pairing, whatever the widths.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity, unitless, at most 1 = equal up to rotation, translation and one scale; below
        0 for less agreement than chance.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, or items equally far from one another in both spaces.

    References
    ----------
    Kazi-Aoual, Hitier, Sabatier, Lebreton (1995), Computational Statistics & Data Analysis 20.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.random.default_rng(0).standard_normal((2, 50, 200))
    >>> from platonica.measures import cka
    >>> bool(cka(X, Y) > 0.7), abs(adjusted_rv(X, Y)) < 0.1
    (True, True)
    """
    return AdjustedRV()(X, Y)


def rv2(X: Any, Y: Any) -> float:
    """Cosine of the centred Gram matrices of two spaces, without their diagonals.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, or a Gram matrix that is diagonal.

    References
    ----------
    Smilde, Kiers, Bijlsma, Rubingh, van Erk (2009), Matrix correlations for high-dimensional
    data: the modified RV-coefficient, Bioinformatics 25.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(rv2(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return RV2()(X, Y)


def debiased_hsic(X: Any, Y: Any) -> float:
    """Unbiased estimate of the Hilbert-Schmidt independence criterion with linear kernels.

    It estimates the sum of squared cross-covariances of the features of X and Y. Not normalised:
    doubling a space multiplies it by four.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in squared units of X times squared units of Y; 0 on average for unrelated
        spaces, and negative as often as not.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Song, Smola, Gretton, Bedo, Borgwardt (2012), Feature Selection via Dependence Maximization,
    JMLR 13.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> Y = [[0.0], [2.0], [4.0], [8.0], [18.0]]
    >>> round(debiased_hsic(X, Y) / debiased_hsic(X, X), 12)
    4.0
    """
    return DebiasedHSIC()(X, Y)
