"""`platonica data`: the data sets and the ways to name one."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

__all__ = ["data"]


def data(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List the data sources and how to name them.

    Example: platonica data
    """
    from platonica.cli._output import print_json, print_table
    from platonica.sources.data import list_data

    rows = [dataclasses.asdict(row) for row in list_data()]
    if as_json:
        print_json(rows)
    else:
        print_table("Data", rows, list(rows[0]))
