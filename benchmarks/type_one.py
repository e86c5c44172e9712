"""How often each null rejects spaces that have nothing to do with one another.

For every null, family of measures and kind of features, with and without a search over layers:
the share of independent pairs with p <= 0.05, against binomial limits that hold for all cells
together. Planted faults must be caught by the same limit: a null without the search over layers,
ties broken by the lower index in both spaces, and groups of items that the null ignores. Writes
benchmarks/results/type_one.json after every cell, and goes on from there with --resume; exits
with 1 if a cell is outside its limits or a fault is inside.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binom
from threadpoolctl import threadpool_limits

from _frame import machine, write_json
from platonica.errors import DegenerateInputError
from platonica.measures import get_measure
from platonica.measures.neighborhood import MutualKnn
from platonica.stats import exact_null, permutation_null
from platonica.stats.exchange import Exchange
from platonica.stats.surrogate import surrogate_null

N, K, LEVEL, FAMILY_WISE = 60, 5, 0.05, 0.01
TURNINGS = 39  # of a surrogate, each of which is prepared anew; 2 / 40 is the level exactly
FEATURES = ("isotropic", "anisotropic", "hubby", "20 % identical", "40 % identical")
MEASURES = {
    "neighbourhood": f"mutual_knn?k={K}",
    "kernel": "debiased_cka",
    "subspace": "cca_squared",
    "shape": "procrustes_distance",
    "dissimilarity": "rsa",
    "regression": "linear_predictivity?n_folds=2",
}
NULLS = ("free", "stopped early", "within groups", "whole groups", "blocks", "shifts", "surrogate")
FREE = ("free", "stopped early", "surrogate", "exact moments")
EXACT = ("neighbourhood", "kernel", "subspace", "dissimilarity")
FAULTS = {
    "no search": ("neighbourhood", "free", "isotropic", 3),
    "lower index": ("neighbourhood", "free", "40 % identical", 1),
    "groups ignored": ("kernel", "within groups", "isotropic", 1),
}


@dataclass(frozen=True)
class Cell:
    """One simulation."""

    family: str
    null: str
    features: str
    n_layers: int
    fault: str | None = None

    @property
    def seed(self):
        """The same for the same cell, whatever else is run."""
        return zlib.crc32(repr((self.family, self.null, self.features, self.n_layers)).encode())

    @property
    def conservative(self):
        """The level need not be used up.

        The statistic comes in steps, items are tied, or p is the larger of two.
        """
        stepped = self.family == "neighbourhood" or "identical" in self.features
        return stepped or self.null == "surrogate"


def _wanted(null, family, n_layers):
    """Whether a cell says something new for its time."""
    if null == "stopped early":  # it does not ask which measure it stops
        return family in ("neighbourhood", "kernel")
    # regression on pairs of layers takes four times as long, and the search is the same for all
    return family != "regression" or n_layers == 1 or null == "free"


def plan():
    cells = [
        Cell(family, null, kind, n_layers)
        for null, family, kind, n_layers in itertools.product(NULLS, MEASURES, FEATURES, (1, 2))
        if _wanted(null, family, n_layers)
    ]
    cells += [Cell(f, "exact moments", kind, 1) for f, kind in itertools.product(EXACT, FEATURES)]
    return cells, [Cell(*where, fault) for fault, where in FAULTS.items()]


def groups_of(null):
    """The group of each item, where items of a group have something in common."""
    size = {"within groups": 6, "whole groups": 3, "blocks": 5}.get(null)
    return None if size is None else np.arange(N) // size


def space(kind, null, r):
    """One layer, alike inside groups, or a series whose items depend on their neighbours."""
    width = {"anisotropic": 20, "hubby": 16}.get(kind, 10)
    X = r.standard_normal((N, width))
    if kind == "anisotropic":
        X *= np.arange(1, width + 1) ** -1.0
    elif kind == "hubby":
        X = X * r.standard_t(3, (N, 1)) + 0.3
    groups = groups_of(null)
    if groups is not None:
        X += r.standard_normal((groups[-1] + 1, width))[groups] * X.std(axis=0)
    elif null == "shifts":
        X = sum(np.roll(X, lag, axis=0) for lag in range(4))
    if kind.endswith("identical"):
        same = r.permutation(N)[: int(kind.split()[0]) * N // 100]
        X[same] = X[same[0]]
    return X


class LowerIndex(MutualKnn):
    """The fault: equal distances go to the lower index, in every space."""

    def prepare(self, X, **options):
        """Build the graph as always, then order equals by their index."""
        state = super().prepare(X, **options)
        unit = X / np.linalg.norm(X, axis=1, keepdims=True)
        away = np.round(1 - unit @ unit.T, 12)
        np.fill_diagonal(away, np.inf)
        state.graph.indices[:] = np.argsort(away, axis=1, kind="stable")[:, : self.k]
        return state


def exchange_of(cell):
    groups = groups_of(cell.null)
    if cell.fault == "groups ignored" or cell.null in FREE:
        return Exchange.of(N)
    if cell.null == "within groups":
        return Exchange.within(N, groups)
    if cell.null == "whole groups":
        return Exchange.of(N, groups)
    return Exchange.in_blocks(N, 5) if cell.null == "blocks" else Exchange.shifts(N)


def pvalue(cell, measure, r, seed, n_resamples):
    X, Y = ([space(cell.features, cell.null, r) for _ in range(cell.n_layers)] for _ in "XY")
    groups = groups_of(cell.null) if cell.null == "whole groups" else None
    A = [measure.prepare(layer, role="x", groups=groups) for layer in X]
    if cell.null == "surrogate":
        turnings, exchange = min(n_resamples, TURNINGS), exchange_of(cell)
        found = surrogate_null(measure, A, Y, exchange=exchange, n_resamples=turnings, rng=seed)
        return found.pvalue
    B = [measure.prepare(layer, role="y", groups=groups) for layer in Y]
    exchange = exchange_of(cell)
    if cell.null == "exact moments":
        return exact_null(measure, A[0], B[0], exchange=exchange).pvalue
    options = {"exchange": exchange, "n_resamples": n_resamples, "rng": seed, "n_threads": 1}
    if cell.null == "stopped early":
        options["stop_after"] = 10
    found = permutation_null(measure, A, B, **options)
    if cell.fault == "no search":
        i, j = found.where
        return permutation_null(measure, [A[i]], [B[j]], **options).pvalue
    return found.pvalue


def run_cell(cell, runs, n_resamples):
    start, done, rejected, refused = time.perf_counter(), 0, 0, 0
    measure = LowerIndex(k=K) if cell.fault == "lower index" else get_measure(MEASURES[cell.family])
    if cell.family == "regression":
        measure = measure.bound(alphas=(0.1,))  # one ridge: a choice among 25 takes twice the time
    r = np.random.default_rng(cell.seed)
    with threadpool_limits(1):
        while done < runs and refused <= runs:
            # whether a space is refused does not depend on the pairing: the rest keep the level
            try:
                rejected += pvalue(cell, measure, r, done + refused, n_resamples) <= LEVEL
                done += 1
            except DegenerateInputError:
                refused += 1
    return {
        **asdict(cell),
        "measure": MEASURES[cell.family],
        "conservative": cell.conservative,
        "runs": done,
        "refused": refused,
        "rejected": int(rejected),
        "rate": rejected / max(1, done),
        "seconds": time.perf_counter() - start,
    }


def judge(row, n_cells):
    """Limits that one of n_cells is outside of with a probability of FAMILY_WISE at the level."""
    share = FAMILY_WISE / n_cells
    row["upper"] = int(binom.isf(share, row["runs"], LEVEL))
    row["lower"] = 0 if row["conservative"] else int(binom.ppf(share, row["runs"], LEVEL))
    row["above"] = row["rejected"] > row["upper"]
    row["below"] = row["rejected"] < row["lower"]
    caught = row["above"] == (row["fault"] is not None)
    row["passed"] = bool(caught and not row["below"])
    return row


def key(row):
    return tuple(row[name] for name in ("family", "null", "features", "n_layers", "fault"))


def known_rows(options):
    if not (options.resume and options.out.exists()):
        return {}
    document = json.loads(options.out.read_text())
    if (document["runs"], document["permutations"]) != (options.runs, options.null):
        raise SystemExit(f"{options.out} is of another --runs or --null; it is not resumed")
    return {key(row): row for row in document["cells"]}


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--null", type=int, default=199)
    parser.add_argument("--only", nargs="*", default=(*NULLS, "exact moments"), help="these nulls")
    parser.add_argument("--families", nargs="*", default=tuple(MEASURES))
    parser.add_argument("--features", nargs="*", default=FEATURES)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--resume", action="store_true", help="keep the cells that are done")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "type_one.json"
    )
    return parser.parse_args()


def main():
    options = parsed()
    cells, faults = plan()
    wanted = [
        cell
        for cell in cells
        if cell.null in options.only
        and cell.family in options.families
        and cell.features in options.features
    ] + faults
    rows = known_rows(options)
    todo = [cell for cell in wanted if key(asdict(cell)) not in rows]
    # the longest last
    todo.sort(key=lambda cell: (cell.family == "regression", cell.null == "surrogate"))
    n_cells = len(wanted) - len(faults)
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [pool.submit(run_cell, cell, options.runs, options.null) for cell in todo]
        for job in jobs:
            row = job.result()
            rows[key(row)] = row
            write(
                options,
                [judge(rows[k], n_cells) for k in map(key, map(asdict, wanted)) if k in rows],
            )
            print(
                f"{row['family']:>13}  {row['null']:<14} {row['features']:<14} {row['n_layers']} x "
                f"{row['n_layers']}  {row['rejected']:>4} of {row['runs']} ({row['rate']:.3f}; "
                f"{row['lower']} to {row['upper']})"
                f"{'' if row['fault'] is None else '  planted fault: ' + row['fault']}"
                f"{'' if row['passed'] else '  FAILED'}  {row['seconds']:.0f} s",
                flush=True,
            )
    passed = all(judge(rows[key(asdict(cell))], n_cells)["passed"] for cell in wanted)
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


def write(options, rows):
    document = {
        "command": f"python benchmarks/type_one.py --runs {options.runs} --null {options.null}",
        "n_items": N,
        "k": K,
        "level": LEVEL,
        "family_wise": FAMILY_WISE,
        "runs": options.runs,
        "permutations": options.null,
        "turnings_of_surrogates": min(options.null, TURNINGS),
        "machine": machine(),
        "seconds_of_one_core": sum(row["seconds"] for row in rows),
        "passed": all(row["passed"] for row in rows),
        "cells": rows,
    }
    write_json(options.out, document)


if __name__ == "__main__":
    sys.exit(main())
