"""Selections over layers: the null repeats them, and what it cannot repeat is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from platonica.errors import ParameterError
from platonica.measures import MEASURES
from platonica.stats import gated, permutation_null
from platonica.stats.exchange import Exchange
from platonica.stats.selection import selection

CKA = MEASURES["cka"]


def layers(rng, n=40, widths=(4, 5, 6)):
    world = rng.standard_normal((n, 2))
    return [world @ rng.standard_normal((2, d)) + rng.standard_normal((n, d)) for d in widths]


def null_of(A, B, **options):
    states = [[CKA.prepare(X, role=role) for X in side] for side, role in ((A, "x"), (B, "y"))]
    exchange = Exchange.of(len(A[0]))
    return permutation_null(CKA, *states, exchange=exchange, n_resamples=59, **options)


@pytest.mark.parametrize(
    ("select", "by_hand"),
    [
        ("best", lambda grid: grid.max()),
        ("mean", lambda grid: grid.mean()),
        ("mean_best", lambda grid: grid.max(axis=1).mean()),
        (lambda grid: float(np.median(grid)), np.median),
    ],
    ids=["best", "mean", "mean_best", "function"],
)
def test_the_null_repeats_the_selection(select, by_hand, rng):
    A, B = layers(rng), layers(rng, widths=(3, 7))
    result = null_of(A, B, select=select)
    assert result.statistic == pytest.approx(by_hand(result.scores))
    orders = Exchange.of(40).draw(59, 0)
    again = [by_hand(np.array([[CKA(X, Y[o]) for Y in B] for X in A])) for o in orders]
    np.testing.assert_allclose(result.null_distribution, again, rtol=1e-10)


def test_distances_take_the_minimum():
    grids = np.array([[[3.0, 1.0], [np.nan, 2.0]]])
    assert selection("best", "distance")[0](grids) == 1.0
    assert selection("mean_best", "distance")[0](grids) == 1.5
    assert "minimum" in selection("best", "distance")[1]


def test_layers_without_any_score_count_for_nothing():
    grids = np.array([[[0.2, 0.4], [np.nan, np.nan]]] * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for select, value in (("best", 0.4), ("mean", 0.3), ("mean_best", 0.4)):
            np.testing.assert_allclose(selection(select, "similarity")[0](grids), value)


def test_what_the_null_cannot_repeat_is_refused(rng):
    A, draws = layers(rng), iter(np.linspace(0, 1, 1000))
    with pytest.raises(ParameterError, match="the null can repeat, not 'last'"):
        null_of(A, A, select="last")
    with pytest.raises(ParameterError, match="two values for the same grid"):
        null_of(A, A, select=lambda grid: float(next(draws)))
    with pytest.raises(ParameterError, match="one finite number"):
        null_of(A, A, select=lambda grid: float("nan"))
    with pytest.raises(ParameterError, match="one finite number"):
        null_of(A, A, select=lambda grid: grid)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("select", ["best", "mean"])
def test_agrees_with_the_published_calibration_on_shared_permutations(select, rng):
    torch = pytest.importorskip("torch")
    published = pytest.importorskip("calibrated_similarity")
    A, B = layers(rng), layers(rng, widths=(3, 7))
    result = null_of(A, B, select=select)
    orders = iter(Exchange.of(40).draw(59, 0))
    score, pvalue, _ = published.calibrate_layers(
        [torch.from_numpy(X) for X in A], [torch.from_numpy(Y) for Y in B],
        lambda X, Y: CKA(X, Y), agg={"best": "max"}.get(select, select), K=59,
        perm_fn=lambda n, device: torch.from_numpy(next(orders)),
    )  # fmt: skip
    assert gated(result.statistic, result.null_distribution, 1.0) == pytest.approx(
        float(score), abs=1e-6
    )  # theirs is single precision
    assert result.pvalue == pytest.approx(float(pvalue), abs=1e-6)
