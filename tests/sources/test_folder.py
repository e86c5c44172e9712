import json

import pytest
from PIL import Image

from platonica.errors import InvalidItemError, PairingError, ParameterError
from platonica.sources.data import load_data


@pytest.fixture
def folder(tmp_path):
    """A folder with three images; lines of metadata are written by the test."""
    (tmp_path / "images").mkdir()
    for number, name in enumerate("abc"):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "images" / f"{name}.png")
    return tmp_path


def describe(folder, *lines):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "metadata.jsonl").write_text(text + "\n", encoding="utf-8")
    return f"folder:{folder}"


def test_captions_may_be_one_or_several_under_three_keys(folder):
    data = load_data(
        describe(
            folder,
            {"file_name": "images/b.png", "text": ["eins", "zwei"]},
            {"file_name": "images/a.png", "caption": "one"},
            "",
            {"file_name": "images/c.png", "captions": ["drei"]},
        )
    )
    assert [item.id for item in data.items] == ["images/b.png", "images/a.png", "images/c.png"]
    assert [item.payloads["text"] for item in data.items] == [("eins", "zwei"), ("one",), ("drei",)]
    assert data.items[0].payloads["image"] == (str(folder / "images/b.png"),)
    assert data.modalities == ("image", "text")


def test_options_cut_captions_and_items(folder):
    name = describe(
        folder,
        {"file_name": "images/a.png", "text": ["1", "2"]},
        {"file_name": "images/b.png", "text": ["3", "4"]},
    )
    first = load_data(f"{name}?captions=first&limit=1")
    assert [item.payloads["text"] for item in first.items] == [("1",)]
    assert first.name == f"{name}?captions=first&limit=1"
    assert first.revision != load_data(name).revision


def test_without_metadata_all_images_are_items(folder):
    (folder / "notes.txt").write_text("no image")
    data = load_data(f"folder:{folder}")
    assert [item.id for item in data.items] == ["images/a.png", "images/b.png", "images/c.png"]
    assert data.modalities == ("image",)
    assert data.items[0].label == "images"


def test_the_revision_follows_images_and_captions(folder):
    name = describe(folder, {"file_name": "images/a.png", "text": "one"})
    before = load_data(name).revision
    assert load_data(name).revision == before
    describe(folder, {"file_name": "images/a.png", "text": "two"})
    changed = load_data(name).revision
    assert changed != before
    image = folder / "images/a.png"
    image.write_bytes(image.read_bytes()[:-1] + b"!")
    assert load_data(name).revision != changed


def test_past_a_size_names_and_sizes_stand_for_contents(folder, monkeypatch):
    monkeypatch.setattr("platonica.sources.data._building.WHOLE_CONTENTS_BYTES", 10)
    before = load_data(f"folder:{folder}").revision
    assert before.startswith("names and sizes")
    Image.new("RGB", (40, 40), (9, 0, 0)).save(folder / "images/a.png")
    assert load_data(f"folder:{folder}").revision != before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "metadata.jsonl, line 2: not JSON"),
        ('["list"]', "line 2: must be an object with a file_name"),
        ({"text": "x"}, "line 2: must be an object with a file_name"),
        ({"file_name": 3, "text": "x"}, "line 2: must be an object with a file_name"),
        ({"file_name": "images/none.png", "text": "x"}, "line 2: there is no file"),
        ({"file_name": "../outside.png", "text": "x"}, "line 2: file_name must stay in the folder"),
        ({"file_name": "images/../../x.png"}, "line 2: file_name must stay in the folder"),
        ({"file_name": "/etc/hosts"}, "line 2: file_name must stay in the folder"),
        ({"file_name": ""}, "line 2: file_name must stay in the folder"),
        ({"file_name": "images/b.png", "text": [1]}, "'images/b.png' is no string"),
    ],
)
def test_a_bad_line_is_named(folder, line, message):
    (folder.parent / "outside.png").write_bytes(b"")
    name = describe(folder, {"file_name": "images/a.png", "text": "x"}, line)
    with pytest.raises(InvalidItemError) as caught:
        load_data(name)
    assert message in str(caught.value)


def test_a_repeated_image_is_refused(folder):
    line = {"file_name": "images/a.png", "text": "x"}
    with pytest.raises(PairingError, match=r"first 'images/a\.png'"):
        load_data(describe(folder, line, line))


def test_metadata_that_is_not_utf8_is_named(folder):
    (folder / "metadata.jsonl").write_bytes(b'{"file_name": "\xff"}\n')
    with pytest.raises(InvalidItemError, match="not UTF-8"):
        load_data(f"folder:{folder}")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?captions=some", "captions must be all or first, not 'some'"),
        ("?limit=0", "limit must be a whole number of at least 1, not '0'"),
        ("?limit=two", "limit must be a whole number"),
        ("?lang=de", "unknown option 'lang'; the options are captions, limit"),
    ],
)
def test_a_bad_option_is_refused(folder, query, message):
    with pytest.raises(ParameterError) as caught:
        load_data(f"folder:{folder}{query}")
    assert message in str(caught.value)


def test_a_folder_without_images_and_no_folder_at_all(tmp_path):
    with pytest.raises(ParameterError, match="has no items"):
        load_data(f"folder:{tmp_path}")
    for path in ("", tmp_path / "nowhere"):
        with pytest.raises(ParameterError, match="is not a folder"):
            load_data(f"folder:{path}")


@pytest.mark.shared
def test_flickr_photos_have_five_captions_each(shared_data):
    data = load_data(f"folder:{shared_data / 'flickr8k-dev'}")
    assert len(data.items) == 700
    assert {len(item.payloads["text"]) for item in data.items} == {5}
    assert data.items[0].payloads["text"][0] == "A black dog and a spotted dog are fighting"
