"""Relatives of CKA against outside programs and literal transcriptions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics.pairwise import rbf_kernel

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import (
    MEASURES,
    _centred,
    adjusted_rv,
    cka,
    debiased_cka,
    debiased_hsic,
    debiased_rbf_cka,
    feature_corrected_cka,
    kernel,
    minibatch_cka,
    rbf,
    rbf_cka,
    rv2,
)
from platonica.measures._centred import centre, cross_product

theirs_warn = pytest.mark.filterwarnings("ignore")


def hsic1(K, L):
    """Song et al. (2012), equation 5."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    second = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    third = 2.0 / (n - 2) * (one @ K @ L @ one)
    return (np.trace(K @ L) + second - third) / (n * (n - 3))


def centred_gram(K):
    H = np.eye(len(K)) - 1.0 / len(K)
    return H @ K @ H


@theirs_warn
def test_cka_equals_hyppo_and_rsatoolbox(golden_pair, oracle):
    X, Y = golden_pair
    rv = oracle("hyppo.independence").RV().statistic(X, Y)
    assert cka(X, Y) == pytest.approx(rv, abs=1e-10)
    rdm = oracle("rsatoolbox.rdm")
    tables = [rdm.RDMs(pdist(Z, "sqeuclidean")[None]) for Z in (X, Y)]
    assert cka(X, Y) == pytest.approx(rdm.compare(*tables, "cosine_cov")[0, 0], abs=1e-8)


@theirs_warn
@pytest.mark.parametrize("shape", [(60, 8, 11), (30, 50, 70)])
def test_minibatch_equals_pytorch_cka_on_shared_batches(shape, rng, oracle):
    torch, theirs = oracle("torch"), oracle("cka")
    n, p, q = shape
    X = rng.standard_normal((n, p))
    Y = X[:, :5] @ rng.standard_normal((5, q)) + rng.standard_normal((n, q))
    found = theirs.cka_from_features(torch.from_numpy(X), torch.from_numpy(Y))
    assert debiased_cka(X, Y) == pytest.approx(float(found), abs=1e-8)
    assert minibatch_cka(X, Y, batch_size=n) == pytest.approx(float(found), abs=1e-8)


def summed(X, Y, batches):
    return sum(hsic1(X[b] @ X[b].T, Y[b] @ Y[b].T) for b in batches)


@pytest.mark.parametrize("size", [4, 7, 25, 60])
def test_minibatch_is_a_ratio_of_sums(size, rng):
    X, Y = rng.standard_normal((60, 5)) + 2.0, rng.standard_normal((60, 7))
    Y[:, :2] += X[:, :2]
    starts = [s for s in range(size, 60, size) if 60 - s >= 4]
    batches = np.split(np.arange(60), starts)
    own = summed(X, X, batches) * summed(Y, Y, batches)
    expected = summed(X, Y, batches) / np.sqrt(own)
    assert minibatch_cka(X, Y, batch_size=size) == pytest.approx(expected, abs=1e-10)


def test_the_order_of_batches_does_not_matter(rng):
    X, Y = rng.standard_normal((40, 5)), rng.standard_normal((40, 7))
    measure, folds = MEASURES["minibatch_cka"], np.repeat([0, 1, 2, 3], 10)
    scores = []
    for labels in (folds, 3 - folds):
        a, b = (measure.prepare(Z, folds=labels) for Z in (X, Y))
        scores.append(measure.score(a, b))
    assert scores[0] == pytest.approx(scores[1], abs=1e-14)
    with pytest.raises(ShapeError, match="at least 4 items"):
        measure.prepare(X, folds=np.arange(40) % 14)
    with pytest.raises(ParameterError, match="batch_size"):
        minibatch_cka(X, Y, batch_size=3)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 4.0])
def test_rbf_equals_scikit_learn_kernels(bandwidth, golden_pair):
    kernels = []
    for Z in golden_pair:
        sigma = bandwidth * np.median(pdist(Z))
        kernels.append(rbf_kernel(Z, gamma=1 / (2 * sigma**2)))
    K, L = map(centred_gram, kernels)
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert rbf_cka(*golden_pair, bandwidth=bandwidth) == pytest.approx(expected, abs=1e-10)
    K, L = kernels
    expected = hsic1(K, L) / np.sqrt(hsic1(K, K) * hsic1(L, L))
    assert debiased_rbf_cka(*golden_pair, bandwidth=bandwidth) == pytest.approx(expected, abs=1e-10)


def test_rbf_golden_value_and_its_limit(golden_pair):
    assert rbf_cka(*golden_pair) == pytest.approx(0.668434152917, abs=1e-10)
    assert rbf_cka(*golden_pair, bandwidth=1e3) == pytest.approx(cka(*golden_pair), abs=1e-5)


