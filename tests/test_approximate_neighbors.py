"""Approximate graphs: recall that is measured, distances that are exact, no self, no surprise."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from platonica.comparison import compare
from platonica.errors import DegenerateInputError, MissingExtraError, ParameterError, ShapeError
from platonica.measures import MEASURES
from platonica.neighbors import _approximate as approximate
from platonica.neighbors import approximate_knn_graph, knn_graph

needs_faiss = pytest.mark.usefixtures("faiss")


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss")


def clusters(n, rng, d=24, n_clusters=12):
    centres = 2.0 * rng.standard_normal((n_clusters, d))
    return (centres[rng.integers(n_clusters, size=n)] + rng.standard_normal((n, d))).astype("f4")


def overlap(a, b):
    both = np.sort(np.concatenate([a.indices, b.indices], axis=1), axis=1)
    return (both[:, 1:] == both[:, :-1]).sum() / a.indices.size


@needs_faiss
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_measured_recall_is_the_true_recall(metric, rng):
    X = clusters(3000, rng)
    found = approximate_knn_graph(X, 8, metric=metric, recall=0.9, sample=400)
    exact = knn_graph(X, 8, metric=metric)
    true = overlap(found, exact)
    assert found.recall >= 0.9
    assert abs(found.recall - true) < 4 * found.recall_error + 0.005
    assert exact.recall is None


@needs_faiss
def test_what_is_found_has_exact_distances_and_order(rng):
    X = clusters(2000, rng)
    found, exact = approximate_knn_graph(X, 6), knn_graph(X, 6)
    same = (found.indices == exact.indices).all(axis=1)
    assert same.mean() > 0.9
    np.testing.assert_array_equal(found.distances[same], exact.distances[same])
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert (found.indices != np.arange(2000)[:, None]).all()


@needs_faiss
def test_a_higher_target_looks_into_more_lists(rng):
    X = rng.standard_normal((4000, 32)).astype("f4")  # no clusters: the hardest case
    low, high = (approximate_knn_graph(X, 5, recall=r, sample=300) for r in (0.5, 0.97))
    assert 0.5 <= low.recall < high.recall
    assert high.recall >= 0.97


@needs_faiss
def test_duplicates_are_never_their_own_neighbours(rng):
    X = clusters(1500, rng)
    X[700:720] = X[0]
    found = approximate_knn_graph(X, 10)
    assert (found.indices != np.arange(1500)[:, None]).all()
    assert found.n_tied_rows > 0
    with pytest.raises(DegenerateInputError, match="collapsed"):
        approximate_knn_graph(np.repeat(X[:3], 500, axis=0), 10)


@needs_faiss
def test_the_same_graph_every_time_and_on_any_number_of_threads(rng):
    X = clusters(1500, rng)
    graphs = [approximate_knn_graph(X, 5, n_threads=t) for t in (1, 2, 2)]
    for other in graphs[1:]:
        np.testing.assert_array_equal(other.indices, graphs[0].indices)


@needs_faiss
def test_lists_that_run_dry_are_filled_from_all_rows(rng, monkeypatch):
    monkeypatch.setattr(
        approximate._Lists, "tune", lambda self, *_: setattr(self.index, "nprobe", 1)
    )
    X = clusters(200, rng, n_clusters=40)
    found = approximate_knn_graph(X, 12)
    assert np.isfinite(found.distances).all()
    assert all(len(set(row)) == 12 for row in found.indices.tolist())


@needs_faiss
def test_the_bias_of_an_overlap_is_no_more_than_the_recall_implies(rng):
    world = clusters(3000, rng)
    X, Y = (world + 0.7 * rng.standard_normal(world.shape).astype("f4") for _ in range(2))
    exact, found = (
        [build(Z, 10, **options) for Z in (X, Y)]
        for build, options in ((knn_graph, {}), (approximate_knn_graph, {"recall": 0.6}))
    )
    implied = overlap(*exact) * found[0].recall * found[1].recall
    assert implied < overlap(*found) < overlap(*exact)


@needs_faiss
def test_a_measure_says_what_its_graph_misses(rng):
    measure = MEASURES["mutual_knn"].bound(search="approximate", k=5)
    X = clusters(800, rng)
    (caution,) = measure.cautions(measure.prepare(X))
    assert "of the true neighbours" in caution
    result = compare(X, X + 0.1, measure, n_resamples=19)
    assert any("approximate graph" in warning for warning in result.warnings)
    assert MEASURES["mutual_knn"].cautions(MEASURES["mutual_knn"].prepare(X)) == []


def test_what_cannot_be_searched_is_refused(rng, monkeypatch):
    X = clusters(100, rng)
    for recall in (0.0, 1.0, 2.0):
        with pytest.raises(ParameterError, match="recall"):
            approximate_knn_graph(X, 5, recall=recall)
    with pytest.raises(ShapeError, match="k must be"):
        approximate_knn_graph(X, 99)
    measure = MEASURES["mutual_knn"].bound(search="approximate")
    with pytest.raises(ParameterError, match="items without groups"):
        measure.prepare(X, groups=[0, 1] * 50)
    with pytest.raises(ParameterError, match="search must be"):
        measure.bound(search="fast").prepare(X)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r'pip install "platonica\[knn\]"'):
        approximate_knn_graph(X, 5)
