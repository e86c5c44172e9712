"""The spectrum-matched surrogate: what it keeps, what it forgets, and its level."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.measures import MEASURES
from platonica.stats.surrogate import random_rotation, surrogate_null

RUNS = 60
CKA, KNN = MEASURES["debiased_cka"], MEASURES["mutual_knn"].bound(k=3)


def test_the_map_is_orthogonal_and_keeps_the_mean(rng):
    Q = random_rotation(12, rng)
    np.testing.assert_allclose(Q @ Q.T, np.eye(12), atol=1e-12)
    np.testing.assert_allclose(Q.sum(axis=0), 1.0, atol=1e-12)
    Y = rng.standard_normal((12, 4)) + 5.0
    np.testing.assert_allclose((Q @ Y).mean(axis=0), Y.mean(axis=0))
    np.testing.assert_allclose(
        np.linalg.svd(Q @ Y, compute_uv=False), np.linalg.svd(Y, compute_uv=False)
    )


def test_the_map_is_uniform(rng):
    """Moments of an entry of a uniform orthogonal map of the n - 1 free directions."""
    entries = np.array([random_rotation(6, rng)[1, 3] - 1 / 6 for _ in range(4000)])
    # entry = b_1' Q b_3 with |b_i|^2 = 5/6, so that its mean is 0 and its variance (5/6)^2 / 5
    assert abs(entries.mean()) < 4 * entries.std() / np.sqrt(4000)
    assert entries.var() == pytest.approx((5 / 6) ** 2 / 5, rel=0.1)


@pytest.mark.parametrize("measure", [CKA, KNN], ids=["debiased_cka", "mutual_knn"])
def test_the_level_holds_for_independent_gaussian_layers(measure, rng):
    rejected = 0
    for run in range(RUNS):
        A = [measure.prepare(rng.standard_normal((24, d))) for d in (3, 5)]
        layers = [rng.standard_normal((24, d)) for d in (4, 6)]
        result = surrogate_null(measure, A, layers, n_resamples=19, rng=run)
        rejected += result.pvalue <= 0.05
    assert rejected / RUNS <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / RUNS)


def test_agreement_is_seen_and_the_search_is_repeated(rng):
    X = rng.standard_normal((40, 6))
    layers = [X @ rng.standard_normal((6, 9)), rng.standard_normal((40, 5))]
    result = surrogate_null(CKA, [CKA.prepare(X)], layers, n_resamples=99)
    assert result.pvalue == 0.01
    assert result.where == (0, 0)
    assert result.null_distribution.shape == (99,)
    assert "spectrum" in result.exchange
