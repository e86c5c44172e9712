"""Distances of two clouds of points in one space; which item is which does not matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError
from platonica.linalg import nuclear_norm, triangular_factor
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.rows import row_blocks

__all__ = [
    "FrechetDistance",
    "GaussianState",
    "KernelMeanState",
    "MmdDistance",
    "frechet_distance",
    "mmd_distance",
]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianState:
    """One space as the normal distribution with its mean and covariance.

    Attributes
    ----------
    features : array of shape (n_items, n_features)
        A reference, for subsets.
    mean : array of shape (n_features,)
    factor : array of shape (min(n_items, n_features), n_features)
        R with RᵀR the covariance, divided by n_items - 1.
    """

    features: NDArray[Any]
    mean: F64
    factor: F64


@dataclass(frozen=True)
class FrechetDistance(MeasureBase):
    """Squared Wasserstein distance of the normal distributions fitted to both spaces."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="frechet_distance",
        direction="distance",
        bounds=(0.0, math.inf),
        symmetric=True,
        self_score=0.0,
        paired=False,
        invariant_to=("row_shuffle",),
        sensitive_to=("rotation", "column_permutation", "scaling", "row_scaling", "translation",
                      "invertible_map"),
        family="unpaired",
        min_items=2,
        cost="prepare O(n d^2), score O(d^3); memory O(n d + d^2)",
        summary="squared Wasserstein distance of the normal distributions fitted to both clouds",
        reference="Dowson & Landau 1982, J. Multivariate Analysis 12; Heusel et al. 2017, "
        "arXiv:1706.08500",
        invariant_jointly=("rotation", "column_permutation", "translation"),
        requires=("equal_width",),
    )  # fmt: skip

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> GaussianState:
        """Fit mean and covariance in float64, the latter as a triangular factor."""
        self._check_input(folds, kind)
        X = check_features(X, min_items=self.spec.min_items)
        mean = X.mean(axis=0, dtype=np.float64)
        mean += (X - mean).mean(axis=0)  # what rounding left of a large mean
        factor = triangular_factor(block - mean for _, block in row_blocks(X))
        return GaussianState(X, mean, factor / math.sqrt(len(X) - 1))

    def score(self, a: GaussianState, b: GaussianState) -> float:
        """Squared gap of the means, and squared Bures distance of the covariances."""
        between = a.mean - b.mean
        total = float(np.vdot(a.factor, a.factor)) + float(np.vdot(b.factor, b.factor))
        # The nuclear norm of R_x R_yᵀ is the trace of the root of the product of covariances;
        # no matrix is inverted, and none need have an inverse.
        spread = total - 2.0 * nuclear_norm(a.factor @ b.factor.T)
        return float(between @ between) + max(spread, 0.0)  # below 0 only by rounding

    def permuted(self, state: GaussianState, order: NDArray[np.int64]) -> GaussianState:
        """Reorder the items, of which mean and covariance know nothing."""
        return replace(state, features=state.features[order])

    def subset(self, state: GaussianState, rows: NDArray[np.int64]) -> GaussianState:
        """Fit again to some items."""
        return self.prepare(state.features[rows])

    def cautions(self, state: GaussianState) -> list[str]:
        """Say when the estimated covariances are singular, and the distance biased upwards."""
        n, p = state.features.shape
        if n > p:
            return []
        return [
            f"{n} items in {p} features: the covariance is singular, and the distance of equal "
            "distributions is well above 0"
        ]


@dataclass(frozen=True)
class KernelMeanState:
    """One cloud of points, and the distances within it.

    Attributes
    ----------
    features : array of shape (n_items, n_features), float64
    squared : array of shape (n_items, n_items)
        Squared Euclidean distances.
    """

    features: F64
    squared: F64


