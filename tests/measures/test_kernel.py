"""CKA against outside implementations and literal transcriptions of the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.errors import DegenerateInputError
from platonica.measures import MEASURES, _kernel, cka, debiased_cka


def song_hsic1(K, L):
    """Song et al. (2012), equation 5, on Gram matrices, term by term."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    first = np.trace(K @ L)
    second = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    third = 2.0 / (n - 2) * (one @ K @ L @ one)
    return (first + second - third) / (n * (n - 3))


def song_debiased_cka(X, Y):
    K, L = X @ X.T, Y @ Y.T
    return song_hsic1(K, L) / np.sqrt(song_hsic1(K, K) * song_hsic1(L, L))


def kornblith_cka(X, Y):
    n = len(X)
    H = np.eye(n) - np.ones((n, n)) / n
    K, L = H @ X @ X.T @ H, H @ Y @ Y.T @ H
    return np.sum(K * L) / np.sqrt(np.sum(K * K) * np.sum(L * L))


def test_golden_values(golden_pair):
    X, Y = golden_pair
    assert cka(X, Y) == pytest.approx(0.631873585733, abs=1e-11)
    assert debiased_cka(X, Y) == pytest.approx(0.622716525906, abs=1e-11)
    measure = MEASURES["cka"]
    moments = measure.null_moments(measure.prepare(X), measure.prepare(Y))
    assert moments.mean == pytest.approx(0.025605379696, abs=1e-11)


@pytest.mark.parametrize("shape", [(50, 5, 9), (50, 5, 80), (30, 64, 90), (4, 3, 3), (300, 20, 31)])
def test_agrees_with_the_definitions_on_gram_matrices(shape, rng):
    n, p, q = shape
    X, Y = rng.standard_normal((n, p)) + 1.0, rng.standard_normal((n, q))
    assert cka(X, Y) == pytest.approx(kornblith_cka(X, Y), abs=1e-10)
    assert debiased_cka(X, Y) == pytest.approx(song_debiased_cka(X, Y), abs=1e-10)


def test_agrees_with_pytorch_cka(rng):
    package = pytest.importorskip("cka")
    torch = pytest.importorskip("torch")
    world = rng.standard_normal((120, 6))
    X = world @ rng.standard_normal((6, 20)) + 0.2 * rng.standard_normal((120, 20))
    Y = world @ rng.standard_normal((6, 33)) + 0.2 * rng.standard_normal((120, 33))
    theirs = package.cka_from_features(torch.from_numpy(X), torch.from_numpy(Y))
    assert debiased_cka(X, Y) == pytest.approx(float(theirs), abs=1e-10)


def test_a_negative_estimate_stays_negative():
    r = np.random.default_rng(3)
    scores = [
        debiased_cka(r.standard_normal((20, 5)), r.standard_normal((20, 5))) for _ in range(20)
    ]
    assert min(scores) < 0
    assert abs(np.mean(scores)) < 4 * np.sqrt(2 / (20 * 17) / 20)


def test_width_inflates_the_biased_estimator_only(rng):
    X, Y = rng.standard_normal((100, 800)), rng.standard_normal((100, 800))
    assert cka(X, Y) > 0.8
    assert abs(debiased_cka(X, Y)) < 4 * np.sqrt(2 / (100 * 97))


def test_equidistant_items_have_no_debiased_score():
    with pytest.raises(DegenerateInputError, match="equally far"):
        debiased_cka(np.eye(12), np.random.default_rng(0).standard_normal((12, 4)))


def test_large_grams_take_the_feature_path(rng, monkeypatch):
    measure = MEASURES["debiased_cka"]
    A = [measure.prepare(rng.standard_normal((40, d))) for d in (3, 8)]
    B = [measure.prepare(rng.standard_normal((40, d))) for d in (5, 60, 6)]
    orders = np.stack([rng.permutation(40) for _ in range(4)])
    by_grams = measure.score_permuted(A, B, orders), measure.score_all(A, B)
    monkeypatch.setattr(_kernel, "STACK_BUDGET", 0)
    by_features = measure.score_permuted(A, B, orders), measure.score_all(A, B)
    for one, other in zip(by_grams, by_features, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


def test_extreme_scales_neither_over_nor_underflow(rng):
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 6))
    for scale in (1e-200, 1e200):
        assert debiased_cka(X * scale, Y) == pytest.approx(debiased_cka(X, Y), rel=1e-10)
