"""The front door: what goes in, what the result says, what is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

import platonica
from platonica.comparison import compare, compare_many
from platonica.errors import (
    DegenerateInputError,
    PairingError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)
from platonica.measures import MEASURES
from platonica.store import Features

QUICK = {"n_resamples": 99}
IDS = [f"item-{i}" for i in range(80)]


@pytest.fixture
def pair(rng):
    world = rng.standard_normal((80, 4))
    X = world @ rng.standard_normal((4, 12)) + 0.3 * rng.standard_normal((80, 12))
    Y = world @ rng.standard_normal((4, 15)) + 0.3 * rng.standard_normal((80, 15))
    return X, Y


def as_features(layers, ids=IDS, **kw):
    return Features.from_arrays(layers, ids, **kw)


PAIRED = [name for name, measure in MEASURES.items() if measure.spec.paired]


@pytest.mark.parametrize("name", PAIRED)
def test_arrays(name, pair):
    X, Y = pair
    if "equal_width" in MEASURES[name].spec.requires:
        Y = Y[:, :12]
    measure = MEASURES[name]
    if "k" in measure.params:
        measure = measure.bound(k=3)  # cycle k-NN is 1 for more
    result = compare(X, Y, measure, **QUICK)
    assert result.score == pytest.approx(measure(X, Y))
    assert result.pvalue == 0.01
    assert result.n_items == 80
    assert result.n_layer_pairs == 1
    assert result.layer_scores.shape == (1, 1)
    if result.pair_null_mean is not None:
        assert abs(result.null_mean - result.pair_null_mean) < 4 * result.null_std / np.sqrt(99)
    assert result.z == pytest.approx((result.score - result.null_mean) / result.null_std)
    if np.isfinite(measure.spec.best):
        assert 0 < result.gated < result.chance_normalized < 1
    else:
        assert result.gated is result.chance_normalized is None


def test_exact_mean_of_one_pair():
    r = np.random.default_rng(0)
    result = compare(r.standard_normal((100, 6)), r.standard_normal((100, 6)))
    assert result.pair_null_mean == 10 / 99
    assert abs(result.null_mean - 10 / 99) < 3 * result.null_std / np.sqrt(999)


def test_layers_of_dicts_and_lists(pair, rng):
    X, Y = pair
    noise = rng.standard_normal((80, 5))
    result = compare({"noise": noise, "signal": X}, [noise, Y, noise + X[:, :5]], **QUICK)
    assert result.layers_x == ("noise", "signal")
    assert result.layers_y == ("0", "1", "2")
    assert result.n_layer_pairs == 6
    assert result.score == result.layer_scores.max() == 1.0  # the same noise on both sides
    assert (result.layer_x, result.layer_y) == ("noise", "0")
    assert "the maximum over all pairs of layers is taken in every permutation" in result.null
    assert result.selection == "the maximum over all pairs of layers"


def test_chosen_layers(pair, rng):
    X, Y = pair
    layers = {"a": X, "b": rng.standard_normal((80, 5))}
    last = compare(layers, {"c": Y}, layers="last", **QUICK)
    assert (last.layer_x, last.n_layer_pairs) == ("b", 1)
    named = compare(layers, {"c": Y}, layers=("a", "c"), **QUICK)
    assert named.score == compare(X, Y, **QUICK).score
    with pytest.raises(UnknownNameError, match=r"unknown layer of X 'aa'; did you mean a\?"):
        compare(layers, {"c": Y}, layers=("aa", "c"), **QUICK)


def test_features_are_paired_by_id(pair, rng):
    X, Y = pair
    order = rng.permutation(80)
    shuffled = as_features({"y": Y[order]}, [IDS[i] for i in order], model="B")
    result = compare(as_features({"x": X}, model="A"), shuffled, **QUICK)
    assert result.score == compare(X, Y, **QUICK).score
    assert (result.x.name, result.y.name) == ("A", "B")
    assert result.x.fingerprint


def test_other_ids_are_refused(pair):
    X, Y = pair
    other = ["other", *IDS[1:]]
    with pytest.raises(PairingError, match="only 79 item ids in common; 'item-0'"):
        compare(as_features({"x": X}), as_features({"y": Y}, other))
    with pytest.raises(PairingError, match="in common"):
        compare(as_features({"x": X[:70]}, IDS[:70]), as_features({"y": Y}))


def test_several_rows_an_item(pair, rng):
    X, Y = pair
    rows = np.repeat(Y, 3, axis=0) + 0.1 * rng.standard_normal((240, 15))
    index = np.repeat(np.arange(80), 3)
    captions = as_features({"y": rows}, item_index=index)
    vision = as_features({"x": X})
    assert compare(vision, captions, **QUICK).score == compare(X, rows[::3], **QUICK).score
    mean = rows.reshape(80, 3, 15).mean(axis=1)
    averaged = compare(vision, captions, reduce="mean", **QUICK)
    assert averaged.score == pytest.approx(compare(X, mean, **QUICK).score, abs=0.01)


def test_torch_tensors(pair):
    torch = pytest.importorskip("torch")
    X, Y = pair
    half = torch.from_numpy(X).to(torch.bfloat16)
    score = compare(torch.from_numpy(X), torch.from_numpy(Y).requires_grad_(), **QUICK).score
    assert score == compare(X, Y, **QUICK).score
    assert compare(half, half, **QUICK).score == 1.0


def test_the_same_seed_gives_the_same_result(pair):
    X, Y = pair
    one, two, other = (compare(X, Y, rng=seed, **QUICK) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.null_distribution, two.null_distribution)
    assert not np.array_equal(one.null_distribution, other.null_distribution)
    generator = compare(X, Y, rng=np.random.default_rng(1), **QUICK)
    np.testing.assert_array_equal(one.null_distribution, generator.null_distribution)


def test_a_degenerate_layer_is_left_out_with_its_reason(pair):
    X, Y = pair
    bad = X.copy()
    bad[7, 0] = np.nan
    result = compare({"bad": bad, "flat": np.ones((80, 3)), "good": X}, Y, **QUICK)
    assert np.isnan(result.layer_scores[:2, 0]).all()
    assert result.layer_x == "good"
    assert result.n_layer_pairs == 1
    assert any("layer bad: X has NaN" in text and "row 7" in text for text in result.warnings)
    assert any("layer flat: X is constant" in text for text in result.warnings)
    assert result.to_dict()["layer_scores"][0] == [None]
    with pytest.raises(DegenerateInputError, match="layer bad"):
        compare({"bad": bad}, Y)
    with pytest.raises(DegenerateInputError, match="layer bad"):
        compare({"bad": bad, "good": X}, Y, layers=("bad", "features"))


def test_str_is_one_line_with_the_null(pair):
    line = str(compare(*pair, **QUICK))
    for part in ("mutual_knn 0.", "k=10", "n=80", "null 0.", "±", "p = 0.01", "calibrated 0."):
        assert part in line
    assert "\n" not in line


def test_rich_table_shows_every_field(pair):
    from rich.console import Console

    result = compare(*pair, **QUICK)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(result)
    text = console.export_text()
    for name in ("pvalue", "null_mean", "pair_null_mean", "chance_normalized", "selection"):
        assert name in text


def test_json_round_trip(pair):
    result = compare(*pair, **QUICK)
    record = json.loads(result.to_json())
    assert record["score"] == result.score
    assert record["schema_version"] == 1
    assert record["interval"] is None
    assert record["x"] == {"name": "X", "fingerprint": None}
    for name in ("null_mean", "null_std", "pair_null_mean", "pvalue", "z", "gated", "n_items",
                 "layer_x", "n_layer_pairs", "null", "warnings", "chance_normalized"):  # fmt: skip
        assert name in record


def test_few_permutations_are_warned_of(pair):
    assert any("99 permutations" in text for text in compare(*pair, n_resamples=99).warnings)
    assert compare(*pair, n_resamples=199).warnings != ()
    assert compare(*pair, n_resamples=200).warnings == ()


def test_compare_many_prepares_each_space_once(pair, rng, monkeypatch):
    X, Y = pair
    Z = rng.standard_normal((80, 9))
    measure = MEASURES["mutual_knn"]
    prepared = []
    original = type(measure).prepare
    monkeypatch.setattr(
        type(measure),
        "prepare",
        lambda self, X, **kw: prepared.append(1) or original(self, X, **kw),
    )
    pairs = [("X", "Y"), ("X", "Z"), ("Y", "Z")]
    spaces = {"X": {"a": X, "b": X + 1}, "Y": Y, "Z": Z}
    results = list(compare_many(spaces, pairs, **QUICK))
    assert len(prepared) == 4
    assert [(c.x.name, c.y.name) for c in results] == pairs
    assert results[2].score == compare(Y, Z, **QUICK).score


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"measure": "mutual_nn"}, UnknownNameError, "did you mean mutual_knn"),
        ({"measure": "cka", "k": 5}, ParameterError, "cka has no parameter 'k'"),
        ({"k": 79}, ShapeError, "n_items - 2 = 78"),
        ({"k": 0}, ShapeError, "k must be from 1"),
        ({"k": 2.5}, ShapeError, "whole number"),
        ({"n_resamples": 5}, ParameterError, "at least 19"),
        ({"null": "none"}, ParameterError, "null must be"),
        ({"reduce": "max"}, ParameterError, "reduce must be"),
        ({"layers": "first"}, UnknownNameError, "unknown layer"),
    ],
)
def test_bad_arguments(arguments, error, message, pair):
    with pytest.raises(error, match=message):
        compare(*pair, **arguments)


def test_bad_arrays(pair):
    X, Y = pair
    with pytest.raises(ShapeError, match="80 and 79 rows"):
        compare(X, Y[:79])
    with pytest.raises(ShapeError, match="at least 4"):
        compare(X[:3], Y[:3])
    with pytest.raises(ShapeError, match="same items"):
        compare({"a": X, "b": X[:70]}, Y)
    with pytest.raises(ShapeError, match="no layers"):
        compare({}, Y)
    with pytest.raises(ShapeError):
        compare(X[:, 0], Y)
    with pytest.raises(ShapeError):
        compare(3, Y)


def test_public_surface():
    assert platonica.compare is compare
    assert platonica.MEASURES is MEASURES
    assert set(MEASURES) >= {"mutual_knn", "cka", "debiased_cka"}
    for name in MEASURES:
        assert callable(getattr(platonica.measures, name))
