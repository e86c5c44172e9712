import json
import pickle
import shutil
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platonica.errors import (
    PairingError,
    ParameterError,
    ShapeError,
    StaleFeaturesError,
    StoreError,
    UnknownNameError,
)
from platonica.store import (
    Features,
    FeatureWriter,
    Layer,
    features_folder,
    make_plan,
    open_features,
    verify,
)

VERSION_1 = Path(__file__).parent / "fixtures" / "v1"
INDEX = (0, 1, 1, 1, 2, 3, 3)
IDS = ("a", "b", "c", "d")


def stored(folder, layers, *, ids=IDS, index=INDEX, shard_rows=3, side=None, **changes):
    fields = {
        "model": "m",
        "model_revision": "1",
        "modality": "text",
        "data": "d",
        "data_revision": "1",
        "item_ids": ids,
        "item_index": index,
        "pooling": "mean",
        "preprocessing": "none",
        "shard_rows": shard_rows,
    }
    writer = FeatureWriter(folder, make_plan(**fields | changes))
    for rows in writer.missing():
        some = slice(rows.start, rows.stop)
        writer.write(
            rows.start,
            {name: array[some] for name, array in layers.items()},
            {name: array[some] for name, array in (side or {}).items()},
        )
    return writer.finish([Layer(name=name, depth=1.0) for name in layers])


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(len(INDEX), 4)).astype(np.float32)


@pytest.fixture(params=["folder", "memory"])
def features(request, rows, tmp_path):
    """The same features behind both readers."""
    layers, side = {"x": rows, "y": rows[:, :2] * 2}, {"loss": np.arange(7.0)}
    groups = ("g", None, "0", "g")
    if request.param == "folder":
        return stored(tmp_path, layers, side=side, groups=groups)
    return Features.from_arrays(layers, IDS, item_index=INDEX, groups=groups, side=side, model="m")


def test_items_stand_for_their_first_row_or_the_mean_of_all(features, rows):
    np.testing.assert_array_equal(features.array("x", reduce=None), rows)
    np.testing.assert_array_equal(features.array("x"), rows[[0, 1, 4, 5]])
    means = [rows[np.equal(INDEX, i)].astype(np.float64).mean(axis=0) for i in range(4)]
    np.testing.assert_allclose(features.array("x", reduce="mean"), means, rtol=1e-6)
    assert features.array("x", reduce="mean").dtype == np.float32
    np.testing.assert_array_equal(features.array("x", reduce="mean")[[0, 2]], rows[[0, 4]])


def test_what_is_known_of_them(features):
    assert (features.n_items, features.n_rows) == (4, 7)
    assert features.item_ids == IDS
    assert features.groups == ("g", None, "0", "g")
    assert features.layer_names == ("x", "y")
    assert [layer.n_features for layer in features.layers] == [4, 2]
    np.testing.assert_array_equal(features.item_index, INDEX)
    np.testing.assert_array_equal(features.side("loss"), np.arange(7.0))
    assert "m on " in repr(features)
    assert "4 items, 7 rows, 2 layers" in repr(features)


def test_names_that_are_not_there(features):
    with pytest.raises(UnknownNameError, match="unknown layer of m 'z'"):
        features.array("z")
    with pytest.raises(UnknownNameError, match="unknown side result of m 'lost'; did you mean"):
        features.side("lost")
    with pytest.raises(ParameterError, match="'first', 'mean' or 'pool', not 'max'"):
        features.array("x", reduce="max")


def test_they_can_be_sent_to_another_process(features):
    again = pickle.loads(pickle.dumps(features))
    assert again.fingerprint == features.fingerprint
    np.testing.assert_array_equal(again.array("y"), features.array("y"))


