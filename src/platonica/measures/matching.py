"""Measures that match single neurons: no rotation is allowed, only a pairing of features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from platonica.errors import DegenerateInputError, MissingExtraError, ParameterError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.measures._centred import Centred, centre, cross_product, paired_blocks

__all__ = [
    "HardMatching",
    "NeuronState",
    "PermutationProcrustesDistance",
    "SoftMatching",
    "hard_matching",
    "permutation_procrustes_distance",
    "soft_matching",
]

F64 = NDArray[np.float64]

NEARLY_EQUAL = 1e-6
"""Squared distance below which it is summed from the residual: 2 - 2 nu would keep few digits."""

MOST_PIVOTS = 100_000_000
"""Steps after which the transport solver gives up."""


@dataclass(frozen=True)
class PermutationProcrustesDistance(MeasureBase):
    """Distance of two spaces of norm 1 after the best pairing of their neurons."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="permutation_procrustes_distance",
        direction="distance",
        bounds=(0.0, 2.0),
        symmetric=True,
        self_score=0.0,
        paired=True,
        invariant_to=("column_permutation", "scaling", "translation"),
        sensitive_to=("rotation", "invertible_map", "row_scaling", "row_shuffle"),
        family="shape",
        min_items=2,
        cost="prepare O(n d), score O(n d^2 + d^3); memory O(n d + d^2), or O(d^2) streamed",
        summary="what is left of two spaces of norm 1 after the best one-to-one pairing of neurons",
        reference="Williams et al. 2021, arXiv:2110.14739",
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
        """Centre in float64."""
        self._check_input(folds, kind)
        return centre(X, min_items=self.spec.min_items)

    def score(self, a: Centred, b: Centred) -> float:
        """Root of 2 - 2 nu, nu the largest sum of matched products."""
        cross = cross_product(a, b)
        rows, columns = linear_sum_assignment(cross, maximize=True)
        norms = math.sqrt(a.power.sum()), math.sqrt(b.power.sum())
        gap = 2.0 - 2.0 * float(cross[rows, columns].sum()) / (norms[0] * norms[1])
        if gap > NEARLY_EQUAL:
            return math.sqrt(gap)
        gap = 0.0
        for x, y in paired_blocks(a, b):
            wide, narrow, where, come = x / norms[0], y / norms[1], rows, columns
            if x.shape[1] < y.shape[1]:
                wide, narrow, where, come = narrow, wide, columns, rows
            wide[:, where] -= narrow[:, come]
            gap += float(np.vdot(wide, wide))
        return math.sqrt(gap)

    def permuted(self, state: Centred, order: NDArray[np.int64]) -> Centred:
        """Reorder the items; nothing is computed again."""
        return state.permuted(order)

    def subset(self, state: Centred, rows: NDArray[np.int64]) -> Centred:
        """Some items about a mean of their own."""
        return state.subset(rows)


@dataclass(frozen=True)
class NeuronState:
    """One space about its mean, and which of its neurons vary.

    Attributes
    ----------
    space : Centred
    varying : array of shape (m,)
        Features that are not constant over the items.
    spread : array of shape (m,)
        Norm of each of them, in units of ``space``.
    """

    space: Centred
    varying: NDArray[np.int64]
    spread: F64

    @classmethod
    def of(cls, space: Centred) -> NeuronState:
        """Find the features that vary; a constant one is equal in all items to the last bit."""
        power = np.zeros(space.n_features)
        lowest, highest = np.full(space.n_features, np.inf), np.full(space.n_features, -np.inf)
        for _, rows in space.blocks():
            power += np.einsum("ij,ij->j", rows, rows)
            np.minimum(lowest, rows.min(axis=0), out=lowest)
            np.maximum(highest, rows.max(axis=0), out=highest)
        varying = np.flatnonzero(highest > lowest)
        return cls(space, varying, np.sqrt(power[varying]))


