"""Lazy matrices are read block by block, and the blocks are the matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.arrays import to_numpy
from platonica.checks import check_view
from platonica.errors import ShapeError
from platonica.rows import BLOCK_BYTES, RowView, row_blocks


class View:
    """Rows of an array, with a note of what was read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, []

    def read_rows(self, rows):
        part = self.array[rows]
        self.read.append(len(part))
        return part


@given(n=st.integers(1, 40), size=st.integers(1, 50), ordered=st.booleans())
def test_blocks_are_the_rows_in_their_order(n, size, ordered):
    X = np.arange(3.0 * n).reshape(n, 3)
    order = np.random.default_rng(n).permutation(n) if ordered else None
    for source in (X, View(X)):
        parts, blocks = zip(*row_blocks(source, order, size), strict=True)
        np.testing.assert_array_equal(np.concatenate(blocks), X if order is None else X[order])
        assert [p.start for p in parts] == list(range(0, n, size))
        assert max(len(b) for b in blocks) <= size


def test_a_block_keeps_to_the_budget():
    view = View(np.zeros((3000, 4096), np.float32))
    assert sum(len(block) for _, block in row_blocks(view)) == 3000
    assert max(view.read) * 4096 * 8 <= BLOCK_BYTES


def test_a_view_becomes_an_array_where_one_is_needed():
    X = np.arange(12.0).reshape(4, 3)
    assert isinstance(View(X), RowView)
    assert not isinstance(X, RowView)
    np.testing.assert_array_equal(to_numpy(View(X)), X)


@pytest.mark.parametrize("shape", [(4,), (4, 0), (4, 3, 2), (1, 3)])
def test_a_view_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError):
        check_view(View(np.zeros(shape)), min_items=2)
