import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from platonica.errors import (
    DegenerateInputError,
    InvalidItemError,
    PairingError,
    ParameterError,
    ShapeError,
    StaleFeaturesError,
    StoreError,
    UnknownNameError,
)
from platonica.sources._contracts import Data, Encoded, Item
from platonica.sources.extraction import extract

WORKER = Path(__file__).with_name("toy_worker.py")
SOURCE = Path(__file__).parents[2] / "src"


def _load_worker():
    spec = importlib.util.spec_from_file_location("toy_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toy = _load_worker()


def run_worker(store, *options, wait=True):
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(store), *map(str, options)],
        env=os.environ | {"PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait:
        return process
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.strip()


def extract_toy(store, card=None, data=None, **options):
    options = {"shard_rows": 20, "batch_size": 4} | options
    return extract(card or toy.card(), data or toy.data(), store=store, **options)


def contents(store):
    """Every file, hidden and temporary ones included."""
    files = (path for path in store.rglob("*") if path.is_file())
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}


def must_not_load():
    raise AssertionError("the model was loaded")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What an uninterrupted run writes."""
    store = tmp_path_factory.mktemp("reference")
    extract_toy(store)
    return contents(store)


def test_features_are_those_of_the_model(tmp_path):
    data = toy.data()
    features = extract_toy(tmp_path, data=data)
    texts = [text for item in data.items for text in item.payloads["text"]]
    direct = toy.Network().encode(texts, ["h/0", "h/1"], pooling="mean")
    for name in features.layer_names:
        np.testing.assert_array_equal(features.array(name, reduce=None), direct.layers[name])
    np.testing.assert_array_equal(features.side("length"), [len(text) for text in texts])
    assert features.item_ids == tuple(item.id for item in data.items)
    assert [item.n_features for item in features.layers] == [32, 8]
    assert (features.n_parameters, features.pooling) == (toy.Network.n_parameters, "mean")
    assert (features.model, features.model_revision) == ("toy:network", "1")
    assert (features.data, features.data_revision) == ("toy?n=20", "r0")


def test_complete_features_come_back_without_loading_the_model(tmp_path):
    first = extract_toy(tmp_path)
    again = extract_toy(tmp_path, toy.card(load=must_not_load))
    assert again.fingerprint == first.fingerprint
    with pytest.raises(AssertionError, match="was loaded"):
        extract_toy(tmp_path, toy.card(load=must_not_load, revision="2"))


def test_batch_size_is_no_part_of_the_identity(tmp_path):
    one = extract_toy(tmp_path / "one", batch_size=1)
    many = extract_toy(tmp_path / "many", batch_size=64)
    assert one.fingerprint == many.fingerprint
    np.testing.assert_allclose(one.array("h/1"), many.array("h/1"), rtol=1e-6)


def test_batches_never_cross_shards(tmp_path):
    sizes = []

    class Counting(toy.Network):
        def encode(self, payloads, layers, *, pooling):
            sizes.append(len(payloads))
            return super().encode(payloads, layers, pooling=pooling)

    extract_toy(tmp_path, toy.card(load=Counting), shard_rows=10, batch_size=4)
    assert sizes == [4, 4, 2] * 3 + [4, 4, 1]


def test_some_layers_in_order_of_depth(tmp_path):
    assert extract_toy(tmp_path, layers=("h/1", "h/0")).layer_names == ("h/0", "h/1")
    assert extract_toy(tmp_path, layers="h/1").layer_names == ("h/1",)
    with pytest.raises(UnknownNameError, match="unknown layer of toy:network 'h/2'"):
        extract_toy(tmp_path, layers=["h/2"])


def test_fit_sees_all_payloads_in_order_before_the_first_batch(tmp_path):
    calls = []

    class Fitted(toy.Network):
        def fit(self, payloads):
            calls.append(list(payloads))

        def encode(self, payloads, layers, *, pooling):
            calls.append("encode")
            return super().encode(payloads, layers, pooling=pooling)

    data = toy.data()
    extract_toy(tmp_path, toy.card(load=Fitted), data, batch_size=64)
    texts = [text for item in data.items for text in item.payloads["text"]]
    assert calls == [texts, "encode", "encode"]


def test_progress_counts_rows_and_begins_with_what_is_there(tmp_path):
    seen = []
    extract_toy(tmp_path, batch_size=8, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 39), (8, 39), (16, 39), (20, 39), (28, 39), (36, 39), (39, 39)]
    next(tmp_path.rglob("shard-00000*")).unlink()
    next(tmp_path.rglob("manifest.json")).unlink()
    seen.clear()
    extract_toy(tmp_path, batch_size=20, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(19, 39), (39, 39)]


# Killed runs


@pytest.mark.parametrize("step", range(1, 25))
def test_killed_at_any_step_it_continues_to_the_same_bytes(step, tmp_path, reference):
    # plan, two shards, manifest: each fsync, rename, fsync of the folder, before and after
    assert len(reference) == 4
    status, _ = run_worker(tmp_path, "--die-at", step)
    assert status == -9
    whole = {p: p.stat().st_ino for p in tmp_path.rglob("shard-*")}
    extract_toy(tmp_path)
    assert contents(tmp_path) == reference
    assert {p: p.stat().st_ino for p in whole} == whole  # what was whole was kept


def test_the_steps_above_are_all_there_are(tmp_path, reference):
    assert run_worker(tmp_path, "--die-at", 25) == (0, "")
    assert contents(tmp_path) == reference


def test_two_processes_fill_one_store(tmp_path, reference):
    processes = [run_worker(tmp_path, wait=False) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    assert contents(tmp_path) == reference


def test_temporary_files_of_dead_runs_disappear(tmp_path, reference):
    extract_toy(tmp_path)
    folder = next(tmp_path.rglob("manifest.json")).parent
    (folder / ".partial-123-abc").write_bytes(b"half a sh")
    extract_toy(tmp_path, toy.card(load=must_not_load))
    assert contents(tmp_path) == reference


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_shard_is_computed_again_with_a_warning(damage, tmp_path, reference):
    extract_toy(tmp_path)
    shard = next(tmp_path.rglob("shard-00001*"))
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-1])
    else:
        shard.unlink()
    with pytest.warns(UserWarning, match="computing what is missing"):
        extract_toy(tmp_path)
    assert contents(tmp_path) == reference


def test_shards_with_other_layers_are_computed_again(tmp_path, reference):
    class Smaller(toy.Network):
        layers = toy.Network.layers[:1]

    extract_toy(tmp_path, toy.card(load=Smaller))  # as an earlier version of a source would
    next(tmp_path.rglob("manifest.json")).unlink()
    assert extract_toy(tmp_path).layer_names == ("h/0", "h/1")
    assert contents(tmp_path) == reference


def test_a_manifest_of_another_plan_in_the_folder_is_refused(tmp_path):
    extract_toy(tmp_path / "a")
    extract_toy(tmp_path / "b", toy.card(revision="2"))
    (mine,) = (path.parent for path in (tmp_path / "a").rglob("manifest.json"))
    (other,) = (path.parent for path in (tmp_path / "b").rglob("manifest.json"))
    for file in other.iterdir():
        file.rename(mine / file.name)
    with pytest.raises(StaleFeaturesError, match="different fingerprint"):
        extract_toy(tmp_path / "a")


# A store that refuses


def test_a_limit_on_file_sizes_is_a_named_error_and_a_rerun_completes(tmp_path, reference):
    # the plan and no shard fits
    largest = max(len(data) for name, data in reference.items() if "plan" in name)
    status, errors = run_worker(tmp_path, "--file-size", largest)
    assert status == 1
    assert errors.startswith("StoreError: cannot write ")
    assert "shard-00000.safetensors: File too large; raise the limit" in errors
    assert "\n" not in errors
    assert [Path(name).name for name in contents(tmp_path)] == ["plan.json"]
    extract_toy(tmp_path)
    assert contents(tmp_path) == reference


@contextlib.contextmanager
def small_disk(folder, n_bytes):
    """Mount a file system of its own size, where that is permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Wide(toy.Network):
    """Shards of megabytes, so that a disk can be full in the middle of one."""

    def encode(self, payloads, layers, *, pooling):
        encoded = super().encode(payloads, layers, pooling=pooling)
        return Encoded({name: np.tile(array, 500) for name, array in encoded.layers.items()})


