"""Affine-invariant distance of regularised Gram matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.measures._centred import Centred, centre, narrowed

__all__ = ["RiemannianDistance", "riemannian_distance"]

MOST_ITEMS = 2000
"""Beyond it the cubic time of one pair is minutes."""


@dataclass(frozen=True)
class RiemannianDistance(MeasureBase):
    """Length of the geodesic between the Gram matrices of the items, regularised."""

    ridge: float = 0.1

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="riemannian_distance",
        direction="distance",
        bounds=(0.0, math.inf),
        symmetric=True,
        self_score=0.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="shape",
        min_items=3,
        cost="prepare O(n d min(n, d)), score O(min(n, d)^2 n + min(n, d)^3); at most 2000 items",
        summary="affine-invariant distance of the items' Gram matrices with a ridge",
        reference="Shahbazi et al. 2021, NeuroImage 239; Pennec, Fillard & Ayache 2006",
    )

    def __post_init__(self) -> None:
        """Refuse a ridge that leaves the Gram matrices singular."""
        if isinstance(self.ridge, bool) or not 0.0 < self.ridge < math.inf:
            raise ParameterError(
                "ridge must be a positive share of the mean eigenvalue (a centred Gram matrix is "
                f"singular without it), not {self.ridge!r}"
            )

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> Centred:
        """Centre, scale to a mean eigenvalue of 1, and rotate into the span of the items."""
        self._check_input(folds, kind)
        space = centre(X, min_items=self.spec.min_items)
        if space.n_items > MOST_ITEMS:
            raise ShapeError(
                f"riemannian_distance takes at most {MOST_ITEMS} items, as its time grows with "
                f"their cube, but there are {space.n_items}: take a subset"
            )
        return narrowed(space)

    def score(self, a: Centred, b: Centred) -> float:
        """Norm of the logarithms of the generalised eigenvalues."""
        x, y = a.array(), b.array()
        if x.shape[1] + y.shape[1] < len(x):
            # Outside the span of both, the matrices are equal: its eigenvalues are 1.
            basis = np.linalg.qr(np.concatenate([x, y], axis=1))[0]
            x, y = basis.T @ x, basis.T @ y
        ridge = self.ridge * np.eye(len(x))
        values = scipy.linalg.eigvalsh(y @ y.T + ridge, x @ x.T + ridge)
        return float(np.linalg.norm(np.log(values)))

    def permuted(self, state: Centred, order: NDArray[np.int64]) -> Centred:
        """Reorder the items; nothing is computed again."""
        return state.permuted(order)

    def subset(self, state: Centred, rows: NDArray[np.int64]) -> Centred:
        """Some items about a mean of their own."""
        return narrowed(state.subset(rows))


def riemannian_distance(X: Any, Y: Any, *, ridge: float = 0.1) -> float:
    """Affine-invariant Riemannian distance of the regularised Gram matrices of two spaces.

    ``||log(A^-1/2 B A^-1/2)||`` with ``A = Xc Xc' / m + ridge I``, m the mean eigenvalue (trace
    over n_items) of ``Xc Xc'``, and B likewise from Y: the root of the sum of squared logarithms
    of the generalised eigenvalues. A true metric for each ridge. The ridge decides how much the
    directions without variance weigh; scores with different ridges do not compare.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items from 3 to 2000.
    ridge : float > 0, default 0.1
        Added to every eigenvalue, as a share of their mean.

    Returns
    -------
    float
        Distance >= 0, unitless (logarithms of ratios of variances); 0 = equal up to rotation,
        translation and one scale.

    Raises
    ------
    ParameterError
        A ridge that is not positive.
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3 or more than 2000.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Shahbazi, Shirali, Aghajan, Nili (2021), Using distance on the Riemannian manifold to compare
    representations in brain and in models, NeuroImage 239. Pennec, Fillard, Ayache (2006), A
    Riemannian Framework for Tensor Computing, IJCV 66.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0]]
    >>> riemannian_distance(X, [[0.0], [3.0], [6.0]]) < 1e-12
    True

    Two directions at right angles, each with the eigenvalue 3 + 0.1 of mean 1: twice log 31.

    >>> import math
    >>> Y = [[1.0], [-2.0], [1.0]]
    >>> math.isclose(riemannian_distance(X, Y), 2**0.5 * math.log(31))
    True
    """
    return RiemannianDistance(ridge=ridge)(X, Y)
