"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["print_json", "print_table", "stdout_console"]

LEAST_WIDTH = 100


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
    sys.stdout.write("\n")


def stdout_console() -> Console:
    """Return a console that does not squeeze tables when its output goes to a file or pipe."""
    console = Console()
    if not sys.stdout.isatty() and console.width < LEAST_WIDTH:
        console.width = LEAST_WIDTH
    return console


def print_table(
    title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str], whole: Sequence[str] = ()
) -> None:
    """Print some columns of rows of the same keys; those that are ``whole`` are never broken."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    stdout_console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
