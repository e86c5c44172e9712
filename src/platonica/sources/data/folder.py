"""``folder:PATH``: a folder of images, with or without captions in ``metadata.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from platonica.errors import InvalidItemError, ParameterError
from platonica.sources._contracts import Data, Item
from platonica.sources.data._building import build_data
from platonica.sources.names import Name

__all__ = ["load"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
CAPTION_KEYS = ("text", "caption", "captions")


def load(name: Name) -> Data:
    """Read a folder in the layout that Hugging Face calls imagefolder.

    Each line of ``metadata.jsonl`` is an object with ``file_name``, which becomes the id, and
    ``text`` (or ``caption``, ``captions``), a string or a list of them. Without that file, all
    images below the folder, by relative path.

    Parameters
    ----------
    name : Name
        The options are ``limit=N`` and ``captions=all`` or ``first``.

    Raises
    ------
    ParameterError
        The folder is missing or holds no images, or an unknown option.
    InvalidItemError
        A line that cannot be used; the message names file and line.
    PairingError
        A ``file_name`` stands twice.
    """
    options = name.check_options(["captions", "limit"])
    captions = options.get("captions", "all")
    if captions not in ("all", "first"):
        raise ParameterError(f"{name.text!r}: captions must be all or first, not {captions!r}")
    folder = Path(name.body).expanduser()
    if not name.body or not folder.is_dir():
        raise ParameterError(f"{name.text!r}: {name.body!r} is not a folder")
    metadata = folder / "metadata.jsonl"
    if metadata.exists():
        items = _read_metadata(folder, metadata, only_first=captions == "first")
    else:
        items = _all_images(folder)
    return build_data(name, items, f"images in the folder {folder.name!r}")


def _read_metadata(folder: Path, metadata: Path, *, only_first: bool) -> list[Item]:
    items = []
    with metadata.open(encoding="utf-8") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    where = f"{metadata.name}, line {number}"
                    items.append(_item(folder, line, where, only_first=only_first))
        except UnicodeDecodeError as error:
            raise InvalidItemError(f"{metadata.name} is not UTF-8: {error}") from error
    return items


def _item(folder: Path, line: str, where: str, *, only_first: bool) -> Item:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidItemError(f"{where}: not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("file_name"), str):
        raise InvalidItemError(f"{where}: must be an object with a file_name, not {line.strip()!r}")
    file_name = record["file_name"]
    # By its words, not by what it resolves to: a file may well be a link to another folder.
    relative = PurePosixPath(file_name)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise InvalidItemError(f"{where}: file_name must stay in the folder, not {file_name!r}")
    path = folder / relative
    if not path.is_file():
        raise InvalidItemError(f"{where}: there is no file {file_name!r}")
    payloads: dict[str, Sequence[Any]] = {"image": (str(path),)}
    if texts := _captions(record, where, file_name):
        payloads["text"] = texts[:1] if only_first else texts
    return Item(file_name, payloads)


def _captions(record: dict[str, Any], where: str, file_name: str) -> tuple[str, ...]:
    """Captions of one line; none where it has no key for them."""
    key = next((key for key in CAPTION_KEYS if record.get(key) is not None), None)
    if key is None:
        return ()
    given = record[key]
    texts = given if isinstance(given, list) else [given]
    for text in texts:  # blank ones are left to the extraction, which may be told to skip them
        if not isinstance(text, str):
            raise InvalidItemError(f"{where}: a caption of {file_name!r} is no string: {text!r}")
    return tuple(texts)


def _all_images(folder: Path) -> list[Item]:
    """Images below a folder; the subfolder is the label, as imagefolder has it."""
    relatives = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )
    return [
        Item(
            relative,
            {"image": (str(folder / relative),)},
            label=PurePosixPath(relative).parent.name or None,
        )
        for relative in relatives
    ]
