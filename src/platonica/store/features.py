"""Read features: one layer at a time, from a folder or from memory, through one interface."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.arrays import to_numpy
from platonica.checks import check_ids
from platonica.errors import (
    PairingError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)
from platonica.item_rows import ItemRows
from platonica.store import shards
from platonica.store.manifest import Layer, Manifest, make_plan
from platonica.store.view import LayerView, Reduce

__all__ = ["Features", "Read"]

Read = Callable[[str], NDArray[Any]]
"""The rows of one tensor, by its name in a shard."""


class Features:
    """Features of every layer of one model on one data set, with item ids and provenance.

    A layer is read when it is asked for, and no other with it. Made by `open_features`,
    `Features.from_arrays`, or `platonica.extract`.

    Parameters
    ----------
    manifest : Manifest
        What there is.
    read : callable
        Returns the rows of one tensor.
    path : Path, optional
        Folder, if these are exactly the features that it holds.
    """

    def __init__(self, manifest: Manifest, read: Read, path: Path | None = None) -> None:
        self.manifest = manifest
        self.path = path
        self._read = read

    @classmethod
    def from_arrays(
        cls,
        layers: Mapping[str, Any],
        item_ids: Sequence[str],
        *,
        model: str = "array",
        model_revision: str | None = None,
        modality: str = "",
        data: str = "array",
        data_revision: str = "",
        item_index: Sequence[int] | NDArray[Any] | None = None,
        groups: Sequence[str | None] | None = None,
        side: Mapping[str, Any] | None = None,
        pooling: str = "none",
        preprocessing: str = "none",
        n_parameters: int | None = None,
    ) -> Features:
        """Features that are in memory already.

        Parameters
        ----------
        layers : mapping of layer name to array of shape (n_rows, n_features)
            From input to output; their depths are spread evenly over [0, 1].
        item_ids : sequence of str, of length n_items
        model, modality, data, data_revision, pooling, preprocessing : str
            Provenance.
        model_revision : str, optional
            By default a digest of the arrays, so that the fingerprint depends on the contents.
        item_index : sequence of int, of length n_rows, optional
            The item of each row, in order; by default row i is item i.
        groups : sequence of str or None, of length n_items, optional
        side : mapping of name to array of shape (n_rows,), optional
        n_parameters : int, optional

        Returns
        -------
        Features

        Raises
        ------
        ShapeError
            No layers, an array that is not two-dimensional, or numbers of rows that differ.
        PairingError
            Item ids repeat.
        ParameterError
            Groups or item_index do not fit the items.
        """
        ids = check_ids(item_ids)
        index = range(len(ids)) if item_index is None else [int(i) for i in item_index]
        arrays = _check_arrays(layers, side or {}, len(index))
        plan = make_plan(
            model=model,
            model_revision=_digest_of(arrays) if model_revision is None else model_revision,
            modality=modality,
            data=data,
            data_revision=data_revision,
            item_ids=ids,
            groups=None if groups is None else tuple(groups),
            item_index=tuple(index),
            layers=tuple(layers),
            pooling=pooling,
            preprocessing=preprocessing,
            dtype=str(np.result_type(*(arrays[shards.LAYER + name] for name in layers))),
        )
        manifest = Manifest(
            plan=plan,
            fingerprint=plan.fingerprint,
            layers=tuple(
                Layer(name=name, depth=depth, n_features=arrays[shards.LAYER + name].shape[1])
                for name, depth in zip(layers, _even_depths(len(layers)), strict=True)
            ),
            side=tuple(sorted(side or {})),
            n_parameters=n_parameters,
            shards=(),
            versions={},
        )
        return cls(manifest, arrays.__getitem__)

    def __repr__(self) -> str:
        return (
            f"Features({self.model} on {self.data}: {self.n_items} items, {self.n_rows} rows, "
            f"{len(self.layers)} layers)"
        )

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.manifest.plan.model

    @property
    def model_revision(self) -> str:
        """Version of its weights, or of its recipe."""
        return self.manifest.plan.model_revision

    @property
    def modality(self) -> str:
        """What the model read: ``"image"``, ``"text"``, or empty if unknown."""
        return self.manifest.plan.modality

    @property
    def data(self) -> str:
        """Name of the data set."""
        return self.manifest.plan.data

    @property
    def data_revision(self) -> str:
        """Version of the data set."""
        return self.manifest.plan.data_revision

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Ids of the items, in order."""
        return self.manifest.plan.item_ids

    @property
    def groups(self) -> tuple[str | None, ...] | None:
        """Group of each item; None where the data has no groups."""
        return self.manifest.plan.groups

    @cached_property
    def item_index(self) -> NDArray[np.int64]:
        """The item of each row, not decreasing: array of shape (n_rows,)."""
        return np.asarray(self.manifest.plan.item_index, dtype=np.int64)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.manifest.plan.item_ids)

    @property
    def n_rows(self) -> int:
        """Number of rows; an item has one or more."""
        return len(self.manifest.plan.item_index)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers from input to output."""
        return self.manifest.layers

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, from input to output."""
        return tuple(layer.name for layer in self.manifest.layers)

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the features."""
        return self.manifest.fingerprint

    @property
    def pooling(self) -> str:
        """How tokens or places became one vector."""
        return self.manifest.plan.pooling

    @property
    def preprocessing(self) -> str:
        """How stimuli became input, in words."""
        return self.manifest.plan.preprocessing

    @property
    def n_parameters(self) -> int | None:
        """Number of parameters of the model, where known."""
        return self.manifest.n_parameters

    def array(self, layer: str, reduce: Reduce | None = "first") -> NDArray[Any]:
        """Features of one layer.

        Parameters
        ----------
        layer : str
            One of `layer_names`.
        reduce : {"first", "mean", "pool"} or None, default "first"
            What stands for an item with several rows: its first row, their mean (taken in
            float64), or the mean of the rows at length 1. With None, all rows; `item_index` says
            whose they are.

        Returns
        -------
        array of shape (n_items, n_features), or (n_rows, n_features) with ``reduce=None``

        Raises
        ------
        UnknownNameError
            There is no such layer.
        ParameterError
            Another ``reduce``.
        StoreError
            A shard cannot be read.
        """
        if reduce is not None:
            return np.asarray(self.view(layer, reduce))
        self._check_layer(layer)
        return self._read(shards.LAYER + layer)

    def item_rows(self, layer: str, how: Literal["set", "expand"]) -> ItemRows:
        """Features of all rows of one layer, for measures that compare items of several rows.

        Raises
        ------
        UnknownNameError
            There is no such layer.
        """
        return ItemRows(self.array(layer, None), self._spans[1], how)

    def view(self, layer: str, reduce: Reduce = "first") -> LayerView:
        """One layer whose rows are read when they are asked for.

        Parameters
        ----------
        layer : str
            One of `layer_names`.
        reduce : {"first", "mean", "pool"}, default "first"
            As in `array`.

        Returns
        -------
        LayerView
            Of shape (n_items, n_features).

        Raises
        ------
        UnknownNameError
            There is no such layer.
        ParameterError
            Another ``reduce``.
        """
        self._check_layer(layer)
        if reduce not in ("first", "mean", "pool"):
            raise ParameterError(f"reduce must be 'first', 'mean' or 'pool', not {reduce!r}")
        name, width = shards.LAYER + layer, self.layers[self.layer_names.index(layer)].n_features
        assert width is not None, "a manifest that can be opened states every width"
        return LayerView(
            lambda rows: _read_rows(self._read, name, rows),
            *self._spans,
            reduce=reduce,
            n_features=width,
            dtype=np.dtype(self.manifest.plan.dtype),
        )

    def _check_layer(self, layer: str) -> None:
        if layer not in self.layer_names:
            raise UnknownNameError.among(f"layer of {self.model}", layer, self.layer_names)

    def side(self, name: str) -> NDArray[Any]:
        """One side result, such as the loss of each text: array of shape (n_rows,).

        Raises
        ------
        UnknownNameError
            There is no such side result.
        StoreError
            A shard cannot be read.
        """
        if name not in self.manifest.side:
            raise UnknownNameError.among(f"side result of {self.model}", name, self.manifest.side)
        return self._read(shards.SIDE + name)

    def take(self, item_ids: Sequence[str]) -> Features:
        """Return the features of some items, in that order; layers are still read when asked for.

        Parameters
        ----------
        item_ids : sequence of str
            Of these features, none twice.

        Returns
        -------
        Features
            With a fingerprint of their own, unless these are all items in their own order.

        Raises
        ------
        PairingError
            An id that is not here, or one that repeats.
        """
        ids = check_ids(item_ids)
        if ids == self.item_ids:
            return self
        place = {item: i for i, item in enumerate(self.item_ids)}
        unknown = [item for item in ids if item not in place]
        if unknown:
            raise PairingError(
                f"item_ids: {len(unknown)} of {len(ids)} are not items of {self.model} on "
                f"{self.data}, first {unknown[0]!r}"
            )
        items = [place[item] for item in ids]
        first, counts = (span.tolist() for span in self._spans)
        rows = [row for i in items for row in range(first[i], first[i] + counts[i])]
        update = {
            "item_ids": ids,
            "groups": self.groups and tuple(self.groups[i] for i in items),
            "item_index": tuple(new for new, i in enumerate(items) for _ in range(counts[i])),
        }
        plan = self.manifest.plan.model_copy(update=update)
        manifest = self.manifest.model_copy(
            update={"plan": plan, "fingerprint": plan.fingerprint, "shards": ()}
        )
        return Features(manifest, _SomeRows(self._read, np.asarray(rows, dtype=np.int64)))

    @cached_property
    def _spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row and number of rows of each item."""
        counts = np.bincount(self.item_index, minlength=self.n_items).astype(np.int64)
        return np.cumsum(counts) - counts, counts