def test_take_some_items_in_another_order(features, rows):
    view = features.take(["d", "b"])
    assert (view.item_ids, view.groups) == (("d", "b"), ("g", None))
    np.testing.assert_array_equal(view.item_index, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(view.array("x", reduce=None), rows[[5, 6, 1, 2, 3]])
    np.testing.assert_array_equal(view.array("x"), rows[[5, 1]])
    np.testing.assert_array_equal(view.side("loss"), [5, 6, 1, 2, 3])
    np.testing.assert_array_equal(view.take(["b"]).array("x"), rows[[1]])
    prints = {f.fingerprint for f in (features, view, view.take(["b"]), features.take("bd"))}
    assert len(prints) == 4
    assert features.take(IDS) is features


def test_take_refuses_ids_that_are_not_there_or_repeat(features):
    with pytest.raises(PairingError, match=r"1 of 2 are not items of m .*, first 'z'"):
        features.take(["a", "z"])
    with pytest.raises(PairingError, match="duplicates, first 'a'"):
        features.take(["a", "b", "a"])


def test_only_the_layer_that_was_asked_for_is_read(tmp_path):
    small, large = np.ones((6, 4), np.float32), np.ones((6, 500_000), np.float32)
    features = stored(
        tmp_path, {"small": small, "large": large}, ids=tuple("abcdef"), index=tuple(range(6))
    )
    tracemalloc.start()
    try:
        open_features(tmp_path).array("small")
        peak_small = tracemalloc.get_traced_memory()[1]
        features.array("large")
        peak_large = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_small < 500_000
    assert peak_large > large.nbytes  # the tracer sees what safetensors reads


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=25, deadline=None)
@given(
    layers=st.lists(names, min_size=1, max_size=4, unique=True),
    ids=st.lists(names, min_size=1, max_size=5, unique=True),
    model=names,
    data=names,
)
def test_odd_names_survive_the_store(layers, ids, model, data):
    arrays = {
        name: np.full((len(ids), 2), i, np.float32) + np.arange(len(ids), dtype=np.float32)[:, None]
        for i, name in enumerate(layers)
    }
    with tempfile.TemporaryDirectory() as root:
        plan = make_plan(
            model=model,
            model_revision="",
            modality="",
            data=data,
            data_revision="",
            item_ids=tuple(ids),
            item_index=tuple(range(len(ids))),
            pooling="",
            preprocessing="",
        )
        folder = features_folder(Path(root), plan)
        stored(folder, arrays, shard_rows=2, **_fields_of(plan))
        features = open_features(folder)
        assert (features.model, features.data) == (model, data)
        assert features.item_ids == tuple(ids)
        assert features.layer_names == tuple(layers)
        for name, array in arrays.items():
            np.testing.assert_array_equal(features.array(name), array)
        np.testing.assert_array_equal(
            features.take(ids[::-1]).array(layers[0]), arrays[layers[0]][::-1]
        )


def _fields_of(plan):
    fields = plan.model_dump()
    renamed = {"ids": fields.pop("item_ids"), "index": fields.pop("item_index")}
    del fields["shard_rows"], fields["layers"]
    return fields | renamed


# In memory


