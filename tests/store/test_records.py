import json
import math

import numpy as np
import pytest

from platonica.errors import ParameterError, StoreError
from platonica.store import RecordCache, digest, read_records, write_records


def test_records_come_back(tmp_path):
    run = {
        "score": np.float32(0.5),
        "pair": (1, None, True),
        "matrix": np.arange(4).reshape(2, 2),
        "bad": {"nan": math.nan, "array": np.array([1.0, np.nan, -np.inf])},
        "name": "猫 ?&/",
    }
    write_records(tmp_path / "new" / "run.json", run)
    assert read_records(tmp_path / "new" / "run.json") == {
        "schema_version": 1,
        "score": 0.5,
        "pair": [1, None, True],
        "matrix": [[0, 1], [2, 3]],
        "bad": {"nan": None, "array": [1.0, None, None]},
        "name": "猫 ?&/",
    }


def test_floats_come_back_to_the_last_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=100).tolist()
    write_records(tmp_path / "r.json", {"values": values})
    assert read_records(tmp_path / "r.json")["values"] == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "are broken: not JSON"),
        ("[]", "have schema version None, but only 1 is known"),
        ("{}", "have schema version None, but only 1 is known"),
        ('{"schema_version": 2}', "have schema version 2, but only 1 is known"),
        ('{"schema_version": "1"}', "have schema version '1', but only 1 is known"),
    ],
)
def test_records_that_cannot_be_read(text, message, tmp_path):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(StoreError, match=message):
        read_records(tmp_path / "r.json")


def test_records_that_are_not_there(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        read_records(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"a": [1, {"b": object()}]}, r"run.a\[1\].b must be a JSON value, not object"),
        ({"a": {1: 2}}, "run.a: keys must be strings, not 1"),
        ({"schema_version": 2}, "schema_version must be 1, not 2"),
    ],
)
def test_records_that_cannot_be_written(run, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        write_records(tmp_path / "r.json", run)
    assert list(tmp_path.iterdir()) == []


def test_the_cache_gives_back_what_was_put(tmp_path):
    cache, key = RecordCache(tmp_path / "cache"), digest({"pair": ["a", "b"]})
    assert cache.get(key) is None
    cache.put(key, {"score": 0.25})
    assert cache.get(key) == {"score": 0.25}
    cache.put(key, {"score": np.float64(0.5)})
    assert RecordCache(tmp_path / "cache").get(key) == {"score": 0.5}
    assert cache.get(digest(0)) is None


def test_a_broken_record_is_missing(tmp_path):
    cache, key, other = RecordCache(tmp_path), digest("a"), digest("b")
    cache.put(key, {"score": 1})
    file = tmp_path / f"{key}.json"
    whole = file.read_bytes()
    # A cut is accepted only where what is left is the same JSON: after its closing brace.
    for cut in range(len(whole.rstrip())):
        file.write_bytes(whole[:cut])
        assert cache.get(key) is None
    (tmp_path / f"{other}.json").write_bytes(whole)
    assert cache.get(other) is None  # another record's file
    value = json.loads(whole) | {"schema_version": 2}
    file.write_text(json.dumps(value))
    assert cache.get(key) is None


@pytest.mark.parametrize("key", ["../../etc", "", "ABCDEF012345", "a" * 7, "0" * 32 + "\n"])
def test_a_key_is_never_a_path(key, tmp_path):
    with pytest.raises(ParameterError, match="key must be 8 to 128 hexadecimal digits"):
        RecordCache(tmp_path).put(key, {})
    with pytest.raises(ParameterError, match="key must be 8 to 128 hexadecimal digits"):
        RecordCache(tmp_path).get(key)
