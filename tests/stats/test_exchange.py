"""What may change places: drawn orders stay within the scheme, enumerations are complete."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import ParameterError, ShapeError
from platonica.stats.exchange import Exchange

SCHEMES = [
    Exchange.of(5),
    Exchange.of(10, [0, 1, 2, 3, 4] * 2),
    Exchange.within(7, ["a", "a", "b", "b", "b", "c", None]),
    Exchange.in_blocks(11, 2),
    Exchange.shifts(21),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.words)
def test_what_is_drawn_is_among_all_and_all_are_drawn(scheme):
    every = {tuple(order) for order in scheme.every()}
    assert len(every) == scheme.n_arrangements
    drawn = [tuple(order) for order in scheme.draw(30 * scheme.n_arrangements, 0)]
    assert set(drawn) == every
    counts = np.array([drawn.count(order) for order in every])
    assert ((counts - 30) ** 2 / 30).sum() < len(every) + 6 * np.sqrt(2 * len(every))


def test_the_identity_is_one_of_them():
    for scheme in SCHEMES:
        assert tuple(range(scheme.n_items)) in {tuple(order) for order in scheme.every()}


@given(labels=st.lists(st.integers(0, 3), min_size=8, max_size=30), seed=st.integers(0, 9))
def test_within_groups_no_item_leaves_its_group(labels, seed):
    scheme = Exchange.within(len(labels), labels)
    for order in scheme.draw(5, seed):
        assert [labels[i] for i in order] == labels


def test_items_alone_in_their_group_are_counted_and_stay():
    scheme = Exchange.within(7, ["a", "a", "b", "b", "b", "c", None])
    assert scheme.words.endswith("2 of 7 items cannot move")
    assert (scheme.draw(50, 0)[:, 5:] == [5, 6]).all()
    with pytest.raises(ParameterError, match="every group has one"):
        Exchange.within(4, ["a", "b", "c", None])


def test_blocks_keep_their_inside_and_the_rest_stays():
    scheme = Exchange.in_blocks(11, 2)
    for order in scheme.draw(20, 0):
        assert (order[1:10:2] - order[0:10:2] == 1).all()
        assert order[10] == 10
    with pytest.raises(ParameterError, match="fewer than 5 blocks"):
        Exchange.in_blocks(11, 3)


def test_shifts_keep_the_order_of_the_series():
    for order in Exchange.shifts(30).draw(20, 0):
        assert set(np.diff(order) % 30) == {1}
    with pytest.raises(ShapeError, match=r"cannot reach p = 0\.05"):
        Exchange.shifts(19)


def test_free_exchange_of_few_items_is_every_permutation():
    np.testing.assert_array_equal(Exchange.of(4).every(), list(itertools.permutations(range(4))))


def test_groups_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="one entry for each of 4 items"):
        Exchange.of(4, ["a", "b"])
