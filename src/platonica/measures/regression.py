"""Linear prediction of one space from another: ridge regression and partial least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError
from platonica.linalg import leading_left_vector
from platonica.measures._base import MeasureSpec
from platonica.measures._heldout import Fold, HeldOut, Predictor, Scoring, Target

__all__ = ["LinearPredictivity", "PLSPredictivity", "linear_predictivity", "pls_predictivity"]

F64 = NDArray[np.float64]

ALPHAS = tuple(10.0 ** (e / 2) for e in range(-12, 13))
"""Ridges to choose from, in units of the mean eigenvalue: 1e-6 to 1e6 by half decades."""

EXHAUSTED = 2.0**-46
"""Share of the covariance below which what partial least squares have left is rounding."""


@dataclass(frozen=True)
class LinearPredictivity(HeldOut):
    """Held-out ridge regression of Y on X."""

    alphas: Sequence[float] | None = None
    relative: bool = True

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="linear_predictivity",
        direction="similarity",
        bounds=(-np.inf, 1.0),
        symmetric=False,
        self_score=None,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="regression",
        min_items=10,
        cost="prepare O(K n d min(n, d)) for X, score O(K n r t): r its rank, t targets, K folds",
        summary="how well ridge regression predicts Y from X on items that it was not fitted on",
        reference="Yamins et al. 2014, PNAS 111; Golub, Heath & Wahba 1979, Technometrics 21",
        uses_folds=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alphas is None:
            return
        given = np.asarray(self.alphas, dtype=np.float64)
        if given.ndim != 1 or not len(given) or not ((given >= 0) & (given < np.inf)).all():
            raise ParameterError(
                f"alphas must be numbers of at least 0, at least one, not {self.alphas!r}"
            )
        object.__setattr__(self, "alphas", tuple(sorted(given.tolist())))

    def _check_fold(self, n_train: int, n_features: int) -> None:
        if self._alphas[0] == 0.0 and n_features >= n_train:
            raise DegenerateInputError(
                f"without a ridge (alphas = 0), {n_features} features fit any {n_train} items "
                "exactly: allow only alphas > 0, or take more items"
            )

    @property
    def _alphas(self) -> Sequence[float]:
        return ALPHAS if self.alphas is None else self.alphas

    def _unit(self, values: F64, d: int, unit: float) -> float:
        return float(np.square(values).sum() / d if self.relative else unit**2)

    def _predict(self, fold: Fold, Y: F64, slices: Sequence[slice]) -> F64:
        products = fold.basis.T @ Y
        weighted = np.empty_like(products)
        for part in slices:
            alpha = self._chosen(fold, Y[:, part], products[:, part])
            weighted[:, part] = _kept(fold, alpha)[:, None] * products[:, part]
        predicted: F64 = fold.coordinates @ weighted
        return predicted

    def _chosen(self, fold: Fold, Y: F64, products: F64) -> float:
        """The ridge of the least generalised cross-validation error, one for all targets."""
        if len(self._alphas) == 1:
            return self._alphas[0]
        power = np.square(products).sum(axis=1)
        spare = len(Y) - 1 - len(power)  # the mean is fitted as well
        beyond = max(float(np.square(Y).sum() - power.sum()), 0.0) if spare else 0.0
        ridges = np.array(self._alphas)[:, None] * fold.unit
        lost = ridges / (np.square(fold.values) + ridges)
        errors = (beyond + lost**2 @ power) / (spare + lost.sum(axis=1)) ** 2
        return self._alphas[int(np.argmin(errors))]


def _kept(fold: Fold, alpha: float) -> F64:
    """Share of each direction that a ridge leaves."""
    squares: F64 = np.square(fold.values)
    return squares / (squares + alpha * fold.unit)


@dataclass(frozen=True)
class PLSPredictivity(HeldOut):
    """Held-out partial least squares of Y on X."""

    n_components: int = 25

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="pls_predictivity",
        direction="similarity",
        bounds=(-np.inf, 1.0),
        symmetric=False,
        self_score=None,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("row_scaling", "row_shuffle"),
        family="regression",
        min_items=10,
        cost="prepare O(K n d min(n, d)) for X, score O(K (n r t + c i r t)): r its rank, t "
        "targets, K folds, c components of i Lanczos steps",
        summary="how well partial least squares predict Y from X on items not fitted on",
        reference="Wold 1975; Dayal & MacGregor 1997, J. Chemometrics 11; Yamins et al. 2014",
        uses_folds=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        number = self.n_components
        if isinstance(number, bool) or number != int(number) or number < 1:
            raise ParameterError(
                f"n_components must be a whole number of at least 1, not {number!r}"
            )

    def _predict(self, fold: Fold, Y: F64, slices: Sequence[slice]) -> F64:
        squares = np.square(fold.values)
        covariance = fold.values[:, None] * (fold.basis.T @ Y)
        predicted = np.empty((len(fold.test), Y.shape[1]))
        for part in slices:
            coefficients = pls_coefficients(squares, covariance[:, part], self.n_components)
            predicted[:, part] = fold.coordinates @ (fold.values[:, None] * coefficients)
        return predicted

    def cautions(self, state: Predictor | Target) -> list[str]:
        """Say as well where there are fewer directions than components."""
        said = super().cautions(state)
        if isinstance(state, Predictor):
            rank = min(len(fold.values) for fold in state.folds)
            if rank < self.n_components:
                said.append(
                    f"{rank} components, not {self.n_components}: X has no more directions; this "
                    "is ordinary least squares"
                )
        return said


def pls_coefficients(squares: F64, covariance: F64, n_components: int) -> F64:
    """Coefficients of partial least squares, for predictors that are uncorrelated.

    The kernel form: the weights of every component are the leading left singular vector of the
    covariance that the components before have left, and only that is deflated.

    Parameters
    ----------
    squares : array of shape (rank,)
        Sum of squares of each predictor.
    covariance : array of shape (rank, n_targets)
        Products of predictors and targets.
    n_components : int
        At most; fewer where there are fewer directions or nothing is left to explain.

    Returns
    -------
    array of shape (rank, n_targets)
    """
    left = covariance.copy()
    least = EXHAUSTED * float(np.linalg.norm(covariance))
    rotations: list[F64] = []
    loadings: list[F64] = []
    coefficients = np.zeros_like(covariance)
    for _ in range(min(n_components, len(squares))):
        if np.linalg.norm(left) <= least:
            break
        weights = leading_left_vector(left)
        rotation = weights.copy()
        for one, other in zip(loadings, rotations, strict=True):
            rotation -= (one @ weights) * other
        size = float((squares * rotation**2).sum())
        loading = squares * rotation / size
        target = left.T @ rotation / size
        coefficients += np.outer(rotation, target)
        left -= np.outer(loading * size, target)
        rotations.append(rotation)
        loadings.append(loading)
    return coefficients


def linear_predictivity(
    X: Any,
    Y: Any,
    *,
    scoring: Scoring = "r2",
    n_folds: int = 5,
    alphas: Sequence[float] | None = None,
    relative: bool = True,
) -> float:
    """How well ridge regression predicts Y from X, on items that it was not fitted on.

    Every fold is predicted from the others. The ridge is chosen on the items that are fitted on,
    by generalised cross-validation: one for all targets. Direction matters: swap the arguments
    for the prediction of X from Y.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        Predictors.
    Y : array of shape (n_items, n_targets)
        Row i of both describes the same item; n_items >= 10. Constant targets are left out.
    scoring : {"r2", "median_r2", "correlation", "median_correlation"}, default "r2"
        Variance explained of all targets together (sum of squared errors over the sum of squares
        about the mean of the test items); median over targets of the variance explained; mean
        or median over targets of the Pearson correlation of predictions and values. All sums run
        over all folds, each about its own mean.
    n_folds : int, at least 2, default 5
        Item i is tested in fold ``i % n_folds``.
    alphas : sequence of float, optional
        Ridges to choose from; 1e-6 to 1e6 by half decades by default. A single 0 is ordinary
        least squares, which needs more items than features in every fit.
    relative : bool, default True
        ``alphas`` are in units of the mean eigenvalue of X' X over the items that are fitted on,
        so that scale does not matter; if False they are added to X' X as they are.

    Returns
    -------
    float
        Similarity, unitless: at most 1 = every held-out value is predicted exactly; 0 = as good as
        the mean; negative values are worse. Correlations are in [-1, 1].

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 10, or too few for the folds.
    DegenerateInputError
        Non-finite or constant features; too many features without a ridge; a target that does not
        vary over the test items, where each has a score of its own.
    ParameterError
        A parameter outside what is allowed.

    References
    ----------
    Yamins, Hong, Cadieu, Solomon, Seibert, DiCarlo (2014), Performance-optimized hierarchical
    models predict neural responses in higher visual cortex, PNAS 111. Golub, Heath, Wahba (1979),
    Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter, Technometrics 21.

    Examples
    --------
    Y is a linear function of X, but X is not one of Y:

    >>> X = [[i % 5, i // 5] for i in range(20)]
    >>> Y = [[2 * a - b] for a, b in X]
    >>> round(linear_predictivity(X, Y, alphas=[0]), 12)
    1.0
    >>> linear_predictivity(Y, X, alphas=[0]) < 0.9
    True
    """
    measure = LinearPredictivity(scoring=scoring, n_folds=n_folds, alphas=alphas, relative=relative)
    return measure(X, Y)


def pls_predictivity(
    X: Any, Y: Any, *, scoring: Scoring = "r2", n_folds: int = 5, n_components: int = 25
) -> float:
    """How well partial least squares predict Y from X, on items that they were not fitted on.

    Every fold is predicted from the others. Features and targets are centred but not scaled.
    Direction matters: swap the arguments for the prediction of X from Y.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        Predictors.
    Y : array of shape (n_items, n_targets)
        Row i of both describes the same item; n_items >= 10. Constant targets are left out.
    scoring : {"r2", "median_r2", "correlation", "median_correlation"}, default "r2"
        As in `linear_predictivity`.
    n_folds : int, at least 2, default 5
        Item i is tested in fold ``i % n_folds``.
    n_components : int, default 25
        Components; fewer where X has fewer directions.

    Returns
    -------
    float
        Similarity, unitless: at most 1 = every held-out value is predicted exactly; 0 = as good as
        the mean; negative values are worse. Correlations are in [-1, 1].

    Raises
    ------
    ShapeError, DegenerateInputError, ParameterError
        As in `linear_predictivity`.

    References
    ----------
    Dayal, MacGregor (1997), Improved PLS Algorithms, Journal of Chemometrics 11. Yamins et al.
    (2014), PNAS 111.

    Examples
    --------
    >>> X = [[i % 5, i // 5] for i in range(20)]
    >>> Y = [[2 * a - b] for a, b in X]
    >>> round(pls_predictivity(X, Y), 12)
    1.0
    """
    measure = PLSPredictivity(scoring=scoring, n_folds=n_folds, n_components=n_components)
    return measure(X, Y)
