"""The permutation null: exact, honest about the search, the same for every number of threads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import MEASURES, MeasureBase
from platonica.stats import permutation_null
from platonica.stats.exchange import Exchange

KNN = MEASURES["mutual_knn"].bound(k=3)
PAIRED = [name for name, measure in MEASURES.items() if measure.spec.paired]
UNPAIRED = [name for name in MEASURES if name not in PAIRED]


def common_part(features, rng):
    """Features that have something in common, for the measure that needs it."""
    return features + rng.standard_normal(features.shape[:-1])[..., None]


def correlated_states(measure, rng, n, widths, role="x"):
    features = [common_part(rng.standard_normal((n, d)), rng) for d in widths]
    return [measure.prepare(X, role=role) for X in features]


def states(measure, rng, n, widths, role="x"):
    return [measure.prepare(rng.standard_normal((n, d)), role=role) for d in widths]


@pytest.mark.parametrize("name", PAIRED)
def test_null_equals_recomputing_the_measure_on_permuted_items(name, rng):
    measure = MEASURES[name]
    X, Y = common_part(rng.standard_normal((2, 40, 6)), rng)
    exchange = Exchange.of(40)
    result = permutation_null(
        measure, [measure.prepare(X, role="x")], [measure.prepare(Y, role="y")],
        exchange=exchange, n_resamples=25,
    )  # fmt: skip
    again = [measure(X, Y[order]) for order in exchange.draw(25, 0)]
    np.testing.assert_allclose(result.null_distribution, again, rtol=1e-10, atol=1e-13)
    assert result.statistic == pytest.approx(measure(X, Y), abs=1e-13)


def test_pvalue_counts_the_observed_pairing(rng):
    A, B = states(KNN, rng, 30, [4]), states(KNN, rng, 30, [4])
    result = permutation_null(KNN, A, B, exchange=Exchange.of(30), n_resamples=199)
    at_least = np.count_nonzero(result.null_distribution >= result.statistic - 1e-12)
    assert result.pvalue == (1 + at_least) / 200
    self_test = permutation_null(KNN, A, A, exchange=Exchange.of(30), n_resamples=199)
    assert self_test.pvalue == 1 / 200


def test_agrees_with_full_enumeration():
    r = np.random.default_rng(5)
    measure = MEASURES["debiased_cka"]
    X, Y = r.standard_normal((2, 6, 3))
    a, b = measure.prepare(X), measure.prepare(Y)
    every = np.array(list(itertools.permutations(range(6))))
    exact = measure.score_permuted([a], [b], every).ravel()
    result = permutation_null(measure, [a], [b], exchange=Exchange.of(6), n_resamples=4999)
    share = np.mean(exact >= result.statistic - 1e-12)
    assert abs(result.pvalue - share) < 4 * np.sqrt(share * (1 - share) / 4999) + 1 / 5000
    assert exact.mean() == pytest.approx(0.0, abs=1e-12)
    assert exact.var() == pytest.approx(2 / (6 * 3), rel=1e-9)


@pytest.mark.parametrize("name", PAIRED)
def test_threads_and_repeats_give_the_same_bits(name, rng):
    measure = MEASURES[name]
    requires = measure.spec.requires
    A = correlated_states(measure, rng, 50, [5, 5] if "equal_width" in requires else [5, 9])
    wide = 5 if "equal_width" in requires else 20 if "few_features" in requires else 70
    B = correlated_states(measure, rng, 50, [5, wide, 5], role="y")
    runs = [
        permutation_null(measure, A, B, exchange=Exchange.of(50), n_resamples=60, n_threads=t)
        for t in (1, 2, 3, 2)
    ]
    for run in runs[1:]:
        np.testing.assert_allclose(
            run.null_distribution, runs[0].null_distribution, rtol=0, atol=1e-12
        )
        assert run.pvalue == runs[0].pvalue


@pytest.mark.parametrize("name", UNPAIRED)
def test_a_measure_without_pairs_has_no_permutation_null(name, rng):
    measure = MEASURES[name]
    A, B = states(measure, rng, 30, [4]), states(measure, rng, 30, [4], role="y")
    with pytest.raises(ParameterError, match="does not depend on the pairing"):
        permutation_null(measure, A, B, exchange=Exchange.of(30), n_resamples=19)


class _NotWithWide(MeasureBase):
    """A measure that has no score for some pairs of layers."""

    spec = MEASURES["debiased_cka"].spec

    def prepare(self, X, **options):
        return MEASURES["debiased_cka"].prepare(X), X.shape[1]

    def score(self, a, b):
        if a[1] + b[1] > 12:
            raise DegenerateInputError(f"{a[1]} + {b[1]} features are too many")
        return MEASURES["debiased_cka"].score(a[0], b[0])

    def permuted(self, state, order):
        return MEASURES["debiased_cka"].permuted(state[0], order), state[1]


@pytest.mark.parametrize("batch", [False, True])
def test_pairs_of_layers_without_a_score_are_left_out_with_their_reason(batch, rng, monkeypatch):
    if batch:

        def score_all(self, A, B):
            return np.array([[self.score(a, b) for b in B] for a in A])

        monkeypatch.setattr(_NotWithWide, "score_all", score_all, raising=False)
    measure, free = _NotWithWide(), Exchange.of(30)
    A, B = states(measure, rng, 30, [4, 9]), states(measure, rng, 30, [5, 7])
    result = permutation_null(measure, A, B, exchange=free, n_resamples=39)
    np.testing.assert_array_equal(np.isnan(result.scores), [[False, False], [True, True]])
    assert result.undefined == {
        (1, 0): "9 + 5 features are too many",
        (1, 1): "9 + 7 features are too many",
    }
    alone = permutation_null(measure, A[:1], B, exchange=free, n_resamples=39)
    np.testing.assert_allclose(result.null_distribution, alone.null_distribution, rtol=1e-12)
    assert result.pvalue == alone.pvalue
    with pytest.raises(DegenerateInputError, match="features are too many"):
        permutation_null(measure, A[1:], B, exchange=free, n_resamples=39)


def test_few_orders_are_all_taken():
    r = np.random.default_rng(5)
    measure = MEASURES["debiased_cka"]
    a, b = (measure.prepare(X) for X in r.standard_normal((2, 6, 3)))
    exchange = Exchange.of(6)
    result = permutation_null(measure, [a], [b], exchange=exchange, n_resamples=720)
    assert result.exhaustive
    assert len(result.null_distribution) == 720
    assert result.mean == pytest.approx(0.0, abs=1e-12)
    assert result.null_distribution.var() == pytest.approx(2 / (6 * 3), rel=1e-9)
    share = np.mean(result.null_distribution >= result.statistic - 1e-12)
    assert result.pvalue == share >= 1 / 720
    sampled = permutation_null(measure, [a], [b], exchange=exchange, n_resamples=719)
    assert not sampled.exhaustive


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_sampling_stops_where_the_rule_says(n_threads, rng):
    A, B = states(KNN, rng, 30, [4]), states(KNN, rng, 30, [4])
    free = Exchange.of(30)
    whole = permutation_null(KNN, A, B, exchange=free, n_resamples=999)
    early = permutation_null(
        KNN, A, B, exchange=free, n_resamples=999, stop_after=10, n_threads=n_threads
    )
    close = whole.null_distribution >= whole.statistic - 1e-12
    last = np.flatnonzero(close)[9] + 1
    np.testing.assert_array_equal(early.null_distribution, whole.null_distribution[:last])
    assert early.pvalue == 10 / last
    assert early.stopped_early
    same = permutation_null(KNN, A, A, exchange=free, n_resamples=999, stop_after=10)
    assert not same.stopped_early
    assert same.pvalue == 1 / 1000


def test_early_stopping_keeps_the_type_one_error():
    r, rejected = np.random.default_rng(3), 0
    for run in range(300):
        A, B = states(KNN, r, 30, [4, 5]), states(KNN, r, 30, [4, 5])
        result = permutation_null(
            KNN, A, B, exchange=Exchange.of(30), n_resamples=199, stop_after=10, rng=run
        )
        rejected += result.pvalue <= 0.05
    assert rejected / 300 <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 300)


def test_fewer_resamples_are_the_first_of_more():
    exchange = Exchange.of(20)
    np.testing.assert_array_equal(exchange.draw(50, 3)[:20], exchange.draw(20, 3))


def test_the_best_layers_are_searched_inside_every_permutation(rng):
    A, B = states(KNN, rng, 40, [4, 5, 6]), states(KNN, rng, 40, [4, 7])
    result = permutation_null(KNN, A, B, exchange=Exchange.of(40), n_resamples=99)
    orders = Exchange.of(40).draw(99, 0)
    grid = KNN.score_permuted(A, B, orders)
    np.testing.assert_array_equal(result.null_distribution, grid.max(axis=(1, 2)))
    assert result.statistic == result.scores.max() == result.scores[result.where]


class _AsDistance(MeasureBase):
    """The mutual k-NN as a distance, without any of the optional verbs."""

    def __init__(self, inner):
        import dataclasses

        object.__setattr__(self, "inner", inner)
        spec = dataclasses.replace(inner.spec, direction="distance", name="one_minus")
        object.__setattr__(self, "spec", spec)

    def score(self, a, b):
        return 1.0 - self.inner.score(a, b)

    def permuted(self, state, order):
        return self.inner.permuted(state, order)


def test_a_distance_is_minimised_and_needs_only_the_four_verbs(rng):
    A, B = states(KNN, rng, 30, [4, 5]), states(KNN, rng, 30, [4, 7])
    near = permutation_null(KNN, A, B, exchange=Exchange.of(30), n_resamples=59)
    far = permutation_null(_AsDistance(KNN), A, B, exchange=Exchange.of(30), n_resamples=59)
    assert far.pvalue == near.pvalue
    assert far.statistic == pytest.approx(1 - near.statistic)
    np.testing.assert_allclose(far.null_distribution, 1 - near.null_distribution)


def rejections(search_in_null, runs, seed):
    """Share of p <= 0.05 among independent spaces of 4 x 4 layers."""
    r = np.random.default_rng(seed)
    rejected = 0
    for run in range(runs):
        A, B = states(KNN, r, 40, [6] * 4), states(KNN, r, 40, [6] * 4)
        result = permutation_null(KNN, A, B, exchange=Exchange.of(40), n_resamples=99, rng=run)
        p = result.pvalue
        if not search_in_null:  # the common mistake: the null of the one pair that was chosen
            i, j = result.where
            one = permutation_null(
                KNN, [A[i]], [B[j]], exchange=Exchange.of(40), n_resamples=99, rng=run
            )
            p = one.pvalue
        rejected += p <= 0.05
    return rejected / runs


def test_type_one_error_with_the_layer_search():
    """Independent spaces: rejections within the binomial limit of 200 runs at 0.1 %."""
    assert rejections(True, 200, seed=1) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_null_without_the_search_is_caught_by_the_same_test():
    assert rejections(False, 200, seed=1) > 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 200)


def test_power_grows_with_the_number_of_items():
    """By a global measure: the power of k-NN at fixed k need not grow, as k / n falls."""
    measure = MEASURES["debiased_cka"]

    def found(n):
        r = np.random.default_rng(n)
        hits = 0
        for run in range(20):
            world = r.standard_normal((n, 3))
            X = world @ r.standard_normal((3, 8)) + 2.5 * r.standard_normal((n, 8))
            Y = world @ r.standard_normal((3, 8)) + 2.5 * r.standard_normal((n, 8))
            a, b = measure.prepare(X), measure.prepare(Y)
            result = permutation_null(
                measure, [a], [b], exchange=Exchange.of(n), n_resamples=99, rng=run
            )
            hits += result.pvalue <= 0.05
        return hits

    assert found(15) < found(50) <= found(200) == 20


def test_groups_move_together():
    exchange = Exchange.of(12, ["a", "b", "c", "d", "e", "f"] * 2)
    for order in exchange.draw(50, 0):
        assert sorted(order) == list(range(12))
        np.testing.assert_array_equal(order[:6] + 6, order[6:])
    assert "groups of 2 items" in exchange.words


@pytest.mark.parametrize("groups", [["a", "a", None, None, None, None], ["a"] * 3 + ["b"] * 3])
def test_groups_that_cannot_change_places_are_refused(groups):
    with pytest.raises(ParameterError, match="groups of equal size"):
        Exchange.of(6, groups)


@pytest.mark.parametrize("n_resamples", [0, 18, 99.5, True])
def test_too_few_resamples_are_refused(n_resamples, rng):
    A = states(KNN, rng, 20, [4])
    with pytest.raises(ParameterError, match="at least 19"):
        permutation_null(KNN, A, A, exchange=Exchange.of(20), n_resamples=n_resamples)


def test_progress_counts_up_to_the_end(rng):
    A, seen = states(KNN, rng, 20, [4]), []
    permutation_null(
        KNN, A, A, exchange=Exchange.of(20), n_resamples=600,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[-1] == (600, 600)
    assert len(seen) > 1
    assert seen == sorted(seen)
