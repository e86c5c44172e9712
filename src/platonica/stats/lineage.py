"""Intervals over models, of which those of one family are no independent evidence."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from platonica.checks import check_resamples
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.rng import as_generator
from platonica.stats.intervals import Interval

__all__ = ["lineage_interval"]

F64 = NDArray[np.float64]
Index = NDArray[np.int64]

LEAST_FAMILIES = 5
"""With fewer the spread between families is not known."""


def lineage_interval(
    statistic: Callable[[Index], float],
    families: Sequence[Hashable],
    *,
    level: float = 0.95,
    method: Literal["jackknife", "bootstrap"] = "jackknife",
    n_resamples: int = 999,
    rng: int | np.random.Generator = 0,
) -> Interval:
    """Interval of a statistic over models, with whole families left out or drawn.

    Models that share an architecture, a data set or weights agree for that reason. Ten sizes of
    one family are one observation of what holds for other families, not ten.

    Parameters
    ----------
    statistic : callable
        From the indices of some models, an integer array, to a number: a mean score, a
        correlation of alignment with performance, or the mean over the pairs of these models.
    families : sequence of length n_models
        The family (lineage) of each model; None for a model of its own.
    level : float in (0, 1)
    method : {"jackknife", "bootstrap"}
        Leave one family out at a time, with a t quantile; or draw families with replacement,
        with percentiles, for which no index may stand for itself: a statistic over pairs of
        models would meet pairs of a model with itself.
    n_resamples : int, at least 19
        Of the bootstrap.
    rng : int or Generator

    Returns
    -------
    Interval
        For models of other families from the same population.

    Raises
    ------
    ParameterError
        Fewer than 5 families, another method, or a level outside (0, 1).
    DegenerateInputError
        The statistic is not a finite number for some choice of families.

    References
    ----------
    Cameron, Miller (2015), Journal of Human Resources 50. Felsenstein (1985), American
    Naturalist 125.

    Examples
    --------
    >>> scores = np.array([0.10, 0.11, 0.10, 0.20, 0.15, 0.16, 0.12, 0.18])
    >>> families = ["vit", "vit", "vit", "resnet", "mae", "mae", "dino", "clip"]
    >>> found = lineage_interval(lambda models: scores[models].mean(), families)
    >>> found.low < found.estimate < found.high
    True
    >>> found.method
    'jackknife over 5 families of 8 models'
    """
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, not {level}")
    members = _members(families)
    every = np.arange(len(families))
    estimate = _value(statistic, every)
    if method == "jackknife":
        values = np.array([_value(statistic, np.setdiff1d(every, one)) for one in members])
        n = len(values)
        error = float(np.sqrt((n - 1) ** 2 / n * values.var(ddof=1)))
        reach = float(student.ppf((1 + level) / 2, n - 1)) * error
        low, high, count = estimate - reach, estimate + reach, n
    elif method == "bootstrap":
        values = _drawn(statistic, members, check_resamples(n_resamples), as_generator(rng))
        tail = (1 - level) / 2
        low, high = (float(edge) for edge in np.quantile(values, [tail, 1 - tail]))
        error, count = float(values.std(ddof=1)), len(values)
    else:
        raise ParameterError(f"method must be 'jackknife' or 'bootstrap', not {method!r}")
    words = f"{method} over {len(members)} families of {len(families)} models"
    return Interval(estimate, low, high, level, error, float("nan"), count, words)


def _members(families: Sequence[Hashable]) -> list[Index]:
    """Models of each family."""
    if len(families) == 0:
        raise ShapeError("families must name the family of at least one model")
    places: dict[Hashable, list[int]] = {}
    for model, family in enumerate(families):
        key = ("alone", model) if family is None else ("family", family)
        places.setdefault(key, []).append(model)
    if len(places) < LEAST_FAMILIES:
        raise ParameterError(
            f"an interval over models needs at least {LEAST_FAMILIES} families, not {len(places)}: "
            "models of one family are no independent evidence"
        )
    return [np.array(models) for models in places.values()]


def _drawn(
    statistic: Callable[[Index], float],
    members: Sequence[Index],
    n_resamples: int,
    generator: np.random.Generator,
) -> F64:
    draws = generator.integers(len(members), size=(n_resamples, len(members)))
    return np.array([_value(statistic, np.concatenate([members[i] for i in d])) for d in draws])


def _value(statistic: Callable[[Index], float], models: Index) -> float:
    value = float(statistic(models))
    if not np.isfinite(value):
        raise DegenerateInputError(
            f"the statistic of models {models.tolist()} is {value}: it must be a finite number "
            "for every choice of families"
        )
    return value
