"""Gromov-Wasserstein against POT, enumeration, and spaces whose answer is known."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from platonica.errors import DegenerateInputError, MissingExtraError, ParameterError, ShapeError
from platonica.measures import MEASURES, gromov_wasserstein_distance, gromov_wasserstein_match

MEASURE = MEASURES["gromov_wasserstein_distance"]


def normalised(X):
    D = cdist(X, X)
    return D / D[np.triu_indices(len(D), 1)].mean()


@pytest.fixture(autouse=True)
def _needs_ot(request):
    if "without" not in request.node.name:
        pytest.importorskip("ot")


@pytest.mark.parametrize("size", [(30, 30), (30, 22)])
def test_cost_is_that_of_pot(size, rng, oracle):
    gromov = oracle("ot.gromov")
    X, Y = rng.standard_normal((size[0], 3)), rng.standard_normal((size[1], 5))
    match = gromov_wasserstein_match(X, Y, n_restarts=0)
    theirs = gromov.gromov_wasserstein2(normalised(X), normalised(Y))
    assert match.costs[1] == pytest.approx(theirs, abs=1e-8)  # the start that POT takes
    assert match.cost <= theirs + 1e-12
    x, y = normalised(X), normalised(Y)
    loop = sum(
        match.plan[i, k] * match.plan[j, m] * (x[i, j] - y[k, m]) ** 2
        for i, k in np.argwhere(match.plan)
        for j, m in np.argwhere(match.plan)
    )
    assert match.cost == pytest.approx(loop, abs=1e-12)


def test_mostly_finds_the_best_permutation_and_never_less(rng):
    """Euclidean distances: the minimum over couplings is reached by a permutation."""
    found_best = 0
    for _ in range(10):
        X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 3))
        x, y = normalised(X), normalised(Y)
        best = min(
            np.mean((x - y[np.ix_(order, order)]) ** 2)
            for order in map(list, itertools.permutations(range(6)))
        )
        found = gromov_wasserstein_distance(X, Y, n_restarts=20)
        assert found >= best - 1e-12
        found_best += found < best + 1e-9
    assert found_best >= 5


def test_finds_a_shuffled_and_rotated_copy(rng):
    X = rng.standard_normal((50, 4))
    order = rng.permutation(50)
    Y = 3.0 * X[order] @ np.linalg.qr(rng.standard_normal((4, 4)))[0] + 1.0
    match = gromov_wasserstein_match(X, Y, n_restarts=0)
    assert match.cost == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_array_equal(match.plan.argmax(axis=1), np.argsort(order))


def test_match_says_how_well_it_went(rng):
    X = rng.standard_normal((40, 3))
    Y = X @ np.linalg.qr(rng.standard_normal((3, 3)))[0] + 0.02 * rng.standard_normal((40, 3))
    match = gromov_wasserstein_match(X, Y, paired=True, n_restarts=3)
    assert match.costs.shape == (5,)
    assert match.cost == match.costs.min()
    assert match.accuracy > 0.9
    assert match.true_cost == pytest.approx(np.mean((normalised(X) - normalised(Y)) ** 2))
    assert gromov_wasserstein_match(X, Y[:30], n_restarts=0).accuracy is None
    with pytest.raises(ShapeError, match="40 and 30 rows"):
        gromov_wasserstein_match(X, Y[:30], paired=True)


def test_one_seed_one_result_and_more_starts_are_no_worse(rng):
    X, Y = rng.standard_normal((25, 3)), rng.standard_normal((25, 4))
    first = gromov_wasserstein_match(X, Y, n_restarts=4, rng=5)
    second = gromov_wasserstein_match(X, Y, n_restarts=4, rng=5)
    np.testing.assert_array_equal(first.costs, second.costs)
    fewer = gromov_wasserstein_match(X, Y, n_restarts=2, rng=5)
    np.testing.assert_array_equal(first.costs[:4], fewer.costs)
    assert first.cost <= fewer.cost


def test_takes_ready_distances(rng):
    X, Y = rng.standard_normal((20, 3)), rng.standard_normal((18, 5))
    a, b = MEASURE.prepare(cdist(X, X), kind="rdm"), MEASURE.prepare(Y)
    assert MEASURE.score(a, b) == pytest.approx(MEASURE(X, Y), rel=1e-12)


def test_units_are_kept_on_request(rng):
    X, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
    plain = gromov_wasserstein_distance(X, Y, normalize=False)
    assert gromov_wasserstein_distance(3 * X, 3 * Y, normalize=False) == pytest.approx(9 * plain)
    assert gromov_wasserstein_distance(3 * X, Y) == pytest.approx(gromov_wasserstein_distance(X, Y))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda D: D[:, :5], ShapeError, r"\(n_items, n_items\)"),
        (lambda D: D[:3, :3], ShapeError, "at least 4 items, not 3"),
        (lambda D: D + np.eye(20), ShapeError, "zeros on the diagonal"),
        (lambda D: np.triu(D), ShapeError, "symmetric"),
        (lambda D: -D, ShapeError, "must not be negative"),
        (lambda D: D * np.where(np.arange(20) == 4, np.nan, 1.0)[:, None],
         DegenerateInputError, "row"),
        (lambda D: 0.0 * D, DegenerateInputError, "all distances are 0"),
    ],
)  # fmt: skip
def test_what_is_no_dissimilarity_is_refused(spoil, error, message, rng):
    X = rng.standard_normal((20, 3))
    with pytest.raises(error, match=message):
        MEASURE.prepare(spoil(cdist(X, X)), kind="rdm")


@pytest.mark.parametrize(
    "params", [{"n_restarts": -1}, {"n_restarts": 1.5}, {"rng": None}, {"normalize": 1}]
)
def test_parameters_of_the_wrong_type_are_refused(params):
    with pytest.raises(ParameterError, match="must be"):
        MEASURE.bound(**params)


def test_too_many_items_are_refused(rng, monkeypatch):
    from platonica.measures import gromov

    monkeypatch.setattr(gromov, "MOST_ITEMS", 30)
    with pytest.raises(ShapeError, match=r"at most 30 items.* there are 31"):
        MEASURE.prepare(rng.standard_normal((31, 2)))


def test_the_library_is_named_where_it_is_missing_without_it(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    X, Y = rng.standard_normal((2, 10, 3))
    with pytest.raises(MissingExtraError, match=r"POT is not installed.*platonica\[ot\]"):
        gromov_wasserstein_distance(X, Y)
