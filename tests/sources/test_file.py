import numpy as np
import pytest
from safetensors.numpy import save_file

from platonica.errors import (
    DegenerateInputError,
    PairingError,
    ParameterError,
    PlatonicaError,
    ShapeError,
    StoreError,
)
from platonica.sources.models.file import is_file_name, open_file


@pytest.fixture
def array(rng):
    return rng.normal(size=(5, 3)).astype(np.float32)


def test_a_file_name_is_told_from_a_model_name():
    assert is_file_name("file:a.npy")
    assert not is_file_name("pip:file")


def test_npy_with_ids(tmp_path, array):
    np.save(tmp_path / "emb.npy", array)
    (tmp_path / "ids.txt").write_text("v\nw\nx\ny\nz z\n")
    features = open_file(f"file:{tmp_path}/emb.npy?ids={tmp_path}/ids.txt")
    assert features.item_ids == ("v", "w", "x", "y", "z z")
    np.testing.assert_array_equal(features.array("features"), array)


def test_without_ids_rows_are_numbered(tmp_path, array):
    np.save(tmp_path / "emb.npy", array)
    assert open_file(f"file:{tmp_path}/emb.npy").item_ids == ("0", "1", "2", "3", "4")


def test_every_array_of_npz_is_a_layer(tmp_path, array):
    ids = np.array(["e", "d", "c", "b", "a"])
    np.savez(tmp_path / "emb.npz", first=array, second=array[:, :2], ids=ids)
    features = open_file(f"file:{tmp_path}/emb.npz")
    assert set(features.layer_names) == {"first", "second"}
    assert features.item_ids == ("e", "d", "c", "b", "a")
    np.testing.assert_array_equal(features.array("second"), array[:, :2])


def test_every_tensor_of_safetensors_is_a_layer(tmp_path, array):
    save_file({"one": array, "two": array * 2}, tmp_path / "emb.safetensors")
    features = open_file(f"file:{tmp_path}/emb.safetensors")
    assert set(features.layer_names) == {"one", "two"}
    np.testing.assert_array_equal(features.array("two"), array * 2)


def broken(folder, array, kind):
    """Write one bad file and return the name of its features."""
    name, query = f"{kind}.npy", ""
    if kind == "nan":
        array[3, 1] = np.nan
    if kind == "one-dimensional":
        array = array[0]
    if kind == "complex":
        array = array.astype(np.complex64)
    if kind == "pickled":
        np.save(folder / name, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind == "truncated":
        np.save(folder / name, array)
        (folder / name).write_bytes((folder / name).read_bytes()[:-7])
    elif kind == "empty-file":
        (folder / name).write_bytes(b"")
    elif kind in ("bad-npz", "bad-safetensors"):
        name = kind.replace("bad-", "bad.")
        (folder / name).write_bytes(b"PK no archive at all")
    elif kind == "unequal-layers":
        name = "unequal.npz"
        np.savez(folder / name, a=array, b=array[:-1])
    elif kind == "only-ids":
        name = "only.npz"
        np.savez(folder / name, ids=np.array(["a"]))
    elif kind == "number-ids":
        name = "numbers.npz"
        np.savez(folder / name, a=array, ids=np.arange(5))
    elif kind == "suffix":
        name = "emb.csv"
        (folder / name).write_text("1,2")
    elif kind != "missing":
        np.save(folder / name, array)
    if kind.startswith("ids"):
        lines = {"ids-short": "a\nb\nc\nd", "ids-twice": "a\nb\nc\nd\na"}.get(kind)
        if lines is not None:
            (folder / "ids.txt").write_text(lines)
        query = f"?ids={folder}/ids.txt"
    return f"file:{folder}/{name}{query}"


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("nan", DegenerateInputError, "layer 'features' has NaN .* in 1 rows, first in row 3"),
        ("one-dimensional", ShapeError, r"\(n_items, n_features\), not float32 of shape \(3,\)"),
        ("complex", ShapeError, "must hold real numbers"),
        ("pickled", StoreError, "cannot be read"),
        ("truncated", StoreError, "cannot be read"),
        ("empty-file", StoreError, "cannot be read"),
        ("bad-npz", StoreError, "cannot be read"),
        ("bad-safetensors", StoreError, "cannot be read"),
        ("unequal-layers", ShapeError, "rows are a 5, b 4"),
        ("only-ids", ShapeError, "holds no layer"),
        ("number-ids", PairingError, "must be one-dimensional and hold strings, not int64"),
        ("suffix", ParameterError, r"must end with \.npy, \.npz, \.safetensors, not '\.csv'"),
        ("missing", ParameterError, "there is no file"),
        ("ids-missing", ParameterError, "there is no file .*ids.txt"),
        ("ids-short", PairingError, "4 ids for 5 rows"),
        ("ids-twice", PairingError, "first 'a'"),
    ],
)
def test_a_bad_file_is_named(tmp_path, array, kind, error, message):
    with pytest.raises(error, match=message) as caught:
        open_file(broken(tmp_path, array, kind))
    assert isinstance(caught.value, PlatonicaError)


def test_bad_names_of_files(tmp_path, array):
    with pytest.raises(ParameterError, match="must begin with file:"):
        open_file("pip:emb.npy")
    np.save(tmp_path / "emb.npy", array)
    with pytest.raises(ParameterError, match="unknown option 'id'; the options are ids"):
        open_file(f"file:{tmp_path}/emb.npy?id=ids.txt")