def test_rbf_takes_a_matrix_of_distances_and_says_its_width(golden_pair):
    measure = MEASURES["rbf_cka"]
    X, Y = golden_pair
    a = measure.prepare(squareform(pdist(X)), kind="rdm")
    assert measure.score(a, measure.prepare(Y)) == pytest.approx(rbf_cka(X, Y), abs=1e-12)
    assert a.sigma == pytest.approx(np.median(pdist(X)))
    assert measure.prepare(3 * X).sigma == pytest.approx(3 * a.sigma)


def test_rbf_refuses_what_has_no_width(rng, monkeypatch):
    X = rng.standard_normal((30, 4))
    with pytest.raises(ParameterError, match="bandwidth"):
        rbf_cka(X, X, bandwidth=0.0)
    X[:25] = X[0]
    with pytest.raises(ParameterError, match="median distance is 0"):
        rbf_cka(X, X)
    monkeypatch.setattr(rbf, "MATRIX_BUDGET", 800)
    with pytest.raises(ShapeError, match="at most of 10 items"):
        rbf_cka(X, X)


@theirs_warn
def test_debiased_hsic_equals_its_definition(golden_pair):
    X, Y = golden_pair
    expected = hsic1(X @ X.T, Y @ Y.T)
    assert debiased_hsic(X, Y) == pytest.approx(expected, rel=1e-10)
    assert debiased_hsic(2 * X, Y) == pytest.approx(4 * expected, rel=1e-10)


def test_adjusted_rv_takes_out_the_mean_over_permutations(golden_pair):
    X, Y = (Z[:40] for Z in golden_pair)
    r = np.random.default_rng(0)
    shuffled = np.mean([cka(X, Y[r.permutation(40)]) for _ in range(4000)])
    expected = (cka(X, Y) - shuffled) / (1 - shuffled)
    assert adjusted_rv(X, Y) == pytest.approx(expected, abs=2e-3)
    mean = 0.025605379696  # exact, of all 200 items
    found = adjusted_rv(*golden_pair)
    assert found == pytest.approx((0.631873585733 - mean) / (1 - mean), abs=1e-10)


def test_adjusted_rv_is_undefined_for_equidistant_items():
    with pytest.raises(DegenerateInputError, match="equally far"):
        adjusted_rv(np.eye(12), np.eye(12))


@pytest.mark.parametrize("shape", [(50, 5, 9), (20, 40, 31)])
def test_rv2_equals_smilde_s_definition(shape, rng):
    n, p, q = shape
    X, Y = rng.standard_normal((n, p)) + 1.0, rng.standard_normal((n, q))
    K, L = (centred_gram(Z @ Z.T) for Z in (X, Y))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    expected = np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))
    assert rv2(X, Y) == pytest.approx(expected, abs=1e-10)


def column_terms(X):
    """HSIC_1 of every pair of columns, by the definition on Gram matrices."""
    p = X.shape[1]
    grams = [np.outer(X[:, a], X[:, a]) for a in range(p)]
    return np.array([[hsic1(K, L) for L in grams] for K in grams])


def test_feature_correction_leaves_out_the_diagonal(rng):
    world = rng.standard_normal((40, 3))
    X, Y = (world @ rng.standard_normal((3, d)) + rng.standard_normal((40, d)) for d in (5, 6))
    own = []
    for Z in (X, Y):
        terms, p = column_terms(Z), Z.shape[1]
        own.append((terms.sum() - np.trace(terms)) * p / (p - 1))
    expected = hsic1(X @ X.T, Y @ Y.T) / np.sqrt(own[0] * own[1])
    assert feature_corrected_cka(X, Y) == pytest.approx(expected, abs=1e-10)


def test_feature_correction_finds_the_score_of_more_features(rng):
    """A tenth of the features of each space estimates the CKA of all, where CKA itself falls."""
    world = rng.standard_normal((300, 4))
    X, Y = (
        world @ rng.standard_normal((4, 600)) + 2.0 * rng.standard_normal((300, 600))
        for _ in range(2)
    )
    whole = debiased_cka(X, Y)
    corrected = np.mean([
        feature_corrected_cka(X[:, part], Y[:, part])
        for part in np.array_split(rng.permutation(600), 20)
    ])  # fmt: skip
    plain = np.mean([
        debiased_cka(X[:, part], Y[:, part]) for part in np.array_split(rng.permutation(600), 20)
    ])  # fmt: skip
    true = feature_corrected_cka(X, Y)
    assert abs(corrected - true) < 0.25 * abs(plain - true)
    assert plain < whole < true


