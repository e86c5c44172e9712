"""`platonica doctor`: what is installed, what is missing, how to get it."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["doctor"]


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of features whose shards are to be verified.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Show what is installed, what is missing and how to get it; or verify stored features.

    Example: platonica doctor
    """
    from platonica.cli._output import print_json, print_table

    if folder is not None:
        from platonica.store import verify

        verify(folder)
        typer.echo(f"{folder}: every shard is as it was written")
        return
    rows = [*_machine(), *_libraries(), *_weights(), *_data()]
    if as_json:
        print_json(rows)
    else:
        print_table("platonica doctor", rows, ["what", "state", "remedy"])


def _machine() -> list[dict[str, Any]]:
    from platonica.errors import StoreError
    from platonica.store import default_root
    from platonica.store.atomic import check_writable
    from platonica.threads import available_cores

    root = default_root()
    try:
        check_writable(root)
        state, remedy = f"{root}, writable", None
    except StoreError as error:
        state, remedy = str(error), "set PLATONICA_STORE to a folder that can be written"
    return [
        {"what": "python", "state": platform.python_version(), "remedy": None},
        {"what": "cores", "state": str(available_cores()), "remedy": None},
        {"what": "store", "state": state, "remedy": remedy},
    ]


def _libraries() -> list[dict[str, Any]]:
    """List the libraries of the core and of every extra, from the package's own metadata."""
    rows, seen = [], set()
    for requirement in requires("platonica") or []:
        name = re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        if name in seen or (extra and extra[1] == "dev"):
            continue
        seen.add(name)
        try:
            state, remedy = version(name), None
        except PackageNotFoundError:
            state = "missing"
            remedy = f'pip install "platonica[{extra[1]}]"' if extra else "pip install platonica"
        rows.append({"what": name, "state": state, "remedy": remedy})
    return rows


def _weights() -> list[dict[str, Any]]:
    from platonica.sources.models import list_models

    return [
        {
            "what": row.name,
            "state": "installed" if row.installed else "not installed",
            "remedy": None if row.installed else f"platonica models install {row.name}",
        }
        for row in list_models()
        if row.packages
    ]


def _data() -> list[dict[str, Any]]:
    from platonica.sources.data.stamps import find_stamps

    found = find_stamps()
    remedy = None if found else "nothing to do: fetched when --data stamps is first used (161 MB)"
    return [{"what": "stamps", "state": str(found or "not here yet"), "remedy": remedy}]
