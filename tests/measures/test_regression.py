"""Held-out predictivity against scikit-learn, himalaya and literal definitions."""

from __future__ import annotations

import numpy as np
import pytest

from platonica import compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import MEASURES, linear_predictivity, pls_predictivity
from platonica.measures.regression import ALPHAS, LinearPredictivity, PLSPredictivity

SCORINGS = ["r2", "median_r2", "correlation", "median_correlation"]
BOTH = pytest.mark.parametrize("name", ["linear_predictivity", "pls_predictivity"])


def pair(rng, n=60, p=7, q=5, noise=0.5):
    world = rng.standard_normal((n, 4))
    X = world @ rng.standard_normal((4, p)) + noise * rng.standard_normal((n, p)) + 1.0
    Y = world @ rng.standard_normal((4, q)) + noise * rng.standard_normal((n, q)) - 3.0
    return X, Y


def scored(measure, X, Y, folds=None, groups=None):
    a = measure.prepare(X, role="x", folds=folds, groups=groups)
    return measure.score(a, measure.prepare(Y, role="y", folds=folds, groups=groups))


def held_out(model_of, X, Y, folds):
    """Predictions of a model with fit and predict, and where they stand."""
    for fold in sorted(set(folds) - {-1}):
        train, test = folds != fold, folds == fold
        model = model_of(X[train], Y[train])
        yield Y[test], np.asarray(model.fit(X[train], Y[train]).predict(X[test]))


def pooled(scoring, folds):
    """The scores by their definitions, target by target."""
    folds = list(folds)

    def per_target(t, score):
        sums = np.zeros(4)
        for true, predicted in folds:
            y, z = true[:, t], predicted[:, t]
            dy, dz = y - y.mean(), z - z.mean()
            sums += [((y - z) ** 2).sum(), dy @ dy, dz @ dz, dy @ dz]
        return score(*sums)

    targets = range(folds[0][0].shape[1])
    if scoring == "r2":
        errors = sum(per_target(t, lambda e, y, z, c: e) for t in targets)
        return 1 - errors / sum(per_target(t, lambda e, y, z, c: y) for t in targets)
    if scoring == "median_r2":
        return np.median([per_target(t, lambda e, y, z, c: 1 - e / y) for t in targets])
    average = np.mean if scoring == "correlation" else np.median
    return average([per_target(t, lambda e, y, z, c: c / np.sqrt(y * z)) for t in targets])


def gcv_choice(X, Y, alphas):
    """Golub, Heath and Wahba (1979), equation 1.4, with the matrix that makes the predictions."""
    n = len(X)
    Xc = X - X.mean(axis=0)
    errors = []
    for alpha in alphas:
        inverse = np.linalg.inv(Xc.T @ Xc + alpha * np.eye(Xc.shape[1]))
        A = np.full((n, n), 1.0 / n) + Xc @ inverse @ Xc.T
        residual = Y - A @ Y
        errors.append(np.mean(residual**2) / (np.trace(np.eye(n) - A) / n) ** 2)
    return alphas[int(np.argmin(errors))]


def test_golden_values(golden_pair):
    X, Y = golden_pair
    folds = np.repeat([-1, 0], 100)
    plain = LinearPredictivity(alphas=[0.0])
    assert scored(plain, X, Y, folds) == pytest.approx(0.899863927355, abs=1e-11)
    ridge = LinearPredictivity(alphas=[1.0], relative=False)
    assert scored(ridge, X, Y, folds) == pytest.approx(0.900662199525, abs=1e-11)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("width", [7, 90])
