"""`platonica measures`: what can be measured, with every measure's declarations."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

__all__ = ["measures"]


def measures(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List the measures with direction, bounds, parameters and invariances.

    Example: platonica measures
    """
    from platonica.cli._output import print_json, print_table
    from platonica.measures import MEASURES

    rows = [
        {**dataclasses.asdict(measure.spec), "params": dict(measure.params)}
        for measure in MEASURES.values()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["parameters"] = [f"{name}={value}" for name, value in row["params"].items()] or None
        row["bounds"] = "[{:g}, {:g}]".format(*row["bounds"])
    columns = ["name", "direction", "bounds", "parameters", "invariant_to", "summary"]
    print_table("Measures", rows, columns)
