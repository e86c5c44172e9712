"""CCA and its kin against scikit-learn, literal definitions, golden values and streams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import (
    MEASURES,
    _bases,
    _centred,
    cca,
    cca_squared,
    eigenspace_overlap,
    gulp_distance,
    pwcca,
    svcca,
)

SUBSPACE = ["cca", "cca_squared", "svcca", "pwcca", "eigenspace_overlap", "gulp_distance"]
EVERY = pytest.mark.parametrize("name", SUBSPACE)


def pair(rng, n=120, p=6, q=9):
    world = rng.standard_normal((n, 4))
    X = world @ rng.standard_normal((4, p)) + 0.7 * rng.standard_normal((n, p)) + 3.0
    Y = world @ rng.standard_normal((4, q)) + 0.7 * rng.standard_normal((n, q))
    return X, Y


def sklearn_correlations(oracle, X, Y):
    module = oracle("sklearn.cross_decomposition")
    number = min(X.shape[1], Y.shape[1])
    model = module.CCA(n_components=number, max_iter=100_000, tol=1e-24).fit(X, Y)
    a, b = model.transform(X, Y)
    return np.array([abs(np.corrcoef(a[:, i], b[:, i])[0, 1]) for i in range(number)])


def inverse_root(C):
    values, vectors = np.linalg.eigh(C)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def morcos_pwcca(X, Y):
    """Morcos et al. (2018), section 2: whiten, decompose, weight by sums of absolute products."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    root = inverse_root(X.T @ X)
    left, rho, _ = np.linalg.svd(root @ X.T @ Y @ inverse_root(Y.T @ Y), full_matrices=False)
    variates = X @ root @ left
    alpha = [sum(abs(variates[:, i] @ X[:, j]) for j in range(X.shape[1])) for i in range(len(rho))]
    return float(np.dot(alpha, rho) / np.sum(alpha))


def test_golden_values(golden_pair):
    X, Y = golden_pair
    assert cca(X, Y) == pytest.approx(0.608905950826, abs=1e-11)
    assert cca_squared(X, Y) == pytest.approx(0.507055729560, abs=1e-11)
    assert eigenspace_overlap(X, Y) == pytest.approx(0.507055729560 * 16 / 24, abs=1e-11)


@pytest.mark.filterwarnings("ignore")
def test_agrees_with_scikit_learn(oracle, rng):
    X, Y = pair(rng)
    rho = sklearn_correlations(oracle, X, Y)
    assert cca(X, Y) == pytest.approx(rho.mean(), abs=1e-8)
    assert cca_squared(X, Y) == pytest.approx((rho**2).mean(), abs=1e-8)
    assert eigenspace_overlap(X, Y) == pytest.approx((rho**2).sum() / 9, abs=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("components", [3, 0.9])
def test_svcca_agrees_with_scikit_learn(components, oracle, rng):
    X, Y = pair(rng)
    decomposition = oracle("sklearn.decomposition")
    reduced = [decomposition.PCA(components, svd_solver="full").fit_transform(Z) for Z in (X, Y)]
    rho = sklearn_correlations(oracle, *reduced)
    assert svcca(X, Y, components=components) == pytest.approx(rho.mean(), abs=1e-8)


@pytest.mark.parametrize("shape", [(60, 5, 9), (60, 9, 5), (40, 1, 7), (200, 20, 20)])
def test_agrees_with_the_published_definitions(shape, rng):
    X, Y = pair(rng, *shape)
    assert pwcca(X, Y) == pytest.approx(morcos_pwcca(X, Y), abs=1e-10)
    both = (morcos_pwcca(X, Y) + morcos_pwcca(Y, X)) / 2
    assert pwcca(X, Y, symmetric=True) == pytest.approx(both, abs=1e-10)
    assert pwcca(Y, X, symmetric=True) == pytest.approx(both, abs=1e-10)
    left, right = (np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)[0] for Z in (X, Y))
    overlap = np.linalg.norm(left.T @ right) ** 2 / max(shape[1:])
    assert eigenspace_overlap(X, Y) == pytest.approx(overlap, abs=1e-10)


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_a_ridge_is_that_of_regularised_cca(ridge, rng):
    X, Y = pair(rng, 60, 9, 80)
    roots = []
    for Z in (X, Y):
        Z = Z - Z.mean(axis=0)
        C = Z.T @ Z
        roots.append(Z @ inverse_root(C + ridge * np.trace(C) / len(C) * np.eye(len(C))))
    rho = np.linalg.svd(roots[0].T @ roots[1], compute_uv=False)
    assert cca(X, Y, ridge=ridge) == pytest.approx(rho.mean(), abs=1e-10)
    assert cca_squared(X, Y, ridge=ridge) == pytest.approx((rho**2).mean(), abs=1e-10)
    assert cca(X, X, ridge=ridge) < 1.0


