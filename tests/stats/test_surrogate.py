"""The spectrum-matched surrogate: what it keeps, what it forgets, and its level."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.measures import MEASURES
from platonica.stats.exchange import Exchange
from platonica.stats.surrogate import Turning, surrogate_null

RUNS = 60
CKA, KNN = MEASURES["debiased_cka"], MEASURES["mutual_knn"].bound(k=3)


def test_one_map_keeps_the_mean_and_all_inner_products_of_features(rng):
    """Means, singular values, covariances inside layers and between them: all but the items."""
    Y = rng.standard_normal((12, 4)) + 5.0
    layers = [Y, Y @ rng.standard_normal((4, 3)), rng.standard_normal((12, 20)) - 1.0]
    turned = Turning.of(layers).draw(rng)
    for before, after in zip(layers, turned, strict=True):
        np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-12)
        assert np.abs(after - before).max() > 0.1
        for one, other in zip(layers, turned, strict=True):
            np.testing.assert_allclose(after.T @ other, before.T @ one, atol=1e-10)


def test_the_map_is_uniform(rng):
    """Moments of an entry of a uniform orthonormal frame of the n - 1 free directions."""
    column = np.zeros((6, 1))
    column[0] = 1.0  # its length about the mean is sqrt(5 / 6)
    entries = np.array([Turning.of([column]).draw(rng)[0][3, 0] - 1 / 6 for _ in range(4000)])
    # the projection of a unit vector of the 5 directions on item 3, of length sqrt(5 / 6) too
    assert abs(entries.mean()) < 4 * entries.std() / np.sqrt(4000)
    assert entries.var() == pytest.approx((5 / 6) ** 2 / 5, rel=0.1)


@pytest.mark.parametrize("measure", [CKA, KNN], ids=["debiased_cka", "mutual_knn"])
def test_the_level_holds_for_independent_gaussian_layers(measure, rng):
    rejected = 0
    for run in range(RUNS):
        A = [measure.prepare(rng.standard_normal((24, d))) for d in (3, 5)]
        layers = [rng.standard_normal((24, d)) for d in (4, 6)]
        result = surrogate_null(
            measure, A, layers, exchange=Exchange.of(24), n_resamples=19, rng=run
        )
        rejected += result.pvalue <= 0.05
    assert rejected / RUNS <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / RUNS)


def test_agreement_is_seen_and_the_search_is_repeated(rng):
    X = rng.standard_normal((40, 6))
    layers = [X @ rng.standard_normal((6, 9)), rng.standard_normal((40, 5))]
    result = surrogate_null(CKA, [CKA.prepare(X)], layers, exchange=Exchange.of(40), n_resamples=99)
    assert result.pvalue == 0.01
    assert result.where == (0, 0)
    assert result.null_distribution.shape == (99,)
    assert "spectrum" in result.exchange


def test_hubs_of_unrelated_spaces_are_no_agreement(rng):
    """Against the spectrum alone heavy-tailed items seem to agree; exchanged, they do not."""
    measure, rejected, beyond = MEASURES["cca_squared"], 0, 0
    for run in range(40):
        X, Y = (rng.standard_normal((40, 8)) * rng.standard_t(2, (40, 1)) for _ in "XY")
        result = surrogate_null(
            measure, [measure.prepare(X)], [Y], exchange=Exchange.of(40), n_resamples=39, rng=run
        )
        rejected += result.pvalue <= 0.05
        beyond += (1 + (result.null_distribution >= result.statistic).sum()) / 40 <= 0.05
    assert beyond > 0.15 * 40
    assert rejected <= 0.05 * 40 + 3.1 * np.sqrt(0.05 * 0.95 * 40)
