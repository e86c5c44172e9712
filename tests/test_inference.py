"""What a comparison is asked beside its score: exchange by name, intervals, or why not."""

from __future__ import annotations

import numpy as np
import pytest

from platonica import Features, compare
from platonica.comparison import compare_many
from platonica.errors import ParameterError, ShapeError
from platonica.measures import get_measure
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import jackknife_scores, score_interval, subset_scores


@pytest.fixture
def pair(rng):
    world = rng.standard_normal((80, 4))
    return [world @ rng.standard_normal((4, 9)) + rng.standard_normal((80, 9)) for _ in "XY"]


def reason(found):
    assert found.interval is None
    return next(text for text in found.warnings if text.startswith("no interval"))


def test_neighbour_measures_have_intervals_by_subsets_of_several_sizes(pair):
    X, Y = pair
    found = compare(X, Y, interval=0.9, n_resamples=19)
    measure = get_measure("mutual_knn")
    states = [measure.bound(k=20).prepare(V) for V in pair]
    subsets = subset_scores(measure, [tuple(states)], exchange=Exchange.of(80))
    expected = score_interval(found.score, subsets, level=0.9)
    assert found.interval == (expected.low, expected.high)
    assert found.interval_method.startswith("90%: 200 subsets of each 56, 40, 24 of 80")


@pytest.mark.parametrize("name", ["debiased_cka", "rsa", "procrustes_distance"])
def test_other_measures_have_intervals_by_the_jackknife(name, pair):
    X, Y = pair
    found = compare(X, Y, name, interval=0.95, n_resamples=19)
    measure = get_measure(name)
    states = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    blocks = jackknife_scores(measure, [states], exchange=Exchange.of(80))
    expected = score_interval(found.score, blocks)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert "jackknife over 20 blocks of 80" in found.interval_method


def test_blocks_of_items_are_drawn_as_wholes(pair):
    X, Y = pair
    found = compare(X, Y, "cka", interval=0.95, n_resamples=19, exchange="blocks:8")
    assert "jackknife over 10 blocks of 10" in found.interval_method
    assert "blocks of 8 consecutive items" in found.null


def test_it_is_said_why_there_is_no_interval(pair):
    X, Y = pair
    assert "one pair of layers" in reason(compare(X, Y, interval=0.95, select="mean"))
    assert "items of a series depend" in reason(compare(X, Y, interval=0.95, exchange="shifts"))
    assert "take a larger k" in reason(compare(X, Y, k=5, interval=0.95))


def test_a_subset_that_has_no_score_costs_the_interval_only(pair, rng):
    """Most items are copies: all 80 have neighbours, smaller galleries do not."""
    X, Y = pair
    X = X.copy()
    X[:26] = X[0]
    found = compare(X, Y, k=24, interval=0.95, n_resamples=19)
    assert np.isfinite(found.score)
    X[26:52] = X[30]
    found = compare(X, Y, k=30, interval=0.95, n_resamples=19)
    assert "subsets of the items have no score" in reason(found)


def test_exchange_by_name(pair):
    X, Y = pair
    ids = [f"i{n}" for n in range(80)]
    grouped = [
        Features.from_arrays({"a": V}, ids, groups=[f"g{n // 8}" for n in range(80)]) for V in pair
    ]
    within = compare(*grouped, exchange="within", n_resamples=19)
    assert "exchanged within 10 groups" in within.null
    assert "circularly" in compare(X, Y, exchange="shifts", n_resamples=99).null
    for exchange in ("blocks:", "blocks:x", "rows", "blocks:-3"):
        with pytest.raises(ParameterError, match="auto, within, blocks:SIZE, shifts"):
            compare(X, Y, exchange=exchange)
    with pytest.raises(ParameterError, match="have groups"):
        compare(X, Y, exchange="within")
    with pytest.raises(ShapeError, match="one of 20 items, but there are 80"):
        compare(X, Y, exchange=Exchange.of(20))


