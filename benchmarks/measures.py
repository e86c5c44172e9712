"""Every bar of the measures in one table: speed, memory and growth.

    python benchmarks/measures.py [--only NAME ...] [--fast] [--out FILE]

A row is a function of `_kernel.py`, `_neighbors.py` or `_rsa.py` that returns one dict or a list of
them: work, value, unit, must, goal, and whatever else is worth keeping. The full run writes
benchmarks/results/measures.json; after every row, so that a killed run keeps what it has.
`--fast` runs reduced sizes and judges nothing.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _frame import Missing, check_row, machine, print_table, resolve, threads, verdict, write_json
from platonica.threads import available_cores


@dataclass(frozen=True)
class Entry:
    """One function to call, at full size and reduced."""

    name: str
    function: str  # module:function
    full: dict[str, Any] = field(default_factory=dict)
    fast: dict[str, Any] = field(default_factory=dict)


ENTRIES = (
    Entry("cka", "_kernel:debiased_cka_ratio", fast={"n": 1000, "d": 64, "repeats": 2}),
    Entry(
        "cka-grid", "_kernel:layer_grid_ratio",
        fast={"n": 128, "d": 32, "layers": (4, 3), "repeats": 2},
    ),
    Entry(
        "cka-growth", "_kernel:cka_growth",
        fast={"sizes": (1000, 2000, 4000), "d": 32, "repeats": 2},
    ),
    Entry(
        "knn-768", "_neighbors:exact_ratio",
        full={"d": 768}, fast={"n": 1024, "d": 64, "repeats": 2},
    ),
    Entry(
        "knn-4096", "_neighbors:exact_ratio",
        full={"d": 4096}, fast={"n": 512, "d": 256, "repeats": 2},
    ),
    Entry("knn-memory", "_neighbors:exact_memory", fast={"n": 4000, "d": 32}),
    Entry(
        "knn-growth", "_neighbors:exact_growth",
        fast={"sizes": (500, 1000, 2000), "d": 32, "repeats": 1},
    ),
    Entry("knn-approximate", "_neighbors:approximate", fast={"n": 5000}),
    Entry("rsa-spearman", "_rsa:spearman", fast={"n": 400, "d": 32, "repeats": 1}),
    Entry("dcor-growth", "_rsa:growth_of_distances", fast={"sizes": (250, 500, 1000)}),
)  # fmt: skip


def run(entry: Entry, fast: bool) -> list[dict[str, Any]]:
    """Return the rows of one entry."""
    result = resolve(entry.function)(**(entry.fast if fast else entry.full))
    rows = [check_row(row) for row in (result if isinstance(result, list) else [result])]
    if not fast:
        rows = [{**row, "reached": verdict(row)} for row in rows]
    return [{"name": entry.name, **row} for row in rows]


def parse() -> argparse.Namespace:
    names = [entry.name for entry in ENTRIES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--fast", action="store_true", help="reduced sizes, nothing is judged")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--out", type=Path, help="by default of a full run: results/measures.json")
    options = parser.parse_args()
    if options.out is None and not (options.fast or options.only):
        options.out = Path(__file__).parent / "results" / "measures.json"
    return options


def main() -> int:
    options = parse()
    document: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/measures.py", *sys.argv[1:]]),
        "machine": machine(),
        "threads": options.threads,
        "rows": [],
        "missing": {},
        "failed": {},
    }
    for entry in ENTRIES:
        if options.only and entry.name not in options.only:
            continue
        print(f"{entry.name} ...", file=sys.stderr, flush=True)
        try:
            with threads(options.threads):
                document["rows"] += run(entry, options.fast)
        except Missing as error:
            document["missing"][entry.name] = str(error)
        except Exception:
            document["failed"][entry.name] = traceback.format_exc()
        if options.out:
            write_json(options.out, document)
    print_table(document["rows"])
    for name, why in [*document["missing"].items(), *document["failed"].items()]:
        print(f"{name}: {why.strip()}")
    missed = [row for row in document["rows"] if row.get("reached") == "missed"]
    return int(bool(missed or document["missing"] or document["failed"]))


if __name__ == "__main__":
    sys.exit(main())
