"""Gromov-Wasserstein: two clouds compared by the distances within each, without a pairing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from platonica.arrays import to_numpy
from platonica.checks import check_features
from platonica.errors import DegenerateInputError, MissingExtraError, ParameterError, ShapeError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.rng import as_generator

__all__ = [
    "DistanceState",
    "GromovWassersteinDistance",
    "GromovWassersteinMatch",
    "gromov_wasserstein_distance",
    "gromov_wasserstein_match",
]

F64 = NDArray[np.float64]

MOST_ITEMS = 5000
"""Beyond it the cubic time of every step is minutes."""

LEVELS = np.linspace(0.0, 1.0, 65)
"""Quantiles of an item's distances by which items are first compared."""

CHANCE = 0.5
"""Spread of what random starts add to the differences of profiles, relative to their own."""

MOST_PIVOTS = 10_000_000
"""Steps after which a transport solver gives up."""


@dataclass(frozen=True)
class DistanceState:
    """One space as the distances of its items.

    Attributes
    ----------
    distances : array of shape (n_items, n_items)
        As they came; symmetric, with 0 on the diagonal.
    unit : float
        What a distance is divided by.
    """

    distances: F64
    unit: float

    @property
    def scaled(self) -> F64:
        """Distances in units of ``unit``."""
        return self.distances / self.unit


@dataclass(frozen=True)
class GromovWassersteinMatch:
    """The best coupling found of two spaces of unknown pairing.

    Attributes
    ----------
    cost : float
        The mean squared difference of distances under the plan; the smallest that was found.
    plan : array of shape (n_items_x, n_items_y)
        Weight of every pair; rows and columns have equal sums.
    costs : array of shape (2 + n_restarts,)
        The cost that each start ended in: their spread says how far to trust the smallest.
    true_cost : float or None
        The cost of pairing row i with row i; None unless the spaces are known to be paired.
    accuracy : float or None
        Share of the weight that the plan puts on row i of both; None as above.
    """

    cost: float
    plan: F64
    costs: F64
    true_cost: float | None
    accuracy: float | None


