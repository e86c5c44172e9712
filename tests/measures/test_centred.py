"""Spaces about their mean: rotations into the span of the items, and blocks of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.errors import ShapeError
from platonica.linalg import triangular_factor
from platonica.measures import _centred
from platonica.measures._centred import centre, cross_product, narrowed, paired_blocks


def test_narrowed_spaces_keep_every_inner_product(rng):
    space = centre(rng.standard_normal((20, 50)))
    small = narrowed(space)
    assert small.n_features == 20
    rows, coordinates = space.array(), small.array()
    np.testing.assert_allclose(coordinates @ coordinates.T, rows @ rows.T, atol=1e-13)
    np.testing.assert_allclose(coordinates.sum(axis=0), 0.0, atol=1e-13)
    assert narrowed(small) is small


def test_blocks_of_a_pair_are_the_same_items(rng, monkeypatch):
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 6))
    in_memory = centre(X)
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * 6 * 7)
    a, b = centre(X), centre(Y)
    for first in (a, in_memory):
        blocks = list(paired_blocks(first, b))
        assert len(blocks) > 3
        x, y = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        np.testing.assert_allclose(x, in_memory.array(), atol=1e-14)
        np.testing.assert_allclose(cross_product(first, b), x.T @ y, atol=1e-13)
    with pytest.raises(ShapeError, match="30 and 29"):
        list(paired_blocks(a, centre(Y[:29])))


@pytest.mark.parametrize("size", [1, 7, 40])
def test_triangular_factor_does_not_depend_on_the_blocks(size, rng):
    A = rng.standard_normal((40, 6))
    factor = triangular_factor(A[i : i + size] for i in range(0, 40, size))
    assert factor.shape == (6, 6)
    np.testing.assert_array_equal(factor, np.triu(factor))
    np.testing.assert_allclose(factor.T @ factor, A.T @ A, atol=1e-12)
    assert triangular_factor([A[:3]]).shape == (3, 6)
