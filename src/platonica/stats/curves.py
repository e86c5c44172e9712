"""How a score depends on the size of the gallery and on k: each point with its own null."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError
from platonica.rng import as_generator
from platonica.stats.calibration import chance_normalized
from platonica.stats.exchange import Exchange
from platonica.stats.permutation import score_permuted

__all__ = ["CurveFit", "CurvePoint", "fit_curve", "gallery_curve", "neighbour_curve"]

F64 = NDArray[np.float64]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CurvePoint:
    """Scores at one size of the gallery and one k.

    Attributes
    ----------
    n_items : int
    k : int or None
        None for measures without neighbours.
    scores : array of shape (n_galleries,)
        One for each random gallery of this size; a single one where the gallery is all items.
    null_mean : float
        Mean over the galleries of the mean under free exchange.
    best : float
        The value at which two spaces are closest.
    """

    n_items: int
    k: int | None
    scores: F64 = field(repr=False)
    null_mean: float
    best: float

    @property
    def score(self) -> float:
        """Mean over the galleries."""
        return float(self.scores.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over the galleries; they overlap, so it is no standard error."""
        return float(self.scores.std(ddof=1)) if len(self.scores) > 1 else 0.0

    @property
    def chance_normalized(self) -> float | None:
        """Share of the way from chance to the best value."""
        return chance_normalized(self.score, self.null_mean, self.best)


@dataclass(frozen=True)
class CurveFit:
    """A power law through the chance-normalised scores of a gallery curve.

    Attributes
    ----------
    exponent : float
        The chance-normalised score falls like n^-exponent over the sizes that were measured.
    log_level : float
        Its logarithm at one item.
    residual : float
        Root mean square of the logarithmic residuals: how well a power law fits.
    largest : int
        Largest gallery measured; what is said of larger ones is extrapolated.
    """

    exponent: float
    log_level: float
    residual: float
    largest: int

    def predict(self, n_items: int) -> tuple[float, bool]:
        """Chance-normalised score of a gallery, and whether that is extrapolated."""
        value = float(np.exp(self.log_level - self.exponent * np.log(n_items)))
        return value, n_items > self.largest


def gallery_curve(
    measure: Any,
    a: Any,
    b: Any,
    *,
    exchange: Exchange,
    sizes: Sequence[int],
    hold: Literal["k", "k/n"] = "k",
    n_galleries: int = 20,
    n_resamples: int = 39,
    rng: int | np.random.Generator = 0,
    progress: Progress | None = None,
) -> list[CurvePoint]:
    """Score nested random galleries of growing size.

    Parameters
    ----------
    measure : Measure
    a, b : states
        Prepared by the measure (a neighbour measure best with some more than k neighbours).
    exchange : Exchange
        Its units are what is drawn: items, or groups of items.
    sizes : sequence of int
        Units of a gallery; the largest may be all.
    hold : {"k", "k/n"}
        Whether a measure with neighbours keeps their number or their share of the gallery.
    n_galleries : int
        Random orders of the units; the galleries of one order are nested.
    n_resamples : int
        Permutations for the null mean, of measures whose null mean is not known exactly.
    rng : int or Generator
    progress : callable(done, total), optional

    Returns
    -------
    list of CurvePoint
        By size, ascending.

    Raises
    ------
    ParameterError
        Another ``hold``.
    ShapeError
        A size out of range, or one that leaves too few items, or no neighbour.
    """
    if hold not in ("k", "k/n"):
        raise ParameterError(f"hold must be 'k' or 'k/n', not {hold!r}")
    units = exchange.units
    wanted = sorted(set(sizes))
    if not wanted or wanted[0] < 1 or wanted[-1] > len(units):
        raise ShapeError(f"sizes must lie from 1 to {len(units)} units, not {list(sizes)}")
    generator = as_generator(rng)
    orders = [generator.permutation(len(units)) for _ in range(n_galleries)]
    points = []
    for size in wanted:
        small = _scaled(measure, size / len(units)) if hold == "k/n" else measure
        whole = size == len(units)
        galleries = [
            np.sort(units[order[:size]].ravel()) for order in orders[: 1 if whole else None]
        ]
        values = [_score_and_null(small, a, b, rows, n_resamples, generator) for rows in galleries]
        scores, nulls = np.array(values).T
        n_items = size * units.shape[1]
        k = small.params.get("k")
        points.append(CurvePoint(n_items, k, scores, float(nulls.mean()), measure.spec.best))
        if progress is not None:
            progress(len(points), len(wanted))
    return points


def neighbour_curve(measure: Any, a: Any, b: Any, ks: Sequence[int]) -> list[CurvePoint]:
    """Score all items at several k.

    Parameters
    ----------
    measure : Measure
        One with a parameter ``k``.
    a, b : states
        Prepared with the largest k of ``ks``.
    ks : sequence of int

    Returns
    -------
    list of CurvePoint
        By k, ascending.

    Raises
    ------
    ParameterError
        A measure without k.
    """
    if "k" not in measure.params:
        raise ParameterError(f"{measure.spec.name} has no k")
    rows = np.arange(_n_items(a))
    points = []
    for k in sorted(set(ks)):
        score, null = _score_and_null(measure.bound(k=k), a, b, rows, 39, as_generator(0))
        points.append(CurvePoint(len(rows), k, np.array([score]), null, measure.spec.best))
    return points


def fit_curve(points: Sequence[CurvePoint]) -> CurveFit:
    """Fit a power law to the chance-normalised scores of a gallery curve.

    Raises
    ------
    ParameterError
        Fewer than 3 sizes, or a score that is not above chance: no power law goes through it.
    """
    sizes = np.array([point.n_items for point in points], dtype=np.float64)
    normalized = [point.chance_normalized for point in points]
    if len(set(sizes)) < 3:
        raise ParameterError("a curve needs at least 3 sizes of the gallery to be fitted")
    if any(value is None or value <= 0 for value in normalized):
        raise ParameterError("a score at or below chance has no place on a power law")
    heights = np.log(np.array(normalized, dtype=np.float64))
    slope, level = np.polyfit(np.log(sizes), heights, 1)
    residuals = heights - (level + slope * np.log(sizes))
    root = float(np.sqrt((residuals**2).mean()))
    return CurveFit(float(-slope), float(level), root, int(sizes.max()))


def _scaled(measure: Any, share: float) -> Any:
    """Return the measure with its k in proportion."""
    if "k" not in measure.params:
        return measure
    k = round(measure.params["k"] * share)
    if k < 1:
        raise ShapeError(f"k / n held, a gallery of {share:.1%} of the items leaves no neighbour")
    return measure.bound(k=k)


def _score_and_null(
    measure: Any,
    a: Any,
    b: Any,
    rows: NDArray[np.int64],
    n_resamples: int,
    generator: np.random.Generator,
) -> tuple[float, float]:
    if len(rows) < measure.spec.min_items:
        raise ShapeError(
            f"{measure.spec.name} needs at least {measure.spec.min_items} items, not {len(rows)}"
        )
    x, y = measure.subset(a, rows), measure.subset(b, rows)
    score = float(measure.score(x, y))
    if hasattr(measure, "null_moments"):
        return score, float(measure.null_moments(x, y).mean)
    orders = np.stack([generator.permutation(len(rows)) for _ in range(n_resamples)])
    return score, float(score_permuted(measure, [x], [y], orders).mean())


def _n_items(state: Any) -> int:
    return int(state.n_items)
