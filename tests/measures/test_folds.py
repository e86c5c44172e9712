"""Folds: who is tested where, and what no fold may do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import ParameterError, ShapeError
from platonica.measures._folds import fold_labels, splits


def test_items_and_groups_take_turns():
    assert fold_labels(6, 3).tolist() == [0, 1, 2, 0, 1, 2]
    groups = ["b", "b", None, "a", None, "c", None, "c"]
    assert fold_labels(8, 2, groups=groups).tolist() == [0, 0, 1, 0, 1, 0, 1, 0]


@given(
    sizes=st.lists(st.integers(2, 5), min_size=4, max_size=12),
    n_folds=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_every_item_is_tested_once_and_no_group_is_split(sizes, n_folds, seed):
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    labels = fold_labels(len(groups), n_folds, groups=groups.tolist())
    parts = splits(labels)
    tested = np.concatenate([test for _, test in parts])
    assert sorted(tested) == list(range(len(groups)))
    for train, test in parts:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(groups)


def test_some_items_are_only_fitted_on():
    labels = fold_labels(8, 5, [-1, -1, -1, 0, 0, 1, -1, 0])
    (one,) = splits(labels)  # item 5 is alone in its fold
    assert one[0].tolist() == [0, 1, 2, 5, 6]
    assert one[1].tolist() == [3, 4, 7]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_folds": 6}, ShapeError, "test 1 to 2 of them"),
        ({"n_folds": 5, "groups": list("aabbccdd")}, ShapeError, "as many groups, not 4"),
        ({"n_folds": 2, "groups": list("aab")}, ShapeError, "each of the 8 items, not 3"),
        ({"n_folds": 2, "folds": [0, 1]}, ShapeError, "one label for each of 8 items"),
        ({"n_folds": 2, "folds": np.arange(8)}, ShapeError, "test 1 to 1 of them"),
        ({"n_folds": 2, "folds": [0] * 8}, ShapeError, "test 8 to 8 of them"),
        ({"n_folds": 2, "folds": [-1] * 8}, ParameterError, "at least one fold to test"),
        ({"n_folds": 2, "folds": [-2, 0] * 4}, ParameterError, "whole numbers from 0, or -1"),
        ({"n_folds": 2, "folds": [0.5, 0] * 4}, ParameterError, "whole numbers"),
        (
            {"n_folds": 2, "folds": [0, 1] * 4, "groups": list("aabbccdd")},
            ParameterError,
            "one group must be in one fold",
        ),
    ],
)
def test_folds_that_cannot_be_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        fold_labels(8, **arguments)
