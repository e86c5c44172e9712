"""Shape distances: what is left between two spaces after the best rotation of one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError
from platonica.linalg import nuclear_norm, numerical_rank, triangular_factor
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.measures._centred import Centred, centre, cross_product, narrowed, paired_blocks

__all__ = [
    "BuresDistance",
    "BuresSimilarity",
    "ProcrustesDistance",
    "ShapeDistance",
    "ShapeState",
    "SizeShapeDistance",
    "bures_distance",
    "bures_similarity",
    "procrustes_distance",
    "shape_distance",
    "size_shape_distance",
]

F64 = NDArray[np.float64]

NEARLY_EQUAL = 1e-6
"""Squared distance below which it is summed from the residual: 2 - 2 nu would keep few digits."""

ROUNDING = 1e-12
"""How far past 1 rounding may take nu."""


@dataclass(frozen=True)
class ShapeState:
    """One space about its mean, in at most as many dimensions as it has items.

    Attributes
    ----------
    space : Centred
    n_features : int
        Of the features as they came.
    weight : array of shape (d, d), or None
        Partial whitening, to be applied on the right; None for none.
    norm : float
        Frobenius norm of the weighted items, in units of ``space``.
    """

    space: Centred
    n_features: int
    weight: F64 | None
    norm: float

    @property
    def size(self) -> float:
        """Frobenius norm of the weighted items, in units of the features."""
        return self.norm / self.space.unit

    def shaped(self, rows: F64) -> F64:
        """Weight centred rows, and scale them as the space of norm 1."""
        return (rows if self.weight is None else rows @ self.weight) / self.norm


@dataclass(frozen=True)
class _Shape(MeasureBase):
    """What all of them share: the nuclear norm of the cross product, relative to the norms."""

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> ShapeState:
        """Centre in float64; more features than items are rotated into their span."""
        self._check_input(folds, kind)
        space = centre(X, min_items=self.spec.min_items)
        return self._state(space, space.n_features)

    def _state(self, space: Centred, n_features: int) -> ShapeState:
        norm = math.sqrt(space.power.sum())
        return ShapeState(narrowed(space), n_features, None, norm)

    def permuted(self, state: ShapeState, order: NDArray[np.int64]) -> ShapeState:
        """Reorder the items; nothing is computed again."""
        return replace(state, space=state.space.permuted(order))

    def subset(self, state: ShapeState, rows: NDArray[np.int64]) -> ShapeState:
        """Some items about a mean of their own."""
        return self._state(state.space.subset(rows), state.n_features)

    def cautions(self, state: ShapeState) -> list[str]:
        """Say when rotations alone can bring unrelated spaces close."""
        n, p = state.space.n_items, state.n_features
        if n >= 2 * p:
            return []
        return [
            f"{n} items in {p} features: a rotation alone brings unrelated spaces close, so "
            "that the score means little without its null"
        ]


@dataclass(frozen=True)
class ProcrustesDistance(_Shape):
    """Distance of two shapes of norm 1 after the best rotation."""

    # Two items are a line in every space, so that without size any two spaces would agree.

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="procrustes_distance",
        direction="distance",
        bounds=(0.0, math.sqrt(2.0)),
        symmetric=True,
        self_score=0.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="shape",
        min_items=3,
        cost="prepare O(n d min(n, d)), score O(n d^2 + d^3); memory O(n d), or O(d^2) streamed",
        summary="what is left of two spaces of norm 1 after the best rotation",
        reference="Williams et al. 2021, arXiv:2110.14739; Schönemann 1966",
    )

    def score(self, a: ShapeState, b: ShapeState) -> float:
        """Root of 2 - 2 nu."""
        return math.sqrt(_gap(a, b))


@dataclass(frozen=True)
class SizeShapeDistance(_Shape):
    """Distance of two centred spaces after the best rotation, size included."""

    spec: ClassVar[MeasureSpec] = replace(
        ProcrustesDistance.spec,
        name="size_shape_distance",
        bounds=(0.0, math.inf),
        invariant_to=("rotation", "column_permutation", "translation"),
        sensitive_to=("scaling", "invertible_map", "row_scaling", "row_shuffle"),
        min_items=2,
        summary="what is left of two spaces after the best rotation, in units of the features",
    )

    def score(self, a: ShapeState, b: ShapeState) -> float:
        """Both differences at right angles: of the sizes, and of the shapes."""
        shapes = math.sqrt(a.size) * math.sqrt(b.size) * math.sqrt(_gap(a, b))
        return math.hypot(a.size - b.size, shapes)


@dataclass(frozen=True)
class BuresSimilarity(_Shape):
    """Fidelity of two Gram matrices, normalised: nu."""

    spec: ClassVar[MeasureSpec] = replace(
        ProcrustesDistance.spec,
        name="bures_similarity",
        direction="similarity",
        bounds=(0.0, 1.0),
        self_score=1.0,
        summary="nuclear norm of the cross-covariance, relative to the norms of both spaces",
        reference="Tang et al. 2020, arXiv:2003.11498; Harvey et al. 2024, arXiv:2311.11436",
    )

    def score(self, a: ShapeState, b: ShapeState) -> float:
        """The nuclear norm nu, as 1 less half of the squared distance."""
        return 1.0 - _gap(a, b) / 2.0


@dataclass(frozen=True)
class BuresDistance(SizeShapeDistance):
    """Bures distance of the centred Gram matrices: the same number as the size-and-shape one."""

    spec: ClassVar[MeasureSpec] = replace(
        SizeShapeDistance.spec,
        name="bures_distance",
        summary="Bures distance of the centred Gram matrices, in units of the features",
        reference="Bhatia, Jain & Lim 2019, Expositiones Mathematicae 37(2); "
        "Harvey et al. 2024, arXiv:2311.11436",
    )


@dataclass(frozen=True)
class ShapeDistance(_Shape):
    """Angle between two shapes that are partly whitened."""

    alpha: float = 1.0
    ridge: float | None = None

    spec: ClassVar[MeasureSpec] = replace(
        ProcrustesDistance.spec,
        name="shape_distance",
        bounds=(0.0, math.pi / 2.0),
        summary="angle between two spaces after the best rotation, in radians; partly whitened "
        "where alpha < 1",
        reference="Williams et al. 2021, arXiv:2110.14739",
    )

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing, or nothing together."""
        if isinstance(self.alpha, bool) or not 0.0 <= self.alpha <= 1.0:
            raise ParameterError(
                f"alpha must be from 0 (whitened) to 1 (as it is), not {self.alpha!r}"
            )
        if self.ridge is None:
            return
        if isinstance(self.ridge, bool) or not 0.0 < self.ridge < math.inf:
            raise ParameterError(
                f"ridge must be None or a positive share of the mean variance, not {self.ridge!r}"
            )
        if self.alpha == 1.0:
            raise ParameterError("ridge has no effect with alpha=1, where nothing is whitened")

    def score(self, a: ShapeState, b: ShapeState) -> float:
        """The angle whose cosine is nu, exact also near 0."""
        return 2.0 * math.asin(math.sqrt(_gap(a, b)) / 2.0)

    def _state(self, space: Centred, n_features: int) -> ShapeState:
        state = super()._state(space, n_features)
        if self.alpha == 1.0:
            return state
        weight, norm = self._whitening(state.space, n_features)
        return replace(state, weight=weight, norm=norm)

    def _whitening(self, space: Centred, n_features: int) -> tuple[F64, float]:
        """Return alpha I + (1 - alpha) C^-1/2, and the norm of the items after it."""
        factor = triangular_factor(rows for _, rows in space.blocks())
        _, lengths, axes = scipy.linalg.svd(factor)
        values = np.zeros(space.n_features)
        values[: len(lengths)] = lengths
        rank = numerical_rank(values, max(space.n_items, n_features))
        if self.ridge is None and rank < n_features:
            raise DegenerateInputError(
                f"shape_distance with alpha={self.alpha} whitens, which needs features of full "
                f"rank and fewer of them than items, but {space.n_items} items of {n_features} "
                f"features have rank {rank}: set ridge, or alpha=1"
            )
        variance = values**2 / space.n_items
        variance += (self.ridge or 0.0) * variance.sum() / n_features
        # The covariance is that of the features in their own units, not in those of the space.
        weights = self.alpha + (1.0 - self.alpha) * space.unit / np.sqrt(variance)
        return (axes.T * weights) @ axes, float(np.linalg.norm(values * weights))


