"""A p-value from the moments of the null instead of permutations."""

from __future__ import annotations

import math
from typing import Literal

from platonica.errors import DegenerateInputError, ParameterError

__all__ = ["pearson3_pvalue", "pearson3_score"]


def pearson3_pvalue(
    score: float,
    mean: float,
    variance: float,
    skewness: float,
    *,
    direction: Literal["similarity", "distance"] = "similarity",
    step: float = 0.0,
) -> float:
    """Probability of a score at least as close, under a Pearson type III law of three moments.

    An approximation where permutations would take too long: the moments may be exact, the shape
    of the tail is not. A normal law would be far too confident, since nulls of alignment lean
    towards the side of agreement.

    Parameters
    ----------
    score, mean : float
    variance : float, positive
    skewness : float
        Moments of the null, in units of the score.
    direction : {"similarity", "distance"}, default "similarity"
        Whether larger or smaller scores are closer.
    step : float, default 0
        Distance between values that the score can take, such as ``1 / (n_items * k)`` for an
        overlap of neighbours; half of it is the continuity correction. 0 for a score without
        steps.

    Returns
    -------
    float
        In [0, 1]. The law ends on the side away from its tail, and beyond that end the value is
        0 or 1.

    Raises
    ------
    ParameterError
        A negative step, another direction, or a value that is not finite.
    DegenerateInputError
        A null without spread.

    Examples
    --------
    >>> round(pearson3_pvalue(1.645, 0.0, 1.0, 0.0), 4)  # no skewness: a normal law
    0.05
    >>> round(pearson3_pvalue(1.645, 0.0, 1.0, 1.0), 4)
    0.0678
    """
    from scipy.stats import pearson3  # a second of import time, for those who ask

    _check(direction, score=score, mean=mean, variance=variance, skewness=skewness, step=step)
    if step < 0:
        raise ParameterError(f"step must not be negative, but is {step}")
    sign = 1.0 if direction == "similarity" else -1.0
    excess = (sign * (score - mean) - step / 2) / math.sqrt(variance)
    return float(pearson3.sf(excess, sign * skewness))


def pearson3_score(
    pvalue: float,
    mean: float,
    variance: float,
    skewness: float,
    *,
    direction: Literal["similarity", "distance"] = "similarity",
) -> float:
    """Score that a Pearson type III law of three moments exceeds with a given probability.

    Parameters
    ----------
    pvalue : float in (0, 1)
    mean, variance, skewness : float
        Moments of the null, in units of the score.
    direction : {"similarity", "distance"}, default "similarity"
        Whether larger or smaller scores are closer.

    Raises
    ------
    ParameterError, DegenerateInputError
        As in `pearson3_pvalue`.

    Examples
    --------
    >>> round(pearson3_score(0.05, 0.0, 1.0, 0.0), 3)
    1.645
    """
    from scipy.stats import pearson3

    _check(direction, pvalue=pvalue, mean=mean, variance=variance, skewness=skewness)
    sign = 1.0 if direction == "similarity" else -1.0
    return mean + sign * math.sqrt(variance) * float(pearson3.isf(pvalue, sign * skewness))


def _check(direction: str, **values: float) -> None:
    if direction not in ("similarity", "distance"):
        raise ParameterError(f"direction must be 'similarity' or 'distance', not {direction!r}")
    for name, value in values.items():
        if not math.isfinite(value):
            raise ParameterError(f"{name} must be finite, not {value}")
    if not values["variance"] > 0:
        raise DegenerateInputError(f"the null has no spread: its variance is {values['variance']}")
