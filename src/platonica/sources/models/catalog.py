"""The catalog of models whose weights ship in Python packages: one TOML file each."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from platonica.errors import MissingExtraError, UnknownNameError

__all__ = ["Entry", "PackagedFile", "catalog", "find_entry"]


class PackagedFile(BaseModel):
    """One file of an installed package, found by the end of its path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    suffix: str


class Entry(BaseModel):
    """One model of the catalog.

    Attributes
    ----------
    name : str
        After ``pip:``; the stem of the file.
    modality, reader : str
        What it reads, and which reader loads it.
    n_parameters : int
    size_mb : float
        Download of its weights, in MB.
    licence, reference, preprocessing : str
        In words; the preprocessing is part of the fingerprint of features.
    poolings : tuple of str
        The first is the default.
    packages : mapping of distribution to version
    files : mapping of role to PackagedFile
    options : mapping
        What the reader wants to know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    modality: str
    reader: str
    n_parameters: int
    size_mb: float
    licence: str
    reference: str
    preprocessing: str
    poolings: tuple[str, ...]
    packages: Mapping[str, str]
    files: Mapping[str, PackagedFile]
    options: Mapping[str, Any]

    @property
    def installed(self) -> bool:
        """Whether all its packages are there, in any version."""
        return all(installed_version(package) is not None for package in self.packages)

    def locate(self, role: str) -> Path:
        """Path of one of its files.

        Raises
        ------
        MissingExtraError
            The package or the file is not installed.
        """
        return Path(str(self._entry_of(role).locate()))

    def revision(self) -> str:
        """Versions of its packages and digests of its files, without reading the files.

        Raises
        ------
        MissingExtraError
            A package or a file is not installed.
        """
        versions = [f"{package} {self._version(package)}" for package in self.packages]
        digests = [f"{role} {self._digest(role)}" for role in self.files]
        return ", ".join(versions + digests)

    def _version(self, package: str) -> str:
        version = installed_version(package)
        if version is None:
            raise self._missing(package)
        return version

    def _entry_of(self, role: str) -> metadata.PackagePath:
        wanted = self.files[role]
        self._version(wanted.package)
        for file in metadata.files(wanted.package) or []:
            if file.as_posix().endswith(wanted.suffix):
                return file
        raise self._missing(f"the file {wanted.suffix} of {wanted.package}")

    def _digest(self, role: str) -> str:
        """16 hexadecimal digits of the sha256, from the package's own list of its files."""
        file = self._entry_of(role)
        if file.hash is not None and file.hash.mode == "sha256":
            value = file.hash.value
            return urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()[:16]
        with self.locate(role).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

    def _missing(self, what: str) -> MissingExtraError:
        return MissingExtraError(
            f"pip:{self.name}: {what} is not installed; "
            f"run: platonica models install pip:{self.name}"
        )


@functools.cache
def catalog() -> Mapping[str, Entry]:
    """Read all models of the catalog, by name, sorted."""
    folder = resources.files("platonica.sources") / "catalog"
    entries = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            entries[name] = Entry(name=name, **tomllib.loads(file.read_text(encoding="utf-8")))
    return entries


def find_entry(name: str) -> Entry:
    """Find the entry of a model by its name after ``pip:``.

    Raises
    ------
    UnknownNameError
        No such entry; the message holds the nearest.
    """
    if name not in catalog():
        raise UnknownNameError.among(
            "model", f"pip:{name}", [f"pip:{known}" for known in catalog()]
        )
    return catalog()[name]


def installed_version(package: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