@dataclass(frozen=True)
class GromovWassersteinDistance(MeasureBase):
    """Smallest mean squared difference of distances over all couplings of the items."""

    n_restarts: int = 2
    rng: int = 0
    normalize: bool = True

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="gromov_wasserstein_distance",
        direction="distance",
        bounds=(0.0, math.inf),
        symmetric=True,
        self_score=0.0,
        paired=False,
        invariant_to=("rotation", "column_permutation", "scaling", "translation", "row_shuffle"),
        sensitive_to=("invertible_map", "row_scaling"),
        family="unpaired",
        min_items=4,
        cost="prepare O(n^2 d), score O(n^3) a step, some ten steps a start; at most 5000 items",
        summary="smallest mean squared difference of distances over all couplings of the items",
        reference="Mémoli 2011, Foundations of Computational Mathematics 11; Peyré, Cuturi & "
        "Solomon 2016",
        kinds=("features", "rdm"),
        extra="ot",
    )

    def __post_init__(self) -> None:
        """Refuse parameters of the wrong type."""
        for name, value in (("n_restarts", self.n_restarts), ("rng", self.rng)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ParameterError(f"{name} must be a whole number from 0, not {value!r}")
        if not isinstance(self.normalize, bool):
            raise ParameterError(f"normalize must be True or False, not {self.normalize!r}")

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> DistanceState:
        """Euclidean distances of the items, or those given, over their mean."""
        self._check_input(folds, kind)
        least = self.spec.min_items
        X = _check_distances(X, least) if kind == "rdm" else check_features(X, min_items=least)
        if len(X) > MOST_ITEMS:
            raise ShapeError(
                f"gromov_wasserstein_distance takes at most {MOST_ITEMS} items, as its time grows "
                f"with their cube, but there are {len(X)}: take a subset"
            )
        X = X.astype(np.float64)
        return self._state(X if kind == "rdm" else cdist(X, X))

    def _state(self, distances: F64) -> DistanceState:
        n = len(distances)
        mean = float(distances.sum()) / (n * (n - 1))
        if mean == 0.0:
            raise DegenerateInputError("all distances are 0: the items are equal")
        return DistanceState(distances, mean if self.normalize else 1.0)

    def score(self, a: DistanceState, b: DistanceState) -> float:
        """The smallest cost that any start ended in."""
        return min(cost for cost, _ in self.couplings(a, b))

    def couplings(self, a: DistanceState, b: DistanceState) -> Iterator[tuple[float, F64]]:
        """Yield the cost and the plan that each start ends in."""
        ot = _transport()
        x, y = a.scaled, b.scaled
        weights = np.full(len(x), 1.0 / len(x)), np.full(len(y), 1.0 / len(y))
        for start in self._starts(x, y, weights):
            plan = ot.gromov.gromov_wasserstein(
                x, y, *weights, "square_loss", symmetric=True, G0=start, max_iter=1000,
                numItermaxEmd=MOST_PIVOTS,
            )  # fmt: skip
            yield _cost(x, y, plan), plan

    def _starts(self, x: F64, y: F64, weights: tuple[F64, F64]) -> Iterator[F64]:
        """Couplings to descend from; none depends on the order of the items or of the spaces.

        First items coupled by how alike their sorted distances are, then all with all, then by
        their sorted distances and chance.
        """
        ot = _transport()
        unlike = cdist(_profiles(x), _profiles(y), "sqeuclidean")
        yield ot.emd(*weights, unlike, numItermax=MOST_PIVOTS)
        yield np.outer(*weights)
        generator, ranks = as_generator(self.rng), (_ranks(x), _ranks(y))
        for _ in range(self.n_restarts):
            chance = generator.standard_normal((max(len(x), len(y)),) * 2)
            chance = (chance + chance.T)[np.ix_(*ranks)]
            yield ot.emd(*weights, unlike + CHANCE * unlike.std() * chance, numItermax=MOST_PIVOTS)

    def permuted(self, state: DistanceState, order: NDArray[np.int64]) -> DistanceState:
        """Reorder the items; nothing is computed again."""
        return DistanceState(state.distances[np.ix_(order, order)], state.unit)

    def subset(self, state: DistanceState, rows: NDArray[np.int64]) -> DistanceState:
        """Some items, whose distances are set against a mean of their own."""
        return self._state(state.distances[np.ix_(rows, rows)])


def _transport() -> ModuleType:
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError.of("ot", "POT") from error
    module: ModuleType = ot
    return module


def _profiles(distances: F64) -> F64:
    """Quantiles of the distances of every item, (n_items, n_levels)."""
    profiles: F64 = np.quantile(distances, LEVELS, axis=1).T
    return profiles


def _ranks(distances: F64) -> NDArray[np.int64]:
    """Place of every item by its mean distance: the same however the items are ordered."""
    return np.argsort(np.argsort(distances.sum(axis=1)))


def _cost(x: F64, y: F64, plan: F64) -> float:
    """Sum of (x_ij - y_kl)² T_ik T_jl by three products."""
    p, q = plan.sum(axis=1), plan.sum(axis=0)
    own = float(p @ (x * x) @ p + q @ (y * y) @ q)
    return max(own - 2.0 * float(np.vdot(x @ plan @ y, plan)), 0.0)  # below 0 only by rounding


def _check_distances(D: Any, min_items: int) -> NDArray[Any]:
    """Return a matrix of dissimilarities that is one."""
    distances = to_numpy(D)
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1]:
        raise ShapeError(f"X must have shape (n_items, n_items), not {distances.shape}")
    if len(distances) < min_items:
        raise ShapeError(f"X needs at least {min_items} items, not {len(distances)}")
    if not np.isfinite(distances).all():
        row = int(np.argmin(np.isfinite(distances).all(axis=1)))
        raise DegenerateInputError(f"X has NaN or infinite values, first in row {row}")
    if np.diagonal(distances).any() or not np.allclose(distances, distances.T, atol=0.0):
        raise ShapeError("X must be symmetric with zeros on the diagonal, as dissimilarities are")
    if distances.min() < 0.0:
        raise ShapeError(f"X must not be negative, but its least value is {distances.min()}")
    return distances