def test_unrelated_spaces_score_what_their_exact_mean_says(rng):
    X, Y = rng.standard_normal((200, 30)), rng.standard_normal((200, 50))
    for name, mean in (("cca_squared", 50 / 199), ("eigenspace_overlap", 30 / 199)):
        measure = MEASURES[name]
        moments = measure.null_moments(measure.prepare(X), measure.prepare(Y))
        assert moments.mean == pytest.approx(mean, rel=1e-12)
        assert measure(X, Y) == pytest.approx(mean, rel=0.1)


def test_exact_mean_with_a_ridge(rng):
    X, Y = pair(rng, 30, 5, 40)
    measure = MEASURES["cca_squared"].bound(ridge=0.5)
    a, b = measure.prepare(X), measure.prepare(Y)
    orders = np.stack([rng.permutation(30) for _ in range(3000)])
    null = measure.score_permuted([a], [b], orders).ravel()
    error = null.std() / np.sqrt(len(null))
    assert abs(measure.null_moments(a, b).mean - null.mean()) < 4 * error


def test_too_many_features_are_refused_one_by_one_and_together(rng):
    X, Y = rng.standard_normal((50, 25)), rng.standard_normal((50, 25))
    for measure in (cca, cca_squared, pwcca, eigenspace_overlap):
        with pytest.raises(DegenerateInputError, match="50 features for 50 items"):
            measure(np.hstack([X, Y]), Y)
        with pytest.raises(DegenerateInputError, match="1 correlations are exactly 1"):
            measure(X, Y)
        assert 0.0 < measure(X[:, 1:], Y) < 1.0
    with pytest.raises(DegenerateInputError, match="50 features for 50 items"):
        gulp_distance(np.hstack([X, Y]), Y, lam=0.0)
    assert 0.0 < svcca(np.hstack([X, Y]), Y, components=10) < 1.0


def test_a_layer_of_a_batch_is_refused_as_alone(rng):
    measure = MEASURES["cca"]
    A = [measure.prepare(rng.standard_normal((30, d))) for d in (3, 20)]
    B = [measure.prepare(rng.standard_normal((30, 12)))]
    with pytest.raises(DegenerateInputError, match="20 and 12 directions"):
        measure.score_all(A, B)


def test_dead_neurons_change_nothing_and_are_told(rng):
    X, Y = pair(rng)
    dead = np.hstack([X, np.full((len(X), 2), 7.0), X[:, :1] - 2 * X[:, 1:2]])
    for name in ("cca", "cca_squared", "eigenspace_overlap"):
        measure = MEASURES[name]
        assert measure(dead, Y) == pytest.approx(measure(X, Y), rel=1e-10)
        (caution,) = measure.cautions(measure.prepare(dead))
        assert caution.startswith(f"{name} compares 6 directions: the 9 features")
        assert measure.cautions(measure.prepare(X)) == []
    (caution,) = (
        MEASURES["svcca"]
        .bound(components=4)
        .cautions(MEASURES["svcca"].bound(components=4).prepare(dead))
    )
    assert caution == "svcca keeps 4 of 6 principal directions"


def test_svcca_keeps_the_fewest_directions_that_hold_the_share(rng):
    scores = np.linalg.qr(rng.standard_normal((50, 4)))[0]
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0]
    X = scores * np.sqrt([0.6, 0.25, 0.1, 0.05])
    for share, kept in ((0.5, 1), (0.6, 1), (0.61, 2), (0.85, 2), (0.95, 3), (0.99, 4)):
        measure = MEASURES["svcca"].bound(components=share)
        assert measure.prepare(X).rank == kept
    with pytest.raises(DegenerateInputError, match="only 4 principal directions"):
        svcca(X, X, components=5)


