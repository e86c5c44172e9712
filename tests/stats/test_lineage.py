"""Intervals over models: families count once, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.stats.lineage import lineage_interval


def mean_of(values):
    return lambda models: values[models].mean()


def test_single_models_have_the_textbook_interval_of_a_mean(rng):
    from scipy.stats import ttest_1samp

    values = rng.standard_normal(12)
    found = lineage_interval(mean_of(values), [None] * 12)
    textbook = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((textbook.low, textbook.high), rel=1e-10)


def test_copies_of_a_model_add_no_certainty(rng):
    values = rng.standard_normal(8)
    once = lineage_interval(mean_of(values), list("abcdefgh"))
    copied = lineage_interval(mean_of(np.repeat(values, 5)), list(np.repeat(list("abcdefgh"), 5)))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), rel=1e-10)
    bare = lineage_interval(mean_of(np.repeat(values, 5)), [None] * 40)
    assert bare.high - bare.low < 0.6 * (once.high - once.low)


@pytest.mark.parametrize(
    ("method", "least", "most"), [("jackknife", 0.92, 0.98), ("bootstrap", 0.87, 0.97)]
)
def test_coverage_of_the_mean_over_families(method, least, most):
    r = np.random.default_rng(5)
    covered = 0
    families = np.repeat(np.arange(12), 3)
    for run in range(600):
        values = r.standard_normal(12)[families] + 0.5 * r.standard_normal(36)
        found = lineage_interval(
            mean_of(values), families.tolist(), method=method, n_resamples=199, rng=run
        )
        covered += found.low <= 0.0 <= found.high
    assert least <= covered / 600 <= most


def test_a_statistic_over_pairs_leaves_out_all_pairs_of_a_family(rng):
    scores = rng.random((10, 10))
    seen = []

    def mean_pair(models):
        seen.append(models)
        return scores[np.ix_(models, models)][np.triu_indices(len(models), 1)].mean()

    lineage_interval(mean_pair, list("aabbccddee"))
    assert len(seen) == 6
    assert all(len(models) == 8 for models in seen[1:])


def test_what_is_refused(rng):
    values = rng.standard_normal(8)
    with pytest.raises(ParameterError, match="at least 5 families, not 2"):
        lineage_interval(mean_of(values), list("aaaabbbb"))
    with pytest.raises(ShapeError, match="at least one model"):
        lineage_interval(mean_of(values), [])
    with pytest.raises(ParameterError, match="'jackknife' or 'bootstrap'"):
        lineage_interval(mean_of(values), list("abcdefgh"), method="normal")
    with pytest.raises(ParameterError, match="level"):
        lineage_interval(mean_of(values), list("abcdefgh"), level=95)
    with pytest.raises(DegenerateInputError, match="must be a finite number"):
        lineage_interval(lambda models: np.nan, list("abcdefgh"))