@dataclass(frozen=True)
class _Matching(MeasureBase):
    """What both share: the correlations of all neurons of one space with those of the other."""

    absolute: bool = False

    def __post_init__(self) -> None:
        """Refuse anything but a flag."""
        if not isinstance(self.absolute, bool):
            raise ParameterError(f"absolute must be True or False, not {self.absolute!r}")

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> NeuronState:
        """Centre in float64, and leave constant neurons out."""
        self._check_input(folds, kind)
        return NeuronState.of(centre(X, min_items=self.spec.min_items))

    def permuted(self, state: NeuronState, order: NDArray[np.int64]) -> NeuronState:
        """Reorder the items; nothing is computed again."""
        return replace(state, space=state.space.permuted(order))

    def subset(self, state: NeuronState, rows: NDArray[np.int64]) -> NeuronState:
        """Some items about a mean of their own; neurons constant over them are left out."""
        return NeuronState.of(state.space.subset(rows))

    def cautions(self, state: NeuronState) -> list[str]:
        """Say how many neurons could not be matched because they never vary."""
        constant = state.space.n_features - len(state.varying)
        if not constant:
            return []
        return [
            f"{constant} of {state.space.n_features} neurons are constant and were left out of "
            "the matching"
        ]

    def _correlations(self, a: NeuronState, b: NeuronState) -> F64:
        cross = cross_product(a.space, b.space)[np.ix_(a.varying, b.varying)]
        cross /= a.spread[:, None]
        cross /= b.spread
        return np.abs(cross) if self.absolute else cross