@pytest.mark.parametrize("components", [0, 0.0, 1.0, -1, True, "3", None])
def test_components_are_a_number_or_a_share(components, rng):
    with pytest.raises(ParameterError, match="components must be a whole number"):
        svcca(*pair(rng), components=components)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_negative_ridges_are_refused(value, rng):
    with pytest.raises(ParameterError, match="ridge must be"):
        cca(*pair(rng), ridge=value)
    with pytest.raises(ParameterError, match="lam must be"):
        gulp_distance(*pair(rng), lam=value)


class Stored:
    """A lazy matrix that counts what is read of it."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.largest = X, X.shape, X.dtype, 0

    def read_rows(self, rows):
        part = self.X[rows]
        self.largest = max(self.largest, len(part))
        return part


@EVERY
def test_streamed_spaces_score_as_in_memory(name, rng, monkeypatch):
    X, Y = pair(rng, 300)
    measure = MEASURES[name]
    expected = measure(X, Y)
    order, rows = rng.permutation(300), np.sort(rng.choice(300, 200, replace=False))
    shuffled, part = measure(X, Y[order]), measure(X[rows], Y[order][rows])
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr("platonica.rows.BLOCK_BYTES", 8 * 6 * 40)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * 6 * 40)
    stored = Stored(X)
    a, b = measure.prepare(stored, role="x"), measure.prepare(Y, role="y")
    assert a.whitening is not None
    assert measure.score(a, b) == pytest.approx(expected, rel=1e-10)
    b = measure.permuted(b, order)
    assert measure.score(a, b) == pytest.approx(shuffled, rel=1e-10)
    together = measure.score_permuted([a], [measure.prepare(Y)], order[None])
    assert together[0, 0, 0] == pytest.approx(shuffled, rel=1e-10)
    assert stored.largest <= 40
    subsets = measure.subset(a, rows), measure.subset(b, rows)
    assert measure.score(*subsets) == pytest.approx(part, rel=1e-10)


def test_a_lazy_matrix_that_fits_is_read_again_for_subsets(rng):
    X, Y = pair(rng)
    rows = np.arange(10, 90)
    a, b = MEASURES["cca"].prepare(Stored(X)), MEASURES["cca"].prepare(Y)
    score = MEASURES["cca"].score(MEASURES["cca"].subset(a, rows), MEASURES["cca"].subset(b, rows))
    assert score == pytest.approx(cca(X[rows], Y[rows]), rel=1e-12)


def test_bases_keep_digits_that_their_covariance_loses(rng, monkeypatch):
    X, Y = pair(rng, 300)
    expected = cca(X, Y)
    steep = X @ (np.linalg.qr(rng.standard_normal((6, 6)))[0] * np.geomspace(1, 1e-6, 6))
    assert cca(steep, Y) == pytest.approx(expected, rel=1e-8)
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    assert abs(cca(steep, Y) - expected) < 1e-3 * expected
    steeper = X @ (np.linalg.qr(rng.standard_normal((6, 6)))[0] * np.geomspace(1, 1e-9, 6))
    (caution,) = MEASURES["cca"].cautions(MEASURES["cca"].prepare(steeper))
    assert "shows none below 1e-8" in caution


@EVERY
def test_many_bases_go_one_by_one(name, rng, monkeypatch):
    measure = MEASURES[name]
    A = [measure.prepare(pair(rng, 80, p)[0], role="x") for p in (3, 7)]
    B = [measure.prepare(pair(rng, 80, 5, q)[1], role="y") for q in (4, 9, 6)]
    orders = np.stack([rng.permutation(80) for _ in range(3)])
    stacked = measure.score_permuted(A, B, orders)
    monkeypatch.setattr(_bases, "STACK_BUDGET", 0)
    np.testing.assert_allclose(measure.score_permuted(A, B, orders), stacked, rtol=1e-12)


@given(n=st.integers(12, 60), p=st.integers(1, 5), q=st.integers(1, 5), seed=st.integers(0, 999))
def test_means_of_correlations_are_ordered(n, p, q, seed):
    r = np.random.default_rng(seed)
    X, Y = r.standard_normal((n, p)), r.standard_normal((n, q))
    squared, mean = cca_squared(X, Y), cca(X, Y)
    assert squared <= mean + 1e-12 <= np.sqrt(squared) + 2e-12  # squares, and their root's mean
    assert eigenspace_overlap(X, Y) == pytest.approx(squared * min(p, q) / max(p, q), rel=1e-10)
    assert gulp_distance(X, Y, lam=0.0) ** 2 == pytest.approx(
        p + q - 2 * squared * min(p, q), rel=1e-9
    )
