"""What all measures of neighbour lists have in common: ties, groups, parameters, monotone maps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import MEASURES
from platonica.measures._knn import shared_counts

FAMILY = {name: m for name, m in MEASURES.items() if m.spec.family == "neighbourhood"}
LISTS_ONLY = ["mutual_knn", "jaccard_knn", "cycle_knn", "lcs_knn", "edit_knn", "rank_similarity"]
VALUES_TOO = ["second_order_cosine", "cknna"]
EACH = pytest.mark.parametrize("measure", FAMILY.values(), ids=FAMILY.keys())

CHOICES = {
    "k": [1, 10, 58],
    "search": [None],  # approximate graphs have a test of their own
    "compat": [None, "prh", "prh-script"],
    "variant": ["paper", "prh-code"],
}


def combinations():
    for name, measure in FAMILY.items():
        chosen = [CHOICES[key] for key in measure.params]
        for values in itertools.product(*chosen):
            yield name, dict(zip(measure.params, values, strict=True))


def spaces(rng, n=60):
    world = rng.standard_normal((n, 4))
    X, Y = (world @ rng.standard_normal((4, d)) for d in (5, 7))
    return X + 0.3 * rng.standard_normal(X.shape), Y + 0.3 * rng.standard_normal(Y.shape)


def test_the_family_is_whole():
    assert sorted(FAMILY) == sorted(LISTS_ONLY + VALUES_TOO)


@pytest.mark.parametrize(("name", "params"), list(combinations()))
def test_every_combination_of_parameters_runs(name, params, rng):
    X, Y = spaces(rng)
    measure = MEASURES[name].bound(**params)
    score, own = measure(X, Y), measure(X, X)
    low, high = measure.spec.bounds
    assert low <= score <= high
    assert score < own or params["k"] == 58


def cubed(X):
    """Features whose cosines are the cubes of those of X: another scale in the same order."""
    return np.einsum("ia,ib,ic->iabc", X, X, X).reshape(len(X), -1)


@pytest.mark.parametrize("name", LISTS_ONLY)
def test_a_monotone_map_of_the_similarities_changes_no_list(name, rng):
    X, Y = spaces(rng)
    assert MEASURES[name](cubed(X), Y) == MEASURES[name](X, Y)


@pytest.mark.parametrize("name", VALUES_TOO)
def test_measures_of_values_see_a_monotone_map(name, rng):
    X, Y = spaces(rng)
    assert abs(MEASURES[name](cubed(X), Y) - MEASURES[name](X, Y)) > 1e-3


@EACH
def test_collapsed_features_are_refused(measure, rng):
    X, Y = spaces(rng)
    X[1:] = X[1]  # all but one equal: nearly all neighbours are chosen among equals
    with pytest.raises(DegenerateInputError, match="collapsed"):
        measure(X, Y)


@EACH
def test_few_ties_are_scored_and_said(measure, rng):
    X, Y = spaces(rng)
    X[40:] = X[40]  # twenty equal items: their lists are chosen among nineteen
    state = measure.prepare(X)
    (caution,) = measure.cautions(state)
    assert "of 60 items" in caution
    assert np.isfinite(measure(X, Y))
    assert measure.cautions(measure.prepare(Y)) == []


def test_unrelated_spaces_choose_among_the_same_twins_independently(rng):
    """Ten of nineteen twins each: 10 / 19 in common on average; by index it would be all ten."""
    shares = []
    for _ in range(20):
        X, Y = rng.standard_normal((2, 60, 5))
        X[40:], Y[40:] = X[40], Y[40]
        a, b = (FAMILY["mutual_knn"].prepare(Z).graph.indices for Z in (X, Y))
        shares.append(shared_counts(a, b)[40:].mean() / 10)
    assert np.mean(shares) == pytest.approx(10 / 19, abs=0.05)


@EACH
def test_items_of_one_group_are_never_neighbours(measure, rng):
    X, Y = spaces(rng)
    groups = [f"g{i // 3}" for i in range(60)]
    a, b = measure.prepare(X, groups=groups), measure.prepare(Y, groups=groups)
    own = np.arange(60)[:, None] // 3
    assert not (a.graph.indices // 3 == own).any()
    rows = np.arange(0, 60, 2)
    part = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    kept = [groups[i] for i in rows]
    fresh = (measure.prepare(Z[rows], groups=kept) for Z in (X, Y))
    assert part == pytest.approx(measure.score(*fresh), rel=1e-12)
    if hasattr(measure, "null_moments"):
        with pytest.raises(ParameterError, match="excluded groups"):
            measure.null_moments(a, b)


@EACH
@pytest.mark.parametrize("k", [0, -1, 59, 2.5, True])
def test_a_k_out_of_range_is_refused(measure, k, rng):
    with pytest.raises(ShapeError, match="k must be"):
        measure.bound(k=k)(*spaces(rng))
