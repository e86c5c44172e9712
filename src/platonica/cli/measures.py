"""`platonica measures`: what can be measured, with every measure's declarations."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

__all__ = ["measures"]

COLUMNS = ["name", "direction", "range", "parameters", "invariant_to", "summary"]


def measures(
    name: Annotated[
        str | None, typer.Argument(help="One measure or diagnostic, to be shown in full.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List measures and diagnostics of one space by family, or show one with all declarations.

    Example: platonica measures debiased_cka
    """
    from platonica.cli._output import print_json, print_table
    from platonica.measures import DIAGNOSTICS, MEASURES, describe

    if name is not None:
        one = _find(name)
        if as_json:
            print_json(_record(one))
        else:
            words = {"Summary": one.spec.summary, **describe(one)}
            rows = [{"declaration": label, "value": text} for label, text in words.items()]
            print_table(name, rows, ["declaration", "value"])
        return
    everything = [*MEASURES.values(), *DIAGNOSTICS.values()]
    records = [_record(one) for one in everything]
    if as_json:
        print_json(records)
        return
    families: dict[str, list[dict[str, Any]]] = {}
    for one in everything:
        row = _row(one)
        families.setdefault(row["family"], []).append(row)
    for family, rows in families.items():
        columns = [column for column in COLUMNS if column in rows[0]]
        print_table(family.capitalize(), rows, columns, whole=["name"])
        typer.echo()


def _find(name: str) -> Any:
    """Look a name up among measures, with their parameters, and diagnostics."""
    from platonica.errors import UnknownNameError
    from platonica.measures import DIAGNOSTICS, MEASURES, get_measure

    if name in DIAGNOSTICS:
        return DIAGNOSTICS[name]
    try:
        return get_measure(name)
    except UnknownNameError:
        raise UnknownNameError.among("measure", name, [*MEASURES, *DIAGNOSTICS]) from None


def _record(one: Any) -> dict[str, Any]:
    """Return the declarations as data; a bound that there is not is null."""
    record = {"family": "diagnostic", **dataclasses.asdict(one.spec), "params": dict(one.params)}
    record["bounds"] = [None if abs(end) == float("inf") else end for end in record["bounds"]]
    return record


def _row(one: Any) -> dict[str, Any]:
    from platonica.measures import describe_bounds, describe_params

    return {
        **_record(one),
        "range": describe_bounds(one.spec.bounds),
        "parameters": describe_params(one) or None,
        "invariant_to": [move.replace("_", " ") for move in one.spec.invariant_to],
    }
