"""`platonica report`: draw the report of a finished comparison again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    folder: Annotated[Path, typer.Argument(help="Folder that `compare --out` wrote.")],
) -> None:
    """Write DIR/report.html anew from DIR/records.json and print its path.

    Example: platonica report demo
    """
    from platonica.report import write_report
    from platonica.store import read_records

    run = read_records(folder / "records.json")
    typer.echo(str(write_report(run, folder / "report.html").resolve()))
