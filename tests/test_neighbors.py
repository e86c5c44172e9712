"""The exact graph against oracles, and the rules for ties, duplicates and groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_info, threadpool_limits

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.neighbors import KnnGraph, knn_graph, relabel, restrict
from platonica.neighbors._space import Space

METRICS = ("cosine", "euclidean")


def gaussian(n=300, d=20, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(dtype)


def brute_distances(X, metric):
    """All distances in float64 from direct differences; the diagonal is infinite."""
    rows = np.asarray(X, dtype=np.float64)
    if metric == "cosine":
        rows = rows / np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    distances = np.stack([np.sqrt(((rows - row) ** 2).sum(axis=1)) for row in rows])
    np.fill_diagonal(distances, np.inf)
    return distances


def brute(X, k, metric):
    return np.argsort(brute_distances(X, metric), axis=1, kind="stable")[:, :k]


def assert_same(a: KnnGraph, b: KnnGraph):
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_array_equal(a.distances, b.distances)
    assert a.n_tied_rows == b.n_tied_rows


def overlap(a: KnnGraph, b: KnnGraph):
    pairs = zip(a.indices, b.indices, strict=True)
    return np.mean([len(np.intersect1d(x, y)) for x, y in pairs]) / a.k


# ------------------------------------------------------------------ exactness


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d", "k"), [(4, 1, 2), (300, 20, 10), (700, 128, 1), (260, 3, 200)])
def test_set_and_order_equal_brute_force(metric, dtype, n, d, k):
    X = gaussian(n, max(d, 2) if metric == "cosine" else d, dtype=dtype)
    graph = knn_graph(X, k, metric=metric)
    np.testing.assert_array_equal(graph.indices, brute(X, k, metric))
    expected = np.take_along_axis(brute_distances(X, metric), brute(X, k, metric), axis=1)
    np.testing.assert_allclose(graph.distances, expected, rtol=1e-12, atol=2.0**-43)
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float64
    assert graph.n_tied_rows == 0


@pytest.mark.parametrize("metric", METRICS)
def test_equal_to_scikit_learn(metric):
    X = gaussian(900, 64, seed=3)
    theirs = NearestNeighbors(n_neighbors=10, algorithm="brute", metric=metric).fit(X)
    np.testing.assert_array_equal(
        knn_graph(X, 10, metric=metric).indices, theirs.kneighbors(return_distance=False)
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("ties", [False, True])
def test_blocks_and_threads_change_no_bit(metric, ties):
    X = gaussian(520, 6, seed=1)
    if ties:
        X[:200] = np.rint(X[:200] * 1.5) + np.eye(6)[5] * 7
    first = knn_graph(X, 9, metric=metric, block=1000, n_threads=1)
    assert ties == (first.n_tied_rows > 0)
    for block in (7, 64, 1000, 5000, None):
        for n_threads in (1, 2):
            assert_same(knn_graph(X, 9, metric=metric, block=block, n_threads=n_threads), first)


@pytest.mark.parametrize("metric", METRICS)
def test_float32_and_its_float64_copy_give_the_same_graph(metric):
    X = gaussian(400, 16, dtype=np.float32)
    X[100:150] = X[:50]
    X[150:250] = X[200]
    assert_same(knn_graph(X, 6, metric=metric), knn_graph(X.astype(np.float64), 6, metric=metric))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", METRICS)
def test_a_common_offset_hides_nothing(metric, dtype):
    X = (gaussian(500, 32) + 1e4).astype(dtype)
    graph = knn_graph(X, 10, metric=metric)
    np.testing.assert_array_equal(graph.indices, brute(X, 10, metric))
    assert graph.n_reranked_rows < 500  # float32 still decides most of the rows


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-6, 1e6, 1e30, 1e300])
def test_scale_does_not_matter(metric, scale):
    X = gaussian(200, 12)
    graph = knn_graph(X * scale, 8, metric=metric)
    np.testing.assert_array_equal(graph.indices, knn_graph(X, 8, metric=metric).indices)
    if metric == "euclidean":
        np.testing.assert_allclose(
            graph.distances / scale, knn_graph(X, 8, metric=metric).distances
        )


def test_rows_of_very_different_scale():
    X = gaussian(300, 12) * 10.0 ** np.linspace(-150, 150, 300)[:, None]
    np.testing.assert_array_equal(knn_graph(X, 8).indices, knn_graph(gaussian(300, 12), 8).indices)


@pytest.mark.parametrize("outlier", [1e3, 1e8])
def test_outlier_rows_do_not_harm_the_others(outlier):
    X = gaussian(900, 24)
    X[::300] *= outlier
    np.testing.assert_array_equal(
        knn_graph(X, 10, metric="euclidean").indices, brute(X, 10, "euclidean")
    )


@pytest.mark.parametrize("metric", METRICS)
def test_gaps_of_1e_9_are_kept(metric):
    rng = np.random.default_rng(5)
    n = 200
    directions = np.linalg.qr(rng.standard_normal((n + 1, n + 1)))[0]
    gaps = 1 + 1e-9 * rng.permutation(n)
    if metric == "cosine":
        angles = 0.7 * gaps[:, None]
        others = np.cos(angles) * directions[0] + np.sin(angles) * directions[1:]
    else:
        others = gaps[:, None] * directions[1:]
    first = directions[0] if metric == "cosine" else np.zeros(n + 1)
    graph = knn_graph(np.vstack([first, others]), 50, metric=metric)
    np.testing.assert_array_equal(graph.indices[0], 1 + np.argsort(gaps)[:50])
    assert graph.n_reranked_rows == n + 1  # float32 alone cannot know


small_grids = st.integers(5, 14).flatmap(
    lambda n: st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(0, 2)), min_size=n, max_size=n
    )
)


@settings(max_examples=150, deadline=None)
@given(
    rows=small_grids, k=st.integers(1, 3), block=st.integers(1, 8), metric=st.sampled_from(METRICS)
)
def test_lists_hold_the_smallest_exact_distances(rows, k, block, metric):
    """Integer rows: whole numbers (euclidean) and fractions (cosine) decide, without rounding."""
    assume(len(set(rows)) > 1)
    assume(metric == "euclidean" or all(any(row) for row in rows))

    def exact(a, b):
        if metric == "euclidean":
            return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return -Fraction(dot * abs(dot), sum(x * x for x in a) * sum(y * y for y in b))

    ordered = [
        sorted(exact(a, b) for j, b in enumerate(rows) if j != i) for i, a in enumerate(rows)
    ]
    tied = sum(line[k - 1] == line[k] for line in ordered)
    arbitrary = sum(line[:k].count(line[k]) for line in ordered)
    if 2 * arbitrary > len(rows) * k:
        with pytest.raises(DegenerateInputError, match="collapsed"):
            knn_graph(np.array(rows, dtype=float), k, metric=metric, block=block)
        return
    graph = knn_graph(np.array(rows, dtype=float), k, metric=metric, block=block)
    assert (graph.n_tied_rows, graph.n_arbitrary) == (tied, arbitrary)
    for i, found in enumerate(graph.indices):
        assert i not in found
        assert [exact(rows[i], rows[j]) for j in found] == ordered[i][:k]
        assert len(set(found.tolist())) == k


# ------------------------------------------------------------------ ties and duplicates


def with_identical_rows(n, share, seed):
    """Gaussian rows, a random share of which are all the same."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 8))
    X[rng.permutation(n)[: int(share * n)]] = rng.standard_normal(8)
    return X


