"""Many comparisons: adjusted values against the definition, and error rates by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import ParameterError
from platonica.measures import MEASURES
from platonica.stats import permutation_null
from platonica.stats.exchange import Exchange
from platonica.stats.multiplicity import adjust_pvalues, max_t_pvalues

PVALUES = st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=30)


def rejected_by_steps(p, level, method):
    """The step procedures as they were published: which hypotheses fall."""
    order, m = np.argsort(p, kind="stable"), len(p)
    rank = np.arange(1, m + 1)
    if method == "holm":
        passed = p[order] <= level / (m - rank + 1)
        last = m if passed.all() else int(np.argmin(passed))
    else:
        constant = (1 / rank).sum() if method == "by" else 1.0
        passed = np.flatnonzero(p[order] <= level * rank / (m * constant))
        last = passed[-1] + 1 if passed.size else 0
    fallen = np.zeros(m, dtype=bool)
    fallen[order[:last]] = True
    return fallen


@pytest.mark.parametrize("method", ["bh", "by", "holm"])
@given(p=PVALUES, level=st.floats(0.01, 0.3))
def test_adjusted_values_reject_what_the_steps_reject(method, p, level):
    p = np.array(p)
    adjusted = adjust_pvalues(p, method)
    clear = abs(adjusted - level) > 1e-12  # on the border rounding decides
    np.testing.assert_array_equal(
        (adjusted <= level)[clear], rejected_by_steps(p, level, method)[clear]
    )
    assert (adjusted >= p - 1e-15).all()


def test_undefined_comparisons_count_for_nothing():
    p = np.array([[0.01, np.nan], [0.04, 0.5]])
    adjusted = adjust_pvalues(p)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(p))
    np.testing.assert_allclose(adjusted[~np.isnan(p)], adjust_pvalues(p[~np.isnan(p)]))


@pytest.mark.parametrize("bad", [[0.0, 0.5], [1.2], [-0.1]])
def test_values_that_are_no_pvalues_are_refused(bad):
    with pytest.raises(ParameterError, match=r"\(0, 1\]"):
        adjust_pvalues(bad)
    with pytest.raises(ParameterError, match="method must be"):
        adjust_pvalues([0.5], "bonferroni")


def test_false_discoveries_stay_below_the_level(rng):
    """30 null and 10 real comparisons, positively dependent; 400 runs."""
    shares = []
    for _ in range(400):
        z = 0.6 * rng.standard_normal() + 0.8 * rng.standard_normal(40)
        z[30:] += 4.0
        below = (1 + (rng.standard_normal((40, 999)) >= z[:, None]).sum(axis=1)) / 1000
        found = adjust_pvalues(below) <= 0.1
        shares.append(found[:30].sum() / max(1, found.sum()))
    assert np.mean(shares) <= 0.1 * 0.75 + 3 * np.std(shares) / 20


def test_max_t_of_the_selected_pair_is_the_p_value_of_the_search(rng):
    measure = MEASURES["mutual_knn"].bound(k=3)
    A = [measure.prepare(rng.standard_normal((40, 5))) for _ in range(3)]
    B = [measure.prepare(rng.standard_normal((40, 5)), role="y") for _ in range(2)]
    result = permutation_null(measure, A, B, exchange=Exchange.of(40), n_resamples=99)
    adjusted = max_t_pvalues(result.scores, result.null_distribution, "similarity")
    assert adjusted[result.where] == result.pvalue == adjusted.min()


def test_max_t_counts_from_below_for_distances():
    null = np.array([1.0, 2.0, 3.0])
    scores = np.array([[0.5, 2.5, np.nan]])
    np.testing.assert_allclose(max_t_pvalues(scores, null, "distance"), [[0.25, 0.75, np.nan]])
