"""What a measure is: four verbs and its declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Measure", "MeasureSpec", "Moments", "Move", "State"]

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


@dataclass(frozen=True)
class Moments:
    """Moments of a score under free exchange of the items of one side."""

    mean: float
    variance: float | None = None
    skewness: float | None = None


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
    self_score : float
        score(X, X).
    paired : bool
        Needs row i of both spaces to be the same item; only then is a permutation a null.
    invariant_to, sensitive_to : tuples of Move
        Moves of one space that leave the score as it is, and that must change it.
    min_items : int
        Fewest items for which the score is defined.
    defaults : mapping
        Parameters and their default values.
    cost : str
        Time and memory of `prepare` and `score` in n items, d features, k neighbours.
    summary : str
        One line: what it counts.
    reference : str
        Where it is defined.
    """

    name: str
    direction: Literal["similarity", "distance"]
    bounds: tuple[float, float]
    symmetric: bool
    self_score: float
    paired: bool
    invariant_to: tuple[Move, ...]
    sensitive_to: tuple[Move, ...]
    min_items: int
    cost: str
    summary: str
    reference: str
    defaults: Mapping[str, Any] = field(default_factory=dict)


class Measure(Protocol):
    """One measure with its parameters bound; see DESIGN for what follows from the four verbs."""

    spec: MeasureSpec

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that are bound, by name."""
        ...

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Literal["features", "rdm"] = "features",
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

    # Optional, for speed or exactness; `stats` falls back on the four verbs:
    # score_all(A, B) -> array (len(A), len(B))
    # score_permuted(A, B, orders) -> array (len(orders), len(A), len(B)), items of B permuted
    # null_moments(a, b) -> Moments


MeasureFactory = Callable[..., Measure]