def test_a_full_disk_is_a_named_error_and_a_rerun_completes(tmp_path):
    card = toy.card(load=Wide)
    extract_toy(tmp_path / "large", card)
    whole = contents(tmp_path / "large")
    fits = {name: data for name, data in whole.items() if "plan" in name or "00000" in name}
    with small_disk(tmp_path / "disk", sum(map(len, fits.values())) + 600_000) as disk:
        with pytest.raises(StoreError, match="No space left on device; free some space") as caught:
            extract_toy(disk, card)
        assert "shard-00001" in str(caught.value)
        assert len(caught.value.args) == 1
        # The shard that fitted is whole, and nothing of the other is left.
        assert contents(disk) == fits
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        kept = next(disk.rglob("shard-00000*")).stat().st_ino
        extract_toy(disk, card)
        assert contents(disk) == whole
        assert next(disk.rglob("shard-00000*")).stat().st_ino == kept


def test_a_read_only_disk_is_a_named_error_but_can_be_read(tmp_path):
    with small_disk(tmp_path / "disk", 10**6) as disk:
        extract_toy(disk)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert extract_toy(disk).n_items == 20
        with pytest.raises(StoreError, match="Read-only file system; choose a folder that you may"):
            extract_toy(disk, toy.card(revision="2"))