@dataclass(frozen=True)
class HardMatching(_Matching):
    """Mean correlation of neurons that are matched one to one."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="hard_matching",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("column_permutation", "scaling", "translation"),
        sensitive_to=("rotation", "invertible_map", "row_scaling", "row_shuffle"),
        family="shape",
        min_items=3,
        cost="prepare O(n d), score O(n d^2 + d^3); memory O(n d + d^2), or O(d^2) streamed",
        summary="mean correlation of neurons under the best one-to-one matching",
        reference="Li et al. 2015, arXiv:1511.07543",
    )

    def score(self, a: NeuronState, b: NeuronState) -> float:
        """The mean over the matched pairs: all neurons of the narrower space."""
        return _assigned(self._correlations(a, b))


@dataclass(frozen=True)
class SoftMatching(_Matching):
    """Mean correlation of neurons under the best transport of their uniform weights."""

    spec: ClassVar[MeasureSpec] = replace(
        HardMatching.spec,
        name="soft_matching",
        cost="prepare O(n d), score O(n d^2 + d^3) or more; memory O(n d + d^2)",
        summary="mean correlation of neurons under the best transport, widths may differ",
        reference="Khosla & Williams 2024, arXiv:2311.09466",
        extra="ot",
    )

    def score(self, a: NeuronState, b: NeuronState) -> float:
        """The mean over the transport plan: all neurons of both spaces count."""
        correlations = self._correlations(a, b)
        if correlations.shape[0] == correlations.shape[1]:
            return _assigned(correlations)  # a plan of equal uniform weights is a permutation
        return _transported(correlations)


def _assigned(correlations: F64) -> float:
    rows, columns = linear_sum_assignment(correlations, maximize=True)
    return float(correlations[rows, columns].mean())


def _transported(correlations: F64) -> float:
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError.of("ot", "POT") from error
    p, q = correlations.shape
    # Whole numbers as weights: the flows of the solver are then exact.
    plan, log = ot.emd(
        np.full(p, float(q)),
        np.full(q, float(p)),
        -correlations,
        numItermax=MOST_PIVOTS,
        log=True,
    )
    if log["warning"] is not None:
        raise DegenerateInputError(f"no transport of {p} to {q} neurons: {log['warning']}")
    return float(np.vdot(plan, correlations) / (p * q))


def permutation_procrustes_distance(X: Any, Y: Any) -> float:
    """Distance of two feature spaces of norm 1 after the best pairing of their neurons.

    ``min over P of ||Xc / ||Xc|| - Yc P / ||Yc|| || = sqrt(2 - 2 nu)`` over permutations P of
    the features; ``nu`` is the largest sum of matched entries of ``Xc' Yc`` over both norms,
    found by linear assignment. The narrower space is padded with zeros. Between spaces of one
    width it is a true metric.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 2.

    Returns
    -------
    float
        Distance in [0, 2], unitless; 0 = equal up to order of the neurons, translation and one
        scale. At least `procrustes_distance`.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 2.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Williams, Kunz, Kornblith, Linderman (2021), Generalized Shape Metrics on Neural
    Representations, arXiv:2110.14739.

    Examples
    --------
    The second space has its columns swapped, and the first of them turned round: of the shared
    product 2 + 2, only the half that keeps its sign remains.

    >>> X = [[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]
    >>> permutation_procrustes_distance(X, [[y, x] for x, y in X])
    0.0
    >>> round(permutation_procrustes_distance(X, [[-y, x] for x, y in X]) ** 2, 12)
    2.0
    """
    return PermutationProcrustesDistance()(X, Y)


def hard_matching(X: Any, Y: Any, *, absolute: bool = False) -> float:
    """Mean correlation of the neurons of two feature spaces, matched one to one.

    The matching maximises the sum of Pearson correlations r (or of ``|r|``); the mean is over
    the matched pairs, that is over all neurons of the narrower space. Constant neurons have no
    correlation and are left out. Of few items the score of unrelated spaces is well above 0:
    print it with its null.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 3.
    absolute : bool, default False
        Match by ``|r|`` instead of r: a neuron and its negative are then the same.

    Returns
    -------
    float
        Similarity in [-1, 1], in [0, 1] with ``absolute``; unitless. 1 = the neurons of the
        narrower space all stand in the other, each with a positive scale and an offset of its
        own.

    Raises
    ------
    ParameterError
        ``absolute`` is no bool.
    ShapeError
        X and Y differ in their number of rows, or have fewer than 3.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Li, Yosinski, Clune, Lipson, Hopcroft (2015), Convergent Learning: Do different neural
    networks learn the same representations?, arXiv:1511.07543.

    Examples
    --------
    >>> X = [[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]]
    >>> round(hard_matching(X, [[10.0, 3.0], [0.0, 6.0], [50.0, 9.0]]), 12)
    1.0
    """
    return HardMatching(absolute=absolute)(X, Y)


def soft_matching(X: Any, Y: Any, *, absolute: bool = False) -> float:
    """Mean correlation of the neurons of two feature spaces under the best transport.

    The largest ``sum of T_ij r_ij`` over plans T that give every neuron of X the weight
    1 / n_features_x and every neuron of Y the weight 1 / n_features_y, with r the Pearson
    correlations (or ``|r|``). Unlike `hard_matching`, the surplus neurons of the wider space
    count as well; between spaces of equal width both are the same number. Constant neurons are
    left out.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 3.
    absolute : bool, default False
        Match by ``|r|`` instead of r: a neuron and its negative are then the same.

    Returns
    -------
    float
        Similarity in [-1, 1], in [0, 1] with ``absolute``; unitless. 1 = equal up to copies and
        order of the neurons, each with a positive scale and an offset of its own.

    Raises
    ------
    MissingExtraError
        The widths differ and POT is not installed (extra ``ot``).
    ParameterError, ShapeError, DegenerateInputError
        As in `hard_matching`.

    References
    ----------
    Khosla, Williams (2024), Soft Matching Distance: A metric on neural representations that
    captures single-neuron tuning, arXiv:2311.09466.

    Examples
    --------
    >>> X = [[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]]
    >>> round(soft_matching(X, [[10.0, 3.0], [0.0, 6.0], [50.0, 9.0]]), 12)
    1.0
    """
    return SoftMatching(absolute=absolute)(X, Y)
