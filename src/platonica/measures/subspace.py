"""Measures of the subspaces that two spaces span: canonical correlations and their kin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError
from platonica.exact_moments import kernel_moments
from platonica.linalg import nuclear_norm
from platonica.measures._base import MeasureSpec, Moments
from platonica.measures._bases import Basis, Recipe, SubspaceMeasure, check_not_negative

__all__ = [
    "CCA",
    "PWCCA",
    "SVCCA",
    "CCASquared",
    "EigenspaceOverlap",
    "cca",
    "cca_squared",
    "eigenspace_overlap",
    "pwcca",
    "svcca",
]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class _RidgedCCA(SubspaceMeasure):
    """Canonical correlations of all directions, plain or with a ridge that was asked for."""

    ridge: float | None = None

    def __post_init__(self) -> None:
        check_not_negative("ridge", self.ridge)

    def _recipe(self) -> Recipe:
        return Recipe(ridge=self.ridge or 0.0)


@dataclass(frozen=True)
class CCA(_RidgedCCA):
    """Mean canonical correlation."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cca",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=(
            "rotation",
            "column_permutation",
            "scaling",
            "translation",
            "invertible_map",
        ),
        sensitive_to=("row_scaling", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d^2), score O(n d^2 + d^3); memory O(n d), or O(d^2) where it streams",
        summary="mean canonical correlation: how well linear maps make two spaces agree",
        reference="Hotelling 1936, Biometrika 28; Raghu et al. 2017, arXiv:1706.05806",
        requires=("few_features",),
    )

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        return float(nuclear_norm(cross) / min(cross.shape))


@dataclass(frozen=True)
class CCASquared(_RidgedCCA):
    """Mean squared canonical correlation."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cca_squared",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=(
            "rotation",
            "column_permutation",
            "scaling",
            "translation",
            "invertible_map",
        ),
        sensitive_to=("row_scaling", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d^2), score O(n d^2); memory O(n d), or O(d^2) where it streams",
        summary="mean squared canonical correlation: shared variance after linear maps",
        reference="Hotelling 1936, Biometrika 28; Kornblith et al. 2019, arXiv:1905.00414",
        requires=("few_features",),
    )

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        return float(np.square(cross).sum() / min(cross.shape))

    def null_moments(self, a: Basis, b: Basis) -> Moments:
        """Exact mean under free exchange: max(ranks) / (n - 1) without a ridge."""
        return _squared_cross_moments(a, b, min(a.rank, b.rank))


@dataclass(frozen=True)
class SVCCA(SubspaceMeasure):
    """Mean canonical correlation of the leading principal directions."""

    components: float = 0.99

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="svcca",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d min(n, d)), score O(n r^2 + r^3) with r directions kept",
        summary="mean canonical correlation of the leading principal directions",
        reference="Raghu, Gilmer, Yosinski & Sohl-Dickstein 2017, arXiv:1706.05806",
        requires=("few_directions",),
    )

    def __post_init__(self) -> None:
        kept = self.components
        whole = isinstance(kept, Integral) and not isinstance(kept, bool) and kept >= 1
        if whole or (isinstance(kept, float) and 0.0 < kept < 1.0):
            return
        raise ParameterError(
            "components must be a whole number of at least 1, or a share of the variance between "
            f"0 and 1, not {kept!r}"
        )

    def _recipe(self) -> Recipe:
        return Recipe(keep=self.components)

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        return float(nuclear_norm(cross) / min(cross.shape))

    def cautions(self, state: Basis) -> list[str]:
        """Say how many directions were kept."""
        return [f"svcca keeps {state.rank} of {state.full_rank} principal directions"]


@dataclass(frozen=True)
class PWCCA(SubspaceMeasure):
    """Canonical correlations weighted by how much of X each canonical variate carries."""

    symmetric: bool = False

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="pwcca",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=False,
        self_score=1.0,
        paired=True,
        invariant_to=("column_permutation", "scaling", "translation"),
        invariant_y=("rotation", "invertible_map"),
        sensitive_to=("rotation", "invertible_map", "row_scaling", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d^2), score O(n d^2 + d^3); memory O(n d), or O(d^2) where it streams",
        summary="mean canonical correlation, weighted by what each variate carries of X",
        reference="Morcos, Raghu & Bengio 2018, arXiv:1806.05759",
        requires=("few_features",),
    )

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        left, correlations, right = np.linalg.svd(cross, full_matrices=False)
        one = _weighted_mean(correlations, a.loadings @ left)
        if not self.symmetric:
            return one
        return (one + _weighted_mean(correlations, b.loadings @ right.T)) / 2.0


@dataclass(frozen=True)
class EigenspaceOverlap(SubspaceMeasure):
    """Overlap of the spans of the centred features."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="eigenspace_overlap",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=(
            "rotation",
            "column_permutation",
            "scaling",
            "translation",
            "invertible_map",
        ),
        sensitive_to=("row_scaling", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d^2), score O(n d^2); memory O(n d), or O(d^2) where it streams",
        summary="overlap of the spans of two spaces, relative to the wider one",
        reference="May et al. 2019, arXiv:1909.01264",
        requires=("few_features",),
    )

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        return float(np.square(cross).sum() / max(cross.shape))

    def null_moments(self, a: Basis, b: Basis) -> Moments:
        """Exact mean under free exchange: min(ranks) / (n - 1)."""
        return _squared_cross_moments(a, b, max(a.rank, b.rank))


