"""Data sources: from a name to items."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from platonica.errors import UnknownNameError
from platonica.sources._contracts import Data
from platonica.sources.names import Name, parse_name

__all__ = ["DATA_SOURCES", "DataRow", "list_data", "load_data"]

DATA_SOURCES: dict[str, str] = {
    "stamps": "platonica.sources.data.stamps:load",
    "folder": "platonica.sources.data.folder:load",
}
"""Scheme to the function that loads the data of a `Name`. Packages add schemes by entry points of
the group ``platonica.data``, which load on the first look-up of an unknown one."""


@dataclass(frozen=True)
class DataRow:
    """One line of ``platonica data``.

    Attributes
    ----------
    name, modalities, options, content, licence : str
    """

    name: str
    modalities: str
    options: str
    content: str
    licence: str


def load_data(name: str) -> Data:
    """Return the items of a data set; images are paths, not yet read as images.

    Parameters
    ----------
    name : str
        For example ``"stamps?lang=de"`` or ``"folder:photos?captions=first&limit=100"``.

    Raises
    ------
    UnknownNameError
        No such source, or no such language; the message holds the nearest.
    ParameterError
        An option that the source does not take, a folder that is not there, no items.
    InvalidItemError
        An item that cannot be used; the message names it.
    PairingError
        An id stands twice.
    StoreError
        Data that must be fetched cannot be.
    """
    parsed = parse_name(name)
    load = _source(parsed)
    if load is None:
        raise UnknownNameError.among("data", parsed.path, [row.name for row in list_data()])
    return load(parsed)


def list_data() -> tuple[DataRow, ...]:
    """List the data sources that come with the package."""
    return (
        DataRow(
            "stamps",
            "image, text",
            "lang, limit",
            "498 Tux Paint stamps with one description, in 78 languages (161 MB download, once)",
            "GPL-2",
        ),
        DataRow(
            "folder:PATH",
            "image, and text with metadata.jsonl",
            "captions, limit",
            "your images; one or several captions each in metadata.jsonl (imagefolder layout)",
            "yours",
        ),
    )


def _source(name: Name) -> Callable[[Name], Data] | None:
    if name.scheme in DATA_SOURCES:
        module, _, function = DATA_SOURCES[name.scheme].partition(":")
        found: Callable[[Name], Data] = getattr(importlib.import_module(module), function)
        return found
    for entry_point in metadata.entry_points(group="platonica.data", name=name.scheme):
        loaded: Callable[[Name], Data] = entry_point.load()
        return loaded
    return None
