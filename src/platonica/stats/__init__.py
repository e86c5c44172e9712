"""Nulls, calibration, intervals, curves: they know the four verbs, never a particular measure."""

from __future__ import annotations

from platonica.stats.calibration import chance_normalized, gated, gated_above, z_score
from platonica.stats.curves import fit_curve, gallery_curve, neighbour_curve
from platonica.stats.exact import exact_null
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import (
    difference_interval,
    jackknife_scores,
    score_interval,
    subset_scores,
)
from platonica.stats.layers import prepare_layers
from platonica.stats.lineage import lineage_interval
from platonica.stats.multiplicity import adjust_pvalues, max_t_pvalues
from platonica.stats.permutation import (
    NullResult,
    check_level,
    layer_scores,
    permutation_null,
)
from platonica.stats.surrogate import surrogate_null

__all__ = [
    "Exchange",
    "NullResult",
    "adjust_pvalues",
    "chance_normalized",
    "check_level",
    "difference_interval",
    "exact_null",
    "fit_curve",
    "gallery_curve",
    "gated",
    "gated_above",
    "jackknife_scores",
    "layer_scores",
    "lineage_interval",
    "max_t_pvalues",
    "neighbour_curve",
    "permutation_null",
    "prepare_layers",
    "score_interval",
    "subset_scores",
    "surrogate_null",
    "z_score",
]