def _squared_cross_moments(a: Basis, b: Basis, divisor: int) -> Moments:
    """Moments of the sum of squared products over all pairings of the items, exactly."""
    mean = float((a.gain**2).sum() * (b.gain**2).sum() / (a.n_items - 1))
    if a.projector is None or b.projector is None:
        return Moments(mean=mean / divisor)
    x, y = a.projector, b.projector
    exact = cache(lambda: kernel_moments(x, y).over(divisor))
    return Moments(
        mean=mean / divisor,
        variance=lambda: exact().variance,
        skewness=lambda: exact().skewness,
    )


def _weighted_mean(correlations: F64, products: F64) -> float:
    """Mean of the correlations, weighted by the sizes of the variates' products with neurons."""
    weights = np.abs(products).sum(axis=0)
    return float(weights @ correlations / weights.sum())


def cca(X: Any, Y: Any, *, ridge: float | None = None) -> float:
    """Mean canonical correlation of two feature spaces.

    The mean of the ``min(p, q)`` canonical correlations: singular values of ``Qx' Qy`` for
    orthonormal bases Qx, Qy of the centred features, with p and q their numerical ranks.
    Unrelated spaces score far above 0 where p + q is not small against n: print it with its null.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items > n_features_x + n_features_y.
    ridge : float, optional
        Added to the eigenvalues of both covariance matrices, in units of their mean. With a
        ridge any width is allowed, but the score of a space with itself is below 1.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to an invertible affine map.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features; or, without a ridge, no more items than features, in
        one space or in both together.
    ParameterError
        A negative ridge.

    References
    ----------
    Hotelling (1936), Relations Between Two Sets of Variates, Biometrika 28. Raghu, Gilmer,
    Yosinski, Sohl-Dickstein (2017), SVCCA, arXiv:1706.05806.

    Examples
    --------
    Any linear map of a space is the same space:

    >>> X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 0.0], [4.0, 5.0]]
    >>> Y = [[a + b, a - 3 * b] for a, b in X]
    >>> round(cca(X, Y), 12)
    1.0

    A pair of single features has one canonical correlation, the absolute Pearson correlation:

    >>> round(cca([[0.0], [1.0], [2.0], [3.0]], [[0.0], [-2.0], [-1.0], [-3.0]]), 12)
    0.8
    """
    return CCA(ridge=ridge)(X, Y)