@dataclass(frozen=True)
class MmdDistance(MeasureBase):
    """Unbiased estimate of the squared maximum mean discrepancy, Gaussian kernel."""

    bandwidth: float = 1.0
    relative: bool = True

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="mmd_distance",
        direction="distance",
        bounds=(-2.0, 2.0),
        symmetric=True,
        self_score=None,
        paired=False,
        invariant_to=("row_shuffle",),
        sensitive_to=("rotation", "column_permutation", "scaling", "row_scaling", "translation",
                      "invertible_map"),
        family="unpaired",
        min_items=4,
        cost="prepare O(n^2 d), score O(n^2 d); memory O(n^2 + n d)",
        summary="squared distance of two clouds' kernel means (Gaussian kernel), estimated "
        "without bias",
        reference="Gretton et al. 2012, JMLR 13, equation 3",
        invariant_jointly=("rotation", "column_permutation", "scaling", "translation"),
        requires=("equal_width",),
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse a bandwidth that is none."""
        number = isinstance(self.bandwidth, int | float) and not isinstance(self.bandwidth, bool)
        if not number or not 0.0 < self.bandwidth < math.inf:
            raise ParameterError(f"bandwidth must be a positive number, not {self.bandwidth!r}")
        if not isinstance(self.relative, bool):
            raise ParameterError(f"relative must be True or False, not {self.relative!r}")

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KernelMeanState:
        """Squared distances of all items, in float64."""
        self._check_input(folds, kind)
        features = check_features(X, min_items=self.spec.min_items).astype(np.float64)
        centred = features - features.mean(axis=0)  # a large mean would cost digits
        squared = _squared_distances(centred, centred)
        np.fill_diagonal(squared, 0.0)
        return KernelMeanState(features, squared)

    def score(self, a: KernelMeanState, b: KernelMeanState) -> float:
        """Mean kernel within each cloud less twice that between them; items with themselves out."""
        n, m = len(a.features), len(b.features)
        middle = (a.features.sum(axis=0) + b.features.sum(axis=0)) / (n + m)
        between = _squared_distances(a.features - middle, b.features - middle)
        width = self._width(a.squared, b.squared, between)

        def total(squared: F64) -> float:
            return float(np.exp(squared / (-2.0 * width**2)).sum())

        within = (total(a.squared) - n) / (n * (n - 1)) + (total(b.squared) - m) / (m * (m - 1))
        return within - 2.0 * total(between) / (n * m)

    def _width(self, x: F64, y: F64, between: F64) -> float:
        if not self.relative:
            return self.bandwidth
        pairs = [x[np.triu_indices_from(x, 1)], y[np.triu_indices_from(y, 1)], between.ravel()]
        median = float(np.median(np.sqrt(np.concatenate(pairs))))
        if median == 0.0:
            raise DegenerateInputError(
                "the median distance is 0, as more than half of all pairs of points are equal: "
                "give the bandwidth as a distance, with relative=False"
            )
        return self.bandwidth * median

    def permuted(self, state: KernelMeanState, order: NDArray[np.int64]) -> KernelMeanState:
        """Reorder the items; nothing is computed again."""
        return KernelMeanState(state.features[order], state.squared[np.ix_(order, order)])

    def subset(self, state: KernelMeanState, rows: NDArray[np.int64]) -> KernelMeanState:
        """Some items, whose distances stay as they are."""
        return self.permuted(state, rows)


def _squared_distances(x: F64, y: F64) -> F64:
    """All squared distances of centred points by one matrix product."""
    squared = x @ y.T
    squared *= -2.0
    squared += np.einsum("ij,ij->i", x, x)[:, None]
    squared += np.einsum("ij,ij->i", y, y)
    return np.maximum(squared, 0.0, out=squared)  # below 0 only by rounding


def frechet_distance(X: Any, Y: Any) -> float:
    """Fréchet distance of two clouds of points: squared, between fitted normal distributions.

    ``||mx - my||^2 + tr(Cx + Cy - 2 (Cx Cy)^1/2)`` with means m and covariances C (divided by
    n - 1): the square of the 2-Wasserstein distance of two normal distributions, and of a
    metric. Both spaces must have the same coordinates; their items need not be the same, nor as
    many. Biased upwards where there are few items for the width.

    Parameters
    ----------
    X : array of shape (n_items_x, n_features)
    Y : array of shape (n_items_y, n_features)
        Features in the coordinates of X; both n_items >= 2.

    Returns
    -------
    float
        Squared distance >= 0, in squared units of the features; 0 = the same mean and
        covariance.

    Raises
    ------
    ShapeError
        The widths differ, or there are fewer than 2 items.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Dowson, Landau (1982), The Fréchet distance between multivariate normal distributions,
    Journal of Multivariate Analysis 12. Heusel et al. (2017), arXiv:1706.08500.

    Examples
    --------
    Means 0 and 3, standard deviations 1 and 2: 3² + (1 - 2)².

    >>> X, Y = [[-1.0], [0.0], [1.0]], [[1.0], [3.0], [5.0]]
    >>> round(frechet_distance(X, Y), 12)
    10.0
    """
    return FrechetDistance()(X, Y)


def mmd_distance(X: Any, Y: Any, *, bandwidth: float = 1.0, relative: bool = True) -> float:
    """Squared maximum mean discrepancy of two clouds of points, estimated without bias.

    ``mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`` over pairs of different points of one
    cloud and all pairs across, with ``k(x, y) = exp(-||x - y||^2 / (2 s^2))``. Clouds from one
    distribution score 0 on average; negative values are estimates like any other and are
    returned as they are, also for a cloud with itself. Both spaces must have the same
    coordinates; their items need not be the same, nor as many.

    Parameters
    ----------
    X : array of shape (n_items_x, n_features)
    Y : array of shape (n_items_y, n_features)
        Features in the coordinates of X; both n_items >= 4.
    bandwidth : float > 0, default 1
        s, in units of the median distance of two different points of both clouds together.
    relative : bool, default True
        False takes ``bandwidth`` in units of the features instead, the same for every pair.

    Returns
    -------
    float
        Estimate of a squared distance, in [-2, 2], unitless; 0 on average for equal
        distributions, larger = further apart.

    Raises
    ------
    ParameterError
        A bandwidth that is not positive, or ``relative`` no bool.
    ShapeError
        The widths differ, or there are fewer than 4 items.
    DegenerateInputError
        Non-finite or constant features; a median distance of 0.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schölkopf, Smola (2012), A Kernel Two-Sample Test, JMLR 13.

    Examples
    --------
    Two pairs of twins at 0 and 1, against the same far away: only the kernels within remain,
    (2 + 4 exp(-1/2)) / 6 for each cloud.

    >>> import math
    >>> X, Y = [[0.0], [0.0], [1.0], [1.0]], [[100.0], [100.0], [101.0], [101.0]]
    >>> math.isclose(mmd_distance(X, Y, relative=False), 2 * (2 + 4 * math.exp(-0.5)) / 6)
    True
    """
    return MmdDistance(bandwidth=bandwidth, relative=relative)(X, Y)
