"""A score set against its null."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["chance_normalized", "gated", "gated_above", "z_score"]


def chance_normalized(score: float, null_mean: float, best: float) -> float | None:
    """Share of the way from chance to the best value, signed.

    Parameters
    ----------
    score, null_mean : float
    best : float
        The value at which two spaces are closest: the upper bound of a similarity, the lower
        bound of a distance.

    Returns
    -------
    float or None
        ``(score - null_mean) / (best - null_mean)``: 0 at chance, 1 at the best value,
        negative below chance; None where chance already is the best value.
    """
    room = best - null_mean
    if room == 0 or not math.isfinite(room):
        return None
    return (score - null_mean) / room


def gated(
    score: float, null_distribution: NDArray[np.float64], best: float, *, alpha: float = 0.05
) -> float | None:
    """Calibrated score that is 0 unless the score lies beyond the null's critical value.

    Parameters
    ----------
    score : float
    null_distribution : array of shape (n_resamples,)
    best : float
        As in `chance_normalized`; it also tells the direction.
    alpha : float in (0, 1)
        Level of the critical value.

    Returns
    -------
    float in [0, 1], or None
        ``max(0, (score - t) / (best - t))`` with t the ceil((1 - alpha)(K + 1))-th smallest of
        the K null values and the score; None where the critical value is the best value, or
        there is no best value.

    References
    ----------
    Groeger, Wen, Brbic (2026), arXiv:2602.14486.
    """
    sign = 1.0 if best >= np.median(null_distribution) else -1.0
    pooled = np.sort(sign * np.append(null_distribution, score))
    rank = math.ceil(round((1 - alpha) * len(pooled), 9))  # 0.95 * 1000 is not 950 in binary
    return gated_above(score, sign * float(pooled[rank - 1]), best)


def gated_above(score: float, threshold: float, best: float) -> float | None:
    """Gated score with a critical value that is known already; see `gated`."""
    if best == threshold or not math.isfinite(best):
        return None
    return max(0.0, (score - threshold) / (best - threshold))


def z_score(score: float, null_mean: float, null_std: float) -> float | None:
    """Distance from chance in null standard deviations; None for a null without spread.

    Nulls of alignment are skewed: read it beside the p-value, never instead of it.
    """
    return (score - null_mean) / null_std if null_std > 0 else None
