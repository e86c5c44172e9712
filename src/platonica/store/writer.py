"""Write features shard by shard, so that a killed run loses no shard that was whole."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError, StaleFeaturesError, StoreError
from platonica.store import atomic, shards
from platonica.store.features import Features
from platonica.store.manifest import Layer, Manifest, Plan, Shard
from platonica.store.opening import MANIFEST, PLAN, open_features, read_manifest

__all__ = ["FeatureWriter"]

# Libraries whose version can change features; which of them are installed is recorded.
_LIBRARIES = (
    "numpy", "pillow", "torch", "torchvision", "timm", "transformers", "tokenizers",
    "open_clip_torch", "sentence-transformers", "onnxruntime", "gguf", "safetensors",
)  # fmt: skip


class FeatureWriter:
    """Fill one folder with the features of one plan.

    The plan is written first, each shard when it is whole, the manifest last. Several processes
    may fill one folder: they write the same bytes.

    Parameters
    ----------
    folder : Path
        Created with the first shard.
    plan : Plan
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = Path(folder)
        self.plan = plan
        self._fingerprint = plan.fingerprint
        self._begun = False

    def missing(self, layers: Sequence[str] | None = None) -> list[range]:
        """List the rows of each shard that is not there whole: absent, broken or foreign.

        Parameters
        ----------
        layers : sequence of str, optional
            Names that a shard must hold; one that holds others counts as missing.
        """
        return [rows for rows in self.plan.shards if not self._is_whole(rows, layers)]

    def write(
        self,
        first_row: int,
        layers: Mapping[str, NDArray[np.float32]],
        side: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Write one shard.

        Parameters
        ----------
        first_row : int
            Where a shard of the plan begins: a multiple of its ``shard_rows``.
        layers : mapping of layer name to array of shape (n_rows_of_the_shard, n_features), float32
        side : mapping of name to array of shape (n_rows_of_the_shard,), optional

        Raises
        ------
        ParameterError
            No shard begins at ``first_row``.
        ShapeError
            An array has another number of rows, another number of axes or another dtype.
        StaleFeaturesError
            The folder holds the features of another plan.
        StoreError
            The folder is not writable, the disk is full.
        """
        rows = self._rows_at(first_row)
        side = side or {}
        _check_arrays(layers, side, rows)
        self._begin()
        header = self._header(rows)
        self._put(self._file(rows), shards.pack(header, layers, side))

    def finish(self, layers: Sequence[Layer], n_parameters: int | None = None) -> Features:
        """Write the manifest and open the features.

        Parameters
        ----------
        layers : sequence of Layer
            From input to output, exactly those that were written.
        n_parameters : int, optional

        Returns
        -------
        Features

        Raises
        ------
        StoreError
            A shard is missing or broken, or shards differ in layers or widths; the folder is not
            writable, the disk is full.
        StaleFeaturesError
            A shard, or the folder, belongs to another plan.
        """
        contents = self._check_shards({layer.name for layer in layers})
        shapes = contents.shapes
        manifest = Manifest(
            plan=self.plan,
            fingerprint=self._fingerprint,
            layers=tuple(
                layer.model_copy(update={"n_features": shapes[shards.LAYER + layer.name][1]})
                for layer in layers
            ),
            side=contents.names(shards.SIDE),
            n_parameters=n_parameters,
            shards=tuple(
                Shard(
                    file=self._file(rows),
                    first_row=rows.start,
                    n_rows=len(rows),
                    sha256=shards.sha256(self.folder / self._file(rows)),
                )
                for rows in self.plan.shards
            ),
            versions=_versions(),
        )
        self._begin()
        self._put(MANIFEST, atomic.json_bytes(manifest.model_dump(mode="json")))
        atomic.remove_temporaries(self.folder)
        return open_features(self.folder)

    def _check_shards(self, layers: set[str]) -> shards.ShardContents:
        """Check that all shards are there and alike; return what each of them holds."""
        first: shards.ShardContents | None = None
        for rows in self.plan.shards:
            path = self.folder / self._file(rows)
            contents = shards.inspect(path)
            if contents.header != self._header(rows):
                raise StaleFeaturesError(f"shard {path} belongs to other features; extract again")
            first = first or contents
            if set(contents.names(shards.LAYER)) != layers or _widths(contents) != _widths(first):
                raise StoreError(f"shard {path} holds other layers or widths; extract again")
        if first is None:
            raise ShapeError("features need at least one row")
        return first

    def _begin(self) -> None:
        """Make sure that the folder is this plan's; it says so before the first shard."""
        if self._begun:
            return
        atomic.make_folder(self.folder)
        if (self.folder / MANIFEST).exists():
            try:
                other = read_manifest(self.folder).fingerprint
            except StaleFeaturesError:
                raise
            except StoreError:  # broken: about to be written anew
                other = self._fingerprint
            if other != self._fingerprint:
                raise StaleFeaturesError(
                    f"{self.folder} holds features of another fingerprint than the plan's; "
                    f"choose another folder, or remove it"
                )
        self._put(PLAN, atomic.json_bytes(self.plan.model_dump(mode="json")))
        self._begun = True

    def _put(self, name: str, data: bytes) -> None:
        """Write a file, unless another process that fills the same folder has done it."""
        path = self.folder / name
        try:
            atomic.write_bytes(path, data)
        except StoreError:
            if not (path.is_file() and path.read_bytes() == data):
                raise

    def _rows_at(self, first_row: int) -> range:
        n_rows, size = len(self.plan.item_index), self.plan.shard_rows
        if first_row % size or not 0 <= first_row < n_rows:
            raise ParameterError(
                f"first_row must be a multiple of {size} below {n_rows}, not {first_row}"
            )
        return range(first_row, min(first_row + size, n_rows))

    def _file(self, rows: range) -> str:
        return f"shard-{rows.start // self.plan.shard_rows:05d}.safetensors"

    def _header(self, rows: range) -> shards.ShardHeader:
        return shards.ShardHeader(
            fingerprint=self._fingerprint, first_row=rows.start, n_rows=len(rows)
        )

    def _is_whole(self, rows: range, layers: Sequence[str] | None) -> bool:
        try:
            contents = shards.inspect(self.folder / self._file(rows))
        except StoreError:
            return False
        return contents.header == self._header(rows) and (
            layers is None or contents.names(shards.LAYER) == tuple(sorted(layers))
        )


def _check_arrays(
    layers: Mapping[str, NDArray[Any]], side: Mapping[str, NDArray[Any]], rows: range
) -> None:
    for name, array in layers.items():
        if array.ndim != 2 or array.shape[1] == 0 or array.dtype != np.float32:
            raise ShapeError(
                f"layer {name!r} must be float32 of shape (n_rows, n_features), "
                f"not {array.dtype} of shape {array.shape}"
            )
    for name, values in side.items():
        if values.ndim != 1 or values.dtype.kind not in "fiub":
            raise ShapeError(
                f"side result {name!r} must be numbers of shape (n_rows,), "
                f"not {values.dtype} of shape {values.shape}"
            )
    for name, array in [*layers.items(), *side.items()]:
        if len(array) != len(rows):
            raise ShapeError(
                f"{name!r} must have {len(rows)} rows, those of the shard at row {rows.start}, "
                f"not {len(array)}"
            )


def _widths(contents: shards.ShardContents) -> dict[str, tuple[int, ...]]:
    return {name: shape[1:] for name, shape in contents.shapes.items()}


def _versions() -> dict[str, str]:
    """Installed versions: what is imported would differ between a run and its continuation."""
    import platonica

    versions = {"platonica": platonica.__version__}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
