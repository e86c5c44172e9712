"""Decompositions that drop rounding, and the strongest direction by either route."""

from __future__ import annotations

import numpy as np
import pytest

from platonica.linalg import leading_left_vector, nuclear_norm, thin_svd


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (20, 20)])
@pytest.mark.parametrize("rank", [3, 8])
def test_thin_svd_holds_the_matrix_and_its_rank(shape, rank, rng):
    matrix = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    left, values, right = thin_svd(matrix)
    assert left.shape == (shape[0], rank)
    assert right.shape == (shape[1], rank)
    np.testing.assert_allclose((left * values) @ right.T, matrix, atol=1e-12)
    np.testing.assert_allclose(left.T @ left, np.eye(rank), atol=1e-12)
    assert nuclear_norm(matrix) == pytest.approx(values.sum(), rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (64, 200), (70, 90), (90, 70), (1, 3), (3, 1)])
def test_leading_left_vector_is_that_of_the_whole_decomposition(shape, rng):
    matrix = rng.standard_normal(shape)
    matrix[:, 0] += 30.0
    vector = leading_left_vector(matrix)
    expected = np.linalg.svd(matrix, full_matrices=False)[0][:, 0]
    np.testing.assert_allclose(vector * np.sign(vector @ expected), expected, atol=1e-12)
    np.testing.assert_array_equal(leading_left_vector(matrix), vector)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_any_of_equal_directions_will_do(shape, rng):
    left, _, right = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    matrix = (left * [2.0, 2.0, 1.0, 1.0, 0.5, 0.0]) @ right
    vector = leading_left_vector(matrix)
    assert np.linalg.norm(left[:, :2].T @ vector) == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-12)
