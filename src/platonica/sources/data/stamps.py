"""``stamps``: the Tux Paint stamps, drawings and photos with descriptions in many languages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from platonica.errors import StoreError, UnknownNameError
from platonica.sources._contracts import Data, Item
from platonica.sources.data._building import build_data, cache_folder
from platonica.sources.names import Name

__all__ = ["fetch_stamps", "find_stamps", "load", "read_stamps"]

PACKAGE = "tuxpaint-stamps-default"
INSTALLED = Path("/usr/share/tuxpaint/stamps")
_TRANSLATION = re.compile(r"([\w@]+)\.utf8=(.*)")


def load(name: Name) -> Data:
    """Stamps and their descriptions in one language; fetched on first use.

    Parameters
    ----------
    name : Name
        The options are ``lang=CODE``, default ``en``, and ``limit=N``. A stamp that is not
        described in that language is left out.

    Raises
    ------
    UnknownNameError
        No stamp is described in that language; the message holds the nearest.
    StoreError
        The package cannot be fetched; the message says what to do.
    """
    options = name.check_options(["lang", "limit"])
    language = options.get("lang", "en")
    root = find_stamps() or fetch_stamps()
    rows = read_stamps(root)
    languages = {code for _, descriptions in rows for code in descriptions}
    if language not in languages:
        raise UnknownNameError.among("language of the stamps", language, languages)
    items = [
        Item(
            id=stamp,
            payloads={"image": (str(root / f"{stamp}.png"),), "text": (descriptions[language],)},
            label=stamp.partition("/")[0],
        )
        for stamp, descriptions in rows
        if descriptions.get(language)
    ]
    return build_data(name, items, "Tux Paint stamps (Debian, tuxpaint-stamps-default); GPL-2")


def read_stamps(root: Path) -> list[tuple[str, dict[str, str]]]:
    """Stamps with a drawing and an English description of their own.

    Parameters
    ----------
    root : Path
        Folder of the categories.

    Returns
    -------
    list of (stamp, descriptions)
        The relative path without suffix, and one description for each language code.
        Without ``symbols/``, whose descriptions are letters and digits; of stamps with the same
        English description the first.
    """
    rows = []
    seen = set()
    prefix = str(root) + os.sep
    for file in sorted(str(path) for path in root.rglob("*.txt")):
        stamp = file.removeprefix(prefix).removesuffix(".txt").replace(os.sep, "/")
        if stamp.startswith("symbols/") or not (root / f"{stamp}.png").exists():
            continue
        english, *others = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
        english = english.strip()
        if english in seen:
            continue
        seen.add(english)
        matches = filter(None, map(_TRANSLATION.match, others))
        rows.append((stamp, {"en": english} | {m[1]: m[2].strip() for m in matches}))
    return rows


def find_stamps() -> Path | None:
    """Folder of the stamps if they are installed, or fetched before."""
    fetched = cache_folder() / PACKAGE
    return next((root for root in (INSTALLED, fetched) if root.is_dir()), None)


def fetch_stamps() -> Path:
    """Download the Debian package, 161 MB, and keep its drawings and texts, 32 MB; no root needed.

    Returns
    -------
    Path
        Folder of the stamps, under the store's root.

    Raises
    ------
    StoreError
        No apt-get or dpkg, the package is in no list, or the folder cannot be written.
    """
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise StoreError(
                f"stamps: {program} is not on this machine; unpack the Debian package {PACKAGE} "
                f"elsewhere and copy its folder usr/share/tuxpaint/stamps to "
                f"{cache_folder() / PACKAGE}"
            )
    target = cache_folder() / PACKAGE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{PACKAGE}-") as folder:
            sys.stderr.write(f"fetching the Debian package {PACKAGE} (161 MB, once) ...\n")
            deb = _download(Path(folder))
            _run(["dpkg", "-x", str(deb), "unpacked"], Path(folder))
            kept = _keep_pairs(Path(folder))
            _move(kept, target)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"stamps: cannot write {str(target)!r}: {error}") from error
    return target


def _download(folder: Path) -> Path:
    command = ["apt-get", "download", PACKAGE]
    failure = _run(command, folder, check=False)
    if failure and os.geteuid() == 0:
        _run(["apt-get", "update"], folder)
        failure = _run(command, folder, check=False)
    if failure:
        raise StoreError(f"stamps: {failure}; run `apt-get update` as root first, then try again")
    return next(folder.glob("*.deb"))


def _run(command: list[str], folder: Path, *, check: bool = True) -> str:
    """Run a program; return or raise the last thing it said if it failed."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    failure = f"{' '.join(command[:2])} failed: {said[-1]}"
    if check:
        raise StoreError(f"stamps: {failure}")
    return failure


def _keep_pairs(folder: Path) -> Path:
    """Gather drawings, texts and the licence; sounds and vector drawings are most of the size."""
    stamps = folder / "unpacked" / INSTALLED.relative_to("/")
    if not stamps.is_dir():
        raise StoreError(f"stamps: {PACKAGE} holds no folder {INSTALLED}")
    kept = folder / "kept"
    for path in stamps.rglob("*"):
        if path.suffix in (".png", ".txt") and path.is_file():
            place = kept / path.relative_to(stamps)
            place.parent.mkdir(parents=True, exist_ok=True)
            # Copied, since some are links to others.
            shutil.copyfile(path, place)
    licence = folder / "unpacked" / "usr/share/doc" / PACKAGE / "copyright"
    if licence.exists():
        shutil.copyfile(licence, kept / "copyright")
    return kept


def _move(kept: Path, target: Path) -> None:
    try:
        kept.rename(target)
    except OSError:
        # Another process may have been first; its folder holds the same files.
        if not target.is_dir():
            raise
