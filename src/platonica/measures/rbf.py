"""Centred alignment of Gaussian kernels, whose width is a multiple of the median distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_rdm
from platonica.errors import ParameterError, ShapeError
from platonica.measures._base import Kind, MeasureSpec, Moments
from platonica.measures._centred import centre
from platonica.measures._kernel import (
    KernelAlignment,
    KernelState,
    debiased_moments,
    fields_of,
    product_moments,
)
from platonica.measures.kernel import debiased_numerator

__all__ = ["DebiasedRbfCKA", "RbfCKA", "RbfState", "debiased_rbf_cka", "rbf_cka"]

F64 = NDArray[np.float64]

MATRIX_BUDGET = 4 << 30
"""Bytes of one n x n kernel in float64; more items are refused rather than swapped."""

RBF_COST = "prepare O(n^2 d), score O(n^2); memory O(n^2)"


@dataclass(frozen=True)
class RbfState(KernelState):
    """A centred Gaussian kernel.

    Attributes
    ----------
    sigma : float
        Its width, in units of the features: ``exp(-distance^2 / (2 sigma^2))``.
    squares : array of shape (n_items, n_items)
        Squared distances, from which a subset finds its own width.
    """

    sigma: float
    squares: F64


@dataclass(frozen=True)
class _GaussianAlignment(KernelAlignment):
    """The kernel of both estimators."""

    bandwidth: float = 1.0

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> RbfState:
        """Form the kernel from features, or from a matrix of distances."""
        self._check_input(folds, kind)
        if not self.bandwidth > 0:
            raise ParameterError(f"bandwidth must be positive, not {self.bandwidth}")
        if kind == "rdm":
            return self._of_squares(check_rdm(X, min_items=self.spec.min_items) ** 2)
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        if 8 * n * n > MATRIX_BUDGET:
            most = int((MATRIX_BUDGET / 8) ** 0.5)
            raise ShapeError(
                f"{self.spec.name} holds an n x n kernel, at most of {most} items, not {n}: take "
                "a sample of the items, or debiased_cka, which streams"
            )
        space = centre(X, min_items=self.spec.min_items)
        rows = space.array()
        squares = space.power[:, None] + space.power - 2.0 * (rows @ rows.T)
        np.maximum(squares, 0.0, out=squares)  # rounding of equal items
        np.fill_diagonal(squares, 0.0)
        return self._of_squares(squares / space.unit**2)

    def _of_squares(self, squares: F64) -> RbfState:
        upper = np.concatenate([row[i + 1 :] for i, row in enumerate(squares)])
        median = float(np.median(np.sqrt(upper, out=upper)))
        if median == 0.0:
            raise ParameterError(
                "more than half of the pairs of items are equal: the median distance is 0, and no "
                "multiple of it is a width"
            )
        sigma = self.bandwidth * median
        kernel = np.exp(squares / (-2.0 * sigma**2))
        state = self._of_gram(kernel)
        return RbfState(**fields_of(state), sigma=sigma, squares=squares)

    def permuted(self, state: Any, order: NDArray[np.int64]) -> Any:
        """Reorder the items; nothing is computed again."""
        return self._taken(state, super().permuted(state, order), order)

    def _taken(self, state: RbfState, moved: Any, order: NDArray[np.int64]) -> RbfState:
        squares = state.squares[np.ix_(order, order)]
        return RbfState(**{**fields_of(moved), "squares": squares})

    def subset(self, state: Any, rows: NDArray[np.int64]) -> Any:
        """Take rows; the width is that of their own distances."""
        return self._of_squares(state.squares[np.ix_(rows, rows)])


@dataclass(frozen=True)
class RbfCKA(_GaussianAlignment):
    """CKA with Gaussian kernels, biased."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="rbf_cka",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost=RBF_COST,
        summary="CKA of Gaussian kernels; their width is a multiple of the median distance",
        reference="Kornblith et al. 2019, arXiv:1905.00414",
        kinds=("features", "rdm"),
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean under free exchange."""
        return product_moments(a, b)


@dataclass(frozen=True)
class DebiasedRbfCKA(_GaussianAlignment):
    """CKA with Gaussian kernels and the unbiased HSIC estimator."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="debiased_rbf_cka",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost=RBF_COST,
        summary="CKA of Gaussian kernels with the unbiased HSIC estimator",
        reference="Song et al. 2012, JMLR 13; Kornblith et al. 2019, arXiv:1905.00414",
        kinds=("features", "rdm"),
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return debiased_numerator(squared_cross, p, q)

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact: mean 0 and variance 2 / (n (n - 3)), whatever the spaces."""
        return debiased_moments(a, b)


def rbf_cka(X: Any, Y: Any, *, bandwidth: float = 1.0) -> float:
    """Centred alignment of Gaussian kernels, the biased estimator.

    ``K_ij = exp(-|x_i - x_j|^2 / (2 sigma^2))`` with sigma the median distance between different
    items of the space times ``bandwidth``, for each space its own.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    bandwidth : float, default 1.0
        Width of the kernels in median distances. Large: the score goes to that of linear CKA;
        small: only nearest neighbours count, and little is left above chance.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = the same distances up to one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4, or more than a kernel in
        memory allows.
    DegenerateInputError
        Non-finite or constant features.
    ParameterError
        A bandwidth that is not positive, or a median distance of 0.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton (2019), Similarity of Neural Network Representations
    Revisited, arXiv:1905.00414.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(rbf_cka(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return RbfCKA(bandwidth=bandwidth)(X, Y)


def debiased_rbf_cka(X: Any, Y: Any, *, bandwidth: float = 1.0) -> float:
    """Centred alignment of Gaussian kernels with the unbiased HSIC estimator.

    As `rbf_cka`, with each term corrected for the finite number of items: 0 on average for
    unrelated spaces, with variance 2 / (n (n - 3)).

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    bandwidth : float, default 1.0
        Width of the kernels in median distances.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = the same distances up to one scale.

    Raises
    ------
    ShapeError, DegenerateInputError, ParameterError
        As in `rbf_cka`; and an estimate of a space with itself that is not positive.

    References
    ----------
    Song, Smola, Gretton, Bedo, Borgwardt (2012), JMLR 13. Kornblith et al. (2019),
    arXiv:1905.00414.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(debiased_rbf_cka(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return DebiasedRbfCKA(bandwidth=bandwidth)(X, Y)
