"""Results as JSON: records of a run, and a cache of single records."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from platonica.errors import ParameterError, StoreError
from platonica.store import atomic

__all__ = ["RecordCache", "read_records", "write_records"]

_VERSION = 1


def write_records(path: str | Path, run: Mapping[str, Any]) -> None:
    """Write the results of a run, whole or not at all.

    Parameters
    ----------
    path : str or Path
        A JSON file; its folder is created.
    run : mapping
        JSON values, NumPy scalars and arrays. NaN and infinities, which JSON has not, become null.

    Raises
    ------
    ParameterError
        A value that JSON cannot hold.
    StoreError
        The folder is not writable, the disk is full.
    """
    path = Path(path)
    value = _to_json(run, "run")
    if value.get("schema_version", _VERSION) != _VERSION:
        raise ParameterError(
            f"run: schema_version must be {_VERSION}, not {value['schema_version']!r}"
        )
    atomic.make_folder(path.parent)
    atomic.write_json(path, {"schema_version": _VERSION, **value})


def read_records(path: str | Path) -> dict[str, Any]:
    """Read what `write_records` wrote.

    Returns
    -------
    dict
        With ``schema_version``.

    Raises
    ------
    StoreError
        Not there, not JSON, or of a schema version that this version does not know.
    """
    path = Path(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read records {path}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"records {path} are broken: not JSON") from error
    version = value.get("schema_version") if isinstance(value, dict) else None
    if version != _VERSION:
        raise StoreError(
            f"records {path} have schema version {version!r}, but only {_VERSION} is known; "
            f"use the version of platonica that wrote them"
        )
    return dict(value)


class RecordCache:
    """Records by key, one file each; safe to share between processes.

    Parameters
    ----------
    folder : str or Path
        Created with the first record.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the record of a key; None if there is none, or its file is broken.

        Parameters
        ----------
        key : str
            A digest: 8 to 128 hexadecimal digits.

        Raises
        ------
        ParameterError
            Another key.
        """
        try:
            value = read_records(self._file(key))
        except StoreError:
            return None
        record = value.get("record")
        return record if value.get("key") == key and isinstance(record, dict) else None

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record; one that was there is replaced.

        Raises
        ------
        ParameterError
            A key that is no digest, or a value that JSON cannot hold.
        StoreError
            The folder is not writable, the disk is full.
        """
        write_records(self._file(key), {"key": key, "record": record})

    def _file(self, key: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{8,128}", key):
            raise ParameterError(f"key must be 8 to 128 hexadecimal digits, not {key!r}")
        return self.folder / f"{key}.json"


def _to_json(value: Any, where: str) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ParameterError(f"{where}: keys must be strings, not {key!r}")
        return {key: _to_json(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    raise ParameterError(f"{where} must be a JSON value, not {type(value).__name__}")
