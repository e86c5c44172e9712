"""Jaccard and cycle k-NN against scikit-learn, plain loops and golden values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import jaccard_score
from sklearn.neighbors import NearestNeighbors

from platonica.measures import MEASURES, cycle_knn, jaccard_knn, mutual_knn
from platonica.neighbors import relabel


def neighbors(X, k):
    search = NearestNeighbors(n_neighbors=k + 1, metric="cosine", algorithm="brute").fit(X)
    found = search.kneighbors(X, return_distance=False)
    return [[j for j in row if j != i][:k] for i, row in enumerate(found)]


def masks(X, k):
    mask = np.zeros((len(X), len(X)), dtype=int)
    for i, row in enumerate(neighbors(X, k)):
        mask[i, row] = 1
    return mask


def test_golden_values(golden_pair):
    assert jaccard_knn(*golden_pair) == pytest.approx(0.277244062267, abs=1e-12)
    assert cycle_knn(*golden_pair) == 0.98


@pytest.mark.parametrize("k", [1, 4, 12])
def test_jaccard_equals_scikit_learn(k, golden_pair):
    expected = jaccard_score(*(masks(X, k) for X in golden_pair), average="samples")
    assert jaccard_knn(*golden_pair, k=k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_cycle_equals_walking_the_two_steps(k, golden_pair):
    X, Y = (Z[:60] for Z in golden_pair)
    in_x, in_y = neighbors(X, k), neighbors(Y, k)
    back = [any(i in in_x[j] for j in in_y[i]) for i in range(60)]
    assert cycle_knn(X, Y, k=k) == np.mean(back)


def every_order(name, X, Y, k):
    measure = MEASURES[name].bound(k=k)
    a, b = measure.prepare(X), measure.prepare(Y, role="y")
    orders = itertools.permutations(range(len(X)))
    scores = [measure.score(a, measure.permuted(b, np.array(order))) for order in orders]
    return np.mean(scores), measure.null_moments(a, b).mean


@pytest.mark.parametrize("name", ["mutual_knn", "jaccard_knn", "cycle_knn"])
@pytest.mark.parametrize(("n", "k"), [(5, 1), (6, 2), (6, 4), (7, 3)])
def test_null_mean_is_exact_over_all_permutations(name, n, k, rng):
    X, Y = rng.standard_normal((2, n, 3))
    mean, exact = every_order(name, X, Y, k)
    assert mean == pytest.approx(exact, abs=1e-12)


def test_a_space_is_not_its_own_cycle_where_neighbours_are_not_mutual():
    angles = np.deg2rad([0.0, 10.0, 15.0, 100.0])
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert mutual_knn(X, X, k=1) == 1.0
    assert cycle_knn(X, X, k=1) == 0.5  # 1 and 2 name each other; nobody names 0 or 3


def test_relabelled_lists_are_those_of_the_permuted_items(rng):
    X = rng.standard_normal((30, 4))
    order = rng.permutation(30)
    graph = np.array(neighbors(X, 5), dtype=np.int32)
    np.testing.assert_array_equal(relabel(graph, order), neighbors(X[order], 5))
