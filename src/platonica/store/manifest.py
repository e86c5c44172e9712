"""The manifest of stored features, and the fingerprint that tells one set from another."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["Layer", "Manifest", "Plan", "Shard"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Layer(_Frozen):
    """A named tap point of a model.

    Attributes
    ----------
    name : str
        The model's own name for it.
    depth : float in [0, 1]
        0 is the input, 1 the last layer.
    n_features : int, optional
        Width after pooling.
    """

    name: str
    depth: float
    n_features: int | None = None


class Plan(_Frozen):
    """All that decides the bytes of the features; its digest is the fingerprint.

    Attributes
    ----------
    model, model_revision, modality : str
    data, data_revision : str
    item_ids : tuple of str
    groups : tuple of (str or None), or None
        One entry an item; None where the data has no groups.
    item_index : tuple of int
        The item of each row: five captions are five rows of one item. Not decreasing.
    layers : tuple of str, or "all"
        As requested.
    pooling, preprocessing, dtype : str
    shard_rows : int
        Rows of one shard; batches never cross shards, so they belong to the identity.
    """

    schema_version: Literal[1] = 1
    model: str
    model_revision: str
    modality: str
    data: str
    data_revision: str
    item_ids: tuple[str, ...]
    groups: tuple[str | None, ...] | None = None
    item_index: tuple[int, ...]
    layers: tuple[str, ...] | Literal["all"] = "all"
    pooling: str
    preprocessing: str
    dtype: str = "float32"
    shard_rows: int = 64

    @property
    def fingerprint(self) -> str:
        """Digest of every field, as 32 hexadecimal digits."""
        return digest(self.model_dump(mode="json"))


class Shard(_Frozen):
    """One file of consecutive rows."""

    file: str
    first_row: int
    n_rows: int
    sha256: str


class Manifest(_Frozen):
    """What a folder of features holds. It is written last: where it is, all is there."""

    plan: Plan
    fingerprint: str
    layers: tuple[Layer, ...]
    side: tuple[str, ...] = ()
    n_parameters: int | None = None
    shards: tuple[Shard, ...]
    versions: dict[str, str]


def digest(value: Any) -> str:
    """32 hexadecimal digits that depend on a JSON value and on nothing else."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
