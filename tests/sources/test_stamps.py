import hashlib
from collections import Counter
from pathlib import Path

import pytest

from platonica.errors import ParameterError, StoreError, UnknownNameError
from platonica.sources.data import load_data
from platonica.sources.data import stamps as source
from platonica.sources.data.stamps import fetch_stamps, read_stamps


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A made-up folder of stamps, as if fetched before."""
    monkeypatch.setenv("PLATONICA_STORE", str(tmp_path))
    monkeypatch.setattr(source, "INSTALLED", tmp_path / "not installed")
    root = tmp_path / "data" / source.PACKAGE

    def stamp(name, *lines, drawing=True):
        path = root / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        if drawing:
            path.with_suffix(".png").write_bytes(name.encode())

    stamp("b/frog", "A frog. ", "de.utf8=Ein Frosch.", "ca@valencia.utf8=Una granota.")
    stamp("a/toad", "A toad.", "de.utf8= Eine Kröte.", "not a translation")
    stamp("c/frog-again", "A frog.", "de.utf8=Noch ein Frosch.")
    stamp("c/no-drawing", "Nothing.", drawing=False)
    stamp("symbols/letter", "The letter A")
    stamp("d/english", "Only English.", "de.utf8=")
    return root


def test_which_stamps_are_items(small):
    data = load_data("stamps")
    assert [item.id for item in data.items] == ["a/toad", "b/frog", "d/english"]
    assert data.items[1].payloads == {"image": (str(small / "b/frog.png"),), "text": ("A frog.",)}
    assert data.items[1].label == "b"
    assert data.items[1].group is None


def test_a_stamp_without_the_language_is_left_out(small):
    items = load_data("stamps?lang=de").items
    assert [item.payloads["text"] for item in items] == [("Eine Kröte.",), ("Ein Frosch.",)]
    assert [item.id for item in load_data("stamps?lang=ca@valencia").items] == ["b/frog"]


def test_bad_options_of_stamps(small):
    with pytest.raises(UnknownNameError, match=r"language .*'ca@valenca'; did you mean ca@valen"):
        load_data("stamps?lang=ca@valenca")
    with pytest.raises(ParameterError, match="limit must be"):
        load_data("stamps?limit=0")
    assert len(load_data("stamps?limit=2").items) == 2
    assert load_data("stamps?limit=2").revision != load_data("stamps").revision


def test_without_apt_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PLATONICA_STORE", str(tmp_path))
    monkeypatch.setattr(source, "INSTALLED", tmp_path / "not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="apt-get is not on this machine; unpack the Debian"):
        load_data("stamps")


def test_a_failed_download_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch, capsys):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("apt-get", "dpkg"):
        (tools / name).write_text("#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("PLATONICA_STORE", str(tmp_path / "store"))
    with pytest.raises(StoreError, match="Unable to locate package"):
        fetch_stamps()
    assert list((tmp_path / "store" / "data").iterdir()) == []
    assert "161 MB" in capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PLATONICA_STORE", str(tmp_path / "file"))
    monkeypatch.setattr(source.shutil, "which", lambda program: program)
    with pytest.raises(StoreError, match="cannot write"):
        fetch_stamps()


@pytest.mark.stamps
def test_the_stamps_are_the_498_pairs(stamps):
    ids = [item.id for item in stamps]
    assert len(ids) == 498
    assert ids[0] == "animals/amphibians/frog-1"
    listed = "\n".join(f"{stamp}.txt" for stamp in ids).encode()
    assert hashlib.sha256(listed).hexdigest().startswith("e3b2fb4af29d87cf")
    assert Counter(item.label for item in stamps).most_common(3) == [
        ("animals", 136),
        ("town", 77),
        ("food", 58),
    ]
    assert all(Path(item.payloads["image"][0]).is_file() for item in stamps)


@pytest.mark.stamps
def test_the_stamps_have_their_languages(stamps):
    root = Path(stamps[0].payloads["image"][0]).parents[2]
    rows = read_stamps(root)
    counts = Counter(code for _, descriptions in rows for code in descriptions)
    assert len(counts) == 78
    assert sum(count == 498 for count in counts.values()) == 30
    assert len({descriptions["de"] for _, descriptions in rows}) == 496
