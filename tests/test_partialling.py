"""Controls taken out: of features for most measures, of dissimilarities for RSA."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from platonica import compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import get_measure
from platonica.residuals import explained_by
from platonica.stats import permutation_null
from platonica.stats.exchange import Exchange

EUCLID = "rsa?rdm=euclidean"


def confounded(rng, n=60):
    """Two spaces that see a control each in their own way, and nothing else of each other."""
    Z = rng.standard_normal((n, 4))
    return [Z @ rng.standard_normal((4, 8)) + rng.standard_normal((n, 8)) for _ in "XY"] + [Z]


def naive_partial(x, y, controls):
    """Correlation of what least squares leave of both."""
    Z = np.column_stack([np.ones(len(x)), *controls])
    x, y = (v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0] for v in (x, y))
    return x @ y / np.sqrt((x @ x) * (y @ y))


@pytest.mark.parametrize("how", ["spearman", "pearson"])
@pytest.mark.parametrize("n_controls", [1, 2])
def test_partial_rsa_is_the_partial_correlation_of_dissimilarities(how, n_controls, rng):
    X, Y, Z = confounded(rng)
    controls = [Z, Z[:, :2] + rng.standard_normal((60, 2))][:n_controls]
    rank = rankdata if how == "spearman" else np.asarray
    x, y, *z = (rank(pdist(V)) for V in (X, Y, *controls))
    found = compare(X, Y, f"{EUCLID}&compare={how}", controls=controls, n_resamples=99)
    assert found.score == pytest.approx(naive_partial(x, y, z), abs=1e-10)
    if n_controls == 1:
        r = np.corrcoef([x, y, z[0]])
        textbook = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
        assert found.score == pytest.approx(textbook, abs=1e-10)
    assert "dissimilarities of" in found.warnings[0]


def test_what_only_the_control_shares_is_gone_and_the_rest_stays(rng):
    X, Y, Z = confounded(rng, n=120)
    plain = compare(X, Y, EUCLID, n_resamples=199)
    partial = compare(X, Y, EUCLID, controls=Z, n_resamples=199)
    assert plain.pvalue == 0.005
    assert partial.score < 0.5 * plain.score
    both = rng.standard_normal((120, 4))
    shared = compare(
        np.hstack([X, both]), np.hstack([Y, both]), EUCLID, controls=Z, n_resamples=199
    )
    assert shared.pvalue == 0.005


def test_every_permutation_moves_the_residuals_of_y(rng):
    X, Y, Z = confounded(rng, n=30)
    measure = get_measure(EUCLID + "&compare=pearson")
    control = measure.prepare(Z)
    a, b = (measure.partial(measure.prepare(V), [control]) for V in (X, Y))
    basis = np.column_stack([np.ones(435), pdist(Z)])
    x, y = (v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (pdist(X), pdist(Y)))
    orders = np.stack([rng.permutation(30) for _ in range(8)])
    square, upper = squareform(y, checks=False), np.triu_indices(30, 1)
    expected = [
        x @ square[np.ix_(order, order)][upper] / np.sqrt((x @ x) * (y @ y)) for order in orders
    ]
    one_by_one = [measure.score(a, measure.permuted(b, order)) for order in orders]
    np.testing.assert_allclose(one_by_one, expected, atol=1e-12)
    batch = measure.score_permuted([a], [b], orders).ravel()
    np.testing.assert_allclose(batch, expected, atol=1e-12)


def test_subsets_are_regressed_anew(rng):
    X, Y, Z = confounded(rng, n=50)
    measure = get_measure(EUCLID)
    a, b = (measure.partial(measure.prepare(V), [measure.prepare(Z)]) for V in (X, Y))
    rows = np.sort(rng.choice(50, 30, replace=False))
    found = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    expected = compare(X[rows], Y[rows], EUCLID, controls=Z[rows], n_resamples=19).score
    assert found == pytest.approx(expected, abs=1e-12)
    assert compare(X, Y, EUCLID, controls=Z, n_resamples=99, interval=0.95).interval is not None


def test_ready_dissimilarities_are_taken_out_of_ready_ones(rng):
    spaces = confounded(rng)
    x, y, z = (squareform(pdist(V)) for V in spaces)
    ready = compare(x, y, "rsa", controls=z, kind="rdm", n_resamples=19)
    made = compare(*spaces[:2], EUCLID, controls=spaces[2], n_resamples=19)
    assert ready.score == pytest.approx(made.score, abs=1e-9)


def test_other_measures_compare_residual_features(rng):
    X, Y, Z = confounded(rng)
    found = compare(X, Y, "cka", controls=Z, n_resamples=19).score
    basis = np.linalg.qr(Z - Z.mean(axis=0))[0]
    x, y = (V - V.mean(axis=0) - basis @ (basis.T @ V) for V in (X, Y))
    expected = ((x.T @ y) ** 2).sum() / np.sqrt(((x.T @ x) ** 2).sum() * ((y.T @ y) ** 2).sum())
    assert found == pytest.approx(expected, rel=1e-8)


def test_residuals_are_permuted_and_fitted_anew(rng):
    X, Y, Z = confounded(rng, n=30)
    found = compare(X, Y, "cka", controls=Z, n_resamples=19, rng=4)
    basis = np.linalg.qr(np.column_stack([np.ones(30), Z]))[0]

    def left(V):
        return V - basis @ (basis.T @ V)

    cka = get_measure("cka")
    orders = Exchange.of(30).draw(19, 4)
    expected = [cka(left(X), left(left(Y)[order])) for order in orders]
    np.testing.assert_allclose(found.null_distribution, expected, rtol=1e-8)
    assert "controls fitted anew" in found.null
    assert found.pair_null_mean is None


def test_what_cannot_be_taken_out_is_refused(rng):
    X, Y, Z = confounded(rng)
    with pytest.raises(ParameterError, match="compare='pearson' or 'spearman'"):
        compare(X, Y, "rsa?compare=kendall", controls=Z)
    with pytest.raises(DegenerateInputError, match="explain its dissimilarities wholly"):
        compare(X, Y, EUCLID, controls=3 * X + 1)
    for null in ("surrogate", "exact-moments"):
        for name in (EUCLID, "cka"):
            with pytest.raises(ParameterError, match="knows no controls"):
                compare(X, Y, name, controls=Z, null=null)
    with pytest.raises(ShapeError, match="same items"):
        compare(X, Y, EUCLID, controls=Z[:50])
    layers = {"copy": Z, "own": X}
    found = compare(layers, Y, EUCLID, controls=Z, n_resamples=19)
    assert found.layer_x == "own"
    assert any("left out: X, layer copy" in text for text in found.warnings)


def rejections(name, n_controls, runs=200):
    count = 0
    for run in range(runs):
        r = np.random.default_rng([n_controls, run])
        Z = r.standard_normal((40, n_controls))
        X, Y = (Z @ r.standard_normal((n_controls, 8)) + r.standard_normal((40, 8)) for _ in "XY")
        count += compare(X, Y, name, controls=Z, n_resamples=39, rng=run).pvalue <= 0.05
    return count


@pytest.mark.slow
@pytest.mark.parametrize("n_controls", [4, 10])
@pytest.mark.parametrize("name", ["debiased_cka", "mutual_knn?k=5"])
def test_the_level_holds_for_residuals_that_lie_in_what_both_are_left(name, n_controls):
    """A quarter of item space is gone at most."""
    assert rejections(name, n_controls) <= 200 * 0.05 + 3.1 * np.sqrt(200 * 0.05 * 0.95)


@pytest.mark.slow
def test_without_fitting_anew_unrelated_residuals_seem_to_agree():
    """The planted fault: residuals permuted as if they were any features."""
    measure, rejected = get_measure("debiased_cka"), 0
    for run in range(100):
        r = np.random.default_rng([10, run])
        Z = r.standard_normal((40, 10))
        X, Y = (Z @ r.standard_normal((10, 8)) + r.standard_normal((40, 8)) for _ in "XY")
        left = explained_by([Z])
        a, b = (measure.prepare(left.residuals(V)) for V in (X, Y))
        found = permutation_null(
            measure, [a], [b], exchange=Exchange.of(40), n_resamples=39, rng=run
        )
        rejected += found.pvalue <= 0.05
    assert rejected > 100 * 0.05 + 5 * np.sqrt(100 * 0.05 * 0.95)


@pytest.mark.slow
def test_partial_rsa_is_left_with_what_is_no_sum_of_dissimilarities():
    """Features that are sums do not have dissimilarities that are: its level is not 5 %."""
    assert 200 * 0.05 < rejections(EUCLID, 4) < 200 * 0.4


def test_a_control_without_dissimilarities_is_named(rng):
    X, Y, Z = confounded(rng)
    flat = Z.copy()
    flat[7] = 1.0
    with pytest.raises(DegenerateInputError, match="control 1: X has features that are all equal"):
        compare(X, Y, "rsa", controls=[Z, flat])