def cca_squared(X: Any, Y: Any, *, ridge: float | None = None) -> float:
    """Mean squared canonical correlation of two feature spaces.

    ``||Qx' Qy||^2 / min(p, q)`` for orthonormal bases Qx, Qy of the centred features, with p and
    q their numerical ranks. Its mean over shuffled rows is exactly ``max(p, q) / (n_items - 1)``.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items > n_features_x + n_features_y.
    ridge : float, optional
        As in `cca`.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to an invertible affine map.

    Raises
    ------
    ShapeError, DegenerateInputError, ParameterError
        As in `cca`.

    References
    ----------
    Hotelling (1936), Biometrika 28. Kornblith, Norouzi, Lee, Hinton (2019), Similarity of
    Neural Network Representations Revisited, arXiv:1905.00414.

    Examples
    --------
    >>> round(cca_squared([[0.0], [1.0], [2.0], [3.0]], [[0.0], [2.0], [1.0], [3.0]]), 12)
    0.64
    """
    return CCASquared(ridge=ridge)(X, Y)


def svcca(X: Any, Y: Any, *, components: float = 0.99) -> float:
    """Mean canonical correlation of the leading principal directions of two feature spaces.

    `cca` after each space is projected on its leading principal directions, by an exact
    decomposition.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items must exceed the directions kept of both.
    components : int, or float between 0 and 1, default 0.99
        How many directions of each space are kept; or the share of its variance: the fewest
        directions that hold it.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal leading directions up to an invertible map.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features, fewer directions than ``components``, or no more items
        than directions kept.
    ParameterError
        ``components`` is neither a positive whole number nor a share.

    References
    ----------
    Raghu, Gilmer, Yosinski, Sohl-Dickstein (2017), SVCCA: Singular Vector Canonical Correlation
    Analysis for Deep Learning Dynamics and Interpretability, arXiv:1706.05806.

    Examples
    --------
    The second feature of X has 1 % of the variance of the first; Y repeats the first:

    >>> X = [[-10.0, 1.0], [10.0, 1.0], [-10.0, -1.0], [10.0, -1.0]]
    >>> round(svcca(X, [[a] for a, _ in X], components=0.9), 12)
    1.0
    """
    return SVCCA(components=components)(X, Y)


def pwcca(X: Any, Y: Any, *, symmetric: bool = False) -> float:
    """Projection-weighted canonical correlation of two feature spaces.

    The mean of the canonical correlations rho_i with weights ``sum_j |<h_i, x_j>|``: h_i is the
    i-th canonical variate of X and x_j its j-th centred feature. Asymmetric: X gives the weights.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items > n_features_x + n_features_y.
    symmetric : bool, default False
        Return the mean of both directions.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to an invertible affine map.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features, or no more items than features, in one space or in
        both together.

    References
    ----------
    Morcos, Raghu, Bengio (2018), Insights on Representational Similarity in Neural Networks with
    Canonical Correlation, arXiv:1806.05759.

    Examples
    --------
    X has two uncorrelated features of sizes 3 and 1, and Y repeats the larger, with noise on the
    other; each variate carries one feature: (3 * 1 + 1 * 0) / 4.

    >>> X = [[3, 1], [3, -1], [-3, 1], [-3, -1], [3, 1], [3, -1], [-3, 1], [-3, -1]]
    >>> Y = [[3, 1], [3, 1], [-3, 1], [-3, 1], [3, -1], [3, -1], [-3, -1], [-3, -1]]
    >>> round(pwcca(X, Y), 12)
    0.75
    """
    return PWCCA(symmetric=symmetric)(X, Y)


def eigenspace_overlap(X: Any, Y: Any) -> float:
    """Overlap of the subspaces that the centred features of two spaces span.

    ``||Ux' Uy||^2 / max(p, q)`` with the left singular vectors Ux, Uy of the centred features and
    p, q their numerical ranks: `cca_squared` relative to the wider space. Its mean over shuffled
    rows is exactly ``min(p, q) / (n_items - 1)``.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items > n_features_x + n_features_y.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to an invertible affine map.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features, or no more items than features, in one space or in
        both together.

    References
    ----------
    May, Zhang, Dao, Ré (2019), On the Downstream Performance of Compressed Word Embeddings,
    arXiv:1909.01264.

    Examples
    --------
    The span of X is half of the span of Y:

    >>> Y = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    >>> round(eigenspace_overlap([[a] for a, _ in Y], Y), 12)
    0.5
    """
    return EigenspaceOverlap()(X, Y)