def gromov_wasserstein_distance(
    X: Any, Y: Any, *, n_restarts: int = 2, rng: int = 0, normalize: bool = True
) -> float:
    """Gromov-Wasserstein distance of two clouds of points whose pairing is not known.

    The smallest ``sum of (dx_ij - dy_kl)^2 T_ik T_jl`` that was found over couplings T of the
    items (all items of one space weigh the same), with dx and dy the Euclidean distances within
    each space over their mean. It is the square of a metric on shapes where the minimum is
    found; the problem is not convex, so that the number is an upper bound: see
    `gromov_wasserstein_match` for the spread over starts.

    Parameters
    ----------
    X : array of shape (n_items_x, n_features_x)
    Y : array of shape (n_items_y, n_features_y)
        Widths and numbers of items may differ; both n_items from 4 to 5000.
    n_restarts : int, default 2
        Random starts beyond two fixed ones (a count).
    rng : int, default 0
        Seed of the random starts.
    normalize : bool, default True
        Divide the distances of each space by their mean over pairs of different items.

    Returns
    -------
    float
        Squared distance >= 0, in squared units of the mean distance (of the features, with
        ``normalize=False``); 0 = equal up to rotation, translation, scale and order of items.

    Raises
    ------
    MissingExtraError
        POT is not installed (extra ``ot``).
    ParameterError
        A parameter of the wrong type.
    ShapeError
        Fewer than 4 or more than 5000 items.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Mémoli (2011), Gromov-Wasserstein Distances and the Metric Approach to Object Matching,
    Foundations of Computational Mathematics 11. Peyré, Cuturi, Solomon (2016),
    Gromov-Wasserstein Averaging of Kernel and Distance Matrices, ICML.

    Examples
    --------
    A rectangle turned by a right angle, drawn larger, and with its corners in another order:

    >>> X = [[0.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 1.0]]
    >>> Y = [[0.0, 0.0], [2.0, 6.0], [2.0, 0.0], [0.0, 6.0]]
    >>> round(gromov_wasserstein_distance(X, Y), 12)
    0.0
    """
    return GromovWassersteinDistance(n_restarts, rng, normalize)(X, Y)


def gromov_wasserstein_match(
    X: Any,
    Y: Any,
    *,
    paired: bool = False,
    n_restarts: int = 8,
    rng: int = 0,
    normalize: bool = True,
) -> GromovWassersteinMatch:
    """Couple the items of two spaces by their distances alone, and say how well it went.

    Parameters
    ----------
    X : array of shape (n_items_x, n_features_x)
    Y : array of shape (n_items_y, n_features_y)
    paired : bool, default False
        Row i of both is the same item; only used to judge the coupling, never to find it.
    n_restarts, rng, normalize
        As in `gromov_wasserstein_distance`.

    Returns
    -------
    GromovWassersteinMatch
        A plan whose cost is above ``true_cost`` is a failure of the search; one below it, with
        a low accuracy, says that the distances do not tell the items apart.

    Raises
    ------
    ShapeError
        As in `gromov_wasserstein_distance`; or ``paired`` with different numbers of items.
    MissingExtraError, ParameterError, DegenerateInputError
        As in `gromov_wasserstein_distance`.

    Examples
    --------
    >>> X = [[0.0], [1.0], [3.0], [7.0]]
    >>> match = gromov_wasserstein_match(X, [[2.0 * x] for x, in X], paired=True)
    >>> match.accuracy, match.true_cost, round(match.cost, 12)
    (1.0, 0.0, 0.0)
    """
    measure = GromovWassersteinDistance(n_restarts, rng, normalize)
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    n, m = len(a.distances), len(b.distances)
    if paired and n != m:
        raise ShapeError(f"paired=True needs the same items, but X and Y have {n} and {m} rows")
    found = list(measure.couplings(a, b))
    cost, plan = min(found, key=lambda pair: pair[0])
    return GromovWassersteinMatch(
        cost=cost,
        plan=plan,
        costs=np.array([cost for cost, _ in found]),
        true_cost=float(np.mean((a.scaled - b.scaled) ** 2)) if paired else None,
        accuracy=float(np.trace(plan)) if paired else None,
    )
