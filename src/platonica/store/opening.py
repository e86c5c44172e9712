"""Open a folder of features, after checking that it is what its manifest says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from platonica.errors import StaleFeaturesError, StoreError
from platonica.store import shards
from platonica.store.features import Features
from platonica.store.manifest import Manifest, first_problem

__all__ = ["MANIFEST", "PLAN", "open_features", "read_manifest", "verify"]

MANIFEST = "manifest.json"
PLAN = "plan.json"


def open_features(path: str | Path) -> Features:
    """Open the features in a folder, after checking that all of them are there.

    Arrays are not read before they are asked for.

    Parameters
    ----------
    path : str or Path
        A folder written by `platonica.extract`, or the manifest in it.

    Returns
    -------
    Features

    Raises
    ------
    StoreError
        No features, not finished, a broken manifest, a schema version that this version does not
        know, a shard that is missing or broken.
    StaleFeaturesError
        The manifest or a shard has another fingerprint than the plan in the manifest.
    """
    folder = _folder(path)
    manifest = read_manifest(folder)
    for shard in manifest.shards:
        contents = shards.inspect(folder / shard.file)
        if contents.header.fingerprint != manifest.fingerprint:
            raise StaleFeaturesError(
                f"{folder / shard.file} holds features of a different fingerprint than the "
                f"manifest; remove {folder} and extract again"
            )
        held = (contents.header.first_row, contents.header.n_rows)
        if held != (shard.first_row, shard.n_rows):
            raise StoreError(
                f"{folder / shard.file} holds other rows than the manifest says; "
                f"remove {folder} and extract again"
            )
        if contents.names(shards.LAYER) != tuple(sorted(layer.name for layer in manifest.layers)):
            raise StoreError(
                f"{folder / shard.file} holds other layers than the manifest says; "
                f"remove {folder} and extract again"
            )
    files = tuple(folder / shard.file for shard in manifest.shards)
    ends = np.cumsum([shard.n_rows for shard in manifest.shards])
    return Features(manifest, _Shards(files, tuple(ends.tolist())), folder)


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a folder, and nothing else of it.

    Raises
    ------
    StoreError, StaleFeaturesError
        As in `open_features`.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes())
        version = value["plan"]["schema_version"]
    except FileNotFoundError as error:
        reason = "the extraction was not finished" if (folder / PLAN).exists() else "no manifest"
        raise StoreError(f"no features in {folder}: {reason}; extract them") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"manifest {path} is broken; extract the features again") from error
    if version != 1:
        raise StoreError(
            f"manifest {path} has schema version {version!r}, but only 1 is known; "
            f"use the version of platonica that wrote it, or extract again"
        )
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        raise StoreError(f"manifest {path} is broken: {first_problem(error)}") from error
    if manifest.fingerprint != manifest.plan.fingerprint:
        raise StaleFeaturesError(
            f"manifest {path} has a different fingerprint than its plan: it was changed; "
            f"remove {folder} and extract again"
        )
    expected = [(rows.start, len(rows)) for rows in manifest.plan.shards]
    if [(shard.first_row, shard.n_rows) for shard in manifest.shards] != expected or any(
        Path(shard.file).name != shard.file for shard in manifest.shards
    ):
        raise StoreError(f"manifest {path} is broken: its shards are not those of its plan")
    return manifest


def verify(path: str | Path) -> None:
    """Read every shard and compare its bytes with the manifest.

    Parameters
    ----------
    path : str or Path
        As in `open_features`.

    Raises
    ------
    StoreError
        A shard whose bytes changed since it was written; and as in `open_features`.
    StaleFeaturesError
        As in `open_features`.
    """
    folder = _folder(path)
    for shard in open_features(folder).manifest.shards:
        if shards.sha256(folder / shard.file) != shard.sha256:
            raise StoreError(
                f"shard {folder / shard.file} changed since it was written; "
                f"remove it and extract again"
            )


@dataclass(frozen=True)
class _Shards:
    """Reads a tensor from consecutive shards."""

    files: tuple[Path, ...]
    ends: tuple[int, ...]

    def rows(self, name: str, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Some rows of a tensor, from the shards that hold them."""
        if isinstance(rows, slice):
            parts = [
                shards.some_rows(self.files[i], name, slice(start, stop))
                for i, start, stop in self._pieces(rows.start, rows.stop)
            ]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)
        shard = np.searchsorted(self.ends, rows, side="right")
        out: NDArray[Any] | None = None
        for i in np.unique(shard):
            here = np.flatnonzero(shard == i)
            within = rows[here] - (self.ends[i - 1] if i else 0)
            low, high = int(within.min()), int(within.max()) + 1
            part = shards.some_rows(self.files[i], name, slice(low, high))[within - low]
            if out is None:
                out = np.empty((len(rows), *part.shape[1:]), dtype=part.dtype)
            out[here] = part
        return self(name)[:0] if out is None else out

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (shard, first, last) of the rows from start to stop."""
        begin = 0
        for i, end in enumerate(self.ends):
            if start < end and stop > begin:
                yield i, max(start - begin, 0), min(stop, end) - begin
            begin = end

    def __call__(self, name: str) -> NDArray[Any]:
        return np.concatenate([shards.tensor(file, name) for file in self.files])


def _folder(path: str | Path) -> Path:
    path = Path(path).expanduser()
    return path.parent if path.name == MANIFEST else path
