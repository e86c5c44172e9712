import errno
import os

import pytest

from platonica.errors import StoreError
from platonica.store import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "file"
    for data in (b"", b"first", b"second"):
        atomic.write_bytes(path, data)
        assert path.read_bytes() == data
    assert names(tmp_path) == ["file"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    atomic.write_bytes(path, b"old")

    def full(descriptor):
        assert path.read_bytes() == b"old"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device; free some space") as caught:
        atomic.write_bytes(path, b"new")
    assert str(path) in str(caught.value)
    assert len(caught.value.args) == 1
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_an_interrupt_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_bytes(tmp_path / "file", b"new")
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory; check the folder"):
        atomic.write_bytes(tmp_path / "none" / "file", b"")


def test_a_folder_in_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert atomic.make_folder(tmp_path / "a" / "b").is_dir()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(StoreError, match="choose a folder, not a file"):
            atomic.make_folder(path)


def test_json_is_readable_and_always_the_same(tmp_path):
    atomic.write_json(tmp_path / "a.json", {"b": [1, None], "a": "猫"})
    assert (tmp_path / "a.json").read_text("utf-8") == (
        '{\n "b": [\n  1,\n  null\n ],\n "a": "猫"\n}\n'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(tmp_path / "a.json", float("nan"))


def test_only_temporary_files_are_removed(tmp_path):
    for name in (".partial-1-a", "partial-1-a", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    atomic.remove_temporaries(tmp_path)
    assert names(tmp_path) == [".hidden", "partial-1-a"]