def test_a_folder_without_permission_is_a_named_error():
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        store.chmod(0o555)
        # Permissions do not bind root, who becomes someone else.
        status, errors = run_worker(store, *(["--uid", 65534] if os.geteuid() == 0 else []))
        assert status == 1
        assert errors.startswith("StoreError: cannot write ")
        assert errors.endswith("Permission denied; choose a folder that you may write to")
        assert "\n" not in errors
        store.chmod(0o755)


def test_a_store_that_is_a_file_is_a_named_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="choose a folder, not a file"):
        extract_toy(tmp_path / "file")


# Bad input


def with_item(item, n_items=6):
    data = toy.data(n_items)
    return replace(data, items=[*data.items[:2], item, *data.items[2:]])


BAD_ITEMS = {
    "has an empty caption": Item("bad one", {"text": ["fine", " \n"]}),
    "has no text": Item("bad one", {"image": ["a.png"]}),
    "has no text ": Item("bad one", {"text": []}),
}


@pytest.mark.parametrize("problem", BAD_ITEMS)
def test_a_bad_item_is_named_and_can_be_left_out(problem, tmp_path):
    data = with_item(BAD_ITEMS[problem])
    with pytest.raises(InvalidItemError, match=f"item 'bad one' {problem.strip()}"):
        extract_toy(tmp_path, data=data)
    assert not contents(tmp_path)
    with pytest.warns(UserWarning, match="1 of 7 items left out for toy:network: 'bad one'"):
        features = extract_toy(tmp_path, data=data, on_bad_item="skip")
    assert features.item_ids == tuple(f"item-{i}" for i in range(6))
    good = extract_toy(tmp_path / "good", data=toy.data(6))
    np.testing.assert_array_equal(features.array("h/1"), good.array("h/1"))


def test_skip_without_bad_items_is_the_same_as_without_skip(tmp_path):
    first = extract_toy(tmp_path, on_bad_item="skip")
    assert extract_toy(tmp_path, toy.card(load=must_not_load)).path == first.path


class Images:
    """Mean colours, decoded with the usual library."""

    n_parameters = 0
    layers = toy.Network.layers[:1]

    def encode(self, payloads, layers, *, pooling):
        from PIL import Image

        rows = []
        for path in payloads:
            try:
                with Image.open(path) as image:
                    rows.append(np.asarray(image.convert("RGB"), dtype=np.float32).mean((0, 1)))
            except OSError as error:
                raise InvalidItemError(f"image {path} cannot be read: {error}") from error
        return Encoded({"h/0": np.asarray(rows, dtype=np.float32)})


@pytest.fixture
def pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    items = []
    for i in range(5):
        pixels = np.random.default_rng(i).integers(0, 255, (40, 40, 3)).astype(np.uint8)
        image.fromarray(pixels).save(tmp_path / f"{i}.png")
        items.append(Item(f"picture-{i}", {"image": [tmp_path / f"{i}.png"]}))
    return Data("pictures", "1", items)