def _gap(a: ShapeState, b: ShapeState) -> float:
    """Squared distance after the best rotation, both of norm 1: 2 - 2 nu, in [0, 2]."""
    cross = cross_product(a.space, b.space)
    if a.weight is not None:
        cross = a.weight @ cross
    if b.weight is not None:
        cross = cross @ b.weight
    nu = nuclear_norm(cross) / (a.norm * b.norm)
    if not nu <= 1.0 + ROUNDING:
        raise DegenerateInputError(
            f"the shapes are undefined up to rounding: the cosine of their angle came to {nu!r}"
        )
    gap = 2.0 - 2.0 * nu
    return gap if gap > NEARLY_EQUAL else _residual(a, b, cross)


def _residual(a: ShapeState, b: ShapeState, cross: F64) -> float:
    """Squared norm of what is left after the rotation: no large numbers are subtracted."""
    left, _, right = scipy.linalg.svd(cross, full_matrices=False)
    rotation, total = left @ right, 0.0
    for rows_x, rows_y in paired_blocks(a.space, b.space):
        x, y = a.shaped(rows_x), b.shaped(rows_y)
        # Only the narrower space can be turned into the other without losing a part of it.
        rest = x @ rotation - y if x.shape[1] <= y.shape[1] else x - y @ rotation.T
        total += float(np.vdot(rest, rest))
    return total


