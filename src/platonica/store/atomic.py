"""Files that are whole or not there: temporary name, flush, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from pathlib import Path
from typing import Any

from platonica.errors import StoreError

__all__ = [
    "check_writable",
    "json_bytes",
    "make_folder",
    "remove_temporaries",
    "write_bytes",
    "write_json",
]

_PREFIX = ".partial-"

_REMEDIES = {
    errno.ENOSPC: "free some space and run again, whole files are kept",
    errno.EDQUOT: "free some space and run again, whole files are kept",
    errno.EFBIG: "raise the limit on file sizes and run again, whole files are kept",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOTDIR: "choose a folder, not a file",
    errno.EEXIST: "choose a folder, not a file",
}


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is never seen in part, whatever happens meanwhile.

    Several processes may write the same path; the last one wins, whole.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    data : bytes

    Raises
    ------
    StoreError
        The folder is not writable, the disk is full, and the like; nothing is left behind.
    """
    temporary = path.with_name(f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105  (beside fsync, both calls of one protocol)
        _sync_folder(path.parent)
    except OSError as error:
        raise _store_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # renamed already, or the folder refuses
            temporary.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value as `write_bytes` does; the same value gives the same bytes.

    Parameters
    ----------
    path : Path
    value : any
        Of JSON types; floats must be finite.

    Raises
    ------
    StoreError
        As in `write_bytes`.
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Serialise a JSON value, readable; the same value gives the same bytes."""
    return f"{json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)}\n".encode()


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, and return it.

    Raises
    ------
    StoreError
        It cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _store_error(path, error) from error
    return path


def check_writable(path: Path) -> Path:
    """Create a folder if it is not there, prove that a file can be written, and return it.

    Raises
    ------
    StoreError
        It cannot be created or written.
    """
    probe = make_folder(path) / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
    write_bytes(probe, b"")
    probe.unlink(missing_ok=True)
    return path


def remove_temporaries(folder: Path) -> None:
    """Remove what killed runs left in a folder in which nothing is missing any more."""
    for temporary in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _store_error(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    remedy = _REMEDIES.get(error.errno or 0, "check the folder and run again")
    return StoreError(f"cannot write {path}: {reason}; {remedy}")
