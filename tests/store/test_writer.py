import json

import numpy as np
import pytest

from platonica.errors import ParameterError, ShapeError, StaleFeaturesError, StoreError
from platonica.store import FeatureWriter, Layer, make_plan, open_features

N_ROWS = 7
A = np.random.default_rng(0).normal(size=(N_ROWS, 3)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(N_ROWS, 5)).astype(np.float32)
LOSS = np.linspace(0, 1, N_ROWS)
LAYERS = (Layer(name="a", depth=0.5), Layer(name="b", depth=1.0))


def plan(**changes):
    fields = {
        "model": "m",
        "model_revision": "1",
        "modality": "text",
        "data": "d",
        "data_revision": "1",
        "item_ids": tuple("abcdefg"),
        "item_index": tuple(range(N_ROWS)),
        "pooling": "mean",
        "preprocessing": "none",
        "shard_rows": 3,
    }
    return make_plan(**fields | changes)


def write(writer, rows):
    some = slice(rows.start, rows.stop)
    writer.write(rows.start, {"a": A[some], "b": B[some]}, {"loss": LOSS[some]})


def fill(folder, **changes):
    writer = FeatureWriter(folder, plan(**changes))
    for rows in writer.missing():
        write(writer, rows)
    return writer.finish(LAYERS, n_parameters=10)


def test_what_is_written_is_read(tmp_path):
    features = fill(tmp_path / "new" / "folder")
    np.testing.assert_array_equal(features.array("a"), A)
    np.testing.assert_array_equal(features.array("b"), B)
    np.testing.assert_array_equal(features.side("loss"), LOSS)
    assert [layer.n_features for layer in features.layers] == [3, 5]
    assert features.manifest.side == ("loss",)
    assert features.n_parameters == 10
    assert features.manifest.versions["numpy"] == np.__version__


def test_missing_shards_are_those_that_are_not_whole(tmp_path):
    writer = FeatureWriter(tmp_path, plan())
    assert writer.missing() == [range(3), range(3, 6), range(6, 7)]
    assert list(tmp_path.iterdir()) == []  # asking does not write
    write(writer, range(3, 6))
    assert writer.missing() == [range(3), range(6, 7)]
    write(writer, range(3))
    first = tmp_path / "shard-00000.safetensors"
    first.write_bytes(first.read_bytes()[:-1])
    assert writer.missing(["b", "a"]) == [range(3), range(6, 7)]
    assert writer.missing(["a"]) == writer.missing(["a", "b", "c"]) == list(plan().shards)


def test_foreign_shards_are_missing(tmp_path):
    fill(tmp_path / "other", data_revision="2")
    fill(tmp_path / "mine")
    for name in ("shard-00000.safetensors", "shard-00002.safetensors"):
        (tmp_path / "other" / name).replace(tmp_path / "mine" / name)
    assert FeatureWriter(tmp_path / "mine", plan()).missing() == [range(3), range(6, 7)]


def test_a_shard_under_the_name_of_another_is_missing(tmp_path):
    fill(tmp_path)
    (tmp_path / "shard-00001.safetensors").replace(tmp_path / "shard-00000.safetensors")
    assert FeatureWriter(tmp_path, plan()).missing() == [range(3), range(3, 6)]


def test_the_plan_is_there_before_the_first_shard_and_the_manifest_last(tmp_path):
    writer = FeatureWriter(tmp_path, plan())
    write(writer, range(3))
    assert {p.name for p in tmp_path.iterdir()} == {"plan.json", "shard-00000.safetensors"}
    assert json.loads((tmp_path / "plan.json").read_bytes()) == plan().model_dump(mode="json")
    with pytest.raises(StoreError, match="the extraction was not finished"):
        open_features(tmp_path)
    with pytest.raises(StoreError, match=r"shard-00001\.safetensors is missing"):
        writer.finish(LAYERS)


def test_a_folder_of_other_features_is_not_overwritten(tmp_path):
    fill(tmp_path, data_revision="2")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    writer = FeatureWriter(tmp_path, plan())
    with pytest.raises(StaleFeaturesError, match="another fingerprint than the plan's"):
        write(writer, range(3))
    with pytest.raises(StaleFeaturesError, match="belongs to other features"):
        writer.finish(LAYERS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unfinished_folder_of_another_plan_is_taken_over(tmp_path):
    write(FeatureWriter(tmp_path, plan(data_revision="2")), range(3))
    assert fill(tmp_path).data_revision == "1"


def test_a_broken_manifest_is_written_anew(tmp_path):
    fill(tmp_path)
    whole = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(whole[:100])
    fill(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == whole


@pytest.mark.parametrize("first_row", [1, -3, 9, 7])
def test_shards_begin_where_the_plan_says(first_row, tmp_path):
    with pytest.raises(ParameterError, match=f"multiple of 3 below 7, not {first_row}"):
        FeatureWriter(tmp_path, plan()).write(first_row, {"a": A[:3]})


@pytest.mark.parametrize(
    ("layers", "side", "message"),
    [
        ({"a": A[:2]}, {}, "'a' must have 3 rows, those of the shard at row 0, not 2"),
        ({"a": A[:3].astype(float)}, {}, "layer 'a' must be float32 .* not float64"),
        ({"a": A[0]}, {}, r"layer 'a' must be .* not float32 of shape \(3,\)"),
        ({"a": A[:3, :0]}, {}, r"layer 'a' must be .* not float32 of shape \(3, 0\)"),
        ({"a": A[:3]}, {"s": A[:3]}, r"side result 's' must be numbers .* of shape \(3, 3\)"),
        ({"a": A[:3]}, {"s": np.array(["x"] * 3)}, "side result 's' must be numbers"),
        ({"a": A[:3]}, {"s": LOSS[:4]}, "'s' must have 3 rows"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(layers, side, message, tmp_path):
    with pytest.raises(ShapeError, match=message):
        FeatureWriter(tmp_path, plan()).write(0, layers, side)
    assert list(tmp_path.iterdir()) == []


def test_shards_that_differ_cannot_be_finished(tmp_path):
    writer = FeatureWriter(tmp_path, plan())
    for rows in writer.missing():
        writer.write(rows.start, {"a": A[rows.start : rows.stop]})
    with pytest.raises(StoreError, match="holds other layers or widths"):
        writer.finish(LAYERS)
    writer.write(6, {"a": B[6:]})
    with pytest.raises(StoreError, match=r"shard-00002.safetensors holds other layers or widths"):
        writer.finish(LAYERS[:1])