def procrustes_distance(X: Any, Y: Any) -> float:
    """Distance of two feature spaces of norm 1 after the best rotation or reflection.

    ``min over Q of ||Xc / ||Xc|| - Yc Q / ||Yc|| || = sqrt(2 - 2 nu)`` with
    ``nu = ||Xc' Yc||_* / (||Xc|| ||Yc||)``, the nuclear norm relative to both Frobenius norms;
    the narrower space is padded with zeros. A true metric on shapes. Unrelated wide spaces of
    few items are close: print it with its null.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 3.

    Returns
    -------
    float
        Distance in [0, sqrt(2)], unitless; 0 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Williams, Kunz, Kornblith, Linderman (2021), Generalized Shape Metrics on Neural
    Representations, arXiv:2110.14739. Schönemann (1966), A generalized solution of the
    orthogonal Procrustes problem, Psychometrika 31.

    Examples
    --------
    Three points in a row against an equilateral triangle: nu is 1 / sqrt(2).

    >>> row, triangle = [[-1.0], [0.0], [1.0]], [[-1.0, 0.0], [0.0, 3**0.5], [1.0, 0.0]]
    >>> round(procrustes_distance(row, triangle) ** 2, 12) == round(2 - 2**0.5, 12)
    True
    """
    return ProcrustesDistance()(X, Y)


def size_shape_distance(X: Any, Y: Any) -> float:
    """Distance of two centred feature spaces after the best rotation, size included.

    ``min over Q of ||Xc - Yc Q|| = sqrt(||Xc||^2 + ||Yc||^2 - 2 ||Xc' Yc||_*)``; the narrower
    space is padded with zeros. A true metric. It grows with the number of items and with the
    scale of the features; `procrustes_distance` does not.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 2.

    Returns
    -------
    float
        Distance >= 0, in units of the features; 0 = equal up to rotation and translation.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 2.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Williams, Kunz, Kornblith, Linderman (2021), arXiv:2110.14739.

    Examples
    --------
    >>> X = [[-1.0], [0.0], [1.0]]
    >>> round(size_shape_distance(X, [[-3.0], [0.0], [3.0]]) ** 2, 12)  # 2² + 0² + 2²
    8.0
    """
    return SizeShapeDistance()(X, Y)


