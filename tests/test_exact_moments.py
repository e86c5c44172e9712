"""Closed forms against all permutations of few items, and against samples of many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from platonica.errors import ShapeError
from platonica.exact_moments import (
    arcs_of_lists,
    arcs_of_matrix,
    kernel_summary,
    overlap_moments,
    product_moments,
    third_moment,
)


def every(A, B, diagonal):
    """The statistic for every permutation."""
    n = len(A)
    mask = np.ones((n, n)) if diagonal else 1 - np.eye(n)
    return np.array(
        [(A * mask * B[np.ix_(p, p)]).sum() for p in map(list, itertools.permutations(range(n)))]
    )


def lists(rng, n, k):
    return np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)])


def matrix(indices):
    A = np.zeros((len(indices), len(indices)))
    np.put_along_axis(A, indices, 1.0, axis=1)
    return A


@pytest.mark.parametrize(("n", "k", "m"), [(4, 1, 2), (5, 2, 2), (6, 3, 1), (7, 2, 2)])
def test_neighbour_graphs_over_all_permutations(n, k, m, rng):
    a, b = lists(rng, n, k), lists(rng, n, m)
    null = every(matrix(a), matrix(b), diagonal=False)
    mean, variance = overlap_moments(arcs_of_lists(a), arcs_of_lists(b))
    assert mean == pytest.approx(null.mean(), rel=1e-12)
    assert variance == pytest.approx(null.var(), rel=1e-10)


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("symmetric", [False, True])
def test_weighted_graphs_over_all_permutations(n, symmetric, rng):
    A, B = rng.standard_normal((2, n, n))
    if symmetric:
        A, B = A + A.T, B + B.T
    null = every(A, B, diagonal=False)
    mean, variance = overlap_moments(arcs_of_matrix(A), arcs_of_matrix(B))
    assert mean == pytest.approx(null.mean(), rel=1e-9, abs=1e-12)
    assert variance == pytest.approx(null.var(), rel=1e-9)
    if n == 6:
        assert third_moment(A, B) == pytest.approx((null**3).mean(), rel=1e-9)


def test_the_two_summaries_of_a_graph_agree(rng):
    a = lists(rng, 30, 4)
    from_lists, from_matrix = arcs_of_lists(a), arcs_of_matrix(matrix(a))
    for name in ("total", "squares", "mutual", "out_squares", "in_squares", "out_in", "disjoint"):
        assert getattr(from_lists, name) == getattr(from_matrix, name)


def test_hubs_widen_the_null_as_the_formula_says(rng):
    """Independent rows would give a spread that is a quarter too small."""
    n, k = 200, 10
    popular = rng.permutation(n)[:30]
    a, b = (
        np.stack([
            rng.permutation(np.delete(np.concatenate([popular, rng.permutation(n)[:40]]), 0))[:40]
            for _ in range(n)
        ])
        for _ in range(2)
    )  # fmt: skip
    a, b = (
        np.array([list(dict.fromkeys(j for j in row if j != i))[:k] for i, row in enumerate(g)])
        for g in (a, b)
    )
    table = matrix(b)
    null = []
    for _ in range(4000):
        order = rng.permutation(n)
        null.append(table[order[:, None], order[a]].sum())
    mean, variance = overlap_moments(arcs_of_lists(a), arcs_of_lists(b))
    assert abs(np.mean(null) - mean) < 4 * np.sqrt(variance / 4000)
    assert np.var(null) == pytest.approx(variance, rel=0.1)
    p = k / (n - 1)
    independent = n * k * p * (1 - p) * (n - 1 - k) / (n - 2)
    assert variance > 1.3 * independent


def test_whole_numbers_stay_whole(rng):
    indices = np.tile(np.arange(1, 21), (100_000, 1))
    summary = arcs_of_lists(indices)  # not a graph, but sums beyond 2^53
    assert isinstance(summary.in_squares, int)
    assert summary.disjoint == summary.total**2 + summary.squares + summary.mutual - (
        summary.out_squares + summary.in_squares + 2 * summary.out_in
    )


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("heavy", [False, True])
def test_kernels_over_all_permutations(n, heavy, rng):
    X, Y = rng.standard_normal((n, 2)), rng.standard_normal((n, 5))
    if heavy:
        X[0] *= 30.0
    x, y = X - X.mean(0), Y - Y.mean(0)
    null = every(x @ x.T, y @ y.T, diagonal=True)
    a, b = (kernel_summary((z**2).sum(1), ((z.T @ z) ** 2).sum()) for z in (x, y))
    mean, variance = product_moments(a, b)
    assert mean == pytest.approx(null.mean(), rel=1e-10)
    assert variance == pytest.approx(null.var(), rel=1e-9)


def test_u_centred_matrices_have_the_same_variance_whatever_they_are(rng):
    n = 7
    for _ in range(3):
        sides = []
        for _ in range(2):
            D = rng.standard_normal((n, n))
            D = np.abs(D + D.T) * (1 - np.eye(n))
            rows = D.sum(1)
            U = D - rows[:, None] / (n - 2) - rows / (n - 2) + D.sum() / ((n - 1) * (n - 2))
            np.fill_diagonal(U, 0.0)
            sides.append(U / np.linalg.norm(U))
        mean, variance = overlap_moments(*map(arcs_of_matrix, sides))
        assert mean == pytest.approx(0.0, abs=1e-12)
        assert variance == pytest.approx(2 / (n * (n - 3)), rel=1e-9)


def test_other_items_are_refused(rng):
    a, b = arcs_of_lists(lists(rng, 6, 2)), arcs_of_lists(lists(rng, 7, 2))
    with pytest.raises(ShapeError, match="6 and 7"):
        overlap_moments(a, b)
    with pytest.raises(ShapeError, match="at least 6"):
        third_moment(np.eye(5), np.eye(5))