@dataclass(frozen=True)
class _SomeRows:
    """Reads some rows of what another reads."""

    read: Read
    chosen: NDArray[np.int64]

    def __call__(self, name: str) -> NDArray[Any]:
        taken: NDArray[Any] = self.read(name)[self.chosen]
        return taken

    def rows(self, name: str, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Some of them."""
        return _read_rows(self.read, name, self.chosen[rows])


def _read_rows(read: Any, name: str, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
    """Some rows of a tensor, by the reader's own way where it has one."""
    part: NDArray[Any] = read.rows(name, rows) if hasattr(read, "rows") else read(name)[rows]
    return part


def _check_arrays(
    layers: Mapping[str, Any], side: Mapping[str, Any], n_rows: int
) -> dict[str, NDArray[Any]]:
    """Arrays by their names in a shard."""
    if not layers:
        raise ShapeError("layers must hold at least one array")
    arrays = {shards.LAYER + name: to_numpy(array, name) for name, array in layers.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape[1] == 0:
            raise ShapeError(f"{name} must have shape (n_rows, n_features), not {array.shape}")
    for name, values in side.items():
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind not in "fiub":
            raise ShapeError(f"side:{name} must be numbers of shape (n_rows,), not {array.shape}")
        arrays[shards.SIDE + name] = array
    for name, array in arrays.items():
        if len(array) != n_rows:
            raise ShapeError(f"{name} must have {n_rows} rows, one for each id, not {len(array)}")
    return arrays


def _digest_of(arrays: Mapping[str, NDArray[Any]]) -> str:
    """32 hexadecimal digits of names, dtypes, shapes and contents."""
    state = hashlib.blake2b(digest_size=16)
    for name, array in arrays.items():
        state.update(f"{name!r} {array.dtype.str} {array.shape}\n".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _even_depths(n_layers: int) -> list[float]:
    return [1.0] if n_layers == 1 else [i / (n_layers - 1) for i in range(n_layers)]