def bures_similarity(X: Any, Y: Any) -> float:
    """Nuclear norm of the cross-covariance of two feature spaces, relative to their norms.

    ``nu = ||Xc' Yc||_* / (||Xc|| ||Yc||)``: the fidelity tr((K^1/2 L K^1/2)^1/2) of the centred
    Gram matrices over the root of the product of their traces; also called normalised Bures
    similarity. Cosine of the angle whose chord is `procrustes_distance`.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 3.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `procrustes_distance`.

    References
    ----------
    Tang, Maddox, Dickens, Diethe, Damianou (2020), Similarity of Neural Networks with
    Gradients, arXiv:2003.11498. Harvey, Larsen, Williams (2024), Duality of Bures and Shape
    Distances with Implications for Comparing Neural Representations, arXiv:2311.11436.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0]]
    >>> round(bures_similarity(X, [[0.0], [-2.0], [-4.0]]), 12)
    1.0
    """
    return BuresSimilarity()(X, Y)


def bures_distance(X: Any, Y: Any) -> float:
    """Bures distance of the centred Gram matrices of two feature spaces.

    ``sqrt(tr K + tr L - 2 nu sqrt(tr K tr L))`` with nu the `bures_similarity`; not divided by
    the number of items. It is the same number as `size_shape_distance`, reached from Gram
    matrices instead of features.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 2.

    Returns
    -------
    float
        Distance >= 0, in units of the features; 0 = equal up to rotation and translation.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `size_shape_distance`.

    References
    ----------
    Bhatia, Jain, Lim (2019), On the Bures-Wasserstein distance between positive definite
    matrices, Expositiones Mathematicae 37(2). Harvey, Larsen, Williams (2024),
    arXiv:2311.11436.

    Examples
    --------
    >>> X = [[-1.0], [0.0], [1.0]]
    >>> round(bures_distance(X, [[-3.0], [0.0], [3.0]]) ** 2, 12)  # 2 + 18 - 2 * sqrt(2 * 18)
    8.0
    """
    return BuresDistance()(X, Y)


def shape_distance(X: Any, Y: Any, *, alpha: float = 1.0, ridge: float | None = None) -> float:
    """Angle between two feature spaces after partial whitening and the best rotation.

    Each space becomes ``Xc (alpha I + (1 - alpha) C^-1/2)`` with ``C = Xc' Xc / n_items``; the
    distance is the arccosine of nu between the results. ``alpha=1`` is the angular Procrustes
    distance; ``alpha=0`` depends only on the subspaces of item space that the features span, as
    canonical correlation does. In between, alpha weighs lengths in units of the features
    against unit variances: scale the features as they are meant. A true metric at every alpha.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 3.
    alpha : float in [0, 1], default 1
        1 leaves the spaces as they are, 0 whitens them.
    ridge : float > 0, optional
        Added to the variances before whitening, as a share of their mean over the features;
        only with alpha < 1. Without it, whitening needs full rank.

    Returns
    -------
    float
        Distance in [0, pi / 2], in radians; 0 = equal up to rotation, translation and one
        scale (alpha = 1), up to any invertible map (alpha = 0, no ridge).

    Raises
    ------
    ParameterError
        alpha outside [0, 1]; a ridge that is not positive, or that is given with alpha = 1.
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features; alpha < 1 without a ridge where the features are not
        of full rank, as always where there are as many of them as items.

    References
    ----------
    Williams, Kunz, Kornblith, Linderman (2021), arXiv:2110.14739.

    Examples
    --------
    Three points in a row against an equilateral triangle: the cosine is 1 / sqrt(2).

    >>> row, triangle = [[-1.0], [0.0], [1.0]], [[-1.0, 0.0], [0.0, 3**0.5], [1.0, 0.0]]
    >>> round(shape_distance(row, triangle) * 180 / 3.141592653589793, 9)
    45.0
    """
    return ShapeDistance(alpha=alpha, ridge=ridge)(X, Y)
