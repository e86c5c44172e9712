"""Diagnostics against outside implementations, literal definitions and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import linregress, skew
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import (
    _centred,
    antihub_share,
    effective_rank,
    hubness,
    isotropy,
    outlier_share,
    participation_ratio,
    reciprocity,
    spectrum_slope,
    two_nn_dimension,
    uniformity,
)
from platonica.measures.diagnostics import _base, directions

SHAPES = pytest.mark.parametrize("shape", [(200, 16), (50, 50), (40, 90), (2, 5), (300, 1)])


def pca_spectrum(X):
    values = PCA().fit(X).explained_variance_
    return values[values > 1e-12 * values[0]]


def unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def test_golden_values(golden_pair):
    X, _ = golden_pair
    assert participation_ratio(X) == pytest.approx(4.439267415218, abs=1e-11)
    assert effective_rank(X) == pytest.approx(5.830757281373, abs=1e-11)


@SHAPES
def test_spectra_are_those_of_scikit_learn(shape, rng):
    X = rng.standard_normal(shape) * np.arange(1, shape[1] + 1) ** -0.7 + 2.0
    values = pca_spectrum(X)
    share = values / values.sum()
    assert effective_rank(X) == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-10)
    assert participation_ratio(X) == pytest.approx(1 / (share**2).sum(), rel=1e-10)
    if len(values) > 2:
        ranks = np.log(np.arange(1, len(values) + 1))
        slope = linregress(ranks, np.log(values)).slope
        assert spectrum_slope(X) == pytest.approx(slope, rel=1e-8)
        part = linregress(ranks[1:], np.log(values[1:])).slope
        assert spectrum_slope(X, first=2, last=len(values)) == pytest.approx(part, rel=1e-8)


def test_a_power_law_has_its_exponent_as_slope(rng):
    basis = np.linalg.qr(rng.standard_normal((100, 21)) - 0.5)[0]
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0][:, :20]
    X = basis * np.arange(1, 21) ** -0.65
    assert spectrum_slope(X) == pytest.approx(-1.3, abs=1e-9)


def test_flat_and_one_dimensional_spectra():
    cross = np.concatenate([np.eye(6), -np.eye(6)])
    assert effective_rank(cross) == pytest.approx(6.0)
    assert participation_ratio(cross) == pytest.approx(6.0)
    assert spectrum_slope(cross) == pytest.approx(0.0, abs=1e-12)
    line = np.outer(np.arange(9.0), [1.0, 2.0, -1.0])
    assert effective_rank(line) == pytest.approx(1.0)
    with pytest.raises(DegenerateInputError, match="rank 1"):
        spectrum_slope(line)


@pytest.mark.parametrize("ranks", [(0, 4), (3, 3), (2, 17), (1.5, 4), (True, 4)])
def test_ranks_of_the_slope_are_checked(ranks, rng):
    with pytest.raises(ParameterError, match="1 <= first < last <= 16"):
        spectrum_slope(rng.standard_normal((60, 16)), first=ranks[0], last=ranks[1])


@SHAPES
def test_outlier_share_is_the_largest_share_of_the_distances_from_the_mean(shape, rng):
    X = rng.standard_normal(shape) + 1.0
    power = cdist(X, X.mean(axis=0)[None], "sqeuclidean")
    assert outlier_share(X) == pytest.approx(float(power.max() / power.sum()), rel=1e-10)


@SHAPES
def test_directions_are_means_over_all_pairs(shape, rng):
    X = rng.standard_normal(shape) + 0.4
    if shape[1] == 1:
        X[:5] *= -1.0
    assert isotropy(X) == pytest.approx(float((1 - pdist(X, "cosine")).mean()), abs=1e-12)
    squared = pdist(unit(X), "sqeuclidean")
    for t in (0.5, 2.0):
        assert uniformity(X, t=t) == pytest.approx(np.log(np.exp(-t * squared).mean()), abs=1e-12)


def test_blocks_of_pairs_do_not_matter(rng, monkeypatch):
    X = rng.standard_normal((53, 7)) + 0.5
    whole = uniformity(X), isotropy(X)
    monkeypatch.setattr(directions, "BLOCK_BYTES", 8 * 10 * 10)
    assert uniformity(X) == pytest.approx(whole[0], rel=1e-13)
    assert isotropy(X) == pytest.approx(whole[1], rel=1e-13)


def test_uniformity_never_holds_all_pairs(rng, monkeypatch):
    X, sizes = rng.standard_normal((53, 7)), []
    original = directions._log_sum

    def watched(cosine, t):
        sizes.append(cosine.size)
        return original(cosine, t)

    monkeypatch.setattr(directions, "_log_sum", watched)
    monkeypatch.setattr(directions, "BLOCK_BYTES", 8 * 10 * 10)
    uniformity(X)
    assert max(sizes) <= 100
    assert sum(sizes) == 53 * 52 // 2


def test_a_steep_potential_does_not_underflow(rng):
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [-1.0, 1e-9]])
    assert uniformity(X, t=1e4) == pytest.approx(np.log(1 / 3), abs=1e-9)
    assert uniformity(X[:2], t=1e4) == -4e4
    for t in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="t must be a number above 0"):
            uniformity(X, t=t)


def test_zero_rows_have_no_direction(rng):
    X = rng.standard_normal((20, 3))
    X[4] = 0.0
    for diagnostic in (isotropy, uniformity):
        with pytest.raises(DegenerateInputError, match=r"zero row.* row 4"):
            diagnostic(X)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("shape", [(40, 6), (12, 30)])
def test_streamed_spaces_have_the_same_values(shape, size, row_view, rng, monkeypatch):
    X = rng.standard_normal(shape) + 1e4
    diagnostics = effective_rank, participation_ratio, spectrum_slope, outlier_share
    whole = [diagnostic(X) for diagnostic in diagnostics]
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * shape[1] * size)
    np.testing.assert_allclose([d(row_view(X)) for d in diagnostics], whole, rtol=1e-9)


def facco_dimension(X):
    """Facco et al. (2017) with the maximum of the likelihood, unbiased; one loop an item."""
    total = 0.0
    for i, x in enumerate(X):
        r = np.sort([np.sqrt(((x - y) ** 2).sum()) for j, y in enumerate(X) if j != i])
        total += np.log(r[1] / r[0])
    return (len(X) - 1) / total


@pytest.mark.parametrize("shape", [(60, 3), (40, 20), (4, 2)])
def test_two_nn_dimension_is_the_published_estimate(shape, rng):
    X = rng.standard_normal(shape)
    assert two_nn_dimension(X) == pytest.approx(facco_dimension(X), rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_two_nn_dimension_of_a_cube_in_a_wide_space(dimension, rng):
    X = (
        rng.uniform(size=(2000, dimension))
        @ np.linalg.qr(rng.standard_normal((30, dimension)))[0].T
    )
    # the estimate has a relative standard error of 1 / sqrt(n); borders add a little
    assert two_nn_dimension(X) == pytest.approx(dimension, rel=0.12)


def test_identical_items_are_left_out_and_counted(rng):
    X = rng.standard_normal((60, 3))
    X[7] = X[50]
    with pytest.warns(UserWarning, match="2 of 60 items have an identical twin"):
        value = two_nn_dimension(X)
    search = NearestNeighbors(n_neighbors=3).fit(X)
    r = np.delete(search.kneighbors(X)[0], [7, 50], axis=0)
    assert value == pytest.approx(57 / np.log(r[:, 2] / r[:, 1]).sum(), rel=1e-9)


def test_a_dimension_without_distances_is_refused():
    grid = np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(25, 2)
    with pytest.raises(DegenerateInputError, match=r"second neighbour|collapsed"):
        two_nn_dimension(grid)
    twins = np.repeat(np.random.default_rng(0).standard_normal((8, 3)), 2, axis=0)
    with pytest.raises(DegenerateInputError, match="only 0 of 16 items without"):
        two_nn_dimension(twins)
    square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    with pytest.raises(DegenerateInputError, match="as far from its second neighbour"):
        two_nn_dimension(square)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_graph_diagnostics_are_those_of_the_graph_of_scikit_learn(k, metric, rng):
    X = rng.standard_normal((120, 30)) * np.arange(1, 31) ** -0.5 + 0.2
    search = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(X)
    graph = search.kneighbors_graph().toarray().astype(bool)  # without the items themselves
    degree = graph.sum(axis=0)
    assert hubness(X, k=k, metric=metric) == pytest.approx(skew(degree), rel=1e-12)
    assert antihub_share(X, k=k, metric=metric) == (degree == 0).mean()
    assert reciprocity(X, k=k, metric=metric) == (graph & graph.T).sum() / (120 * k)


def test_equal_in_degrees_have_no_skewness():
    ring = np.deg2rad(30.0 * np.arange(12))
    X = np.stack([np.cos(ring), np.sin(ring)], axis=1)
    with pytest.raises(DegenerateInputError, match="equally many"):
        hubness(X, k=2)
    assert antihub_share(X, k=2) == 0.0
    assert reciprocity(X, k=2) == 1.0


@pytest.mark.parametrize("diagnostic", [hubness, antihub_share, reciprocity])
def test_parameters_of_the_graph_are_checked(diagnostic, rng):
    X = rng.standard_normal((20, 3))
    with pytest.raises(ShapeError, match="n_items - 2 = 18"):
        diagnostic(X, k=19)
    with pytest.raises(ParameterError, match="metric must be"):
        diagnostic(X, metric="manhattan")


def test_directions_hold_at_the_ends_of_the_range():
    X = np.array([[1e200, 1e200], [1e-200, 0.0]])
    np.testing.assert_allclose(_base.unit_rows(X, slice(0, 2)), [[0.5**0.5] * 2, [1.0, 0.0]])
