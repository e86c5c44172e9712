"""What a measure is: four verbs and its declarations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_pair
from platonica.errors import ParameterError, ShapeError

__all__ = [
    "Family",
    "Kind",
    "Measure",
    "MeasureBase",
    "MeasureSpec",
    "Moments",
    "Move",
    "Requirement",
    "State",
]

State = Any
"""What `prepare` returns; only the measure that made it looks inside."""

Move = Literal[
    "rotation",  # any orthogonal map of the features (O)
    "column_permutation",  # neurons reordered (P)
    "scaling",  # one positive scale for the space (S)
    "row_scaling",  # one positive scale per item (R)
    "translation",  # one offset for all items (T)
    "invertible_map",  # any invertible linear map (L)
    "row_shuffle",  # items of one side reordered: the pairing is lost
]

Family = Literal[
    "neighbourhood", "kernel", "subspace", "shape", "dissimilarity", "regression", "unpaired"
]

Requirement = Literal[
    "equal_width",  # both spaces have the same number of features
    "few_features",  # fewer features than items, in each space and (for pairs) together
    "few_directions",  # fewer directions than items in both together, after a truncation
]

Kind = Literal["features", "rdm"]


LazyMoment = float | None | Callable[[], float | None]
"""A moment, or how it is computed once somebody reads it."""


class Moments:
    """Moments of a score under free exchange of the items of one side.

    Parameters
    ----------
    mean : float
    variance, skewness : float or None, or callable that returns it
        None where it is not known. A callable is asked when the moment is first read: whoever
        needs the mean only does not pay for the others.
    step : float, default 0
        Distance between the values that the score can take; 0 for a score without steps.

    Examples
    --------
    >>> moments = Moments(mean=0.5, variance=lambda: 0.25)
    >>> moments.mean, moments.variance, moments.skewness
    (0.5, 0.25, None)
    """

    def __init__(
        self,
        mean: float,
        variance: LazyMoment = None,
        skewness: LazyMoment = None,
        step: float = 0.0,
    ) -> None:
        self.mean = mean
        self.step = step
        self._variance = variance
        self._skewness = skewness

    @cached_property
    def variance(self) -> float | None:
        """Mean squared distance from the mean."""
        return self._variance() if callable(self._variance) else self._variance

    @cached_property
    def skewness(self) -> float | None:
        """Mean cubed distance from the mean, in units of the standard deviation."""
        return self._skewness() if callable(self._skewness) else self._skewness

    def __repr__(self) -> str:
        return (
            f"Moments(mean={self.mean!r}, variance={self.variance!r}, skewness={self.skewness!r})"
        )


@dataclass(frozen=True)
class MeasureSpec:
    """Declarations of a measure; every one of them is a test that runs for every measure.

    Attributes
    ----------
    name : str
        Key in `MEASURES`; the quantity that is returned.
    direction : {"similarity", "distance"}
        Whether larger or smaller is closer.
    bounds : (float, float)
        Smallest and largest value the score can take.
    symmetric : bool
        score(X, Y) = score(Y, X).
    self_score : float or None
        score(X, X); None where it depends on the data.
    paired : bool
        Needs row i of both spaces to be the same item; only then is a permutation a null.
    invariant_to, sensitive_to : tuples of Move
        Moves of either space that leave the score as it is; moves of X that must change it.
    family : Family
        Whom it is kin to; pages and tables are ordered by it.
    min_items : int
        Fewest items for which the score is defined.
    cost : str
        Time and memory of `prepare` and `score` in n items, d features, k neighbours.
    summary : str
        One line: what it counts.
    reference : str
        Where it is defined.
    invariant_x, invariant_y, invariant_jointly : tuples of Move
        Moves of X only, of Y only, and of both by the same map, that leave the score as it is,
        beyond those in ``invariant_to``.
    requires : tuple of Requirement
        What the shapes of the spaces must fulfil.
    kinds : tuple of Kind
        What `prepare` takes: features, or a ready dissimilarity matrix ("rdm").
    uses_folds : bool
        Splits the items; without ``folds`` the split follows their order.
    extra : str or None
        Optional extra of this package without which it may raise `MissingExtraError`.
    """

    name: str
    direction: Literal["similarity", "distance"]
    bounds: tuple[float, float]
    symmetric: bool
    self_score: float | None
    paired: bool
    invariant_to: tuple[Move, ...]
    sensitive_to: tuple[Move, ...]
    family: Family
    min_items: int
    cost: str
    summary: str
    reference: str
    invariant_x: tuple[Move, ...] = ()
    invariant_y: tuple[Move, ...] = ()
    invariant_jointly: tuple[Move, ...] = ()
    requires: tuple[Requirement, ...] = ()
    kinds: tuple[Kind, ...] = ("features",)
    uses_folds: bool = False
    extra: str | None = None

    @property
    def best(self) -> float:
        """The end of the bounds at which two spaces are closest."""
        return self.bounds[1] if self.direction == "similarity" else self.bounds[0]


class Measure(Protocol):
    """One measure with its parameters bound; what follows from the four verbs is in `stats`.

    Optional verbs, for speed or exactness; callers fall back on the four:

    - ``score_all(A, B) -> (len(A), len(B))``: all pairs of states,
    - ``score_permuted(A, B, orders) -> (len(orders), len(A), len(B))``: the same for every
      permutation of the items of B,
    - ``null_moments(a, b) -> Moments``: exact under free exchange. The mean must be cheap, since
      it is asked for every comparison; moments that cost more are callables, and what they need
      of one space is kept with its state.
    """

    spec: ClassVar[MeasureSpec]

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that are bound, by name."""
        ...

    def bound(self, **params: Any) -> Self:
        """The same measure with other parameters."""
        ...

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> State:
        """Everything expensive about one space, independent of the other."""
        ...

    def score(self, a: State, b: State) -> float:
        """The score of two prepared spaces of the same items."""
        ...

    def permuted(self, state: State, order: NDArray[np.int64]) -> State:
        """The state of ``X[order]``, without preparing again."""
        ...

    def subset(self, state: State, rows: NDArray[np.int64]) -> State:
        """The state of ``X[rows]``, preparing again only what the state does not hold."""
        ...

    def cautions(self, state: State) -> list[str]:
        """What a reader of the score must know about this space, as sentences."""
        ...


