"""Calibrated scores: their fixed points, and the published definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.stats import chance_normalized, gated, z_score

unit = st.floats(0, 1)


@given(unit, st.floats(0, 0.9))
def test_chance_is_zero_and_best_is_one(score, mean):
    assert chance_normalized(mean, mean, 1.0) == 0.0
    assert chance_normalized(1.0, mean, 1.0) == 1.0
    value = chance_normalized(score, mean, 1.0)
    assert (value > 0) == (score > mean) or value == pytest.approx(0.0, abs=1e-12)


def test_no_room_above_chance_is_undefined():
    assert chance_normalized(1.0, 1.0, 1.0) is None
    assert z_score(0.3, 0.1, 0.0) is None


def published(score, null, alpha):
    """Groeger et al. 2026: the ceil((1 - alpha)(K + 1))-th smallest of null and score."""
    pooled = sorted([*null, score])
    tau = pooled[int(np.ceil(round((1 - alpha) * (len(null) + 1), 9))) - 1]
    return max(0.0, (score - tau) / (1.0 - tau))


@given(st.floats(0, 0.99), st.lists(st.floats(0, 0.9), min_size=19, max_size=60))
def test_gated_is_the_published_definition(score, null):
    assert gated(score, np.array(null), 1.0) == pytest.approx(published(score, null, 0.05))


def test_gate_is_closed_at_the_critical_value_and_open_above():
    null = np.linspace(0, 0.5, 999)
    assert gated(float(np.sort(null)[948]), null, 1.0) == 0.0
    assert gated(0.75, null, 1.0) == pytest.approx((0.75 - null[949]) / (1 - null[949]))
    assert gated(1.0, null, 1.0) == 1.0


def test_a_distance_is_gated_from_the_other_side():
    null = np.linspace(0.5, 1.0, 999)
    assert gated(0.9, null, 0.0) == 0.0
    assert gated(0.25, null, 0.0) == pytest.approx(1 - 0.25 / null[49], rel=1e-3)
    assert gated(0.0, null, 0.0) == 1.0
