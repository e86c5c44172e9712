"""Neuron matchings against SciPy's assignment and linear programmes, and POT."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import scipy.optimize

from platonica.errors import DegenerateInputError, MissingExtraError, ParameterError
from platonica.measures import (
    MEASURES,
    _centred,
    hard_matching,
    permutation_procrustes_distance,
    procrustes_distance,
    soft_matching,
)


def pair(rng, n=40, p=5, q=5):
    world = rng.standard_normal((n, 3))
    return tuple(
        world @ rng.standard_normal((3, d)) + 0.5 * rng.standard_normal((n, d)) for d in (p, q)
    )


def correlations(X, Y):
    return np.corrcoef(X.T, Y.T)[: X.shape[1], X.shape[1] :]


def by_enumeration(X, Y):
    """Every permutation of the columns, the narrower space padded."""
    width = max(X.shape[1], Y.shape[1])
    X, Y = (np.pad(Z - Z.mean(axis=0), ((0, 0), (0, width - Z.shape[1]))) for Z in (X, Y))
    X, Y = X / np.linalg.norm(X), Y / np.linalg.norm(Y)
    return min(
        np.linalg.norm(X - Y[:, list(order)]) for order in itertools.permutations(range(width))
    )


def by_linear_programme(r):
    """Transport between uniform weights as a plain linear programme."""
    p, q = r.shape
    sums = [np.kron(np.eye(p), np.ones(q)), np.kron(np.ones(p), np.eye(q))]
    weights = np.concatenate([np.full(p, 1 / p), np.full(q, 1 / q)])
    return -scipy.optimize.linprog(-r.ravel(), A_eq=np.vstack(sums), b_eq=weights).fun


@pytest.mark.parametrize("widths", [(5, 5), (3, 5), (6, 2), (1, 4), (1, 1)])
def test_permutation_procrustes_is_the_best_of_all_permutations(widths, rng):
    X, Y = pair(rng, 20, *widths)
    expected = by_enumeration(X, Y)
    assert permutation_procrustes_distance(X, Y) == pytest.approx(expected, abs=1e-12)
    assert permutation_procrustes_distance(X, Y) >= procrustes_distance(X, Y)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_nearly_equal_neurons_keep_their_digits(step, rng):
    X, E = rng.standard_normal((2, 40, 6))
    X, E = X - X.mean(axis=0), E - E.mean(axis=0)
    E -= X * np.vdot(E, X) / np.vdot(X, X)  # a change of scale would not be seen
    Y = np.pad((X + step * E)[:, ::-1], ((0, 0), (1, 2)))
    expected = step * np.linalg.norm(E) / np.linalg.norm(X)
    for first, second in ((X, Y), (Y, X)):
        got = permutation_procrustes_distance(first, second)
        assert got == pytest.approx(expected, rel=max(1e-13 / step, 10 * step**2))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("widths", [(12, 12), (8, 12), (12, 7)])
def test_hard_matching_is_the_mean_of_assigned_correlations(absolute, widths, rng):
    X, Y = pair(rng, 40, *widths)
    r = correlations(X, Y)
    r = np.abs(r) if absolute else r
    expected = r[scipy.optimize.linear_sum_assignment(-r)].mean()
    assert hard_matching(X, Y, absolute=absolute) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("widths", [(12, 12), (8, 12), (12, 7), (1, 5)])
def test_soft_matching_is_the_best_transport(absolute, widths, rng, oracle):
    ot = oracle("ot")
    X, Y = pair(rng, 40, *widths)
    r = correlations(X, Y)
    r = np.abs(r) if absolute else r
    got = soft_matching(X, Y, absolute=absolute)
    assert got == pytest.approx(by_linear_programme(r), abs=1e-8)
    weights = (np.full(d, 1.0 / d) for d in widths)
    assert got == pytest.approx(-ot.emd2(*weights, -r), abs=1e-10)


def test_soft_equals_hard_at_equal_width_and_sees_copies(rng):
    X, Y = pair(rng)
    assert soft_matching(X, Y) == hard_matching(X, Y)
    pytest.importorskip("ot")
    assert soft_matching(X, np.repeat(X, 3, axis=1)) == pytest.approx(1.0, abs=1e-12)
    assert soft_matching(X, np.hstack([X, Y])) < 0.95
    assert hard_matching(X, np.hstack([X, Y])) == pytest.approx(1.0, abs=1e-12)


def test_sign_counts_unless_absolute(rng):
    X, _ = pair(rng)
    flipped = X * np.array([1, -1, 1, -1, 1])
    assert hard_matching(X, flipped) < 0.9
    assert hard_matching(X, flipped, absolute=True) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ParameterError, match="absolute must be True or False"):
        MEASURES["soft_matching"].bound(absolute=1)


def test_every_neuron_has_a_scale_of_its_own(rng):
    X, Y = pair(rng)
    scaled = X * rng.uniform(0.1, 10.0, 5) + rng.standard_normal(5)
    assert hard_matching(scaled, Y) == pytest.approx(hard_matching(X, Y), rel=1e-12)


@pytest.mark.parametrize("name", ["hard_matching", "soft_matching"])
def test_constant_neurons_are_left_out_and_counted(name, rng):
    measure = MEASURES[name]
    X, Y = pair(rng)
    more = np.insert(X, [1, 3], [0.1, 1e9], axis=1)
    state = measure.prepare(more)
    assert measure.score(state, measure.prepare(Y)) == pytest.approx(measure(X, Y), abs=1e-12)
    (words,) = measure.cautions(state)
    assert words.startswith("2 of 7 neurons are constant")
    assert measure.cautions(measure.prepare(X)) == []


def test_a_neuron_may_become_constant_in_a_subset(rng):
    measure = MEASURES["hard_matching"]
    X, Y = pair(rng)
    X[:20, 2] = 7.0
    a, b = measure.prepare(X), measure.prepare(Y)
    part = measure.subset(a, np.arange(20))
    assert len(part.varying) == 4
    expected = hard_matching(np.delete(X[:20], 2, axis=1), Y[:20])
    got = measure.score(part, measure.subset(b, np.arange(20)))
    assert got == pytest.approx(expected, abs=1e-12)
    with pytest.raises(DegenerateInputError, match="constant"):
        hard_matching(np.full((20, 3), 0.1), Y[:20])


def test_streamed_spaces_score_as_those_in_memory(rng, monkeypatch):
    X, Y = pair(rng, 60, 6, 9)
    near = X[:, ::-1] + 1e-7
    names = ("hard_matching", "permutation_procrustes_distance")
    expected = [MEASURES[name](X, Z) for name in names for Z in (Y, near)]
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr(_centred, "BLOCK_BYTES", 8 * 9 * 20)
    assert MEASURES["hard_matching"].prepare(X).space.streams
    got = [MEASURES[name](X, Z) for name in names for Z in (Y, near)]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_the_missing_library_is_named(rng, monkeypatch):
    X, Y = pair(rng, 40, 5, 7)
    monkeypatch.setitem(sys.modules, "ot", None)
    assert -1.0 <= soft_matching(X, Y[:, :5]) <= 1.0  # equal widths need no library
    with pytest.raises(MissingExtraError, match=r"POT is not installed.*platonica\[ot\]"):
        soft_matching(X, Y)
