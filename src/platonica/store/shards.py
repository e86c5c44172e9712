"""One shard: consecutive rows of all layers in a safetensors file that says whose they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open

from platonica.errors import StoreError

__all__ = [
    "LAYER",
    "SIDE",
    "ShardContents",
    "ShardHeader",
    "inspect",
    "pack",
    "sha256",
    "some_rows",
    "tensor",
]

LAYER = "layer:"
SIDE = "side:"
"""Prefixes of the tensor names, so that no layer can be taken for a side result."""

_KEY = "platonica"


class ShardHeader(BaseModel):
    """Whose rows a shard holds, and which.

    Attributes
    ----------
    fingerprint : str
        Of the plan that it belongs to.
    first_row, n_rows : int
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    first_row: int
    n_rows: int


@dataclass(frozen=True)
class ShardContents:
    """A shard that is whole, seen without reading its arrays.

    Attributes
    ----------
    header : ShardHeader
    shapes : mapping of tensor name to shape
    """

    header: ShardHeader
    shapes: Mapping[str, tuple[int, ...]]

    def names(self, prefix: str) -> tuple[str, ...]:
        """Names with a prefix, sorted and without it."""
        return tuple(sorted(n.removeprefix(prefix) for n in self.shapes if n.startswith(prefix)))


def pack(
    header: ShardHeader, layers: Mapping[str, NDArray[Any]], side: Mapping[str, NDArray[Any]]
) -> bytes:
    """Serialise a shard; the same arrays always give the same bytes.

    Parameters
    ----------
    header : ShardHeader
    layers : mapping of layer name to array of shape (n_rows, n_features)
    side : mapping of name to array of shape (n_rows,)

    Returns
    -------
    bytes
        A safetensors file.
    """
    tensors = {LAYER + name: array for name, array in layers.items()}
    tensors |= {SIDE + name: array for name, array in side.items()}
    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    # One metadata key only: the format's writer keeps them in no fixed order.
    return safetensors.numpy.save(ordered, metadata={_KEY: header.model_dump_json()})


def inspect(path: Path) -> ShardContents:
    """Read the header of a shard and check the file against it, without reading arrays.

    Raises
    ------
    StoreError
        Not there, cut short, grown, or no shard of this package.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = ShardHeader.model_validate_json((file.metadata() or {})[_KEY])
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except FileNotFoundError as error:
        raise StoreError(f"shard {path} is missing; extract the features again") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise StoreError(f"shard {path} is broken; extract the features again") from error
    return ShardContents(header, shapes)


def tensor(path: Path, name: str) -> NDArray[Any]:
    """Read one tensor of a shard and nothing else of it.

    Raises
    ------
    StoreError
        The shard cannot be read, or has no such tensor.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise StoreError(f"shard {path} is broken: {name!r} cannot be read from it") from error
    return array


def some_rows(path: Path, name: str, rows: slice) -> NDArray[Any]:
    """Read consecutive rows of one tensor of a shard and nothing else of it.

    Raises
    ------
    StoreError
        As in `tensor`.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            part: NDArray[Any] = file.get_slice(name)[rows.start : rows.stop]
    except (SafetensorError, OSError) as error:
        raise StoreError(f"shard {path} is broken: {name!r} cannot be read from it") from error
    return part


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises
    ------
    StoreError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