def test_bad_input_of_groups_and_schemes(pair):
    """Each is named as a user would meet it."""
    X, Y = pair
    with pytest.raises(ParameterError, match="every group has one"):
        Exchange.within(80, list(range(80)))
    with pytest.raises(ParameterError, match="at least 5 groups"):
        Exchange.of(80, [n // 40 for n in range(80)])
    with pytest.raises(ParameterError, match="fewer than 5 blocks"):
        compare(X, Y, exchange="blocks:20")
    with pytest.raises(ShapeError, match=r"cannot reach p = 0\.05"):
        compare(X[:12], Y[:12], k=3, exchange="shifts")
    with pytest.raises(ParameterError, match="take n_resamples of at least 199"):
        compare(X, Y, n_resamples=99, alpha=0.005)


def test_many_pairs_take_the_same_options_as_one(pair, rng):
    X, Y = pair
    Z = rng.standard_normal((80, 3))
    options = {
        "exchange": "blocks:4", "select": "mean", "n_resamples": 39, "alpha": 0.1, "controls": Z,
    }  # fmt: skip
    (many,) = compare_many({"X": X, "Y": Y}, [("X", "Y")], "cka", **options)
    one = compare(X, Y, "cka", **options)
    assert many.to_dict() == one.to_dict()
    assert list(compare_many({}, [])) == []


def test_layers_have_p_values_of_their_own_corrected_for_all(pair, rng):
    X, Y = pair
    found = compare({"noise": rng.standard_normal((80, 6)), "seen": X}, Y, n_resamples=199)
    p = found.layer_pvalues
    assert p.shape == (2, 1)
    assert p[1, 0] == found.pvalue == 0.005
    assert (
        p[0, 0] == (1 + (found.null_distribution >= found.layer_scores[0, 0] - 1e-12).sum()) / 200
    )
    for options in ({"select": "mean"}, {"null": "exact-moments", "layers": ("seen", "features")}):
        other = compare({"noise": Y, "seen": X}, Y, n_resamples=19, **options)
        with pytest.raises(ParameterError, match="null of the best pair"):
            _ = other.layer_pvalues


def test_remade_spaces_are_prepared_as_the_given_ones_were(pair):
    """Folds and excluded groups hold for surrogates and refitted residuals too."""
    X, Y = pair
    folds = np.arange(80) % 4
    ids, groups = [f"i{n}" for n in range(80)], [f"g{n // 4}" for n in range(80)]
    grouped = [Features.from_arrays({"a": V}, ids, groups=groups) for V in pair]
    seen = []

    class Spy(type(get_measure("linear_predictivity"))):
        def prepare(self, X, *, role="x", groups=None, folds=None, kind="features"):
            seen.append((role, folds is not None))
            return super().prepare(X, role=role, groups=groups, folds=folds, kind=kind)

    for options in ({"null": "surrogate"}, {"controls": X[:, :1]}):
        compare(X, Y, Spy(), folds=folds, n_resamples=19, **options)
    assert len(seen) >= 4 + 2 * 19
    assert all(with_folds for _, with_folds in seen)
    null = compare(*grouped, k=3, null="surrogate", n_resamples=19).null_distribution
    plain = compare(X, Y, k=3, null="surrogate", n_resamples=19).null_distribution
    assert null.shape == plain.shape
    assert (null != plain).any()


def test_surrogates_need_features_of_one_row_an_item(pair, rng):
    X, _ = pair
    rdm = np.abs(X[:, :1] - X[:, :1].T)
    with pytest.raises(ParameterError, match="one row an item"):
        compare(rdm, rdm, "rsa", kind="rdm", null="surrogate")
    rows = Features.from_arrays(
        {"a": np.repeat(X, 2, axis=0) + rng.standard_normal((160, 9))},
        [f"i{n}" for n in range(80)],
        item_index=np.repeat(np.arange(80), 2),
    )
    with pytest.raises(ParameterError, match="one row an item"):
        compare(rows, rows, k=5, reduce="set", null="surrogate")
