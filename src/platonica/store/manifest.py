"""The manifest of stored features, and the fingerprint that tells one set from another."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from platonica.errors import ParameterError

__all__ = ["Layer", "Manifest", "Plan", "Shard", "digest", "first_problem", "make_plan"]


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

    Raises
    ------
    pydantic.ValidationError
        A field of another type, ids that repeat, groups or rows that do not fit the items;
        `make_plan` says it in one line.
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

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.item_ids)) != len(self.item_ids):
            raise ValueError("item_ids must not repeat")
        if self.groups is not None and len(self.groups) != len(self.item_ids):
            raise ValueError("groups must have one entry an item")
        # Every item in order, each with one row or more.
        if list(dict.fromkeys(self.item_index)) != list(range(len(self.item_ids))) or any(
            before > after for before, after in pairwise(self.item_index)
        ):
            raise ValueError("item_index must name every item, in order, once or more")
        if self.shard_rows < 1:
            raise ValueError("shard_rows must be at least 1")
        for text in (self.model, self.data, *self.item_ids, *(self.groups or ())):
            # File names may hold bytes that are no text; they have no digest and no JSON.
            if text is not None and any("\ud800" <= character <= "\udfff" for character in text):
                raise ValueError(f"names, ids and groups must be valid Unicode, not {text!a}")
        return self

    @property
    def fingerprint(self) -> str:
        """Digest of every field, as 32 hexadecimal digits."""
        return digest(self.model_dump(mode="json"))

    @property
    def shards(self) -> tuple[range, ...]:
        """The rows of each shard, in order."""
        rows = range(len(self.item_index))
        return tuple(rows[first : first + self.shard_rows] for first in rows[:: self.shard_rows])


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


def make_plan(**fields: Any) -> Plan:
    """Return a plan from its fields.

    Raises
    ------
    ParameterError
        A field is missing, unknown, of another type, or does not fit the others.
    """
    try:
        return Plan(**fields)
    except ValidationError as error:
        raise ParameterError(f"features cannot be described: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Say the first of the problems that a model has with its fields, in one line."""
    problem = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def digest(value: Any) -> str:
    """32 hexadecimal digits that depend on a JSON value and on nothing else."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
