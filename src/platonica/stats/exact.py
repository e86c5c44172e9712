"""A null without resampling: a p-value from the exact moments of one score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from platonica.errors import DegenerateInputError, ParameterError
from platonica.stats.exchange import Exchange
from platonica.stats.moments import pearson3_pvalue, pearson3_score
from platonica.stats.permutation import NullResult

__all__ = ["exact_null"]


def exact_null(
    measure: Any, a: Any, b: Any, *, exchange: Exchange, alpha: float = 0.05
) -> NullResult:
    """Test one pair of layers by the exact moments of its score under free exchange.

    Mean, variance and skewness are those over all permutations of the items; the p-value is that
    of the Pearson type III law with these three moments, an approximation of the tail.

    Parameters
    ----------
    measure : Measure
        One whose ``null_moments`` know mean, variance and skewness.
    a, b : states
        One layer of each space. (The best of several layers has no such moments.)
    exchange : Exchange
        Free exchange of single items.
    alpha : float in (0, 1), default 0.05
        Level of the critical value.

    Returns
    -------
    NullResult
        With an empty null distribution.

    Raises
    ------
    ParameterError
        The measure does not know these moments, or the exchange is not free.
    DegenerateInputError
        The null has no spread.
    """
    if not exchange.free:
        raise ParameterError(
            "exact moments are those of items exchanged freely, not of "
            f"'{exchange.words}'; use null='permutation'"
        )
    moments = measure.null_moments(a, b) if hasattr(measure, "null_moments") else None
    variance, skewness = (None, None) if moments is None else (moments.variance, moments.skewness)
    if moments is None or variance is None or skewness is None:
        raise ParameterError(
            f"{measure.spec.name} has no exact moments of its null here; use null='permutation'"
        )
    if not variance > 0:
        raise DegenerateInputError(
            f"{measure.spec.name} is the same for every pairing of the items: there is no null"
        )
    score, direction = float(measure.score(a, b)), measure.spec.direction
    pvalue = pearson3_pvalue(
        score, moments.mean, variance, skewness, direction=direction, step=moments.step
    )
    pvalue = max(pvalue, float(np.finfo(float).tiny))  # no permutation test has p = 0
    critical = pearson3_score(alpha, moments.mean, variance, skewness, direction=direction)
    return NullResult(
        scores=np.array([[score]]),
        statistic=score,
        where=(0, 0),
        null_distribution=np.empty(0),
        pvalue=pvalue,
        exchange="items of Y exchanged freely: exact mean, variance and skewness",
        selection="one pair",
        exhaustive=False,
        stopped_early=False,
        undefined={},
        mean=float(moments.mean),
        std=math.sqrt(variance),
        critical=critical,
    )
