"""Lazy layers: the rows of the array, and no more read than is needed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.comparison import compare
from platonica.errors import ParameterError, UnknownNameError
from platonica.measures import _centred
from platonica.rows import RowView
from platonica.store import Features, FeatureWriter, Layer, make_plan, open_features, shards

N = 90
IDS = tuple(f"item-{i}" for i in range(N))


def layers_of(seed, index):
    r = np.random.default_rng(seed)
    world = np.random.default_rng(7).standard_normal((N, 4))
    return {
        name: (
            (world @ r.standard_normal((4, d)))[index] + 0.5 * r.standard_normal((len(index), d))
        ).astype(np.float32)
        for name, d in (("a", 5), ("b", 8))
    }


def store(folder, layers, index, *, ids=IDS, shard_rows=16, model="m"):
    plan = make_plan(
        model=model, model_revision="1", modality="", data="d", data_revision="1", item_ids=ids,
        pooling="none",
        item_index=tuple(index), preprocessing="none", shard_rows=shard_rows,
    )  # fmt: skip
    writer = FeatureWriter(folder, plan)
    for rows in writer.missing():
        part = {name: array[rows.start : rows.stop] for name, array in layers.items()}
        writer.write(rows.start, part, {})
    writer.finish([Layer(name=name, depth=1.0) for name in layers])
    return open_features(folder)


@pytest.fixture(scope="module", params=[1, 7, 16, 500])
def stored(request, tmp_path_factory):
    """Features on disk in shards of several sizes; item 3 has three rows, item 50 two."""
    index = sorted([*range(N), 3, 3, 50])
    folder = tmp_path_factory.mktemp("view")
    return store(folder, layers_of(0, index), index, shard_rows=request.param)


@pytest.mark.parametrize("reduce", ["first", "mean"])
@given(start=st.integers(0, N - 1), length=st.integers(1, N), seed=st.integers(0, 99))
def test_views_read_the_rows_of_the_array(reduce, start, length, seed, stored):
    whole, view = stored.array("b", reduce), stored.view("b", reduce)
    assert isinstance(view, RowView)
    assert (view.shape, view.dtype, len(view)) == (whole.shape, whole.dtype, len(whole))
    stop = min(N, start + length)
    np.testing.assert_array_equal(view.read_rows(slice(start, stop)), whole[start:stop])
    chosen = np.random.default_rng(seed).permutation(N)[:length]
    np.testing.assert_array_equal(view.read_rows(chosen), whole[chosen])
    np.testing.assert_array_equal(np.asarray(view.take(chosen)), whole[chosen])
    some = stored.take([IDS[i] for i in chosen])
    np.testing.assert_array_equal(np.asarray(some.view("b", reduce)), whole[chosen])


def test_arrays_in_memory_have_views_too():
    X = np.random.default_rng(0).standard_normal((N, 3))
    view = Features.from_arrays({"a": X}, IDS).view("a")
    np.testing.assert_array_equal(view.read_rows(np.array([5, 2])), X[[5, 2]])


def test_only_the_shards_that_hold_the_rows_are_read(stored, monkeypatch):
    seen = []

    def spied(path, name, rows, original=shards.some_rows):
        seen.append((path, rows.stop - rows.start))
        return original(path, name, rows)

    monkeypatch.setattr(shards, "some_rows", spied)
    stored.view("a").read_rows(slice(20, 24))
    assert sum(length for _, length in seen) == 4


@pytest.mark.parametrize("measure", ["mutual_knn", "debiased_cka", "cca", "rsa"])
def test_stored_features_score_as_arrays_do(measure, tmp_path):
    x, y = layers_of(0, range(N)), layers_of(1, range(N))
    order = np.random.default_rng(3).permutation(N)
    X = store(tmp_path / "x", x, range(N))
    shuffled = {name: array[order] for name, array in y.items()}
    Y = store(tmp_path / "y", shuffled, range(N), ids=tuple(IDS[i] for i in order), model="n")
    stored, arrays = compare(X, Y, measure, n_resamples=19), compare(x, y, measure, n_resamples=19)
    np.testing.assert_array_equal(stored.layer_scores, arrays.layer_scores)
    np.testing.assert_array_equal(stored.null_distribution, arrays.null_distribution)


def test_streamed_from_the_store_as_in_memory(tmp_path, monkeypatch):
    x, y = layers_of(0, range(N)), layers_of(1, range(N))
    expected = compare(x, y, "debiased_cka", n_resamples=19)
    X, Y = store(tmp_path / "x", x, range(N)), store(tmp_path / "y", y, range(N), model="n")
    monkeypatch.setattr(_centred, "STREAM_BYTES", 0)
    monkeypatch.setattr("platonica.rows.BLOCK_BYTES", 8 * 8 * 11)
    found = compare(X, Y, "debiased_cka", n_resamples=19)
    np.testing.assert_allclose(found.layer_scores, expected.layer_scores, rtol=1e-12)
    np.testing.assert_allclose(found.null_distribution, expected.null_distribution, atol=1e-12)


PEAK = """
import resource, sys
import numpy as np
from platonica import open_features
features = open_features(sys.argv[1])
view = features.view("a")
view.read_rows(slice(0, 10))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
view.read_rows(slice(5000, 6000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_slice_of_a_large_layer_takes_the_memory_of_a_slice(tmp_path):
    n = 40_000
    layer = {"a": np.random.default_rng(0).standard_normal((n, 512), dtype=np.float32)}
    ids = tuple(map(str, range(n)))
    store(tmp_path / "big", layer, range(n), ids=ids, shard_rows=10_000)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "big")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 12_000  # kilobytes; the slice is 2 MB, the layer 82 MB


def test_what_there_is_no_view_of(stored):
    with pytest.raises(UnknownNameError, match="layer"):
        stored.view("c")
    with pytest.raises(ParameterError, match="reduce"):
        stored.view("a", "median")
