"""``file:PATH``: features that were computed elsewhere."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_ids
from platonica.errors import (
    DegenerateInputError,
    PairingError,
    ParameterError,
    ShapeError,
    StoreError,
)
from platonica.sources.names import parse_name

if TYPE_CHECKING:
    from platonica.store import Features

__all__ = ["is_file_name", "open_file"]

Arrays = dict[str, NDArray[Any]]


def is_file_name(name: str) -> bool:
    """Whether a name means ready features rather than a model."""
    return name.startswith("file:")


def open_file(name: str) -> Features:
    """Features from a file of arrays.

    Parameters
    ----------
    name : str
        ``file:emb.npy?ids=ids.txt``. A ``.npy`` file holds one layer, named ``features``; in
        ``.npz`` and ``.safetensors`` every array is a layer. Every layer has shape
        (n_items, n_features). Ids stand one a line in the file of ids, or in an array ``ids`` of
        strings in ``.npz``; without them they are the row numbers.

    Returns
    -------
    Features

    Raises
    ------
    ParameterError
        Not such a name, an unknown suffix or option, or a file that is not there.
    StoreError
        A file that cannot be read, or would need pickle.
    ShapeError
        A layer that is not two-dimensional, or layers of different length.
    DegenerateInputError
        NaN or infinite values.
    PairingError
        The ids repeat, or are not as many as the rows.
    """
    parsed = parse_name(name)
    if parsed.scheme != "file":
        raise ParameterError(f"a name of ready features must begin with file:, not {name!r}")
    options = parsed.check_options(["ids"])
    path = _existing(name, parsed.body)
    layers = _read(name, path)
    ids = layers.pop("ids", None) if path.suffix == ".npz" else None
    if not layers:
        raise ShapeError(f"{name!r}: the file holds no layer")
    n_items = _check_layers(name, layers)
    if "ids" in options:
        item_ids = _read_ids(_existing(name, options["ids"]))
    elif ids is not None:
        if ids.dtype.kind != "U" or ids.ndim != 1:
            raise PairingError(
                f"{name!r}: the array ids must be one-dimensional and hold strings, "
                f"not {ids.dtype} of shape {ids.shape}"
            )
        item_ids = [str(item) for item in ids]
    else:
        item_ids = [str(row) for row in range(n_items)]
    if len(item_ids) != n_items:
        raise PairingError(f"{name!r}: {len(item_ids)} ids for {n_items} rows")
    check_ids(item_ids, f"ids of {name!r}")
    from platonica.store import Features

    return Features.from_arrays(layers, item_ids, model=name)


def _existing(name: str, path: str) -> Path:
    found = Path(path).expanduser()
    if not path or not found.is_file():
        raise ParameterError(f"{name!r}: there is no file {path!r}")
    return found


def _read(name: str, path: Path) -> Arrays:
    if path.suffix not in _READERS:
        raise ParameterError(
            f"{name!r}: the file must end with {', '.join(_READERS)}, not {path.suffix!r}"
        )
    try:
        return dict(_READERS[path.suffix](path))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"{name!r}: cannot be read: {error}") from error


def _read_npy(path: Path) -> Arrays:
    return {"features": np.load(path, allow_pickle=False)}


def _read_npz(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def _read_safetensors(path: Path) -> Mapping[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: Mapping[str, NDArray[Any]] = load_file(path)
    except (SafetensorError, KeyError, TypeError) as error:  # KeyError: a dtype NumPy has not
        raise ValueError(str(error)) from error
    return arrays


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".safetensors": _read_safetensors}


def _check_layers(name: str, layers: Arrays) -> int:
    """Return the common number of rows."""
    lengths = {}
    for layer, array in layers.items():
        if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiub":
            raise ShapeError(
                f"{name!r}: layer {layer!r} must hold real numbers in shape "
                f"(n_items, n_features), not {array.dtype} of shape {array.shape}"
            )
        finite = np.isfinite(array).all(axis=1)
        if not finite.all():
            raise DegenerateInputError(
                f"{name!r}: layer {layer!r} has NaN or infinite values in "
                f"{int((~finite).sum())} rows, first in row {int(np.argmin(finite))}"
            )
        lengths[layer] = len(array)
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{layer} {length}" for layer, length in lengths.items())
        raise ShapeError(f"{name!r}: all layers must have the same items, but rows are {counts}")
    return next(iter(lengths.values()))


def _read_ids(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StoreError(f"ids file {path.name!r} is not UTF-8: {error}") from error