@dataclass(frozen=True)
class MeasureBase:
    """What all measures share: parameters are the fields of a frozen dataclass."""

    spec: ClassVar[MeasureSpec]

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that are bound, by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def bound(self, **params: Any) -> Self:
        """The same measure with other parameters.

        Raises
        ------
        ParameterError
            A parameter that the measure does not have, or a text where it takes a number.
        """
        unknown = sorted(set(params) - set(self.params))
        if unknown:
            allowed = ", ".join(self.params) or "none"
            raise ParameterError(
                f"{self.spec.name} has no parameter {unknown[0]!r}; its parameters: {allowed}"
            )
        for field in dataclasses.fields(self):
            words = set(str(field.type).replace("|", " ").split())
            if words <= {"int", "float", "bool", "None"} and isinstance(
                params.get(field.name), str
            ):
                raise ParameterError(
                    f"{self.spec.name}: {field.name} must be a number, not {params[field.name]!r}"
                    if "bool" not in words
                    else f"{self.spec.name}: {field.name} must be True or False, not "
                    f"{params[field.name]!r}"
                )
        return dataclasses.replace(self, **params)

    def __call__(self: Any, X: Any, Y: Any) -> float:
        """The bare score of two feature matrices whose rows are the same items."""
        least = self.spec.min_items
        if self.spec.paired:
            X, Y = check_pair(X, Y, min_items=least)
        else:
            X = check_features(X, "X", min_items=least)
            Y = check_features(Y, "Y", min_items=least)
        self.check_widths(X.shape[1], Y.shape[1])
        return float(self.score(self.prepare(X, role="x"), self.prepare(Y, role="y")))

    def check_widths(self, n_features_x: int, n_features_y: int) -> None:
        """Refuse widths that differ where the measure needs equal ones.

        Raises
        ------
        ShapeError
            The measure requires equal widths.
        """
        if "equal_width" in self.spec.requires and n_features_x != n_features_y:
            raise ShapeError(
                f"{self.spec.name} needs X and Y of equal width, but they have {n_features_x} "
                f"and {n_features_y} features"
            )

    def cautions(self, state: State) -> list[str]:
        """Nothing to warn of, unless a measure says otherwise."""
        return []

    def _check_input(self, folds: Sequence[int] | None, kind: str) -> None:
        """Refuse inputs that this measure cannot use rather than ignore them."""
        if kind not in self.spec.kinds:
            raise ParameterError(f"{self.spec.name} needs features, not kind={kind!r}")
        if folds is not None and not self.spec.uses_folds:
            raise ParameterError(f"{self.spec.name} does not use folds")
