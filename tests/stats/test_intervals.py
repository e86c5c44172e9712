"""Intervals by subsets: their formula, their coverage, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from platonica.errors import ParameterError, ShapeError
from platonica.measures import MEASURES
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import (
    difference_interval,
    jackknife_scores,
    score_interval,
    subset_scores,
)

CKA, KNN = MEASURES["cka"], MEASURES["mutual_knn"]


def prepared(measure, *spaces):
    wide = measure.bound(k=2 * measure.params["k"]) if "k" in measure.params else measure
    return [wide.prepare(X, role=role) for X, role in zip(spaces, "xyy", strict=False)]


@pytest.mark.parametrize("measure", [KNN.bound(k=12), CKA], ids=["mutual_knn", "cka"])
def test_subsets_are_scored_as_if_they_were_all(measure, rng):
    X, Y = rng.standard_normal((2, 60, 5))
    free = Exchange.of(60)
    found = subset_scores(measure, [prepared(measure, X, Y)], exchange=free, n_subsets=20, rng=3)
    r = np.random.default_rng(3)
    for s, size in enumerate(found.sizes):
        small = measure.bound(k=round(12 * size / 60)) if "k" in measure.params else measure
        for t in range(20):
            rows = np.sort(r.choice(60, size, replace=False))
            np.testing.assert_allclose(found.scores[s, t, 0], small(X[rows], Y[rows]), rtol=1e-9)


def test_groups_are_drawn_as_wholes(rng):
    X = rng.standard_normal((60, 5))
    seen = []

    class Spy(type(CKA)):
        def subset(self, state, rows):
            seen.append(rows)
            return super().subset(state, rows)

    pair = prepared(Spy(), X, X)
    groups = [i % 20 for i in range(60)]
    subset_scores(Spy(), [pair], exchange=Exchange.of(60, groups), n_subsets=20)
    for rows in seen:
        members = np.bincount(rows % 20, minlength=20)
        assert set(members) == {0, 3}


def test_the_mean_of_a_sample_has_its_textbook_error(rng):
    """With the mean for a measure, the standard error is that of every textbook."""
    values = rng.standard_normal(300)

    class Mean(type(CKA)):
        def subset(self, state, rows):
            return state[rows]

        def score(self, a, b):
            return float(a.mean())

    pair = (values, values)
    found = subset_scores(Mean(), [pair], exchange=Exchange.of(300), n_subsets=2000)
    interval = score_interval(float(values.mean()), found)
    assert interval.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(300), rel=0.06)
    assert interval.rate == pytest.approx(0.5, abs=0.1)
    assert interval.high - interval.estimate == pytest.approx(1.959964 * interval.standard_error)


@pytest.mark.slow
def test_intervals_cover_the_score_of_the_population(rng):
    """120 data sets of n = 200; the mean over them stands for the population."""
    scores, intervals = [], []
    mixing = rng.standard_normal((2, 6, 12))
    for _ in range(120):
        latent = rng.standard_normal((200, 6))
        X, Y = (latent @ A + 1.5 * rng.standard_normal((200, 12)) for A in mixing)
        pair = prepared(CKA, X, Y)
        found = subset_scores(
            CKA, [pair], exchange=Exchange.of(200), n_subsets=100, fractions=(0.5,)
        )
        scores.append(CKA(X, Y))
        intervals.append(score_interval(scores[-1], found))
    truth = np.mean(scores)
    covered = np.mean([i.low <= truth <= i.high for i in intervals])
    assert 0.90 <= covered <= 1.0
    ratio = np.mean([i.standard_error for i in intervals]) / np.std(scores)
    assert 0.8 < ratio < 1.4


def test_the_difference_of_a_score_and_itself_is_certain(rng):
    X, Y = rng.standard_normal((2, 80, 5))
    pair = prepared(CKA, X, Y)
    found = subset_scores(CKA, [pair, pair], exchange=Exchange.of(80), n_subsets=20)
    interval = difference_interval((0.3, 0.3), found)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_common_items_make_differences_sharper(rng):
    latent = rng.standard_normal((200, 4)) * np.geomspace(1, 4, 200)[:, None]
    X, Y, Z = (latent + 0.8 * rng.standard_normal((200, 4)) for _ in range(3))
    x, y, z = prepared(CKA, X, Y, Z)
    free = Exchange.of(200)
    both = subset_scores(CKA, [(x, y), (x, z)], exchange=free, n_subsets=100)
    difference = difference_interval((CKA(X, Y), CKA(X, Z)), both)
    apart = np.hypot(*(score_interval(0.0, both, pair=p).standard_error for p in (0, 1)))
    assert difference.standard_error < apart


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_subsets": 5}, ParameterError, "at least 20"),
        ({"fractions": (1.0,)}, ParameterError, "between 0 and 1"),
        ({"fractions": (0.2,)}, ShapeError, "take a larger k"),
    ],
)
def test_what_no_interval_can_be_had_from_is_refused(options, error, message, rng):
    measure = KNN.bound(k=5)
    pair = prepared(measure, *rng.standard_normal((2, 40, 4)))
    with pytest.raises(error, match=message):
        subset_scores(measure, [pair], exchange=Exchange.of(40), **options)


def test_too_few_items_and_levels_are_refused(rng):
    pair = prepared(CKA, *rng.standard_normal((2, 6, 2)))
    with pytest.raises(ShapeError, match="subsets of at least 4 items"):
        subset_scores(CKA, [pair], exchange=Exchange.of(6))
    pair = prepared(CKA, *rng.standard_normal((2, 30, 2)))
    found = subset_scores(CKA, [pair], exchange=Exchange.of(30), n_subsets=20)
    with pytest.raises(ParameterError, match="level"):
        score_interval(0.5, found, level=95)


class Mean(type(CKA)):
    """The mean for a measure: what intervals of it are, every textbook says."""

    def subset(self, state, rows):
        return state[rows]

    def score(self, a, b):
        return float(a.mean())


def test_the_jackknife_of_a_mean_is_that_of_its_blocks(rng):
    values = rng.standard_normal(100)
    free = Exchange.of(100)
    one_each = jackknife_scores(Mean(), [(values, values)], exchange=free, n_blocks=100)
    interval = score_interval(float(values.mean()), one_each)
    assert interval.standard_error == pytest.approx(values.std(ddof=1) / 10.0, rel=1e-10)
    ordered = jackknife_scores(Mean(), [(values, values)], exchange=free, n_blocks=20, rng=None)
    blocks = values.reshape(20, 5).mean(axis=1)
    interval = score_interval(float(values.mean()), ordered)
    assert interval.standard_error == pytest.approx(blocks.std(ddof=1) / np.sqrt(20), rel=1e-10)
    assert interval.high == pytest.approx(values.mean() + 2.093024 * interval.standard_error)


def test_consecutive_blocks_see_the_dependence_of_a_series(rng):
    steps = rng.standard_normal(2000)
    series = np.convolve(steps, np.ones(10), mode="same")
    errors = [
        score_interval(0.0, jackknife_scores(
            Mean(), [(series, series)], exchange=Exchange.of(2000), rng=order
        )).standard_error
        for order in (None, 0)
    ]  # fmt: skip
    assert errors[0] > 2 * errors[1]


def test_the_part_that_falls_faster_is_not_overstated(rng):
    """A mean falls like 1 / sqrt(n), its square like 1 / n where the population has mean 0."""

    class Square(Mean):
        def score(self, a, b):
            return float(a.mean()) ** 2

    # of one single square the fit still takes some of the fast part for the slow one
    cases = ((Mean(), 1 / 100, 1.0, 1.0), (Square(), 2 / 100**2, 1.8, 3.0))
    for measure, true, several, alone in cases:
        fitted, of_halves = [], []
        for run in range(80):
            values = rng.standard_normal(100)
            found = subset_scores(
                measure, [(values, values)], exchange=Exchange.of(100), n_subsets=200, rng=run
            )
            fitted.append(score_interval(0.0, found).standard_error ** 2)
            halves = replace(found, scores=found.scores[1:2], sizes=found.sizes[1:2])
            of_halves.append(score_interval(0.0, halves).standard_error ** 2)
        assert np.mean(fitted) / true == pytest.approx(several, rel=0.35)
        assert np.mean(of_halves) / true == pytest.approx(alone, rel=0.35)


def test_the_rate_is_that_of_related_or_of_unrelated_spaces(rng):
    latent = rng.standard_normal((300, 4))
    X, Y = (latent @ rng.standard_normal((4, 8)) for _ in "XY")
    for pair, rate in (((X, Y), 0.5), ((X, rng.standard_normal((300, 8))), 1.0)):
        found = subset_scores(CKA, [prepared(CKA, *pair)], exchange=Exchange.of(300), rng=1)
        assert score_interval(0.0, found).rate == pytest.approx(rate, abs=0.2)


def test_numbers_of_blocks_out_of_range_are_refused(rng):
    pair = prepared(CKA, *rng.standard_normal((2, 40, 3)))
    free = Exchange.of(40)
    for n_blocks in (2, 41):
        with pytest.raises(ParameterError, match="n_blocks must lie from 5 to"):
            jackknife_scores(CKA, [pair], exchange=free, n_blocks=n_blocks)
