"""The null by exact moments: it is that of the permutations, and refuses what it cannot know."""

from __future__ import annotations

import numpy as np
import pytest

from platonica import compare
from platonica.errors import ParameterError
from platonica.measures import MEASURES
from platonica.stats import exact_null, permutation_null
from platonica.stats.exchange import Exchange
from platonica.stats.moments import pearson3_pvalue, pearson3_score

KNOWN = (
    "mutual_knn", "cka", "debiased_cka", "rbf_cka", "debiased_rbf_cka", "adjusted_rv",
    "debiased_hsic", "cca_squared", "eigenspace_overlap", "rsa", "debiased_distance_correlation",
)  # fmt: skip


def related(rng, n, strength):
    world = rng.standard_normal((n, 3))
    return [
        strength * world @ rng.standard_normal((3, 8)) + rng.standard_normal((n, 8))
        for _ in range(2)
    ]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("strength", [0.0, 0.25])
def test_p_is_that_of_many_permutations(name, strength, rng):
    measure = MEASURES[name]
    a, b = (
        measure.prepare(X, role=role)
        for X, role in zip(related(rng, 100, strength), "xy", strict=True)
    )
    exact = exact_null(measure, a, b, exchange=Exchange.of(100))
    drawn = permutation_null(measure, [a], [b], exchange=Exchange.of(100), n_resamples=4999)
    assert exact.statistic == pytest.approx(drawn.statistic, rel=1e-12)
    assert abs(exact.mean - drawn.mean) < 4 * drawn.std / np.sqrt(4999)
    # four errors of a share of 5,000, and a tenth for the shape of the tail
    error = 4 * np.sqrt(max(drawn.pvalue, 1e-3) / 5000)
    assert exact.pvalue == pytest.approx(drawn.pvalue, abs=error + 0.1 * drawn.pvalue)
    assert exact.critical == pytest.approx(
        float(np.quantile(drawn.null_distribution, 0.95)), abs=0.15 * drawn.std
    )


def test_compare_says_how_p_was_found(rng):
    X, Y = related(rng, 80, 1.0)
    found = compare(X, Y, "debiased_cka", null="exact-moments")
    sampled = compare(X, Y, "debiased_cka", n_resamples=999)
    assert found.score == sampled.score
    assert found.n_resamples == 0
    assert 0 < found.pvalue < 1e-3
    assert "exact moments" in str(found)
    assert "exact mean, variance and skewness" in found.null
    assert any("Pearson type III" in text for text in found.warnings)
    assert found.null_std == pytest.approx(np.sqrt(2 / (80 * 77)), rel=1e-12)
    assert found.gated == pytest.approx(sampled.gated, abs=0.01)
    assert found.to_dict()["pvalue"] == found.pvalue


def test_p_is_never_zero(rng):
    X = rng.standard_normal((300, 2))
    assert compare(X, X, "cka", null="exact-moments").pvalue > 0


def test_the_best_of_several_layers_is_refused(rng):
    X, Y = related(rng, 50, 1.0)
    layers = {"1": X, "2": X[:, :4]}
    with pytest.raises(ParameterError, match=r"2 x 1: the best of them has no such moments"):
        compare(layers, Y, "cka", null="exact-moments")
    named = compare(layers, Y, "cka", null="exact-moments", layers=("2", "features"))
    assert named.score == compare(X[:, :4], Y, "cka", null="exact-moments").score


@pytest.mark.parametrize("name", ["procrustes_distance", "jaccard_knn", "rv2", "rsa?sample=50"])
def test_measures_that_do_not_know_them_are_refused(name, rng):
    X, Y = related(rng, 50, 1.0)
    with pytest.raises(ParameterError, match="no exact moments"):
        compare(X, Y, name, null="exact-moments")


def test_restricted_exchange_is_refused(rng):
    X, Y = related(rng, 50, 1.0)
    for exchange in (
        Exchange.in_blocks(50, 5),
        Exchange.shifts(50),
        Exchange.within(50, "ab" * 25),
    ):
        with pytest.raises(ParameterError, match="items exchanged freely"):
            compare(X, Y, "cka", null="exact-moments", exchange=exchange)


@pytest.mark.parametrize("direction", ["similarity", "distance"])
@pytest.mark.parametrize("skewness", [-0.5, 0.0, 1.2])
def test_the_critical_value_has_its_p(direction, skewness):
    score = pearson3_score(0.03, 0.2, 0.01, skewness, direction=direction)
    assert pearson3_pvalue(score, 0.2, 0.01, skewness, direction=direction) == pytest.approx(0.03)
    assert (score > 0.2) == (direction == "similarity")


def test_a_level_out_of_reach_says_which_is_in_reach(rng):
    X, Y = related(rng, 40, 1.0)
    with pytest.raises(ParameterError, match=r"smallest p-value is 0.01; take n_resamples of at"):
        compare(X, Y, n_resamples=99, alpha=0.001)
    few = Exchange.within(40, ["a", "a", "b", "b"] + [None] * 36)
    with pytest.raises(ParameterError, match=r"only 4 orders exist.*smallest p-value is 0.25"):
        compare(X, Y, exchange=few)
    with pytest.raises(ParameterError, match="alpha must lie between 0 and 1"):
        compare(X, Y, alpha=5)