def mean_agreement(share, repeats=30, n=200, k=10):
    """Mean overlap minus chance of independent pairs of spaces, in standard errors."""
    overlaps = [
        overlap(
            knn_graph(with_identical_rows(n, share, 2 * r), k, n_threads=1),
            knn_graph(with_identical_rows(n, share, 2 * r + 1), k, n_threads=1),
        )
        for r in range(repeats)
    ]
    return (np.mean(overlaps) - k / (n - 1)) / (np.std(overlaps, ddof=1) / np.sqrt(repeats))


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_unrelated_spaces_with_duplicates_do_not_agree(share, monkeypatch):
    assert abs(mean_agreement(share)) < 4
    # the planted fault: a rule that is the same in both spaces
    monkeypatch.setattr(Space, "priority", property(lambda self: np.arange(len(self))))
    assert mean_agreement(share) > 4


@pytest.mark.parametrize("metric", METRICS)
def test_duplicates_are_ordinary_neighbours(metric):
    X = gaussian(600, 10)
    X[300:420] = X[:120]  # 40 % of the rows have one twin
    graph = knn_graph(X, 5, metric=metric)
    assert not (graph.indices == np.arange(600)[:, None]).any()
    np.testing.assert_array_equal(graph.indices[:120, 0], np.arange(300, 420))
    np.testing.assert_array_equal(graph.indices[300:420, 0], np.arange(120))
    assert (graph.distances[:120, 0] == 0).all()
    assert_same(graph, knn_graph(X, 5, metric=metric))


