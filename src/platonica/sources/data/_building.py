"""What the data sources share: limits, ids, revisions, and where fetched data lie."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from platonica.checks import check_ids
from platonica.errors import ParameterError
from platonica.sources._contracts import Data, Item
from platonica.sources.names import Name
from platonica.store import default_root

__all__ = ["build_data", "cache_folder"]

WHOLE_CONTENTS_BYTES = 256 * 2**20
"""Up to this size all images are read for the revision; past it their sizes stand for them."""


def build_data(name: Name, items: Sequence[Item], reference: str) -> Data:
    """Make data of some items, cut to ``?limit=N``; the revision follows their contents.

    Parameters
    ----------
    name : Name
    items : sequence of Item
        Payloads of ``"image"`` are paths.
    reference : str
        Source and licence.

    Raises
    ------
    ParameterError
        No items, or a limit below 1.
    PairingError
        An id stands twice.
    """
    check_ids([item.id for item in items], f"ids of {name.path!r}")
    items = tuple(items[: name.count("limit", least=1)])
    if not items:
        raise ParameterError(f"{name.text!r} has no items")
    return Data(name.text, _revision(items), items, reference)


def cache_folder() -> Path:
    """Return the folder for fetched data, in the store's root folder; it may not exist yet."""
    return default_root() / "data"


def _revision(items: Sequence[Item]) -> str:
    """Digest of ids, groups, labels, texts and images."""
    images = [Path(path) for item in items for path in item.payloads.get("image", ())]
    sizes = [path.stat().st_size for path in images]
    whole = sum(sizes) <= WHOLE_CONTENTS_BYTES
    state = hashlib.blake2b(digest_size=8)
    for item in items:
        texts = list(item.payloads.get("text", ()))
        state.update(repr((item.id, item.group, item.label, texts)).encode())
    for path, size in zip(images, sizes, strict=True):
        state.update(repr((path.name, size)).encode())
        if whole:
            state.update(path.read_bytes())
    return f"{'contents' if whole else 'names and sizes'} {state.hexdigest()}"