def test_arrays_have_a_fingerprint_of_their_contents(rows):
    def fingerprint(array, **options):
        ids = [str(i) for i in range(len(array))]
        return Features.from_arrays({"x": array}, ids, **options).fingerprint

    other = rows.copy()
    other[0, 0] += 1
    prints = [
        fingerprint(rows),
        fingerprint(other),
        fingerprint(rows.astype(np.float64)),
        fingerprint(rows, model="m"),
        fingerprint(rows, groups=["0"] * 7),
        fingerprint(rows, groups=[None] * 7),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint(rows) == fingerprint(np.asfortranarray(rows)) == prints[0]


def test_arrays_keep_their_precision(rows):
    ids = [str(i) for i in range(7)]
    double = Features.from_arrays({"x": rows.astype(np.float64) / 3}, ids)
    assert double.array("x").dtype == np.float64
    assert double.manifest.plan.dtype == "float64"
    np.testing.assert_array_equal(double.array("x"), rows.astype(np.float64) / 3)
    assert double.path is None
    assert [layer.depth for layer in double.layers] == [1.0]


@pytest.mark.parametrize(
    ("layers", "ids", "options", "error", "message"),
    [
        ({}, "ab", {}, ShapeError, "layers must hold at least one array"),
        ({"x": [[1], [2]]}, "abc", {}, ShapeError, "layer:x must have 3 rows"),
        ({"x": [1, 2]}, "ab", {}, ShapeError, r"must have shape \(n_rows, n_features\)"),
        ({"x": [["a"], ["b"]]}, "ab", {}, ShapeError, "x must hold real numbers"),
        ({"x": [[1], [2]]}, "aa", {}, PairingError, "duplicates, first 'a'"),
        ({"x": [[1], [2]]}, "ab", {"groups": "g"}, ParameterError, "one entry an item"),
        ({"x": [[1], [2]]}, "ab", {"item_index": [1, 0]}, ParameterError, "in order"),
        ({"x": [[1], [2]]}, "ab", {"side": {"s": [1]}}, ShapeError, "side:s must have 2 rows"),
        ({"x": [[1], [2]]}, "ab", {"side": {"s": "ab"}}, ShapeError, "side:s must be numbers"),
    ],
)
def test_arrays_that_do_not_fit(layers, ids, options, error, message):
    with pytest.raises(error, match=message):
        Features.from_arrays(layers, list(ids), **options)


# Opening


def change_manifest(folder, change):
    path = folder / "manifest.json"
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def test_a_folder_or_its_manifest_can_be_opened(tmp_path, rows):
    made = stored(tmp_path, {"x": rows})
    for path in (tmp_path, str(tmp_path), tmp_path / "manifest.json"):
        features = open_features(path)
        assert (features.path, features.fingerprint) == (tmp_path, made.fingerprint)
        verify(path)


def test_features_of_schema_version_1_stay_readable():
    features = open_features(VERSION_1)
    verify(VERSION_1)
    assert features.fingerprint == "9aa2190dc61b607397648c738a199185"
    assert features.item_ids == ("猫", "b/ü", "c")
    assert features.groups == ("g", None, "0")
    np.testing.assert_array_equal(features.item_index, [0, 0, 1, 2])
    expected = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(features.array("h.0", reduce=None), expected)
    np.testing.assert_array_equal(features.side("loss"), [0.5, 1.5, 2.5, 3.5])
    assert features.n_parameters == 12


def test_an_unknown_schema_version_is_refused(tmp_path):
    shutil.copytree(VERSION_1, tmp_path / "v2")
    change_manifest(tmp_path / "v2", lambda value: value["plan"].update(schema_version=2))
    with pytest.raises(StoreError, match="schema version 2, but only 1 is known"):
        open_features(tmp_path / "v2")


def test_features_of_another_fingerprint_than_the_manifest_are_refused(tmp_path, rows):
    stored(tmp_path / "a", {"x": rows})
    stored(tmp_path / "b", {"x": rows}, data_revision="2")
    shutil.copy(tmp_path / "b" / "shard-00001.safetensors", tmp_path / "a")
    with pytest.raises(StaleFeaturesError, match="of a different fingerprint than the manifest"):
        open_features(tmp_path / "a")


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.update(fingerprint="0" * 32),
        lambda value: value["plan"].update(pooling="last"),
        lambda value: value["plan"]["item_ids"].__setitem__(0, "z"),
        lambda value: value["plan"].update(groups=["g"] * 4),
    ],
)
def test_a_manifest_that_was_changed_is_refused(change, tmp_path, rows):
    stored(tmp_path, {"x": rows})
    change_manifest(tmp_path, change)
    with pytest.raises(StaleFeaturesError, match="different fingerprint than its plan"):
        open_features(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("plan"), "is broken; extract"),
        (lambda value: value.pop("layers"), "is broken: layers: Field required"),
        (lambda value: value.update(extra=1), "is broken: extra: Extra inputs"),
        (lambda value: value["plan"].update(item_ids=["a", "a"]), "is broken: plan: item_ids"),
        (lambda value: value["shards"].pop(), "its shards are not those of its plan"),
        (lambda value: value["shards"][0].update(file="../x"), "its shards are not those"),
        (lambda value: value["shards"][0].update(file="x"), "x is missing"),
        (lambda value: value["layers"][0].update(name="y"), "other layers than the manifest"),
        (
            lambda value: value["shards"][0].update(file="shard-00001.safetensors"),
            "holds other rows than the manifest says",
        ),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(change, message, tmp_path, rows):
    stored(tmp_path, {"x": rows})
    change_manifest(tmp_path, change)
    with pytest.raises(StoreError, match=message) as caught:
        open_features(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_manifest_cut_anywhere_is_refused(tmp_path, rows):
    stored(tmp_path, {"x": rows})
    whole = (tmp_path / "manifest.json").read_bytes()
    for cut in range(0, len(whole.rstrip()), 7):
        (tmp_path / "manifest.json").write_bytes(whole[:cut])
        with pytest.raises(StoreError, match="is broken"):
            open_features(tmp_path)


def test_folders_without_features(tmp_path):
    with pytest.raises(StoreError, match=r"no features in .*: no manifest"):
        open_features(tmp_path)
    with pytest.raises(StoreError, match=r"no features in .*: no manifest"):
        open_features(tmp_path / "none")


def test_changed_bytes_are_found_when_all_are_read(tmp_path, rows):
    stored(tmp_path, {"x": rows})
    shard = tmp_path / "shard-00001.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    open_features(tmp_path)  # headers and lengths are right
    with pytest.raises(StoreError, match=r"shard-00001\.safetensors changed since it was written"):
        verify(tmp_path)
