"""Parity mode: the first paper's protocol and formulas, transcribed with dense matrices."""

from __future__ import annotations

import bisect

import numpy as np
import pytest
from numpy.testing import assert_allclose

import platonica
from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import MEASURES
from platonica.measures._prh import prh_features
from platonica.stats import layer_scores
from platonica.stats.permutation import score_permuted

NAMES = ["mutual_knn", "cycle_knn", "lcs_knn", "edit_knn", "cknna", "cka", "debiased_cka"]
MODES = ["prh", "prh-script"]
EACH = pytest.mark.parametrize(
    "measure",
    [MEASURES[name].bound(compat=mode) for name in NAMES for mode in MODES],
    ids=[f"{name}-{mode}" for name in NAMES for mode in MODES],
)


def by_protocol(X, mode):
    """Clip outliers and scale the rows, one step a line."""
    size = np.abs(X)
    if mode == "prh":
        limit = sorted(size.ravel())[int(0.95 * size.size)]
    else:
        limit = np.mean([np.percentile(row, 95) for row in size])
    X = np.minimum(np.maximum(X, -limit), limit)
    return np.stack([row / np.linalg.norm(row) for row in X])


def nearest(X, k=10):
    similarity = X @ X.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1)[:, :k]


def mutual(X, Y):
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest(X), nearest(Y), strict=True)])


def cycle(X, Y):
    back = nearest(X)[nearest(Y)]  # (n, k, k)
    return np.mean([i in back[i] for i in range(len(X))])


def lcs(X, Y):
    """Among lists without repeats: the longest increasing run of places in the other list."""
    total = 0
    for a, b in zip(nearest(X).tolist(), nearest(Y).tolist(), strict=True):
        ends = []
        for place in (b.index(item) for item in a if item in b):
            at = bisect.bisect_left(ends, place)
            ends[at : at + 1] = [place]
        total += len(ends)
    return total / len(X) / 10  # that code prints the length


def alignment(hsic, X, Y):
    K, L = X @ X.T, Y @ Y.T
    return hsic(K, L) / (np.sqrt(hsic(K, K) * hsic(L, L)) + 1e-6)


def biased(K, L):
    H = np.eye(len(K)) - 1 / len(K)
    return np.trace(K @ H @ L @ H)


def unbiased(K, L):
    m = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    value = (K * L.T).sum() + K.sum() * L.sum() / ((m - 1) * (m - 2)) - 2 * (K @ L).sum() / (m - 2)
    return value / (m * (m - 3))


PUBLISHED = {
    "mutual_knn": mutual,
    "cycle_knn": cycle,
    "lcs_knn": lcs,
    "cka": lambda X, Y: alignment(biased, X, Y),
    "debiased_cka": lambda X, Y: alignment(unbiased, X, Y),
}


@pytest.fixture
def pair(golden_pair):
    """Spaces with a few loud features, which the clipping moves."""
    X, Y = golden_pair
    return X * np.geomspace(1.0, 6.0, X.shape[1]), Y * np.geomspace(8.0, 1.0, Y.shape[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_features_follow_the_protocol(mode, scale, pair):
    for X in pair:
        assert_allclose(prh_features(scale * X, mode), by_protocol(X, mode), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PUBLISHED)
def test_score_is_the_one_that_code_prints(name, mode, pair):
    """CKNNA is in test_local; edit distances are of the lists that LCS compares."""
    expected = PUBLISHED[name](*(by_protocol(X, mode) for X in pair))
    assert MEASURES[name].bound(compat=mode)(*pair) == pytest.approx(expected, abs=1e-10)


@EACH
def test_the_protocol_moves_the_score(measure, pair):
    assert measure(*pair) != measure.bound(compat=None)(*pair)


@EACH
def test_scores_stay_within_the_declared_bounds(measure, pair):
    """Calibration divides by the way from chance to the best value."""
    low, high = measure.spec.bounds
    assert low <= measure(*pair) <= high
    found = platonica.compare(*pair, measure=measure, n_resamples=19)
    assert 0 < found.chance_normalized < 1
    assert 0 < found.gated < 1


@EACH
def test_float32_gives_the_float64_score(measure, pair):
    single = [X.astype(np.float32) for X in pair]
    assert measure(*single) == measure(*(X.astype(np.float64) for X in single))


@EACH
def test_permuted_and_subset_states_are_those_of_the_rows(measure, pair, rng):
    X, Y = pair
    order = rng.permutation(len(X))
    rows = np.sort(order[:90])  # clips at a value of its own
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    assert_allclose(measure.score(a, measure.permuted(b, order)), measure(X, Y[order]), rtol=1e-10)
    part = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    assert_allclose(part, measure(X[rows], Y[rows]), rtol=1e-10)
    moved = measure.subset(measure.permuted(b, order), rows)
    both = measure.score(measure.subset(a, rows), moved)
    assert_allclose(both, measure(X[rows], Y[order][rows]), rtol=1e-10)


@EACH
def test_batches_equal_single_pairs(measure, pair, rng):
    X, Y = pair
    A, B = [measure.prepare(Z) for Z in (X, Y)], [measure.prepare(Z) for Z in (Y, X, Y[:, :9])]
    single = [[measure.score(a, b) for b in B] for a in A]
    assert_allclose(layer_scores(measure, A, B), single, rtol=1e-10)
    orders = np.stack([rng.permutation(len(X)) for _ in range(3)])
    for order, found in zip(orders, score_permuted(measure, A, B, orders), strict=True):
        moved = [[measure.score(a, measure.permuted(b, order)) for b in B] for a in A]
        assert_allclose(found, moved, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_another_mode_is_refused(name, pair):
    with pytest.raises(ParameterError, match="compat must be None, 'prh' or 'prh-script'"):
        MEASURES[name].bound(compat="exact")(*pair)


@pytest.mark.parametrize("name", ["jaccard_knn", "rank_similarity", "second_order_cosine"])
def test_measures_that_the_code_lacks_have_no_such_mode(name):
    with pytest.raises(ParameterError, match="no parameter 'compat'"):
        MEASURES[name].bound(compat="prh")


def test_a_row_that_the_clipping_empties_is_refused():
    X = np.zeros((40, 2))
    X[:, 0] = np.r_[np.ones(1), np.zeros(39)]
    X[1:, 1] = 0.0
    with pytest.raises(DegenerateInputError, match="zero row after clipping: row 0"):
        MEASURES["mutual_knn"].bound(compat="prh")(X, np.eye(40))
