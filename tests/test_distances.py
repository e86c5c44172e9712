"""Dissimilarities against SciPy, and ranks against SciPy at every kind of tie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from platonica import distances
from platonica.distances import dissimilarities, doubled_ranks
from platonica.errors import DegenerateInputError, ParameterError, ShapeError

SIMPLE = ["correlation", "cosine", "euclidean", "sqeuclidean"]


@pytest.mark.parametrize("block", [1, 64 << 20])
@pytest.mark.parametrize("rdm", [*SIMPLE, "mahalanobis"])
def test_equal_to_scipy(rdm, block, rng, monkeypatch):
    monkeypatch.setattr(distances, "_BLOCK_BYTES", block)
    X = rng.standard_normal((40, 7)) + 2.0
    options = {"VI": np.linalg.inv(np.cov(X.T))} if rdm == "mahalanobis" else {}
    expected = pdist(X, rdm, **options)
    found = dissimilarities(X, rdm)
    np.testing.assert_allclose(found.condensed(), expected, rtol=1e-9, atol=1e-13)
    i, j = np.triu_indices(40, 1)
    np.testing.assert_allclose(found.of_pairs(i, j), expected, rtol=1e-9, atol=1e-13)
    square = np.concatenate([band for _, band in found.bands()])
    np.testing.assert_allclose(square, squareform(expected), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("rdm", SIMPLE)
def test_permuted_items_have_permuted_dissimilarities(rdm, rng):
    X, order = rng.standard_normal((20, 6)), rng.permutation(20)
    for found in (
        dissimilarities(X, rdm),
        dissimilarities(pdist(X, rdm), rdm, ready=True),
    ):
        np.testing.assert_allclose(
            found.permuted(order).condensed(), pdist(X[order], rdm), atol=1e-12
        )


@pytest.mark.parametrize("rdm", SIMPLE)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_and_a_large_mean_cost_no_digits(rdm, scale, rng):
    X = rng.standard_normal((30, 8))
    np.testing.assert_allclose(
        dissimilarities(scale * X, rdm).condensed(), pdist(scale * X, rdm), rtol=1e-9
    )
    far = X + 1e4
    if "euclidean" in rdm:
        np.testing.assert_allclose(
            dissimilarities(far, rdm).condensed(), pdist(far, rdm), rtol=1e-9
        )


@pytest.mark.filterwarnings("ignore")
def test_crossnobis_equals_rsatoolbox(rng):
    data = pytest.importorskip("rsatoolbox.data")
    rdm = pytest.importorskip("rsatoolbox.rdm")
    X = np.tile(rng.standard_normal((12, 5)), (3, 1)) + 0.7 * rng.standard_normal((36, 5))
    folds, items = np.repeat([0, 1, 2], 12), np.tile(np.arange(12), 3)
    repeats = X.reshape(3, 12, 5)
    noise = (repeats - repeats.mean(axis=0)).reshape(-1, 5)
    precision = np.linalg.inv(noise.T @ noise / 24)
    dataset = data.Dataset(X, obs_descriptors={"item": items, "fold": folds})
    theirs = rdm.calc_rdm(
        dataset, method="crossnobis", descriptor="item", cv_descriptor="fold", noise=precision
    )
    ours = dissimilarities(X, "crossnobis", folds=folds).condensed()
    np.testing.assert_allclose(ours, theirs.dissimilarities[0], rtol=1e-9, atol=1e-12)


def test_crossnobis_is_about_zero_where_items_differ_by_noise_only(rng):
    """Other squared distances would be 2 here; what is left is that the noise is estimated."""
    folds = np.repeat([0, 1, 2, 3], 60)
    means = [
        dissimilarities(rng.standard_normal((240, 3)), "crossnobis", folds=folds).condensed().mean()
        for _ in range(60)
    ]
    assert abs(np.mean(means)) < 0.02
    assert min(means) < 0 < max(means)


VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1.0 + 2**-52, -3.5])),
    min_size=1,
    max_size=60,
)


@given(values=VALUES)
def test_ranks_are_those_of_scipy(values):
    array = np.array(values)
    np.testing.assert_array_equal(doubled_ranks(array), 2 * rankdata(array))


@pytest.mark.parametrize("ties", ["none", "many", "near"])
def test_ranks_of_many_numbers(ties, rng, monkeypatch):
    monkeypatch.setattr(distances, "_PART_BYTES", 8 * 1000)
    values = rng.standard_normal(30_000)
    if ties == "many":
        values = np.round(values, 2)
    elif ties == "near":  # differences below what the coarse key can tell
        values = np.concatenate([1e9 * values[:2], 1e-9 * values[2:]])
    np.testing.assert_array_equal(doubled_ranks(values), 2 * rankdata(values))


@pytest.mark.parametrize(
    ("X", "rdm", "error", "message"),
    [
        (np.ones((5, 3)) * np.arange(5)[:, None], "correlation", DegenerateInputError, "item 0"),
        (np.eye(5)[:, :4], "cosine", DegenerateInputError, "zero row in item 4"),
        (np.eye(5), "mahalanobis", DegenerateInputError, "fewer features than items"),
        (np.eye(5)[:, [0, 1, 1]], "mahalanobis", DegenerateInputError, "rank 2"),
        (np.eye(5), "manhattan", ParameterError, "rdm must be one of"),
        (np.eye(5), "crossnobis", ParameterError, "needs folds"),
        (np.eye(2), "cosine", ShapeError, "at least 3 items"),
    ],
)
def test_what_has_no_dissimilarity_is_refused(X, rdm, error, message):
    with pytest.raises(error, match=message):
        dissimilarities(X, rdm)


def test_folds_that_repeat_nothing_are_refused(rng):
    X = rng.standard_normal((12, 3))
    with pytest.raises(ShapeError, match="at least 2 folds"):
        dissimilarities(X, "crossnobis", folds=[0] * 12)
    with pytest.raises(ShapeError, match="5, 7 rows"):
        dissimilarities(X, "crossnobis", folds=[0] * 5 + [1] * 7)
    with pytest.raises(DegenerateInputError, match="allow 6 features"):
        dissimilarities(rng.standard_normal((12, 7)), "crossnobis", folds=[0] * 6 + [1] * 6)
    with pytest.raises(ParameterError, match="does not use folds"):
        dissimilarities(X, "cosine", folds=[0, 1] * 6)


def test_more_than_memory_is_refused(rng, monkeypatch):
    monkeypatch.setattr(distances, "CONDENSED_BUDGET", 100)
    with pytest.raises(ShapeError, match="take a sample"):
        dissimilarities(rng.standard_normal((20, 3)), "euclidean").condensed()


@pytest.mark.parametrize(
    ("D", "message"),
    [
        (np.arange(9.0).reshape(3, 3), "zeros on its diagonal"),
        (np.array([[0.0, 1, 2], [3, 0, 4], [2, 4, 0]]), "symmetric"),
        (np.zeros((3, 4)), "square"),
        (np.arange(5.0), "no number of items"),
    ],
)
def test_a_matrix_that_is_none_is_refused(D, message):
    with pytest.raises(ShapeError, match=message):
        dissimilarities(D, "euclidean", ready=True)
