"""Mutual k-NN against scikit-learn, and its fast counting against the plain one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from platonica.measures import MEASURES, _overlap, mutual_knn
from platonica.measures._overlap import shared_edges, shared_edges_permuted
from platonica.neighbors import relabel


def sklearn_neighbors(X, k):
    search = NearestNeighbors(n_neighbors=k + 1, metric="cosine", algorithm="brute").fit(X)
    found = search.kneighbors(X, return_distance=False)
    return [[j for j in row if j != i][:k] for i, row in enumerate(found)]


def sklearn_mutual_knn(X, Y, k):
    rows = zip(sklearn_neighbors(X, k), sklearn_neighbors(Y, k), strict=True)
    return sum(len(set(a) & set(b)) for a, b in rows) / (len(X) * k)


@pytest.mark.parametrize("k", [1, 5, 10, 60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_scikit_learn(k, dtype, rng):
    world = rng.standard_normal((300, 6))
    X = (world @ rng.standard_normal((6, 40)) + 0.3 * rng.standard_normal((300, 40))).astype(dtype)
    Y = (world @ rng.standard_normal((6, 25)) + 0.3 * rng.standard_normal((300, 25))).astype(dtype)
    wide = X.astype(np.float64), Y.astype(np.float64)
    assert mutual_knn(X, Y, k=k) == sklearn_mutual_knn(*wide, k)


def test_golden_value(golden_pair):
    assert mutual_knn(*golden_pair) == 834 / 2000


def random_graphs(rng, n, k, layers):
    return [
        np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)]).astype(
            np.int32
        )
        for _ in range(layers)
    ]


@pytest.mark.parametrize(("layers_x", "layers_y"), [(1, 1), (3, 9), (12, 17), (2, 33), (5, 70)])
def test_counts_of_all_layers_equal_the_plain_count(layers_x, layers_y, rng, monkeypatch):
    A, B = random_graphs(rng, 40, 4, layers_x), random_graphs(rng, 40, 4, layers_y)
    orders = np.stack([rng.permutation(40) for _ in range(3)])
    expected = [
        [
            [sum(len(set(r) & set(s)) for r, s in zip(a, relabel(b, o), strict=True)) for b in B]
            for a in A
        ]
        for o in orders
    ]
    np.testing.assert_array_equal(shared_edges_permuted(A, B, orders), expected)
    monkeypatch.setattr(_overlap, "TABLE_BUDGET", 0)
    np.testing.assert_array_equal(shared_edges_permuted(A, B, orders), expected)
    assert shared_edges(A[0], B[0]) == sum(
        len(set(r) & set(s)) for r, s in zip(A[0], B[0], strict=True)
    )


def test_duplicates_are_warned_of(rng):
    X = rng.standard_normal((100, 6))
    X[50:80] = X[0]
    measure = MEASURES["mutual_knn"]
    (caution,) = measure.cautions(measure.prepare(X))
    tied = int(caution.split()[0])
    assert 31 <= tied < 50  # the 31 equal items, and those that have the group at their border
    assert f"{tied} of 100 items ({tied}.0%)" in caution
    assert measure.cautions(measure.prepare(rng.standard_normal((100, 6)))) == []
