import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import StoreError
from platonica.store import shards
from platonica.store.shards import ShardHeader

HEADER = ShardHeader(fingerprint="f" * 32, first_row=0, n_rows=3)
LAYERS = {"b": np.arange(6, dtype=np.float32).reshape(3, 2), "a": np.ones((3, 1), np.float32)}
SIDE = {"a": np.arange(3)}
WHOLE = shards.pack(HEADER, LAYERS, SIDE)


def test_a_whole_shard_is_seen_without_its_arrays(tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(WHOLE)
    contents = shards.inspect(path)
    assert contents.header == HEADER
    assert contents.shapes == {"layer:a": (3, 1), "layer:b": (3, 2), "side:a": (3,)}
    assert (contents.names("layer:"), contents.names("side:")) == (("a", "b"), ("a",))
    np.testing.assert_array_equal(shards.tensor(path, "layer:b"), LAYERS["b"])
    np.testing.assert_array_equal(shards.tensor(path, "side:a"), SIDE["a"])


def test_the_same_arrays_give_the_same_bytes():
    turned = dict(reversed(LAYERS.items()))
    strided = {name: np.repeat(array, 2, axis=0)[::2] for name, array in turned.items()}
    fortran = {name: np.asfortranarray(array) for name, array in LAYERS.items()}
    for layers in (turned, strided, fortran):
        assert shards.pack(HEADER, layers, SIDE) == WHOLE
    assert shards.pack(HEADER, {**LAYERS, "a": LAYERS["a"] * 2}, SIDE) != WHOLE


@given(cut=st.integers(0, len(WHOLE) - 1))
def test_a_shard_cut_at_any_byte_is_never_accepted(cut):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard"
        path.write_bytes(WHOLE[:cut])
        with pytest.raises(StoreError, match="is broken; extract the features again"):
            shards.inspect(path)


@given(more=st.binary(min_size=1, max_size=9))
def test_a_shard_that_grew_is_not_accepted(more):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard"
        path.write_bytes(WHOLE + more)
        with pytest.raises(StoreError, match="is broken; extract the features again"):
            shards.inspect(path)


@pytest.mark.parametrize("metadata", [None, {"other": "1"}, {"platonica": "{}"}])
def test_other_safetensors_files_are_not_accepted(metadata, tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(safetensors.numpy.save(LAYERS, metadata=metadata))
    with pytest.raises(StoreError, match="is broken"):
        shards.inspect(path)


def test_a_shard_that_is_not_there_or_no_file(tmp_path):
    with pytest.raises(StoreError, match="is missing; extract the features again"):
        shards.inspect(tmp_path / "shard")
    with pytest.raises(StoreError, match="is broken"):
        shards.inspect(tmp_path)
    with pytest.raises(StoreError, match="'layer:a' cannot be read from it"):
        shards.tensor(tmp_path / "shard", "layer:a")
    with pytest.raises(StoreError, match="cannot read"):
        shards.sha256(tmp_path / "shard")
