"""Distances of clouds against SciPy, POT, scikit-learn and hyppo."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import MEASURES, frechet_distance, mmd_distance


def clouds(rng, n=60, m=45, d=6):
    X = rng.standard_normal((n, d)) @ rng.standard_normal((d, d))
    return X, rng.standard_normal((m, d)) @ rng.standard_normal((d, d)) + 0.5


def frechet_as_defined(X, Y):
    C, D = np.cov(X.T), np.cov(Y.T)
    root = scipy.linalg.sqrtm(C @ D).real
    gap = X.mean(axis=0) - Y.mean(axis=0)
    return gap @ gap + np.trace(C + D - 2.0 * root)


def mmd_as_defined(X, Y, width):
    n, m = len(X), len(Y)

    def kernel(x, y):
        return math.exp(-((x - y) @ (x - y)) / (2.0 * width**2))

    within = sum(kernel(X[i], X[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within += sum(kernel(Y[i], Y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within - 2.0 * sum(kernel(x, y) for x in X for y in Y) / (n * m)


def test_frechet_agrees_with_scipy_and_pot(rng, oracle):
    X, Y = clouds(rng)
    assert frechet_distance(X, Y) == pytest.approx(frechet_as_defined(X, Y), rel=1e-8)
    gaussian = oracle("ot.gaussian")
    root = gaussian.bures_wasserstein_distance(
        X.mean(axis=0), Y.mean(axis=0), np.cov(X.T), np.cov(Y.T)
    )
    assert frechet_distance(X, Y) == pytest.approx(float(root) ** 2, rel=1e-8)


def test_frechet_needs_no_invertible_covariance(rng):
    X, Y = rng.standard_normal((2, 8, 20))
    expected = scipy.linalg.svdvals((X - X.mean(axis=0)) @ (Y - Y.mean(axis=0)).T).sum() / 7
    gap = X.mean(axis=0) - Y.mean(axis=0)
    total = X.var(axis=0, ddof=1).sum() + Y.var(axis=0, ddof=1).sum()
    assert frechet_distance(X, Y) == pytest.approx(gap @ gap + total - 2 * expected, rel=1e-10)
    measure = MEASURES["frechet_distance"]
    (words,) = measure.cautions(measure.prepare(X))
    assert "8 items in 20 features: the covariance is singular" in words
    assert measure.cautions(measure.prepare(np.vstack([X, Y, X + Y]))) == []


def test_frechet_of_one_feature_is_in_closed_form(rng):
    x, y = rng.standard_normal((30, 1)), 2.0 * rng.standard_normal((50, 1)) + 3.0
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_frechet_reads_in_blocks(rng, monkeypatch):
    from platonica import rows

    X, Y = clouds(rng, d=3)
    expected = frechet_distance(X, Y)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 8 * 3 * 7)
    assert frechet_distance(X, Y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["frechet_distance", "mmd_distance"])
def test_widths_must_agree(name, rng):
    X, Y = clouds(rng)
    with pytest.raises(ShapeError, match="6 and 5 features"):
        MEASURES[name](X, Y[:, :5])


def test_mmd_agrees_with_the_definition(rng):
    X, Y = clouds(rng, 15, 12, 3)
    fixed = mmd_distance(X, Y, bandwidth=1.7, relative=False)
    assert fixed == pytest.approx(mmd_as_defined(X, Y, 1.7), abs=1e-12)
    both = euclidean_distances(np.vstack([X, Y]))
    width = 0.5 * np.median(both[np.triu_indices(27, 1)])
    expected = mmd_as_defined(X, Y, width)
    assert mmd_distance(X, Y, bandwidth=0.5) == pytest.approx(expected, abs=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_mmd_agrees_with_hyppo(rng, oracle):
    """Hyppo returns the root of a kernel correlation with the labels, times a constant."""
    X, Y = clouds(rng, 40, 30, 5)
    n, m, gamma = 40, 30, 0.1
    theirs = oracle("hyppo.ksample").MMD(bias=True, gamma=gamma).statistic(X, Y)
    correlation = (theirs * (n + m) ** 4 / (2 * n**2 * m**2)) ** 2
    K = rbf_kernel(np.vstack([X, Y]), gamma=gamma)
    H = np.eye(n + m) - 1.0 / (n + m)
    biased = correlation * np.linalg.norm(H @ K @ H) * (n + m) / (n * m)
    ours = mmd_distance(X, Y, bandwidth=1.0 / math.sqrt(2.0 * gamma), relative=False)
    for part in (K[:n, :n], K[n:, n:]):
        size = len(part)
        ours += part.mean() - (part.sum() - size) / (size * (size - 1))
    assert ours == pytest.approx(biased, abs=1e-8)


def test_mmd_is_unbiased_and_not_clamped():
    r = np.random.default_rng(0)
    clouds_of_one = r.standard_normal((300, 2, 20, 3))
    scores = [mmd_distance(X, Y, bandwidth=1.5, relative=False) for X, Y in clouds_of_one]
    assert min(scores) < 0.0
    assert abs(np.mean(scores)) < 4 * np.std(scores) / np.sqrt(300)
    X = r.standard_normal((20, 3))
    assert mmd_distance(X, X) < 0.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"bandwidth": 0.0}, "bandwidth must be a positive number"),
        ({"bandwidth": "median"}, "bandwidth must be a number, not 'median'"),
        ({"bandwidth": True}, "bandwidth must be a positive number"),
        ({"relative": 0}, "relative must be True or False"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        MEASURES["mmd_distance"].bound(**params)


def test_a_median_of_zero_is_an_error():
    X = np.zeros((12, 2))
    X[0] = 1.0
    with pytest.raises(DegenerateInputError, match="median distance is 0"):
        mmd_distance(X, X)
    assert np.isfinite(mmd_distance(X, X, relative=False))
