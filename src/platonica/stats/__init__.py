"""Nulls and calibration: they know the four verbs of a measure, never a particular measure."""

from __future__ import annotations

from platonica.stats.calibration import chance_normalized, gated, gated_above, z_score
from platonica.stats.exact import exact_null
from platonica.stats.layers import prepare_layers
from platonica.stats.permutation import (
    NullResult,
    check_level,
    layer_scores,
    permutation_null,
)

__all__ = [
    "NullResult",
    "chance_normalized",
    "check_level",
    "exact_null",
    "gated",
    "gated_above",
    "layer_scores",
    "permutation_null",
    "prepare_layers",
    "z_score",
]
