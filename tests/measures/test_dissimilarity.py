"""RSA against rsatoolbox and SciPy, for every table of dissimilarities and every comparison."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kendalltau, pearsonr, spearmanr

from platonica.comparison import compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import MEASURES, cka, dissimilarity, rsa
from platonica.measures._moves import moved

RDMS = ["correlation", "cosine", "euclidean", "sqeuclidean", "mahalanobis"]
SCIPY = {"pearson": pearsonr, "spearman": spearmanr}
THEIRS = {
    "pearson": "corr", "spearman": "spearman", "rho_a": "rho-a", "kendall": "tau-a",
    "cosine": "cosine", "whitened_cosine": "cosine_cov",
}  # fmt: skip


def table(X, rdm):
    options = {"VI": np.linalg.inv(np.cov(X.T))} if rdm == "mahalanobis" else {}
    return pdist(X, rdm, **options)


def test_golden_values(golden_pair):
    assert rsa(*golden_pair) == pytest.approx(0.681042582951, abs=1e-10)
    assert rsa(*golden_pair, compare="pearson") == pytest.approx(0.692788309485, abs=1e-10)
    assert rsa(*golden_pair, compare="kendall") == pytest.approx(0.493074316757, abs=1e-10)
    squared = rsa(*golden_pair, rdm="sqeuclidean", compare="pearson")
    assert squared == pytest.approx(0.605248595108, abs=1e-10)


@pytest.mark.parametrize("rdm", RDMS)
@pytest.mark.parametrize("compare", ["pearson", "spearman"])
def test_equal_to_scipy(rdm, compare, golden_pair):
    expected = SCIPY[compare](*(table(X, rdm) for X in golden_pair)).statistic
    assert rsa(*golden_pair, rdm=rdm, compare=compare) == pytest.approx(expected, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compare", THEIRS)
@pytest.mark.parametrize("rdm", ["correlation", "euclidean", "sqeuclidean"])
def test_equal_to_rsatoolbox(rdm, compare, golden_pair, oracle):
    module = oracle("rsatoolbox.rdm")
    pair = [X[:60] for X in golden_pair]
    tables = [module.RDMs(table(X, rdm)[None]) for X in pair]
    expected = module.compare(*tables, THEIRS[compare])[0, 0]
    assert rsa(*pair, rdm=rdm, compare=compare) == pytest.approx(expected, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("compare", ["spearman", "rho_a", "kendall"])
def test_ties_are_counted_as_rsatoolbox_counts_them(compare, rng, oracle):
    module = oracle("rsatoolbox.rdm")
    X, Y = (rng.integers(0, 3, (25, 3)).astype(float) for _ in range(2))
    tables = [module.RDMs(pdist(Z)[None]) for Z in (X, Y)]
    expected = module.compare(*tables, THEIRS[compare])[0, 0]
    assert rsa(X, Y, rdm="euclidean", compare=compare) == pytest.approx(expected, abs=1e-8)
    if compare == "kendall":
        assert abs(expected - kendalltau(pdist(X), pdist(Y)).statistic) > 1e-4  # tau-b is another


def test_whitened_cosine_of_squared_distances_is_cka(golden_pair):
    found = rsa(*golden_pair, rdm="sqeuclidean", compare="whitened_cosine")
    assert found == pytest.approx(cka(*golden_pair), abs=1e-10)


KEEPS = {
    "correlation": {"column_permutation", "scaling", "row_scaling"},
    "cosine": {"rotation", "column_permutation", "scaling", "row_scaling"},
    "euclidean": {"rotation", "column_permutation", "scaling", "translation"},
    "sqeuclidean": {"rotation", "column_permutation", "scaling", "translation"},
    "mahalanobis": {
        "rotation", "column_permutation", "scaling", "translation", "invertible_map",
    },
}  # fmt: skip
MOVES = [
    "rotation", "column_permutation", "scaling", "row_scaling", "translation", "invertible_map",
]  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("rdm", KEEPS)
def test_what_each_table_reacts_to(rdm, move, golden_pair, rng):
    X, Y = (Z[:60] + 0.3 for Z in golden_pair)
    before = rsa(X, Y, rdm=rdm)
    after = rsa(moved(move, X, rng), Y, rdm=rdm)
    if move in KEEPS[rdm]:
        assert after == pytest.approx(before, rel=1e-6)
    else:
        assert abs(after - before) > 1e-3 * abs(before)


def test_a_constant_for_each_item_does_not_move_correlations(golden_pair, rng):
    X, Y = golden_pair
    assert rsa(X + rng.standard_normal((200, 1)), Y) == pytest.approx(rsa(X, Y), rel=1e-9)


@pytest.mark.parametrize("compare", THEIRS)
def test_all_comparisons_keep_the_verbs(compare, golden_pair, rng):
    measure = MEASURES["rsa"].bound(compare=compare)
    X, Y = (Z[:30] for Z in golden_pair)
    order, rows = rng.permutation(30), np.sort(rng.permutation(30)[:12])
    a, b = measure.prepare(X), measure.prepare(Y)
    permuted = measure.score(a, measure.permuted(b, order))
    assert permuted == pytest.approx(measure(X, Y[order]), abs=1e-12)
    assert measure.score_permuted([a], [b], order[None])[0, 0, 0] == pytest.approx(permuted)
    subset = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    assert subset == pytest.approx(measure(X[rows], Y[rows]), abs=1e-12)
    every = [rng.permutation(30) for _ in range(300)]
    null = measure.score_permuted([a], [b], np.array(every)).ravel()
    error = null.std() / np.sqrt(len(null))
    assert abs(null.mean() - measure.null_moments(a, b).mean) < 4 * error


@pytest.mark.parametrize("budget", [0, 2 << 30])
def test_small_pieces_and_single_pairs_give_the_same(budget, golden_pair, rng, monkeypatch):
    measure = MEASURES["rsa"]
    A, B = ([measure.prepare(Z[:40, :d]) for d in (6, 12)] for Z in golden_pair)
    orders = np.array([rng.permutation(40) for _ in range(3)])
    expected = measure.score_all(A, B), measure.score_permuted(A, B, orders)
    monkeypatch.setattr(dissimilarity, "STACK_BUDGET", budget)
    monkeypatch.setattr(dissimilarity, "CHUNK", 50)
    np.testing.assert_allclose(measure.score_all(A, B), expected[0], rtol=1e-12)
    np.testing.assert_allclose(measure.score_permuted(A, B, orders), expected[1], rtol=1e-12)


def test_ready_tables_square_and_condensed(golden_pair):
    measure = MEASURES["rsa"]
    X, Y = golden_pair
    condensed = pdist(X, "correlation")
    for ready in (condensed, squareform(condensed)):
        a = measure.prepare(ready, kind="rdm")
        assert measure.score(a, measure.prepare(Y)) == pytest.approx(rsa(X, Y), abs=1e-12)
    result = compare(squareform(condensed), Y, "rsa", kind=("rdm", "features"), n_resamples=99)
    assert result.score == pytest.approx(rsa(X, Y), abs=1e-12)
    assert result.pvalue == 0.01


def test_crossnobis_through_the_verbs(rng):
    items = rng.standard_normal((15, 4))
    X = np.tile(items, (3, 1)) + 0.3 * rng.standard_normal((45, 4))
    folds = np.repeat([0, 1, 2], 15)
    cross = MEASURES["rsa"].bound(rdm="crossnobis", compare="pearson")
    plain = MEASURES["rsa"].bound(rdm="sqeuclidean", compare="pearson")
    a, b = cross.prepare(X, folds=folds), plain.prepare(items)
    assert cross.score(a, b) > 0.8
    rows = np.arange(0, 15, 2)
    some = np.concatenate([rows + 15 * fold for fold in range(3)])
    again = cross.prepare(X[some], folds=folds[some])
    found = cross.score(cross.subset(a, rows), plain.subset(b, rows))
    assert found == pytest.approx(cross.score(again, plain.prepare(items[rows])), abs=1e-12)
    with pytest.raises(ParameterError, match="needs folds"):
        cross(X, X)
    with pytest.raises(ParameterError, match="does not use folds"):
        MEASURES["rsa"].prepare(X, folds=folds)


def test_a_sample_is_near_and_says_how_near(golden_pair):
    X, Y = golden_pair
    measure = MEASURES["rsa"].bound(sample=4000)
    state = measure.prepare(X)
    assert measure(X, Y) == pytest.approx(rsa(X, Y), abs=4 / np.sqrt(4000))
    assert measure(X, Y) != rsa(X, Y)
    (caution,) = measure.cautions(state)
    assert "4000 of 19900 pairs" in caution
    assert "0.016" in caution
    assert MEASURES["rsa"].cautions(MEASURES["rsa"].prepare(X)) == []
    result = compare(X, Y, measure, n_resamples=19)
    assert any("drawn at random" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"compare": "tau"}, ParameterError, "compare must be one of"),
        ({"rdm": "manhattan"}, ParameterError, "rdm must be one of"),
        ({"sample": 5}, ParameterError, "at least 10"),
        ({"sample": 10**6}, ParameterError, "is no sample"),
        ({"sample": 100, "compare": "kendall"}, ParameterError, "kendall"),
    ],
)
def test_parameters_that_there_are_not(options, error, message, golden_pair):
    with pytest.raises(error, match=message):
        rsa(*golden_pair, **options)


def test_a_constant_table_is_refused():
    good = np.random.default_rng(0).standard_normal((6, 4))
    with pytest.raises(DegenerateInputError, match="constant RDM"):
        rsa(np.eye(6), good, rdm="euclidean")
    with pytest.raises(ShapeError, match="square"):
        MEASURES["rsa"].prepare(good, kind="rdm")
