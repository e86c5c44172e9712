"""Ceilings: each is the comparison that it says, and a share of it is refused where it is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from platonica import Features, ceilings, compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import cka


def captions(rng, counts):
    index = np.repeat(np.arange(len(counts)), counts)
    world = rng.standard_normal((len(counts), 4))
    rows = world[index] @ rng.standard_normal((4, 12)) + 0.5 * rng.standard_normal((len(index), 12))
    ids = [f"i{n}" for n in range(len(counts))]
    return Features.from_arrays({"a": 0 * rows + 1, "b": rows}, ids, item_index=index), rows


def test_halves_of_features_are_compared(rng):
    X = rng.standard_normal((60, 7))
    found = ceilings.split_half(X, "cka", n_splits=4, rng=3, n_resamples=19)
    r = np.random.default_rng(3)
    order = r.permutation(7)
    first = cka(X[:, np.sort(order[:4])], X[:, np.sort(order[4:])])
    assert found.comparisons[0].score == pytest.approx(first, rel=1e-12)
    assert found.scores.shape == (4,)
    assert found.score == pytest.approx(found.scores.mean())
    assert found.spread == pytest.approx(found.scores.std(ddof=1))
    assert abs(found.chance_normalized) < 0.1  # independent features say nothing of each other


def test_halves_of_a_redundant_layer_agree(rng):
    X = rng.standard_normal((80, 3)) @ rng.standard_normal((3, 400))
    assert ceilings.split_half(X, "debiased_cka", n_splits=3).chance_normalized > 0.9
    layers = {"noise": rng.standard_normal((80, 60)), "last": X}
    assert ceilings.split_half(layers, "debiased_cka", n_splits=1).score > 0.9
    named = ceilings.split_half(layers, "debiased_cka", layer="noise", n_splits=1)
    assert named.score < 0.3


def test_all_pairs_of_seeds(rng):
    spaces = {name: rng.standard_normal((50, 5)) for name in "abc"}
    found = ceilings.between(spaces, "cka", kind="seeds", n_resamples=19)
    expected = [cka(spaces[x], spaces[y]) for x, y in ("ab", "ac", "bc")]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-12)
    assert found.kind == "pairs of 3 seeds"
    same = ceilings.between([spaces["a"]] * 2, "mutual_knn", k=5, n_resamples=19)
    assert same.score == 1.0
    assert same.chance_normalized == 1.0
    assert np.isnan(same.spread)


def test_caption_to_caption_takes_the_rows_that_all_items_have(rng):
    features, rows = captions(rng, [2, 3] * 20)
    found = ceilings.between_rows(features, "cka", n_resamples=19)
    first = np.cumsum([0, *[2, 3] * 20])[:-1]
    assert found.scores.shape == (1,)
    assert found.score == pytest.approx(cka(rows[first], rows[first + 1]), rel=1e-9)
    features, _ = captions(rng, [3] * 30)
    assert ceilings.between_rows(features, "cka", n_resamples=19).scores.shape == (3,)


def test_a_share_is_the_ratio_of_calibrated_scores(rng):
    world = rng.standard_normal((80, 3))
    X, Y, Z = (world @ rng.standard_normal((3, 9)) + rng.standard_normal((80, 9)) for _ in "XYZ")
    ceiling = ceilings.between([X, Y], n_resamples=99)
    cross = compare(X, Z, n_resamples=99)
    expected = cross.chance_normalized / ceiling.comparisons[0].chance_normalized
    assert ceiling.share(cross) == pytest.approx(expected)
    with pytest.raises(ParameterError, match="measure is mutual_knn here and cka"):
        ceiling.share(compare(X, Z, "cka", n_resamples=19))
    with pytest.raises(ParameterError, match="params is"):
        ceiling.share(compare(X, Z, k=5, n_resamples=19))
    with pytest.raises(ParameterError, match="n_items is 80 here and 70"):
        ceiling.share(compare(X[:70], Z[:70], n_resamples=19))
    low = replace(ceiling.comparisons[0], chance_normalized=-0.01)
    with pytest.raises(DegenerateInputError, match="at chance"):
        ceilings.Ceiling("low", (low,)).share(cross)
    with pytest.raises(DegenerateInputError, match="chance level"):
        ceilings.Ceiling("none", (replace(low, chance_normalized=None),)).share(cross)


def test_what_is_no_ceiling_is_refused(rng):
    with pytest.raises(ShapeError, match="at least 2 features"):
        ceilings.split_half(rng.standard_normal((30, 1)))
    with pytest.raises(ParameterError, match="n_splits"):
        ceilings.split_half(rng.standard_normal((30, 4)), n_splits=0)
    with pytest.raises(ParameterError, match="needs at least 2, not 1"):
        ceilings.between([rng.standard_normal((30, 4))])
    features, _ = captions(rng, [2] * 20 + [1])
    with pytest.raises(ShapeError, match="'i20' has one row"):
        ceilings.between_rows(features)
