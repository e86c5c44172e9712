"""GULP: the distance between what two spaces let ridge regression predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from platonica.measures._base import MeasureSpec
from platonica.measures._bases import Basis, Recipe, SubspaceMeasure, check_not_negative

__all__ = ["GulpDistance", "gulp_distance"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class GulpDistance(SubspaceMeasure):
    """Largest mean gap between ridge predictions of any target from two spaces."""

    lam: float = 1.0
    relative: bool = True

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="gulp_distance",
        direction="distance",
        bounds=(0.0, np.inf),
        symmetric=True,
        self_score=0.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="subspace",
        min_items=3,
        cost="prepare O(n d min(n, d)), score O(n d^2); memory O(n d), or O(d^2) where it streams",
        summary="how differently ridge regression predicts from two spaces, over all targets",
        reference="Boix-Adsera et al. 2022, arXiv:2210.06545",
    )

    def __post_init__(self) -> None:
        check_not_negative("lam", self.lam)

    def _recipe(self) -> Recipe:
        return Recipe(ridge=self.lam, relative=self.relative)

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        own = (a.gain**4).sum() + (b.gain**4).sum()
        # Equal spaces leave rounding of either sign.
        return float(np.sqrt(max(own - 2.0 * np.square(cross).sum(), 0.0)))


def gulp_distance(X: Any, Y: Any, *, lam: float = 1.0, relative: bool = True) -> float:
    """How differently ridge regression predicts from two feature spaces, over all targets.

    ``||Hx - Hy||``, the Frobenius distance of the two matrices that turn the values of a target
    into ridge predictions for the same items; equal to the square root of ``tr(Ax Ax) +
    tr(Ay Ay) - 2 tr(Sx^-l Sxy Sy^-l Syx)`` with ``Ax = Sx^-l Sx`` and ``S^-l = (S + l I)^-1`` of
    the covariance matrices S, which divide by n_items.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item.
    lam : float, at least 0, default 1.0
        The ridge. With 0 every direction counts fully and both spaces need fewer features than
        items.
    relative : bool, default True
        ``lam`` is in units of the mean eigenvalue of each covariance matrix, so that scale does
        not matter; if False it is the same number for both, in squared units of the features, as
        in the paper.

    Returns
    -------
    float
        Distance, at least 0, unitless; 0 = the same predictions for every target.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features; with ``lam=0``, no more items than features, in one
        space or in both together.
    ParameterError
        ``lam`` is negative or not finite.

    References
    ----------
    Boix-Adsera, Lawrence, Stepaniants, Rigollet (2022), GULP: a Prediction-Based Metric Between
    Representations, arXiv:2210.06545.

    Examples
    --------
    Two uncorrelated features are two separate directions, each shrunk by 1 / (1 + lam):

    >>> X, Y = [[1], [1], [-1], [-1]], [[1], [-1], [1], [-1]]
    >>> round(gulp_distance(X, Y, lam=1.0) ** 2, 12)
    0.5
    """
    return GulpDistance(lam=lam, relative=relative)(X, Y)
