"""Measures of ordered lists against textbook dynamic programmes and loops over the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.measures import MEASURES, edit_knn, lcs_knn, rank_similarity
from platonica.measures import _knn as knn
from platonica.measures.ordered import _edits, _lcs

LISTS = st.lists(st.permutations(range(7)), min_size=1, max_size=5)


def textbook_lcs(x, y):
    table = np.zeros((len(x) + 1, len(y) + 1), dtype=int)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            table[i + 1, j + 1] = (
                table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
            )
    return table[-1, -1]


def textbook_levenshtein(x, y):
    table = np.zeros((len(x) + 1, len(y) + 1), dtype=int)
    table[:, 0], table[0] = range(len(x) + 1), range(len(y) + 1)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            table[i + 1, j + 1] = min(
                table[i, j + 1] + 1, table[i + 1, j] + 1, table[i, j] + (a != b)
            )
    return table[-1, -1]


@pytest.mark.parametrize(
    ("ours", "textbook"), [(_lcs, textbook_lcs), (_edits, textbook_levenshtein)]
)
@given(first=LISTS, second=LISTS)
def test_dynamic_programmes_equal_the_textbook(ours, textbook, first, second):
    rows = min(len(first), len(second))
    a, b = np.array(first[:rows])[:, :5], np.array(second[:rows])[:, :5]
    found = ours(a[:, :, None] == b[:, None, :])
    np.testing.assert_array_equal(found, [textbook(x, y) for x, y in zip(a, b, strict=True)])


def lists_of(measure, X):
    return measure.prepare(X).graph.indices


@pytest.mark.parametrize("block_cells", [1, 1 << 22])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_scores_are_the_means_over_items(k, block_cells, golden_pair, monkeypatch):
    monkeypatch.setattr(knn, "BLOCK_CELLS", block_cells)
    a, b = (lists_of(MEASURES["lcs_knn"].bound(k=k), X) for X in golden_pair)
    pairs = list(zip(a, b, strict=True))
    lcs = np.mean([textbook_lcs(x, y) for x, y in pairs]) / k
    edit = 1 - np.mean([textbook_levenshtein(x, y) for x, y in pairs]) / k
    assert lcs_knn(*golden_pair, k=k) == pytest.approx(lcs, abs=1e-14)
    assert edit_knn(*golden_pair, k=k) == pytest.approx(edit, abs=1e-14)


def rank_similarity_by_definition(x, y):
    common = set(x) & set(y)
    if not common:
        return 0.0
    total = 0.0
    for item in common:
        r, s = list(x).index(item) + 1, list(y).index(item) + 1
        total += 2.0 / ((1 + abs(r - s)) * (r + s))
    return total / sum(1.0 / v for v in range(1, len(common) + 1))


@pytest.mark.parametrize("k", [1, 2, 10])
def test_rank_similarity_equals_its_definition(k, golden_pair):
    measure = MEASURES["rank_similarity"].bound(k=k)
    lists = zip(*(lists_of(measure, X) for X in golden_pair), strict=True)
    expected = np.mean([rank_similarity_by_definition(x, y) for x, y in lists])
    assert rank_similarity(*golden_pair, k=k) == pytest.approx(expected, abs=1e-14)


def test_reversed_lists_have_the_same_sets_and_another_order(golden_pair):
    X, _ = golden_pair
    import dataclasses

    measure = MEASURES["lcs_knn"]
    a = measure.prepare(X)
    backwards = dataclasses.replace(a.graph, indices=a.graph.indices[:, ::-1])
    b = dataclasses.replace(a, graph=backwards)
    assert MEASURES["mutual_knn"].score(a, b) == 1.0
    assert measure.score(a, b) == 1 / 10
    assert MEASURES["edit_knn"].score(a, b) == pytest.approx(0.0)
    assert MEASURES["rank_similarity"].score(a, b) < 0.6


def test_one_shared_first_neighbour_is_a_perfect_rank_similarity():
    """Why it must be read beside the number of common neighbours."""
    first = np.array([[1, 2], [0, 3], [4, 5]])
    other = np.array([[1, 9], [0, 8], [4, 7]])
    assert np.mean(
        [rank_similarity_by_definition(x, y) for x, y in zip(first, other, strict=True)]
    ) == pytest.approx(1.0)