def test_agrees_with_scikit_learn(scoring, width, oracle, rng):
    linear = oracle("sklearn.linear_model")
    X, Y = pair(rng, p=width)
    folds = np.arange(60) % 5
    theirs = pooled(scoring, held_out(lambda X, Y: linear.Ridge(alpha=3.0), X, Y, folds))
    ours = linear_predictivity(X, Y, scoring=scoring, alphas=[3.0], relative=False)
    assert ours == pytest.approx(theirs, abs=1e-8)
    if width < 40:
        theirs = pooled(scoring, held_out(lambda X, Y: linear.LinearRegression(), X, Y, folds))
        assert linear_predictivity(X, Y, scoring=scoring, alphas=[0]) == pytest.approx(theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("width", [7, 90])
@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_chooses_the_ridge_of_least_generalised_error(width, noise, oracle, rng):
    linear = oracle("sklearn.linear_model")
    X, Y = pair(rng, p=width, noise=noise)
    chosen = []

    def chosen_ridge(X, Y):
        unit = ((X - X.mean(axis=0)) ** 2).sum() / X.shape[1]
        chosen.append(gcv_choice(X, Y, np.array(ALPHAS) * unit) / unit)
        return linear.Ridge(alpha=chosen[-1] * unit)

    theirs = pooled("r2", held_out(chosen_ridge, X, Y, np.arange(60) % 5))
    assert linear_predictivity(X, Y) == pytest.approx(theirs, abs=1e-8)
    assert 1e-6 < min(chosen) <= max(chosen) < 1e6


@pytest.mark.filterwarnings("ignore")
def test_the_choice_is_near_that_of_scikit_learn(oracle, rng):
    linear = oracle("sklearn.linear_model")
    X, Y = pair(rng, 200, 40, 10, noise=2.0)
    grid = np.geomspace(1, 1e4, 9)
    folds = held_out(lambda X, Y: linear.RidgeCV(grid), X, Y, np.arange(200) % 5)
    ours = linear_predictivity(X, Y, alphas=grid, relative=False)
    assert ours == pytest.approx(pooled("r2", folds), abs=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_agrees_with_himalaya(oracle, rng):
    ridge, scoring = oracle("himalaya.ridge"), oracle("himalaya.scoring")
    X, Y = pair(rng, 80, 12, 9)
    folds = np.repeat([-1, 0], [50, 30])
    model = ridge.Ridge(alpha=2.0, fit_intercept=True).fit(X[:50], Y[:50])
    predicted = np.asarray(model.predict(X[50:]))
    for name, theirs in (
        ("median_r2", np.median(scoring.r2_score(Y[50:], predicted))),
        ("correlation", np.mean(scoring.correlation_score(Y[50:], predicted))),
    ):
        ours = LinearPredictivity(alphas=[2.0], relative=False, scoring=name)
        assert scored(ours, X, Y, folds) == pytest.approx(float(theirs), abs=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize(("width", "components"), [(7, 3), (7, 7), (90, 2)])
def test_pls_agrees_with_scikit_learn(width, components, scoring, oracle, rng):
    module = oracle("sklearn.cross_decomposition")
    X, Y = pair(rng, p=width)

    def model(X, Y):
        return module.PLSRegression(components, scale=False, tol=1e-28, max_iter=100_000)

    theirs = pooled(scoring, held_out(model, X, Y, np.arange(60) % 5))
    ours = pls_predictivity(X, Y, n_components=components, scoring=scoring)
    assert ours == pytest.approx(theirs, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_pls_of_many_features_and_targets_agrees_with_scikit_learn(oracle, rng):
    module = oracle("sklearn.cross_decomposition")
    world = rng.standard_normal((200, 5)) * 2.0 ** -np.arange(5)
    X, Y = (
        world @ np.linalg.qr(rng.standard_normal((d, 5)))[0].T
        + 1e-3 * rng.standard_normal((200, d))
        for d in (100, 80)
    )

    def model(X, Y):
        return module.PLSRegression(4, scale=False, tol=1e-28, max_iter=100_000)

    theirs = pooled("r2", held_out(model, X, Y, np.arange(200) % 5))
    assert pls_predictivity(X, Y, n_components=4) == pytest.approx(theirs, abs=1e-8)


def test_all_components_of_pls_are_least_squares(rng):
    X, Y = pair(rng)
    assert pls_predictivity(X, Y) == pytest.approx(linear_predictivity(X, Y, alphas=[0]))
    measure = MEASURES["pls_predictivity"]
    said = measure.cautions(measure.prepare(X))
    assert "7 components, not 25" in said[-1]
    assert measure.bound(n_components=7).cautions(measure.prepare(X)) == said[:-1]


def test_pls_stops_where_nothing_is_left(rng):
    X = rng.standard_normal((60, 8))
    Y = X[:, :1] @ rng.standard_normal((1, 3))
    assert pls_predictivity(X, Y) == pytest.approx(1.0, abs=1e-12)


@BOTH
def test_items_of_a_group_never_help_to_predict_each_other(name, rng):
    """Twins leak: without groups one predicts the other, though X tells nothing of Y."""
    X, Y = rng.standard_normal((100, 150)), rng.standard_normal((100, 3))
    order = rng.permutation(200)
    X, Y, twin = (np.concatenate([Z, Z])[order] for Z in (X, Y, np.arange(100)))
    measure = MEASURES[name].bound(scoring="correlation")
    assert scored(measure, X, Y) > 0.5
    assert scored(measure, X, Y, groups=twin.tolist()) < 0.2


@BOTH
def test_unrelated_spaces_predict_nothing(name, rng):
    X, Y = rng.standard_normal((200, 20)), rng.standard_normal((200, 10))
    assert -0.5 < MEASURES[name](X, Y) < 0.02
    assert abs(MEASURES[name].bound(scoring="correlation")(X, Y)) < 4 / np.sqrt(2000)


@BOTH
@pytest.mark.parametrize("scoring", SCORINGS)
def test_permutations_of_any_score_equal_fitting_again(name, scoring, rng):
    measure = MEASURES[name].bound(scoring=scoring)
    X, Y = pair(rng, p=80)
    orders = np.stack([rng.permutation(60) for _ in range(3)])
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    null = measure.score_permuted([a], [b], orders)[:, 0, 0]
    np.testing.assert_allclose(null, [measure(X, Y[order]) for order in orders], rtol=1e-10)


@BOTH
def test_a_permuted_predictor_takes_its_folds_along(name, rng):
    measure = MEASURES[name]
    X, Y = pair(rng)
    order = rng.permutation(60)
    folds = (np.arange(60) % 5)[order]
    moved = measure.permuted(measure.prepare(X, role="x"), order)
    expected = scored(measure, X[order], Y, folds)
    b = measure.prepare(Y, role="y", folds=folds)
    assert measure.score(moved, b) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ParameterError, match="different folds"):
        measure.score(moved, measure.prepare(Y, role="y"))


@BOTH
def test_subset_of_a_permuted_target(name, rng):
    measure = MEASURES[name]
    X, Y = pair(rng)
    order, rows = rng.permutation(60), np.arange(5, 55)
    a = measure.subset(measure.prepare(X, role="x"), rows)
    b = measure.subset(measure.permuted(measure.prepare(Y, role="y"), order), rows)
    expected = scored(measure, X[rows], Y[order][rows], (np.arange(60) % 5)[rows])
    assert measure.score(a, b) == pytest.approx(expected, rel=1e-12)


def test_constant_targets_are_left_out_and_counted(rng):
    X, Y = pair(rng)
    dead = np.insert(Y, 2, 0.1, axis=1)
    measure = MEASURES["linear_predictivity"].bound(scoring="correlation")
    b = measure.prepare(dead, role="y")
    assert measure.cautions(b) == ["1 constant targets are left out"]
    assert measure.cautions(measure.prepare(Y, role="y")) == []
    assert measure(X, dead) == measure(X, Y)


def test_targets_that_vary_between_folds_only_have_no_score_of_their_own(rng):
    X, Y = pair(rng)
    Y[:, 1] = np.arange(60) % 5
    assert np.isfinite(linear_predictivity(X, Y))
    for scoring in SCORINGS[1:]:
        with pytest.raises(DegenerateInputError, match="1 targets of Y are constant over the test"):
            linear_predictivity(X, Y, scoring=scoring)
    with pytest.raises(DegenerateInputError, match="Y is constant over the test items"):
        linear_predictivity(X, Y[:, 1:2])


def test_features_that_a_fold_does_not_see_are_an_error(rng):
    X, Y = pair(rng, p=1)
    X[np.arange(60) % 5 != 0] = 0.5
    with pytest.raises(DegenerateInputError, match="constant over the items of a fold"):
        linear_predictivity(X, Y)


def test_least_squares_need_more_items_than_features(rng):
    X, Y = pair(rng, p=48)
    with pytest.raises(DegenerateInputError, match="48 features fit any 48 items"):
        linear_predictivity(X, Y, alphas=[0.0, 1.0])
    assert linear_predictivity(X[:, 1:], Y, alphas=[0]) < linear_predictivity(X[:, 1:], Y)


def test_few_items_for_the_features_are_told(rng):
    measure = MEASURES["linear_predictivity"]
    (caution,) = measure.cautions(measure.prepare(pair(rng)[0]))
    assert caution.startswith("linear_predictivity fits 48 items on 7 features (6.9 for each)")
    assert measure.cautions(measure.prepare(pair(rng, p=4)[0])) == []
    folds = np.where(np.arange(60) < 57, np.arange(60) % 5, np.arange(60))
    said = measure.cautions(measure.prepare(pair(rng, p=4)[0], folds=folds))
    assert said == ["3 items are alone in their fold and are not tested"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scoring": "mse"}, "scoring must be one of"),
        ({"n_folds": 1}, "n_folds must be"),
        ({"n_folds": True}, "n_folds must be"),
        ({"alphas": []}, "alphas must be"),
        ({"alphas": [-1.0]}, "alphas must be"),
        ({"alphas": [np.inf]}, "alphas must be"),
        ({"alphas": 1.0}, "alphas must be"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        LinearPredictivity(**params)
    if "alphas" not in params:
        with pytest.raises(ParameterError, match=message):
            PLSPredictivity(**params)
    with pytest.raises(ParameterError, match="n_components must be"):
        PLSPredictivity(n_components=0)


def test_roles_folds_and_items_must_fit(rng):
    X, Y = pair(rng)
    measure = MEASURES["linear_predictivity"]
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    with pytest.raises(ParameterError, match="role='x' and role='y'"):
        measure.score(b, a)
    with pytest.raises(ShapeError, match="60 and 50"):
        measure.score(a, measure.prepare(Y[:50], role="y"))
    with pytest.raises(ShapeError, match="test 1 to 1 of them"):
        linear_predictivity(X[:15], Y[:15], n_folds=15)


def test_the_front_door_knows_direction_and_warnings(rng):
    X, Y = pair(rng, 100, 12, 3)
    there = compare(X, Y, "linear_predictivity", n_resamples=99)
    back = compare(Y, X, "linear_predictivity", n_resamples=99)
    assert there.score == pytest.approx(linear_predictivity(X, Y), rel=1e-12)
    assert back.score == pytest.approx(linear_predictivity(Y, X), rel=1e-12)
    assert there.score > back.score
    assert there.pvalue == 0.01
    assert any("80 items on 12 features" in text for text in there.warnings)