def test_ties_follow_one_priority_per_space():
    X = with_identical_rows(400, 0.4, seed=9)
    same = np.flatnonzero([(X == row).all(axis=1).sum() == 160 for row in X])
    graph = knn_graph(X, 10)
    assert graph.n_tied_rows >= 160
    lists = [tuple(one) for one in graph.indices[same].tolist()]
    leaders = max(set(lists), key=lists.count)
    assert lists.count(leaders) == 150  # all but the ten themselves, who see an eleventh
    assert list(leaders) != sorted(leaders)
    other = knn_graph(X * 3.0, 10)  # other features, another priority
    assert set(map(tuple, other.indices[same].tolist())) != set(lists)


def count_pairs(monkeypatch):
    """Count the pairs that are measured directly, one sum per call of `knn_graph`."""
    totals, measure = [], Space.distances

    def counted(space, a, b):
        totals[-1] += len(a)
        return measure(space, a, b)

    def fresh(space, *args, **kwargs):
        totals.append(0)
        return check(space, *args, **kwargs)

    check = Space.check_groups
    monkeypatch.setattr(Space, "distances", counted)
    monkeypatch.setattr(Space, "check_groups", fresh)
    return totals


def test_masses_of_ties_are_exact_and_bounded(monkeypatch):
    """Like tf-idf: a third of the rows share no word with any other row."""
    rng = np.random.default_rng(2)
    n, lone, k = 1500, 500, 10
    X = np.zeros((n, 40 + lone), dtype=np.float32)
    X[lone:, :40] = rng.random((n - lone, 40))
    X[np.arange(lone), 40 + np.arange(lone)] = 1
    order = rng.permutation(n)
    X, is_lone = X[order], order < lone
    graph = knn_graph(X, k, block=512)
    assert graph.n_tied_rows == lone
    np.testing.assert_array_equal(graph.indices[~is_lone], brute(X, k, "cosine")[~is_lone])
    np.testing.assert_allclose(graph.distances[is_lone], np.sqrt(2), rtol=1e-13)
    assert (graph.distances[is_lone] == graph.distances[is_lone][0, 0]).all()
    assert_same(graph, knn_graph(X, k, block=100, n_threads=1))
    assert graph.n_reranked_rows >= lone
    # the short cut for rows without a common feature gives the bits of the direct sum
    calls = count_pairs(monkeypatch)
    assert_same(knn_graph(X, k), graph)
    quick = calls.pop()
    monkeypatch.setattr(Space, "supports", None)
    assert_same(knn_graph(X, k), graph)
    assert calls.pop() > 3 * quick


