"""Power on known worlds: the level where nothing is shared, certainty where all is."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.errors import ParameterError
from platonica.measures import MEASURES
from platonica.stats.power import World, items_needed, power

CKA = MEASURES["debiased_cka"]


def test_spaces_have_the_variance_and_the_share_that_the_world_says():
    world = World(shared=0.4, n_latent=5, n_features_x=300, n_features_y=200, decay=1.0)
    x, y = world.draw(4000, 0)
    assert x.shape == (4000, 300)
    assert y.var() == pytest.approx(1.0, rel=0.1)
    basis = np.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :40]
    both = np.linalg.svd(y - y.mean(0), full_matrices=False)[0][:, :40]
    shared = np.linalg.svd(basis.T @ both, compute_uv=False)
    assert (shared > 0.8).sum() == 5


def test_power_is_the_level_where_nothing_is_shared():
    found = power(CKA, World(shared=0.0), 40, n_resamples=39, n_runs=200)
    assert found.low <= 0.05 <= found.high


def test_power_grows_with_the_share_and_the_items():
    weak, strong = World(shared=0.05), World(shared=0.6)
    options = {"n_resamples": 39, "n_runs": 40}
    assert power(CKA, weak, 20, **options).rate < power(CKA, weak, 160, **options).rate
    assert power(CKA, strong, 60, **options).rate == 1.0


def test_the_smallest_sufficient_number_of_items():
    needed, tried = items_needed(
        CKA, World(shared=0.2), sizes=[200, 20, 60], n_resamples=39, n_runs=30
    )
    assert needed == tried[-1].n_items
    assert tried[-1].rate >= 0.8
    assert all(found.rate < 0.8 for found in tried[:-1])
    nothing, tried = items_needed(CKA, World(shared=0.0), sizes=[20, 40], n_resamples=39, n_runs=20)
    assert nothing is None
    assert len(tried) == 2


def test_a_level_that_cannot_be_reached_is_refused():
    with pytest.raises(ParameterError, match="n_resamples of at least 99"):
        power(CKA, World(shared=0.5), 30, alpha=0.01, n_resamples=49)
    with pytest.raises(ParameterError, match=r"\[0, 1\]"):
        World(shared=1.5)
    with pytest.raises(ParameterError, match="at least one"):
        World(shared=0.5, n_latent=0)