def test_feature_correction_refuses_one_feature_and_nothing_in_common(rng):
    Y = rng.standard_normal((30, 4))
    with pytest.raises(DegenerateInputError, match="at least 2 features"):
        feature_corrected_cka(rng.standard_normal((30, 1)), Y)
    X = np.linalg.qr(rng.standard_normal((30, 4)))[0]
    with pytest.raises(DegenerateInputError, match="nothing in common"):
        feature_corrected_cka(X, X)


def prh_by_definition(X, Y, unbiased):
    """The protocol of the first paper's code, transcribed from its description."""
    rows = []
    for Z in (X, Y):
        sizes = np.sort(np.abs(Z).ravel())
        Z = np.clip(Z, -sizes[int(0.95 * Z.size)], sizes[int(0.95 * Z.size)])
        rows.append(Z / np.linalg.norm(Z, axis=1, keepdims=True))
    K, L = (Z @ Z.T for Z in rows)
    hsic = hsic1 if unbiased else lambda K, L: (centred_gram(K) * L).sum()
    return hsic(K, L) / (np.sqrt(hsic(K, K) * hsic(L, L)) + 1e-6)


def test_parity_mode_reproduces_the_paper_s_code(golden_pair):
    found = cka(*golden_pair, compat="prh"), debiased_cka(*golden_pair, compat="prh")
    expected = [prh_by_definition(*golden_pair, unbiased) for unbiased in (False, True)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    measure = MEASURES["debiased_cka"].bound(compat="prh")
    A, B = ([measure.prepare(Z)] * 2 for Z in golden_pair)
    np.testing.assert_allclose(measure.score_all(A, B), expected[1], rtol=1e-10)


STREAMING = ["cka", "debiased_cka", "rv2", "adjusted_rv", "debiased_hsic", "feature_corrected_cka"]


@pytest.mark.parametrize("name", STREAMING)
@pytest.mark.parametrize("block_rows", [1, 7, 64])
@pytest.mark.parametrize("lazy", [False, True])
def test_streamed_spaces_have_the_same_scores(name, block_rows, lazy, rng, monkeypatch, row_view):
    measure = MEASURES[name]
    world = rng.standard_normal((90, 4))
    X = (world @ rng.standard_normal((4, 6)) + rng.standard_normal((90, 6)) + 1e4).astype("float32")
    Y = world @ rng.standard_normal((4, 9)) + rng.standard_normal((90, 9))
    order, rows = rng.permutation(90), np.sort(rng.permutation(90)[:40])
    expected = measure(X, Y), measure(X, Y[order]), measure(X[rows], Y[rows])
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * 9 * block_rows)
    monkeypatch.setattr("platonica.rows.BLOCK_BYTES", 8 * 9 * block_rows)
    a, b = (measure.prepare(row_view(Z) if lazy else Z) for Z in (X, Y))
    assert a.space.streams
    found = (
        measure.score(a, b),
        measure.score(a, measure.permuted(b, order)),
        measure.score(measure.subset(a, rows), measure.subset(b, rows)),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_centred_blocks_make_the_centred_matrix(n_blocks, rng, monkeypatch, row_view):
    X = rng.standard_normal((50, 4)) * 1e-3 + 1e4
    whole = centre(X)
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr("platonica.rows.BLOCK_BYTES", 8 * 4 * (50 // n_blocks))
    streamed = centre(row_view(X))
    np.testing.assert_allclose(streamed.array(), whole.array(), rtol=1e-6, atol=1e-8)
    assert streamed.norm == pytest.approx(whole.norm, rel=1e-9)
    np.testing.assert_allclose(streamed.scatter, whole.scatter, rtol=1e-9, atol=1e-9)
    with pytest.raises(ShapeError, match="same items"):
        cross_product(streamed, centre(X[:40]))


def test_a_stream_with_bad_values_names_the_row(rng, monkeypatch, row_view):
    X = rng.standard_normal((50, 4))
    X[33, 1] = np.nan
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    with pytest.raises(DegenerateInputError, match="first in row 33"):
        centre(row_view(X))
    with pytest.raises(DegenerateInputError, match="constant"):
        centre(row_view(np.ones((50, 4))))


def test_the_debiased_numerator_is_song_s_estimator(rng):
    X, Y = rng.standard_normal((25, 4)), rng.standard_normal((25, 6))
    x, y = X - X.mean(0), Y - Y.mean(0)
    cross = ((x.T @ y) ** 2).sum()
    found = kernel.debiased_numerator(cross, (x**2).sum(1), (y**2).sum(1)) / (25 * 22)
    assert found == pytest.approx(hsic1(X @ X.T, Y @ Y.T), rel=1e-10)