@pytest.mark.parametrize("metric", METRICS)
def test_clusters_below_the_resolution_of_float32(metric):
    rng = np.random.default_rng(4)
    n, d, k = 1600, 6, 8
    X = np.repeat(rng.standard_normal((2, d)), n // 2, axis=0) + 1e-6 * rng.standard_normal((n, d))
    graph = knn_graph(X, k, metric=metric)
    np.testing.assert_array_equal(graph.indices, brute(X, k, metric))
    assert graph.n_reranked_rows == n


# ------------------------------------------------------------------ groups


@pytest.mark.parametrize("metric", METRICS)
def test_items_of_one_group_are_never_neighbours(metric):
    X = gaussian(400, 9, seed=7)
    labels = np.random.default_rng(0).integers(0, 60, 400)
    groups = [None if label < 5 else f"image-{label}" for label in labels]
    distances = brute_distances(X, metric)
    distances[(labels[:, None] == labels) & (labels >= 5)] = np.inf
    expected = np.argsort(distances, axis=1)[:, :7]
    for block in (None, 33):
        graph = knn_graph(X, 7, metric=metric, groups=groups, block=block)
        np.testing.assert_array_equal(graph.indices, expected)


def test_groups_with_ties_and_with_no_group():
    X = gaussian(300, 6)
    assert_same(knn_graph(X, 5, groups=[None] * 300), knn_graph(X, 5))
    X[:200] = X[0]
    groups = ["copies"] * 200 + [None] * 100
    graph = knn_graph(X, 5, groups=groups)
    assert (graph.indices[:200] >= 200).all()


def test_groups_that_leave_too_few_items_are_refused():
    X = gaussian(20, 4)
    groups = ["a"] * 16 + [None] * 4
    assert knn_graph(X, 4, groups=groups).indices[0].min() >= 16
    with pytest.raises(ShapeError, match="leaves row 0 only 4 items"):
        knn_graph(X, 5, groups=groups)
    with pytest.raises(ShapeError, match="one entry for each of 20 rows, not 19"):
        knn_graph(X, 5, groups=groups[1:])


# ------------------------------------------------------------------ relabel and restrict


@pytest.mark.parametrize("metric", METRICS)
def test_relabel_equals_the_graph_of_permuted_rows(metric):
    X = gaussian(250, 8)
    order = np.random.default_rng(1).permutation(250)
    found = relabel(knn_graph(X, 6, metric=metric).indices, order)
    np.testing.assert_array_equal(found, knn_graph(X[order], 6, metric=metric).indices)
    assert found.dtype == np.int32


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [0, 1, 3], [0, 1, -1], [0.0, 1.0, 2.0]])
def test_relabel_refuses_what_is_no_permutation(order):
    with pytest.raises(ShapeError, match=r"permutation of range\(3\)"):
        relabel(np.array([[1], [2], [0]], dtype=np.int32), order)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("k_max", "m"), [(40, 200), (24, 200), (12, 150), (10, 300)])
def test_restrict_equals_the_graph_of_the_rows(metric, k_max, m):
    X = gaussian(400, 8, seed=2) * 3e5
    rows = np.random.default_rng(3).permutation(400)[:m]
    graph = restrict(knn_graph(X, k_max, metric=metric), X, rows, 10)
    assert_same(graph, knn_graph(X[rows], 10, metric=metric))
    assert graph.metric == metric


def test_restrict_takes_all_three_ways():
    X = gaussian(400, 8, seed=2)
    rows = np.arange(0, 400, 2)
    searched = [
        restrict(knn_graph(X, k_max), X, rows, 10).n_reranked_rows for k_max in (60, 28, 10)
    ]
    assert searched[0] == 0 < searched[1] < 50 < searched[2] == 200
    without = restrict(knn_graph(X, 60), None, rows, 10)
    assert_same(without, knn_graph(X[rows], 10))
    with pytest.raises(ShapeError, match="X must be given: 200 of 200 rows keep fewer than k"):
        restrict(knn_graph(X, 10), None, rows, 10)


