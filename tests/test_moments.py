"""Streamed moments: chunked = whole = merged, and exact at large offsets."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platonica.errors import DegenerateInputError, ShapeError
from platonica.moments import CrossMoments, SpaceMoments, squared_norms


def pair(n=60, p=5, q=3, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)) + offset, rng.standard_normal((n, q)) - offset


def direct(X, Y):
    Xc, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return Xc.T @ Yc


def assert_close(actual, expected, scale):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12 * scale)


def pieces(n, cuts):
    edges = [0, *sorted({c % n for c in cuts} - {0}), n]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 59), max_size=8),
    split=st.integers(0, 8),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_chunked_is_whole_is_merged(cuts, split, offset):
    X, Y = pair(offset=offset)
    parts = pieces(len(X), cuts)
    chunked, left, right = (CrossMoments(5, 3) for _ in range(3))
    for i, part in enumerate(parts):
        chunked.update(X[part], Y[part])
        (left if i < split else right).update(X[part], Y[part])
    whole = CrossMoments(5, 3).update(X, Y).result()
    for sums in (chunked.result(), left.merge(right).result()):
        assert sums.n == whole.n == 60
        assert_close(sums.mean_x, whole.mean_x, 1.0)
        assert_close(sums.mean_y, whole.mean_y, 1.0)
        assert_close(sums.scatter, direct(X, Y), len(X))


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 59), max_size=8), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_blocks_does_not_matter(cuts, seed):
    X, _ = pair(offset=1e4)
    forward, shuffled = SpaceMoments(5), SpaceMoments(5)
    order = np.random.default_rng(seed).permutation(len(X))
    for part in pieces(len(X), cuts):
        forward.update(X[part])
        shuffled.update(X[order[part]])
    assert_close(shuffled.result().scatter, forward.result().scatter, len(X))


def test_space_is_the_pair_of_itself_and_symmetric():
    X, _ = pair(n=5000, p=7)
    space, cross = SpaceMoments(7).update(X).result(), CrossMoments(7, 7).update(X, X).result()
    assert_close(space.scatter, cross.scatter, len(X))
    assert (space.scatter == space.scatter.T).all()
    assert_close(np.trace(space.scatter), squared_norms(X, space.mean).sum(), len(X))


def test_large_offset_in_float32_loses_nothing():
    rng = np.random.default_rng(1)
    X = (rng.standard_normal((400, 4)) + 1e4).astype(np.float32)
    moments = SpaceMoments(4)
    for start in range(0, 400, 37):
        moments.update(X[start : start + 37])
    exact = np.empty((4, 4))
    columns = [[Fraction(float(v)) for v in column] for column in X.T]
    means = [sum(c) / len(c) for c in columns]
    for i in range(4):
        for j in range(4):
            terms = zip(columns[i], columns[j], strict=True)
            exact[i, j] = float(sum((a - means[i]) * (b - means[j]) for a, b in terms))
    assert_close(moments.result().scatter, exact, 400)
    # the textbook formula in float32 is the planted fault: it must not pass
    n, naive = np.float32(400), X.T @ X
    naive = naive - n * np.outer(X.mean(axis=0), X.mean(axis=0))
    with pytest.raises(AssertionError):
        assert_close(naive, exact, 400)


def test_one_row_and_equal_rows_are_allowed():
    sums = SpaceMoments(2).update([[1.0, 2.0]]).result()
    assert sums.n == 1
    assert sums.mean.tolist() == [1.0, 2.0]
    assert not sums.scatter.any()
    assert not SpaceMoments(2).update([[1.0, 2.0]] * 3).result().scatter.any()


def test_inputs_and_results_are_left_alone():
    X, Y = pair()
    before = X.copy(), Y.copy()
    moments = CrossMoments(5, 3).update(X, Y)
    sums = moments.result()
    scatter = sums.scatter.copy()
    other = CrossMoments(5, 3).update(X[:7], Y[:7])
    moments.merge(other)
    assert (X == before[0]).all()
    assert (Y == before[1]).all()
    assert (sums.scatter == scatter).all()
    assert other.result().n == 7
    assert moments.merge(CrossMoments(5, 3)).result().n == 67


def test_bad_blocks_are_refused():
    X, Y = pair()
    with pytest.raises(ShapeError, match="at least 1 row"):
        SpaceMoments(5).update(X[:0])
    with pytest.raises(ShapeError, match="5 features"):
        CrossMoments(5, 3).update(Y, Y)
    with pytest.raises(ShapeError, match="as many rows, but have 60 and 59"):
        CrossMoments(5, 3).update(X, Y[1:])
    with pytest.raises(ShapeError, match="do not merge"):
        CrossMoments(5, 3).merge(CrossMoments(5, 4))
    with pytest.raises(ShapeError, match="none was added"):
        SpaceMoments(5).result()
    X[3, 1] = np.nan
    with pytest.raises(DegenerateInputError, match="first in row 3"):
        SpaceMoments(5).update(X)
    with pytest.raises(DegenerateInputError, match="first in row 3"):
        squared_norms(X, np.zeros(5))
