"""Distance correlation against hyppo, dense definitions and golden values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from platonica.errors import DegenerateInputError
from platonica.measures import (
    MEASURES,
    dcor,
    debiased_distance_correlation,
    distance_correlation,
)

NAMES = ["distance_correlation", "debiased_distance_correlation"]


def test_golden_values(golden_pair):
    assert distance_correlation(*golden_pair) == pytest.approx(0.828252457426, abs=1e-10)
    assert debiased_distance_correlation(*golden_pair) == pytest.approx(0.653567677416, abs=1e-10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(50, 4, 7), (20, 40, 3)])
def test_equal_to_hyppo(shape, rng, oracle):
    """Its biased value is the root, its unbiased one the square."""
    Dcorr = oracle("hyppo.independence").Dcorr
    n, p, q = shape
    X = rng.standard_normal((n, p))
    Y = X[:, :3] @ rng.standard_normal((3, q)) + rng.standard_normal((n, q))
    biased, unbiased = (Dcorr(bias=bias).statistic(X, Y) for bias in (True, False))
    assert distance_correlation(X, Y) == pytest.approx(biased, abs=1e-8)
    assert debiased_distance_correlation(X, Y) == pytest.approx(unbiased, abs=1e-8)


def u_centred(D):
    """Székely and Rizzo (2014), definition 2."""
    n = len(D)
    rows = D.sum(axis=1)
    U = D - rows[:, None] / (n - 2) - rows / (n - 2) + D.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(U, 0.0)
    return U


def test_negative_values_are_returned_as_they_are(rng):
    found = []
    for _ in range(20):
        X, Y = rng.standard_normal((2, 12, 3))
        U, V = (u_centred(squareform(pdist(Z))) for Z in (X, Y))
        expected = (U * V).sum() / np.sqrt((U * U).sum() * (V * V).sum())
        found.append(debiased_distance_correlation(X, Y))
        assert found[-1] == pytest.approx(expected, abs=1e-10)
    assert min(found) < 0 < max(found)


def test_dependence_without_correlation_is_seen(rng):
    x = rng.standard_normal((200, 1))
    y = x**2
    assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < 0.4
    assert debiased_distance_correlation(x, y) > 0.15


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("block", [100, 64 << 20])
def test_bands_give_what_matrices_give(name, block, golden_pair, rng, monkeypatch):
    measure = MEASURES[name]
    X, Y = (Z[:50] for Z in golden_pair)
    order, rows = rng.permutation(50), np.sort(rng.permutation(50)[:20])
    expected = measure(X, Y), measure(X, Y[order]), measure(X[rows], Y[rows])
    monkeypatch.setattr(dcor, "MATRIX_BUDGET", 0)
    monkeypatch.setattr("platonica.distances._BLOCK_BYTES", block)
    a, b = measure.prepare(X), measure.prepare(Y)
    assert a.gram is None
    found = (
        measure.score(a, b),
        measure.score(a, measure.permuted(b, order)),
        measure.score(measure.subset(a, rows), measure.subset(b, rows)),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(measure.score_all([a], [b]), [[expected[0]]], rtol=1e-10)
    np.testing.assert_allclose(
        measure.score_permuted([a], [b], order[None]), [[[expected[1]]]], rtol=1e-10
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_of_distances_stands_for_features(name, golden_pair):
    measure = MEASURES[name]
    X, Y = golden_pair
    a = measure.prepare(squareform(pdist(X)), kind="rdm")
    assert measure.score(a, measure.prepare(Y)) == pytest.approx(measure(X, Y), abs=1e-10)
    rows = np.arange(0, 200, 3)
    some = measure.score(measure.subset(a, rows), measure.prepare(Y[rows]))
    assert some == pytest.approx(measure(X[rows], Y[rows]), abs=1e-10)


def test_equidistant_items_have_no_debiased_value(rng):
    with pytest.raises(DegenerateInputError, match="equally far"):
        debiased_distance_correlation(np.eye(12), rng.standard_normal((12, 4)))
