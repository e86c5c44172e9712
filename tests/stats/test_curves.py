"""Curves over the gallery and over k: every point is the score that one would compute alone."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.errors import ParameterError, ShapeError
from platonica.measures import MEASURES
from platonica.stats.curves import CurvePoint, fit_curve, gallery_curve, neighbour_curve
from platonica.stats.exchange import Exchange

KNN, CKA = MEASURES["mutual_knn"].bound(k=6), MEASURES["debiased_cka"]


@pytest.fixture
def pair(rng):
    latent = rng.standard_normal((96, 5))
    return [latent + 0.5 * rng.standard_normal((96, 5)) for _ in range(2)]


def states(measure, pair):
    wide = measure.bound(k=2 * measure.params["k"]) if "k" in measure.params else measure
    return [wide.prepare(X, role=role) for X, role in zip(pair, "xy", strict=True)]


@pytest.mark.parametrize(("hold", "ks"), [("k", [6, 6, 6]), ("k/n", [2, 3, 6])])
def test_points_are_the_scores_of_nested_galleries(hold, ks, pair):
    a, b = states(KNN, pair)
    points = gallery_curve(
        KNN, a, b, exchange=Exchange.of(96), sizes=[96, 32, 48], hold=hold, n_galleries=4
    )
    r = np.random.default_rng(0)
    orders = [r.permutation(96) for _ in range(4)]
    assert [point.n_items for point in points] == [32, 48, 96]
    for point, k in zip(points, ks, strict=True):
        assert point.k == k
        assert point.null_mean == pytest.approx(k / (point.n_items - 1))
        alone = [
            KNN.bound(k=k)(*(X[np.sort(order[: point.n_items])] for X in pair)) for order in orders
        ]
        if point.n_items == 96:
            alone = alone[:1]
        np.testing.assert_allclose(point.scores, alone, rtol=1e-12)


def test_a_global_measure_hardly_moves_with_the_gallery(pair):
    a, b = states(CKA, pair)
    points = gallery_curve(CKA, a, b, exchange=Exchange.of(96), sizes=[24, 48, 96])
    assert all(point.k is None for point in points)
    assert np.ptp([point.score for point in points]) < 3 * points[0].spread
    assert points[0].spread > points[1].spread > points[2].spread == 0.0


def test_groups_enter_a_gallery_as_wholes(pair):
    groups = [i // 2 for i in range(96)]
    a, b = states(CKA, pair)
    points = gallery_curve(CKA, a, b, exchange=Exchange.of(96, groups), sizes=[12, 48])
    assert [point.n_items for point in points] == [24, 96]


def test_the_curve_over_k_has_the_null_of_each_k(pair):
    a, b = (KNN.bound(k=40).prepare(X) for X in pair)
    points = neighbour_curve(KNN, a, b, [40, 1, 10])
    assert [point.k for point in points] == [1, 10, 40]
    for point in points:
        assert point.score == pytest.approx(KNN.bound(k=point.k)(*pair))
        assert point.null_mean == pytest.approx(point.k / 95)


def power_law(sizes, exponent, noise=0.0):
    scale = [1.0 + noise * (-1) ** i for i in range(len(sizes))]
    return [
        CurvePoint(n, 10, np.array([0.9 * s * n**-exponent]), 0.0, 1.0)
        for n, s in zip(sizes, scale, strict=True)
    ]


def test_a_power_law_is_found_and_what_lies_beyond_is_marked():
    fit = fit_curve(power_law([64, 128, 256, 512], 0.4))
    assert fit.exponent == pytest.approx(0.4)
    assert fit.residual == pytest.approx(0.0, abs=1e-12)
    assert fit.predict(512) == (pytest.approx(0.9 * 512**-0.4), False)
    assert fit.predict(10**6) == (pytest.approx(0.9 * 10**-2.4), True)
    assert fit_curve(power_law([64, 128, 256, 512], 0.4, noise=0.1)).residual > 0.05


def test_no_curve_is_fitted_through_chance_or_too_few_points():
    with pytest.raises(ParameterError, match="at least 3 sizes"):
        fit_curve(power_law([64, 128], 0.4))
    below = [CurvePoint(n, 10, np.array([0.1]), 0.2, 1.0) for n in (10, 20, 40)]
    with pytest.raises(ParameterError, match="at or below chance"):
        fit_curve(below)


def test_what_cannot_be_drawn_is_refused(pair):
    a, b = states(KNN, pair)
    with pytest.raises(ShapeError, match="from 1 to 96 units"):
        gallery_curve(KNN, a, b, exchange=Exchange.of(96), sizes=[48, 97])
    with pytest.raises(ShapeError, match="leaves no neighbour"):
        gallery_curve(KNN, a, b, exchange=Exchange.of(96), sizes=[6], hold="k/n")
    with pytest.raises(ParameterError, match="hold must be"):
        gallery_curve(KNN, a, b, exchange=Exchange.of(96), sizes=[48], hold="n")
    with pytest.raises(ParameterError, match="has no k"):
        neighbour_curve(CKA, a, b, [3])
