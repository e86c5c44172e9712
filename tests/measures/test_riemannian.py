"""The Riemannian distance against SciPy's matrix functions, and the triangle inequality."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import ParameterError, ShapeError
from platonica.measures import MEASURES, riemannian_distance


def regularised(X, ridge):
    X = X - X.mean(axis=0)
    K = X @ X.T
    return K / (np.trace(K) / len(K)) + ridge * np.eye(len(K))


def as_defined(X, Y, ridge):
    A, B = regularised(X, ridge), regularised(Y, ridge)
    root = scipy.linalg.inv(scipy.linalg.sqrtm(A))
    return np.linalg.norm(scipy.linalg.logm(root @ B @ root))


@pytest.mark.parametrize("ridge", [0.01, 0.1, 2.0])
@pytest.mark.parametrize("size", [(40, 5, 9), (40, 25, 30), (20, 64, 9), (20, 64, 90)])
def test_agrees_with_the_definition(size, ridge, rng):
    n, p, q = size
    X, Y = rng.standard_normal((n, p)) + 1.0, 3.0 * rng.standard_normal((n, q))
    got = riemannian_distance(X, Y, ridge=ridge)
    assert got == pytest.approx(as_defined(X, Y, ridge), rel=1e-8)
    values = scipy.linalg.eigh(regularised(Y, ridge), regularised(X, ridge), eigvals_only=True)
    assert got == pytest.approx(np.linalg.norm(np.log(values)), rel=1e-8)


@given(
    n=st.integers(5, 25),
    widths=st.tuples(*[st.integers(1, 12)] * 3),
    ridge=st.sampled_from([0.01, 0.5]),
    seed=st.integers(0, 999),
)
def test_triangle_inequality(n, widths, ridge, seed):
    r = np.random.default_rng(seed)
    measure = MEASURES["riemannian_distance"].bound(ridge=ridge)
    world = r.standard_normal((n, 4))
    a, b, c = (
        measure.prepare(world @ r.standard_normal((4, d)) + 0.3 * r.standard_normal((n, d)))
        for d in widths
    )
    assert measure.score(a, c) <= (measure.score(a, b) + measure.score(b, c)) * (1 + 1e-9) + 1e-9


def test_the_ridge_is_part_of_the_score(rng):
    X, Y = rng.standard_normal((2, 30, 6))
    assert dict(MEASURES["riemannian_distance"].params) == {"ridge": 0.1}
    scores = [riemannian_distance(X, Y, ridge=ridge) for ridge in (0.01, 0.1, 1.0)]
    assert scores[0] > 1.5 * scores[1] > 2.0 * scores[2]
    for ridge in (0.0, -1.0, True, float("nan")):
        with pytest.raises(ParameterError, match="ridge must be a positive share"):
            riemannian_distance(X, Y, ridge=ridge)


def test_too_many_items_are_refused(rng):
    X = rng.standard_normal((2001, 2))
    with pytest.raises(ShapeError, match=r"at most 2000 items.* there are 2001"):
        riemannian_distance(X, X)
