"""Many comparisons at once: false discoveries over pairs, any error over a grid of layers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError

__all__ = ["adjust_pvalues", "max_t_pvalues"]

F64 = NDArray[np.float64]


def adjust_pvalues(pvalues: Any, method: Literal["bh", "by", "holm"] = "bh") -> F64:
    """Adjust the p-values of many comparisons.

    Parameters
    ----------
    pvalues : array of p-values in (0, 1], of any shape
        NaN stands for a comparison that was not made; it counts for nothing and stays NaN.
    method : {"bh", "by", "holm"}
        Benjamini and Hochberg (1995), for independent or positively dependent comparisons,
        which pairs of models are; Benjamini and Yekutieli (2001), for any dependence; Holm
        (1979), which controls the chance of any false rejection.

    Returns
    -------
    array of the same shape
        Rejecting where it is at most q keeps the expected share of false discoveries (Holm:
        the chance of any) at most q.

    Raises
    ------
    ParameterError
        p-values outside (0, 1], or another method.

    Examples
    --------
    >>> adjust_pvalues([0.01, 0.02, 0.5]).tolist()
    [0.03, 0.03, 0.5]
    """
    from scipy.stats import false_discovery_control

    given = np.asarray(pvalues, dtype=np.float64)
    defined = ~np.isnan(given)
    p = given[defined]
    if p.size and not ((p > 0) & (p <= 1)).all():
        raise ParameterError("p-values must lie in (0, 1]; a permutation p-value is never 0")
    adjusted = np.full(given.shape, np.nan)
    if method in ("bh", "by"):
        adjusted[defined] = false_discovery_control(p, method=method) if p.size else p
    elif method == "holm":
        adjusted[defined] = _holm(p)
    else:
        raise ParameterError(f"method must be 'bh', 'by' or 'holm', not {method!r}")
    return adjusted


def _holm(p: F64) -> F64:
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def max_t_pvalues(
    scores: F64, null_distribution: F64, direction: Literal["similarity", "distance"]
) -> F64:
    """Adjust every score of a grid by the null distribution of the best of the grid.

    Single-step max-T of Westfall and Young (1993): the chance of any false rejection over the
    whole grid is at most the level, whatever the dependence, since one permutation serves all
    cells.

    Parameters
    ----------
    scores : array of shape (n_layers_x, n_layers_y)
        NaN where a pair of layers has no score.
    null_distribution : array of shape (n_resamples,)
        The best of the grid in every permutation, as in `NullResult`.
    direction : {"similarity", "distance"}

    Returns
    -------
    array of shape (n_layers_x, n_layers_y)
        (1 + number of null values at least as close) / (1 + n_resamples); NaN stays NaN.

    Examples
    --------
    >>> null = np.array([0.1, 0.2, 0.3])
    >>> max_t_pvalues(np.array([[0.25, 0.4]]), null, "similarity").tolist()
    [[0.5, 0.25]]
    """
    sign = 1.0 if direction == "similarity" else -1.0
    null = np.sort(sign * null_distribution)
    observed = sign * scores
    margin = 1e-12 * np.maximum(1.0, np.abs(observed))
    beyond = len(null) - np.searchsorted(null, observed - margin, side="left")
    adjusted: F64 = np.where(np.isnan(scores), np.nan, (1 + beyond) / (1 + len(null)))
    return adjusted
