"""How often the null rejects spaces that have nothing to do with one another.

For every measure, kind of features, and with and without a search over 3 x 3 layers: the share
of independent pairs with p <= 0.05. Two planted faults must be caught by the same limit: a null
without the search over layers, and ties broken by the lower index in both spaces. Writes
benchmarks/results/type_one.json; exits with 1 if a cell is above the limit or a fault is not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import binom

from platonica.errors import DegenerateInputError
from platonica.measures import get_measure
from platonica.measures.neighborhood import MutualKnn
from platonica.stats import permutation_null
from platonica.stats.exchange import Exchange

N, K, LEVEL, FAMILY = 80, 5, 0.05, 0.01
FEATURES = ("isotropic", "anisotropic", "hubby", "20 % identical", "40 % identical")


def features(kind, r):
    if kind == "anisotropic":
        return r.standard_normal((N, 40)) * np.arange(1, 41) ** -1.0
    if kind == "hubby":
        return r.standard_normal((N, 60)) * r.standard_t(3, (N, 1)) + 0.3
    X = r.standard_normal((N, 12))
    if kind.endswith("identical"):
        same = r.permutation(N)[: int(kind.split()[0]) * N // 100]
        X[same] = X[same[0]]
    return X


def pvalue(measure, kind, n_layers, r, seed, n_resamples, fault):
    A, B = ([measure.prepare(features(kind, r)) for _ in range(n_layers)] for _ in range(2))
    exchange = Exchange.of(N)
    found = permutation_null(measure, A, B, exchange=exchange, n_resamples=n_resamples, rng=seed)
    if fault != "no search":
        return found.pvalue
    i, j = found.where
    one = permutation_null(
        measure, [A[i]], [B[j]], exchange=exchange, n_resamples=n_resamples, rng=seed
    )
    return one.pvalue


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


def run_cell(name, kind, n_layers, runs, n_resamples, fault=None):
    measure = LowerIndex(k=K) if fault == "lower index" else get_measure(name)
    if "k" in measure.params:
        measure = measure.bound(k=K)
    r = np.random.default_rng([runs, n_layers, FEATURES.index(kind), len(name)])
    rejected = refused = 0
    for seed in range(runs):
        try:
            rejected += pvalue(measure, kind, n_layers, r, seed, n_resamples, fault) <= LEVEL
        except DegenerateInputError:
            refused += 1
    return {
        "measure": name,
        "features": kind,
        "layers": f"{n_layers} x {n_layers}",
        "fault": fault,
        "runs": runs - refused,
        "refused": refused,
        "rejected": int(rejected),
        "rate": rejected / max(1, runs - refused),
    }


def limit(runs, n_cells):
    """Rejections that a cell exceeds with a probability of FAMILY / n_cells if the level holds."""
    return int(binom.isf(FAMILY / n_cells, runs, LEVEL))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--null", type=int, default=199)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "type_one.json"
    )
    options = parser.parse_args()
    start = time.perf_counter()
    names = ("mutual_knn", "cka", "debiased_cka")
    plan = [
        (name, kind, n_layers, None)
        for name, kind, n_layers in itertools.product(names, FEATURES, (1, 3))
    ]
    faults = [
        ("mutual_knn", "isotropic", 3, "no search"),
        ("mutual_knn", "40 % identical", 1, "lower index"),
    ]
    cells, passed = [], True
    for name, kind, n_layers, fault in plan + faults:
        cell = run_cell(name, kind, n_layers, options.runs, options.null, fault)
        cell["limit"] = limit(cell["runs"], len(plan))
        cell["above_limit"] = cell["rejected"] > cell["limit"]
        passed &= cell["above_limit"] == (fault is not None)
        cells.append(cell)
        print(
            f"{name:>13}  {kind:<15} {cell['layers']}  rejected {cell['rejected']:>4} of "
            f"{cell['runs']} ({cell['rate']:.3f}), limit {cell['limit']}"
            f"{'  planted fault: ' + fault if fault else ''}"
            f"{'  ABOVE' if cell['above_limit'] else ''}"
        )
    document = {
        "command": f"python benchmarks/type_one.py --runs {options.runs} --null {options.null}",
        "n_items": N,
        "k": K,
        "level": LEVEL,
        "family_wise": FAMILY,
        "permutations": options.null,
        "seconds": time.perf_counter() - start,
        "passed": bool(passed),
        "cells": cells,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    print("passed" if passed else "FAILED", f"in {document['seconds']:.0f} s")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
