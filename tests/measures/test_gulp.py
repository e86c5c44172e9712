"""GULP against the published definition and the predictions that it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.measures import MEASURES, gulp_distance


def boix_adsera_squared(X, Y, lam):
    """Squared plug-in distance, term by term, with covariances that divide by n."""
    n = len(X)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    Sx, Sy, Sxy = X.T @ X / n, Y.T @ Y / n, X.T @ Y / n
    Ix = np.linalg.inv(Sx + lam[0] * np.eye(len(Sx)))
    Iy = np.linalg.inv(Sy + lam[1] * np.eye(len(Sy)))
    return (
        np.trace(Ix @ Sx @ Ix @ Sx)
        + np.trace(Iy @ Sy @ Iy @ Sy)
        - 2 * np.trace(Ix @ Sxy @ Iy @ Sxy.T)
    )


@pytest.mark.parametrize("shape", [(60, 5, 9), (30, 50, 9), (25, 40, 60)])
@pytest.mark.parametrize("lam", [1e-3, 0.3, 10.0])
def test_agrees_with_the_published_definition(shape, lam, rng):
    n, p, q = shape
    world = rng.standard_normal((n, 4))
    X = world @ rng.standard_normal((4, p)) + rng.standard_normal((n, p)) + 2.0
    Y = 5.0 * (world @ rng.standard_normal((4, q)) + rng.standard_normal((n, q)))
    absolute = boix_adsera_squared(X, Y, (lam, lam))
    assert gulp_distance(X, Y, lam=lam, relative=False) ** 2 == pytest.approx(absolute, abs=1e-8)
    means = [lam * np.trace(np.cov(Z.T, bias=True)) / Z.shape[1] for Z in (X, Y)]
    relative = boix_adsera_squared(X, Y, means)
    assert gulp_distance(X, Y, lam=lam) ** 2 == pytest.approx(relative, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_bounds_the_gap_of_ridge_predictions(oracle, rng):
    ridge = oracle("sklearn.linear_model").Ridge
    X, Y = rng.standard_normal((50, 6)), 3.0 * rng.standard_normal((50, 8))
    targets = np.eye(50)
    fits = [
        ridge(alpha=Z.var(axis=0).sum() * 50 / Z.shape[1]).fit(Z, targets).predict(Z)
        for Z in (X, Y)
    ]
    assert gulp_distance(X, Y) == pytest.approx(np.linalg.norm(fits[0] - fits[1]), rel=1e-10)


def test_absolute_ridges_survive_streams_subsets_and_extreme_units(rng):
    X, Y = rng.standard_normal((60, 6)) * 1e3, rng.standard_normal((60, 8)) * 1e3
    measure = MEASURES["gulp_distance"].bound(lam=1e6, relative=False)
    rows = np.arange(0, 60, 2)
    parts = [measure.subset(measure.prepare(Z), rows) for Z in (X, Y)]
    assert measure.score(*parts) == pytest.approx(measure(X[rows], Y[rows]), rel=1e-12)
    small = measure.bound(lam=1e-94)
    assert small(X * 1e-50, Y * 1e-50) == pytest.approx(measure(X, Y), rel=1e-10)


def test_triangle_inequality(rng):
    for _ in range(20):
        X, Y, Z = (rng.standard_normal((30, d)) for d in (4, 7, 40))
        assert gulp_distance(X, Z) <= gulp_distance(X, Y) + gulp_distance(Y, Z) + 1e-12