@pytest.mark.parametrize("metric", METRICS)
def test_restrict_keeps_the_priority_of_the_whole(metric):
    rng = np.random.default_rng(8)
    X = rng.standard_normal((300, 4))
    X[::2] = np.rint(X[::2] * 3) + np.eye(4)[3] * 9
    groups = [f"g{i // 3}" for i in range(300)]
    rows = np.sort(rng.permutation(300)[:220])
    results = [
        restrict(knn_graph(X, k_max, metric=metric, groups=groups), X, rows, 6, groups=groups)
        for k_max in (6, 14, 150)
    ]
    assert results[0].n_tied_rows > 0
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])
    kept_groups = rows[results[0].indices] // 3
    assert not (kept_groups == rows[:, None] // 3).any()


def test_restrict_refuses_bad_rows():
    X = gaussian(30, 4)
    graph = knn_graph(X, 8)
    with pytest.raises(ShapeError, match="distinct"):
        restrict(graph, X, [1, 2, 2, 3, 4], 2)
    with pytest.raises(ShapeError, match=r"\[0, 30\), not in \[1, 30\]"):
        restrict(graph, X, [1, 2, 3, 30], 2)
    with pytest.raises(ShapeError, match="n_items - 2 = 2"):
        restrict(graph, X, [1, 2, 3, 4], 3)
    with pytest.raises(ShapeError, match="the 30 rows of graph, not 29"):
        restrict(graph, X[1:], np.arange(20), 8)


# ------------------------------------------------------------------ bad input, good manners


@pytest.mark.parametrize("k", [0, -1, 19, 20, 2.5, True])
def test_k_out_of_range(k):
    with pytest.raises(ShapeError, match="k must be"):
        knn_graph(gaussian(20, 3), k)


def test_degenerate_features_are_refused():
    X = gaussian(40, 5)
    X[7] = 0
    with pytest.raises(DegenerateInputError, match="zero row under the cosine metric: row 7"):
        knn_graph(X, 3)
    assert knn_graph(X, 3, metric="euclidean").k == 3
    X[7] = np.nan
    with pytest.raises(DegenerateInputError, match="row 7"):
        knn_graph(X, 3)
    X = gaussian(40, 5)
    X[:30] = X[0]
    for metric in METRICS:
        with pytest.raises(DegenerateInputError, match=r"collapsed: at least \d+ of 40 x 3"):
            knn_graph(X, 3, metric=metric)
    with pytest.raises(DegenerateInputError, match="constant"):
        knn_graph(np.ones((40, 5)), 3)
    # every item with an exact twin splits pairs at an even k, which is no collapse
    twins = np.repeat(gaussian(40, 5), 2, axis=0)
    graph = knn_graph(twins, 4)
    assert graph.n_tied_rows > 40
    assert graph.n_arbitrary == graph.n_tied_rows
    # rows on one ray: not constant, but one point to the cosine
    with pytest.raises(DegenerateInputError, match="collapsed"):
        knn_graph(np.arange(1.0, 41)[:, None] * gaussian(1, 5), 3)


def test_bad_parameters_are_named():
    X = gaussian(20, 3)
    with pytest.raises(ParameterError, match='"cosine" or "euclidean", not \'manhattan\''):
        knn_graph(X, 3, metric="manhattan")
    with pytest.raises(ParameterError, match="block"):
        knn_graph(X, 3, block=0)
    with pytest.raises(ParameterError, match="n_threads"):
        knn_graph(X, 3, n_threads=0)


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_the_users_blas_threads_return_even_after_an_error():
    X = gaussian(60, 4)
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"):
            before = blas_threads()
            knn_graph(X, 3, n_threads=2)
            assert blas_threads() == before
            with pytest.raises(ParameterError):
                knn_graph(X, 3, block=-1)
            assert blas_threads() == before


def test_graphs_built_at_the_same_time_return_the_threads_too():
    X = gaussian(700, 32)
    alone = knn_graph(X, 5)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(2) as pool:
            graphs = list(pool.map(lambda _: knn_graph(X, 5, n_threads=1), range(12)))
        assert blas_threads() == before
    for graph in graphs:
        assert_same(graph, alone)


def test_input_is_left_alone_and_may_be_read_only():
    X = gaussian(50, 4)
    before = X.copy()
    X.flags.writeable = False
    knn_graph(X, 3)
    knn_graph(X[:, ::2], 3, metric="euclidean")
    assert (X == before).all()
