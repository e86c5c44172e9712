"""Shape distances against SciPy and rsatoolbox, their identities, and the triangle inequality."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import (
    MEASURES,
    _centred,
    bures_distance,
    bures_similarity,
    procrustes_distance,
    shape,
    shape_distance,
    size_shape_distance,
)

SHAPES = [(50, 5, 9), (50, 9, 5), (30, 64, 9), (30, 64, 90), (30, 7, 7), (3, 2, 2)]


def pair(rng, n, p, q):
    return rng.standard_normal((n, p)) + 1.0, 3.0 * rng.standard_normal((n, q))


def padded(X, Y):
    width = max(X.shape[1], Y.shape[1])
    return tuple(np.pad(Z, ((0, 0), (0, width - Z.shape[1]))) for Z in (X, Y))


def partly_whitened(X, alpha):
    """The published definition, with the covariance divided by the number of items."""
    X = X - X.mean(axis=0)
    root = scipy.linalg.inv(scipy.linalg.sqrtm(X.T @ X / len(X)).real)
    return X @ (alpha * np.eye(X.shape[1]) + (1.0 - alpha) * root)


def angle(X, Y):
    X, Y = padded(X - X.mean(axis=0), Y - Y.mean(axis=0))
    nuclear = scipy.linalg.orthogonal_procrustes(X, Y)[1]
    return np.arccos(nuclear / np.linalg.norm(X) / np.linalg.norm(Y))


def test_golden_values(golden_pair):
    X, Y = golden_pair
    assert bures_similarity(X, Y) == pytest.approx(0.835078145674, abs=1e-11)
    assert procrustes_distance(X, Y) == pytest.approx(0.574320214385, abs=1e-11)
    # The table's angle, 0.582521507738, contradicts its own distance in the last two digits.
    assert shape_distance(X, Y) == pytest.approx(0.582521507728, abs=1e-12)
    assert 2.0 * np.sin(0.582521507728 / 2.0) == pytest.approx(0.574320214385, abs=1e-12)


@pytest.mark.parametrize("size", SHAPES)
def test_agree_with_scipy_procrustes(size, rng):
    X, Y = pair(rng, *size)
    disparity = scipy.spatial.procrustes(*padded(X, Y))[2]
    squared = procrustes_distance(X, Y) ** 2
    assert squared * (1.0 - squared / 4.0) == pytest.approx(disparity, abs=1e-10)
    assert shape_distance(X, Y) == pytest.approx(angle(X, Y), abs=1e-10)


@pytest.mark.parametrize("size", SHAPES)
def test_sizes_agree_with_the_rotated_residual(size, rng):
    X, Y = (Z - Z.mean(axis=0) for Z in padded(*pair(rng, *size)))
    rotation, _ = scipy.linalg.orthogonal_procrustes(Y, X)
    rest = np.linalg.norm(X - Y @ rotation)
    assert size_shape_distance(X, Y) == pytest.approx(rest, rel=1e-10)
    assert bures_distance(X, Y) == size_shape_distance(X, Y)


def test_bures_is_the_fidelity_of_gram_matrices(rng):
    X, Y = (Z - Z.mean(axis=0) for Z in pair(rng, 20, 30, 40))
    K, L = X @ X.T, Y @ Y.T
    root = scipy.linalg.sqrtm(K + 1e-30 * np.eye(20)).real
    values = scipy.linalg.eigvalsh(root @ L @ root)
    fidelity = np.sqrt(values[values > 1e-9]).sum()
    squared = np.trace(K) + np.trace(L) - 2.0 * fidelity
    assert bures_distance(X, Y) ** 2 == pytest.approx(squared, rel=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_agrees_with_rsatoolbox(golden_pair, oracle):
    rdm, data = oracle("rsatoolbox.rdm"), oracle("rsatoolbox.data")
    X, Y = golden_pair
    a, b = (rdm.calc_rdm(data.Dataset(Z), method="euclidean") for Z in (X, Y))
    theirs = rdm.compare(a, b, "bures").item()
    # Theirs takes roots of eigenvalues that are 0 up to rounding: 1e-7 is its own error.
    assert bures_similarity(X, Y) == pytest.approx(theirs, abs=1e-6)


def test_identities(rng):
    X, Y = pair(rng, 40, 6, 8)
    distance = procrustes_distance(X, Y)
    assert distance == pytest.approx(2.0 * np.sin(shape_distance(X, Y) / 2.0), rel=1e-12)
    assert distance**2 == pytest.approx(2.0 - 2.0 * bures_similarity(X, Y), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("size", [(50, 5, 9), (50, 9, 5), (31, 30, 4)])
def test_partial_whitening_is_the_published_one(alpha, size, rng):
    X, Y = pair(rng, *size)
    expected = angle(partly_whitened(X, alpha), partly_whitened(Y, alpha))
    assert shape_distance(X, Y, alpha=alpha) == pytest.approx(expected, abs=1e-8)


def test_full_whitening_sees_only_the_subspaces(rng):
    X, Y = pair(rng, 60, 5, 8)
    expected = shape_distance(X, Y, alpha=0.0)
    mapped = X @ rng.standard_normal((5, 5)) * 17.0 - 4.0
    assert shape_distance(mapped, Y, alpha=0.0) == pytest.approx(expected, rel=1e-9)
    assert abs(shape_distance(mapped, Y, alpha=0.5) - shape_distance(X, Y, alpha=0.5)) > 1e-3
    bases = [np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y)]
    correlations = scipy.linalg.svdvals(bases[0].T @ bases[1])
    assert np.cos(expected) == pytest.approx(correlations.sum() / np.sqrt(5 * 8), abs=1e-10)


def test_a_ridge_whitens_what_has_no_full_rank(rng):
    X, Y = pair(rng, 30, 40, 8)
    with pytest.raises(DegenerateInputError, match="rank 29: set ridge, or alpha=1"):
        shape_distance(X, Y, alpha=0.5)
    low = X[:, :3] @ rng.standard_normal((3, 8))
    with pytest.raises(DegenerateInputError, match="rank 3"):
        shape_distance(low, Y, alpha=0.0)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    whitened = []
    for Z in (X, Y):
        C = Z.T @ Z / 30
        C += 0.1 * np.trace(C) / len(C) * np.eye(len(C))
        whitened.append(Z @ scipy.linalg.inv(scipy.linalg.sqrtm(C)).real)
    expected = angle(*whitened)
    assert shape_distance(X, Y, alpha=0.0, ridge=0.1) == pytest.approx(expected, abs=1e-8)
    assert shape_distance(X * 9, Y, alpha=0.0, ridge=0.1) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": 1.5}, "alpha must be from 0"),
        ({"alpha": True}, "alpha must be from 0"),
        ({"alpha": float("nan")}, "alpha must be from 0"),
        ({"alpha": 0.5, "ridge": 0.0}, "ridge must be None or a positive"),
        ({"ridge": 0.1}, "no effect with alpha=1"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(params, message):
    with pytest.raises(ParameterError, match=message):
        MEASURES["shape_distance"].bound(**params)


METRICS = [
    MEASURES["procrustes_distance"],
    MEASURES["size_shape_distance"],
    MEASURES["bures_distance"],
    *(MEASURES["shape_distance"].bound(alpha=alpha) for alpha in (0.0, 0.4, 1.0)),
    MEASURES["shape_distance"].bound(alpha=0.4, ridge=0.2),
]


@pytest.mark.parametrize("measure", METRICS, ids=repr)
@given(
    n=st.integers(12, 30),
    widths=st.tuples(*[st.integers(1, 8)] * 3),
    noise=st.sampled_from([1e-4, 0.1, 1.0]),
    seed=st.integers(0, 999),
)
def test_triangle_inequality(measure, n, widths, noise, seed):
    r = np.random.default_rng(seed)
    world = r.standard_normal((n, 4))
    a, b, c = (
        measure.prepare(world @ r.standard_normal((4, d)) + noise * r.standard_normal((n, d)))
        for d in widths
    )
    sides = measure.score(a, b) + measure.score(b, c)
    assert measure.score(a, c) <= sides * (1.0 + 1e-9) + 1e-12


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("size", [(40, 6, 6), (40, 6, 9), (20, 30, 30)])
def test_nearly_equal_spaces_keep_their_digits(step, size, rng):
    n, p, q = size
    X = rng.standard_normal((n, p))
    X -= X.mean(axis=0)
    # A step along the principal axes is one that no rotation makes smaller.
    U, S, V = np.linalg.svd(X, full_matrices=False)
    E = U @ np.diag(np.where(S > 1e-9, rng.standard_normal(len(S)), 0.0)) @ V
    Y = (X + step * E) @ np.linalg.qr(rng.standard_normal((q, q)))[0][:p]
    assert size_shape_distance(X, Y) == pytest.approx(step * np.linalg.norm(E), rel=1e-13 / step)


def test_equal_spaces_are_at_rounding_distance(rng):
    X = rng.standard_normal((100, 20)) * np.arange(1, 21) ** -1.5
    turned = X @ np.linalg.qr(rng.standard_normal((20, 20)))[0]
    assert procrustes_distance(X, turned) < 1e-13
    assert shape_distance(X, turned, alpha=0.2) < 1e-11


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_streamed_spaces_score_as_those_in_memory(alpha, rng, monkeypatch):
    X, Y = pair(rng, 90, 12, 17)
    measure = MEASURES["shape_distance"].bound(alpha=alpha)
    rows = rng.permutation(90)[:50]

    def scores():
        a, b, same = (measure.prepare(Z) for Z in (X, Y, X + 1e-8 * Y[:, :12]))
        part = measure.score(*(measure.subset(measure.permuted(s, rows[::-1]), rows[rows < 50])
                               for s in (a, b)))  # fmt: skip
        return measure.score(a, b), measure.score(a, same), part

    expected = scores()
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * 17 * 20)
    assert measure.prepare(X).space.streams
    np.testing.assert_allclose(scores(), expected, rtol=1e-6)


def test_an_impossible_cosine_is_an_error(rng, monkeypatch):
    X, Y = pair(rng, 40, 6, 8)
    for factor in (2.0, np.nan):
        monkeypatch.setattr(shape, "nuclear_norm", lambda matrix, f=factor: f * 1e9)
        with pytest.raises(DegenerateInputError, match="cosine of their angle"):
            procrustes_distance(X, Y)


def test_few_items_are_a_caution(rng):
    measure = MEASURES["procrustes_distance"]
    assert measure.cautions(measure.prepare(rng.standard_normal((40, 20)))) == []
    (words,) = measure.cautions(measure.prepare(rng.standard_normal((30, 50))))
    assert "30 items in 50 features" in words


def test_extreme_scales_neither_over_nor_underflow(rng):
    X, Y = pair(rng, 30, 4, 6)
    for scale in (1e-200, 1e200):
        assert procrustes_distance(X * scale, Y) == pytest.approx(procrustes_distance(X, Y))
        assert size_shape_distance(X * scale, Y * scale) == pytest.approx(
            size_shape_distance(X, Y) * scale
        )
