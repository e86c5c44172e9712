"""Closed forms against all permutations of few items, and against samples of many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.exact_moments import (
    GraphSummary,
    KernelSummary,
    RdmSummary,
    UCentredSummary,
    cycle_mean,
    graph_moments,
    jaccard_mean,
    kernel_moments,
    rdm_variance,
    u_centre,
    u_centred_moments,
)
from platonica.stats.moments import pearson3_pvalue


def every(A, B, diagonal=False):
    """The statistic for every permutation."""
    n = len(A)
    A = A if diagonal else A * (1 - np.eye(n))
    return np.array(
        [(A * B[np.ix_(p, p)]).sum() for p in map(list, itertools.permutations(range(n)))]
    )


def lists(rng, n, k):
    return np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)])


def matrix(indices):
    A = np.zeros((len(indices), len(indices)))
    np.put_along_axis(A, indices, 1.0, axis=1)
    return A


def check_moments(found, null):
    scale = np.abs(null).max()
    assert found.mean == pytest.approx(null.mean(), rel=1e-9, abs=1e-12 * scale)
    assert found.variance == pytest.approx(null.var(), rel=1e-9)
    third = ((null - null.mean()) ** 3).mean()
    assert found.third == pytest.approx(third, rel=1e-8, abs=1e-10 * scale**3)


@pytest.mark.parametrize(("n", "k", "m"), [(4, 1, 2), (5, 2, 2), (6, 3, 1), (6, 2, 4), (7, 2, 2)])
def test_neighbour_graphs_over_all_permutations(n, k, m, rng):
    a, b = lists(rng, n, k), lists(rng, n, m)
    null = every(matrix(a), matrix(b))
    check_moments(graph_moments(GraphSummary.of_neighbors(a), GraphSummary.of_neighbors(b)), null)
    check_moments(
        graph_moments(GraphSummary.of_matrix(matrix(a)), GraphSummary.of_matrix(matrix(b))), null
    )


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("symmetric", [False, True])
def test_weighted_graphs_over_all_permutations(n, symmetric, rng):
    A, B = rng.standard_normal((2, n, n))
    if symmetric:
        A, B = A + A.T, B + B.T
    check_moments(graph_moments(GraphSummary.of_matrix(A), GraphSummary.of_matrix(B)), every(A, B))


def test_a_summary_of_order_two_knows_no_third_moment(rng):
    a = lists(rng, 9, 3)
    two, three = (GraphSummary.of_neighbors(a, order=order) for order in (2, 3))
    known, more = graph_moments(two, two), graph_moments(three, three)
    assert (known.mean, known.variance) == (more.mean, more.variance)
    assert known.third is known.skewness is None


def test_hubs_widen_and_skew_the_null_as_the_formula_says(rng):
    """Independent rows would give a spread that is far too small."""
    n, k = 120, 8
    popular = np.tile(rng.permutation(n)[:10], 8)
    graphs = []
    for _ in range(2):
        rows = [rng.permutation(np.concatenate([popular, np.arange(n)])) for _ in range(n)]
        graphs.append(
            np.array([list(dict.fromkeys(j for j in row if j != i))[:k]
                      for i, row in enumerate(rows)])
        )  # fmt: skip
    a, b = graphs
    table = matrix(b)
    orders = np.array([rng.permutation(n) for _ in range(20_000)])
    null = np.array([table[order[:, None], order[a]].sum() for order in orders])
    found = graph_moments(GraphSummary.of_neighbors(a), GraphSummary.of_neighbors(b))
    assert abs(null.mean() - found.mean) < 4 * np.sqrt(found.variance / len(null))
    assert null.var() == pytest.approx(found.variance, rel=0.06)
    skewness = ((null - null.mean()) ** 3).mean() / null.std() ** 3
    assert skewness == pytest.approx(found.skewness, abs=0.1)
    p = k / (n - 1)
    assert found.variance > 1.3 * n * k * p * (1 - p) * (n - 1 - k) / (n - 2)
    share = (null >= np.quantile(null, 0.99)).mean()
    tail = pearson3_pvalue(
        np.quantile(null, 0.99), found.mean, found.variance, found.skewness, step=1.0
    )
    assert tail == pytest.approx(share, rel=0.2)


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("heavy", [False, True])
def test_kernels_over_all_permutations(n, heavy, rng):
    X, Y = rng.standard_normal((n, 2)), rng.standard_normal((n, 5))
    if heavy:
        X[0] *= 30.0
    x, y = X - X.mean(0), Y - Y.mean(0)
    null = every(x @ x.T, y @ y.T, diagonal=True)
    check_moments(kernel_moments(*(KernelSummary.of_gram(z @ z.T) for z in (x, y))), null)
    check_moments(kernel_moments(*(KernelSummary.of_features(z) for z in (x, y))), null)
    cheap = kernel_moments(
        *(KernelSummary.of_traces((z**2).sum(1), ((z.T @ z) ** 2).sum()) for z in (x, y))
    )
    assert cheap.mean == pytest.approx(null.mean(), rel=1e-10)
    assert cheap.variance == pytest.approx(null.var(), rel=1e-9)
    assert cheap.third is None


@pytest.mark.parametrize("n", [6, 7])
def test_u_centred_matrices_over_all_permutations(n, rng):
    distances = [squareform(pdist(rng.standard_normal((n, 3)))) for _ in range(2)]
    sides = [u_centre(D) for D in distances]
    sides = [U / np.linalg.norm(U) for U in sides]
    summaries = [UCentredSummary.of_matrix(D) for D in distances]
    norms = np.sqrt(summaries[0].squares * summaries[1].squares)
    found = u_centred_moments(*summaries).over(norms)
    null = every(*sides)
    assert found.mean == pytest.approx(0.0, abs=1e-12)
    assert found.variance == pytest.approx(2 / (n * (n - 3)), rel=1e-9)
    assert null.var() == pytest.approx(found.variance, rel=1e-9)
    third = (null**3).mean()
    assert found.third == pytest.approx(third, rel=1e-8)


def test_u_centred_linear_kernels_from_their_features(rng):
    X = rng.standard_normal((30, 4)) * rng.standard_t(3, (30, 1))
    X -= X.mean(axis=0)
    found, expected = UCentredSummary.of_features(X), UCentredSummary.of_matrix(X @ X.T)
    for name in ("n_items", "squares", "cubes", "triangles"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)


@pytest.mark.parametrize("n", [5, 6])
def test_correlations_of_dissimilarities_over_all_permutations(n, rng):
    D, E = (squareform(pdist(rng.standard_normal((n, 3)))) for _ in range(2))
    upper = np.triu_indices(n, 1)
    null = [
        np.corrcoef(D[upper], E[np.ix_(p, p)][upper])[0, 1]
        for p in map(list, itertools.permutations(range(n)))
    ]
    assert np.mean(null) == pytest.approx(0.0, abs=1e-12)
    assert rdm_variance(*map(RdmSummary.of_matrix, (D, E))) == pytest.approx(np.var(null), rel=1e-9)


def test_means_of_set_overlaps_over_all_permutations(rng):
    n, k = 6, 2
    a, b = lists(rng, n, k), lists(rng, n, k)
    A, B = matrix(a), matrix(b)
    jaccard, cycle = [], []
    for p in map(list, itertools.permutations(range(n))):
        moved = B[np.ix_(p, p)]
        shared = (A * moved).sum(axis=1)
        jaccard.append((shared / (2 * k - shared)).mean())
        cycle.append(((moved @ A).diagonal() > 0).mean())
    assert jaccard_mean(n, k, k) == pytest.approx(np.mean(jaccard), rel=1e-12)
    assert cycle_mean(A.sum(axis=0), k) == pytest.approx(np.mean(cycle), rel=1e-12)


def test_other_items_are_refused(rng):
    a, b = (GraphSummary.of_neighbors(lists(rng, n, 2)) for n in (6, 7))
    with pytest.raises(ShapeError, match="6"):
        graph_moments(a, b)
    with pytest.raises(DegenerateInputError, match="constant"):
        RdmSummary.of_matrix(np.ones((5, 5)))


def test_tails_of_a_law_of_three_moments():
    assert pearson3_pvalue(1.0, 0.0, 1.0, 0.0) == pytest.approx(0.158655, abs=1e-6)
    above = pearson3_pvalue(2.0, 0.5, 0.7, 0.8)
    below = pearson3_pvalue(-2.0, -0.5, 0.7, -0.8, direction="distance")
    assert above == pytest.approx(below)
    assert pearson3_pvalue(2.0, 0.5, 0.7, 0.8, step=0.2) > above
    with pytest.raises(DegenerateInputError, match="no spread"):
        pearson3_pvalue(1.0, 0.0, 0.0, 0.0)
    with pytest.raises(ParameterError, match="finite"):
        pearson3_pvalue(np.nan, 0.0, 1.0, 0.0)
    with pytest.raises(ParameterError, match="direction"):
        pearson3_pvalue(1.0, 0.0, 1.0, 0.0, direction="up")