@pytest.mark.parametrize("damage", ["truncated", "unreadable", "absent"])
def test_a_bad_image_is_named_and_can_be_left_out(damage, tmp_path, pictures):
    path = pictures.items[3].payloads["image"][0]
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "unreadable":
        path.write_bytes(b"no image at all")
    else:
        path.unlink()
    card = toy.card(load=Images, modality="image")
    with pytest.raises(InvalidItemError, match=r"item 'picture-3': image .*3\.png cannot be read"):
        extract_toy(tmp_path / "store", card, pictures)
    with pytest.warns(UserWarning, match="1 of 5 items left out for toy:network: 'picture-3'"):
        features = extract_toy(tmp_path / "store", card, pictures, on_bad_item="skip")
    assert features.item_ids == ("picture-0", "picture-1", "picture-2", "picture-4")


def test_nothing_left_to_encode(tmp_path):
    bad = Data("d", "1", [Item("a", {"text": [""]})])
    with pytest.raises(InvalidItemError, match="no item is left"):
        extract_toy(tmp_path, data=bad, on_bad_item="skip")
    with pytest.raises(ParameterError, match="data set d has no items"):
        extract_toy(tmp_path, data=Data("d", "1", []))
    with pytest.raises(PairingError, match=r"no item of toy.n=20 has; it has text"):
        extract_toy(tmp_path, toy.card(modality="image"), on_bad_item="skip")


def test_ids_that_repeat_are_refused(tmp_path):
    data = toy.data(3)
    with pytest.raises(PairingError, match="duplicates, first 'item-0'"):
        extract_toy(tmp_path, data=replace(data, items=[*data.items, data.items[0]]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(value, tmp_path):
    class Broken(toy.Network):
        def encode(self, payloads, layers, *, pooling):
            encoded = super().encode(payloads, layers, pooling=pooling)
            encoded.layers["h/1"][[text.endswith("item 4") for text in payloads]] = value
            return encoded

    with pytest.raises(DegenerateInputError, match=r"layer 'h/1': NaN or infinite .* 'item-4'"):
        extract_toy(tmp_path, toy.card(load=Broken))


def test_features_of_a_wrong_shape_are_refused(tmp_path):
    class Short(toy.Network):
        def encode(self, payloads, layers, *, pooling):
            return super().encode(payloads[1:], layers, pooling=pooling)

    class Silent(toy.Network):
        def encode(self, payloads, layers, *, pooling):
            return super().encode(payloads, ["h/0"], pooling=pooling)

    with pytest.raises(ShapeError, match=r"expected shape \(4, n_features\), not \(3, 32\)"):
        extract_toy(tmp_path, toy.card(load=Short))
    with pytest.raises(ShapeError, match="no features of its layer 'h/1'"):
        extract_toy(tmp_path, toy.card(load=Silent))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda"}, "device must be 'auto' or 'cpu', not 'cuda'"),
        ({"pooling": "max"}, "must be 'auto' or one of mean, last, not 'max'"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"shard_rows": 2.5}, "shard_rows must be a whole number of at least 1, not 2.5"),
        ({"on_bad_item": "ignore"}, "on_bad_item must be 'error' or 'skip', not 'ignore'"),
        ({"layers": ()}, "layers must be 'all' or names"),
        ({"layers": ("h/0", "h/0")}, "layers must be 'all' or names, none twice"),
    ],
)
def test_options_that_are_not_allowed(options, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        extract_toy(tmp_path, **options)
    assert not contents(tmp_path)


def test_groups_and_pooling_are_part_of_the_identity(tmp_path):
    data = toy.data(4)
    grouped = replace(data, items=[replace(item, group="0") for item in data.items])
    prints = {
        extract_toy(tmp_path, data=data).fingerprint,
        extract_toy(tmp_path, data=grouped).fingerprint,
        extract_toy(tmp_path, data=data, pooling="last").fingerprint,
        extract_toy(tmp_path, data=replace(data, revision="r1")).fingerprint,
        extract_toy(tmp_path, toy.card(preprocessing="other"), data).fingerprint,
    }
    assert len(prints) == 5
    assert extract_toy(tmp_path, data=grouped).groups == ("0",) * 4
    assert extract_toy(tmp_path, data=data).groups is None
