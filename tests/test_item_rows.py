"""Items of several rows: every rule against a naive one, and all are one where rows are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from platonica import Features, compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.item_rows import ItemRows
from platonica.measures import MEASURES, get_measure
from platonica.neighbors import item_graph, knn_graph, row_graph
from platonica.stats import exact_null
from platonica.stats.exchange import Exchange

N, K = 14, 3


def spaces(rng, counts_x, counts_y, groups=None):
    """Two spaces of the same items, with other numbers of rows in each."""
    found = []
    for counts, width in ((counts_x, 6), (counts_y, 9)):
        index = np.repeat(np.arange(len(counts)), counts)
        rows = rng.standard_normal((len(index), width))
        ids = [f"i{n}" for n in range(len(counts))]
        found.append(Features.from_arrays({"a": rows}, ids, item_index=index, groups=groups))
    return found


def naive_lists(features, how, k, groups=None):
    """Lists of items by loops: one for each row, or one for each item."""
    rows, owner = features.array("a", None), features.item_index
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    away = 1 - unit @ unit.T
    n = features.n_items

    def others(item):
        return [j for j in range(n) if j != item and (groups is None or groups[j] != groups[item])]

    def near(sources, item):
        d = {j: away[np.ix_(sources, owner == j)].min() for j in others(item)}
        return set(sorted(d, key=d.get)[:k])

    mine = [np.flatnonzero(owner == i) for i in range(n)]
    if how == "set":
        return [[near(mine[i], i)] for i in range(n)]
    return [[near([row], i) for row in mine[i]] for i in range(n)]


def naive_score(a, b, k):
    per_item = [
        np.mean([len(x & y) / k for x, y in itertools.product(xs, ys)])
        for xs, ys in zip(a, b, strict=True)
    ]
    return float(np.mean(per_item))


@pytest.mark.parametrize("how", ["set", "expand"])
@pytest.mark.parametrize("grouped", [False, True])
def test_scores_are_those_of_loops(how, grouped, rng):
    for _ in range(5):
        groups = [f"g{i // 2}" for i in range(N)] if grouped else None
        counts = rng.integers(1, 5, (2, N))
        X, Y = spaces(rng, *counts, groups=groups)
        lists = [naive_lists(F, how, K, groups) for F in (X, Y)]
        found = compare(X, Y, k=K, reduce=how, n_resamples=19)
        assert found.score == pytest.approx(naive_score(*lists, K), abs=1e-12)
        assert found.reduce == how


@pytest.mark.parametrize("how", ["set", "expand"])
def test_few_items_of_unequal_numbers_of_rows(how, rng):
    """One item sends so many rows that the nearest k of them would all be its own."""
    X, Y = spaces(rng, [9, 1, 1, 1, 1, 2], [1, 1, 7, 1, 1, 1])
    for k in (2, 4):
        lists = [naive_lists(F, how, k) for F in (X, Y)]
        found = compare(X, Y, k=k, reduce=how, n_resamples=19)
        assert found.score == pytest.approx(naive_score(*lists, k), abs=1e-12)
    grouped = spaces(rng, [3] * 12, [1] * 12, groups=[f"g{i // 3}" for i in range(12)])
    free = Exchange.of(12)
    with pytest.raises(ShapeError, match="outside"):
        compare(*grouped, k=10, reduce=how, n_resamples=19, exchange=free)
    assert compare(*grouped, k=8, reduce=how, n_resamples=19, exchange=free).n_items == 12


@pytest.mark.parametrize("how", ["set", "expand"])
def test_nulls_exchange_items_with_all_their_rows(how, rng):
    X, Y = spaces(rng, *rng.integers(1, 4, (2, N)))
    found = compare(X, Y, k=K, reduce=how, n_resamples=19, rng=3)
    y = naive_lists(Y, how, K)
    expected = []
    for order in Exchange.of(N).draw(19, 3):
        place = np.argsort(order)
        moved = [[{int(place[j]) for j in one} for one in y[i]] for i in order]
        expected.append(naive_score(naive_lists(X, how, K), moved, K))
    np.testing.assert_allclose(found.null_distribution, expected, atol=1e-12)
    measure = get_measure("mutual_knn", k=K)
    a, b = (measure.prepare(F.item_rows("a", how)) for F in (X, Y))
    order = rng.permutation(N)
    one = measure.score(a, measure.permuted(b, order))
    assert one == pytest.approx(measure.score_permuted([a], [b], order[None])[0, 0, 0], abs=1e-12)
    rows = np.sort(rng.choice(N, 9, replace=False))
    part = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    taken = [F.take([F.item_ids[i] for i in rows]) for F in (X, Y)]
    assert part == pytest.approx(compare(*taken, k=K, reduce=how, n_resamples=19).score, abs=1e-12)


@pytest.mark.parametrize("how", ["set", "expand"])
def test_exact_moments_are_those_over_all_permutations(how, rng):
    X, Y = spaces(rng, [1, 2, 3, 1, 2, 2], [2, 1, 1, 3, 1, 2])
    measure = get_measure("mutual_knn", k=2)
    a, b = (measure.prepare(F.item_rows("a", how)) for F in (X, Y))
    orders = np.array(list(itertools.permutations(range(6))))
    null = measure.score_permuted([a], [b], orders).ravel()
    moments = measure.null_moments(a, b)
    assert null.mean() == pytest.approx(2 / 5, abs=1e-12)
    assert moments.mean == pytest.approx(2 / 5, abs=1e-12)
    assert moments.variance == pytest.approx(null.var(), rel=1e-9)
    assert moments.skewness == pytest.approx(
        ((null - null.mean()) ** 3).mean() / null.std() ** 3, rel=1e-6
    )
    assert exact_null(measure, a, b, exchange=Exchange.of(6)).std == pytest.approx(null.std())


@pytest.mark.parametrize("how", ["first", "mean", "pool", "set", "expand"])
@pytest.mark.parametrize("copies", [False, True])
def test_with_one_row_an_item_all_rules_are_the_plain_comparison(how, copies, rng):
    X, Y = rng.standard_normal((40, 5)), rng.standard_normal((40, 4))
    if copies:
        X[:8], Y[5:14] = X[0], Y[5]
    ids = [f"i{n}" for n in range(40)]
    features = [Features.from_arrays({"a": V}, ids) for V in (X, Y)]
    plain = compare(X, Y, n_resamples=99)
    found = compare(*features, reduce=how, n_resamples=99)
    assert (found.score, found.pvalue) == (plain.score, plain.pvalue)
    np.testing.assert_array_equal(found.null_distribution, plain.null_distribution)
    assert found.reduce is None
    if how in ("set", "expand"):  # the engines themselves, not only the short way round them
        items = ItemRows(X, np.ones(40, dtype=int), how)
        graph = knn_graph(X, 10)
        np.testing.assert_array_equal(row_graph(items, 10).indices, graph.indices)
        np.testing.assert_array_equal(item_graph(items, 10).indices, graph.indices)


def test_the_order_of_the_rows_of_an_item_does_not_matter(rng):
    counts = rng.integers(1, 5, N)
    index = np.repeat(np.arange(N), counts)
    rows, other = rng.standard_normal((len(index), 5)), rng.standard_normal((N, 5))
    order = np.lexsort((rng.random(len(index)), index))
    ids = [f"i{n}" for n in range(N)]
    for how in ("mean", "pool", "set", "expand"):
        scores = [
            compare(
                Features.from_arrays({"a": R}, ids, item_index=index),
                Features.from_arrays({"a": other}, ids),
                k=K, reduce=how, n_resamples=19,
            ).score
            for R in (rows, rows[order])
        ]  # fmt: skip
        assert scores[0] == pytest.approx(scores[1], abs=1e-12)


def test_items_are_matched_by_id_with_all_their_rows(rng):
    X, Y = spaces(rng, [2] * N, [3] * N)
    mixed = Y.take([Y.item_ids[i] for i in rng.permutation(N)])
    for how in ("pool", "set", "expand"):
        one, other = (compare(X, V, k=K, reduce=how, n_resamples=19) for V in (Y, mixed))
        assert one.score == pytest.approx(other.score, abs=1e-12)


def test_pooling_takes_rows_at_length_one(rng):
    X, _ = spaces(rng, [3] * N, [1] * N)
    rows = X.array("a", None).reshape(N, 3, -1)
    unit = rows / np.linalg.norm(rows, axis=2, keepdims=True)
    np.testing.assert_allclose(X.array("a", "pool"), unit.mean(axis=1), atol=1e-12)
    zero = rows.copy()
    zero[2, 1] = 0
    features = Features.from_arrays(
        {"a": zero.reshape(N * 3, -1)}, X.item_ids, item_index=X.item_index
    )
    with pytest.raises(DegenerateInputError, match="row of zeros"):
        features.array("a", "pool")


@pytest.mark.parametrize("name", ["jaccard_knn", "cycle_knn", "lcs_knn", "edit_knn"])
def test_measures_of_lists_take_sets(name, rng):
    X, Y = spaces(rng, [2] * N, [1] * N)
    found = compare(X, Y, name, k=K, reduce="set", n_resamples=19, interval=None)
    assert 0 <= found.score <= 1
    with pytest.raises(ParameterError, match=f"{name} cannot .* 'set'"):
        compare(X, Y, name, k=K, reduce="expand", n_resamples=19)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_measures_that_need_one_row_say_which_rules_there_are(name, rng):
    measure = MEASURES[name]
    if getattr(measure, "row_rules", ()) or not measure.spec.paired:
        pytest.skip("takes several rows, or no pairs")
    X, Y = spaces(rng, [2] * N, [1] * N)
    with pytest.raises(ParameterError, match="it can by 'first', 'mean', 'pool'"):
        compare(X, Y, name, reduce="set", n_resamples=19)


def test_what_is_refused(rng):
    X, Y = spaces(rng, [2] * N, [1] * N)
    with pytest.raises(ParameterError, match="one of first, mean, pool, set, expand"):
        compare(X, Y, reduce="max")
    with pytest.raises(ShapeError, match="n_items - 2 = 12"):
        compare(X, Y, k=13, reduce="expand")
    with pytest.raises(ParameterError, match="one row an item"):
        compare(X, Y, k=K, reduce="set", controls=Y)
    with pytest.raises(ParameterError, match="'first', 'mean', 'pool', 'set', 'expand'"):
        compare(X, Y, "mutual_knn?compat=prh", k=K, reduce="expand")
    with pytest.raises(ShapeError, match="at least one row"):
        ItemRows(np.ones((3, 2)), np.array([2, 0, 1]), "set")


def test_a_thousand_captioned_items_take_seconds(rng):
    import time

    X, Y = spaces(rng, [1] * 600, [5] * 600)
    start = time.perf_counter()
    found = compare(X, Y, reduce="expand", n_resamples=199)
    assert time.perf_counter() - start < 20
    assert replace(found, reduce=None).n_items == 600
