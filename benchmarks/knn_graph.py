"""The exact k-NN graph against one matrix product X @ Y.T: time, memory and correctness.

    python benchmarks/knn_graph.py [--fast]

Product and graph take turns, so that both see the same load of the machine; the ratio is
taken within each turn. Memory is measured in fresh processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from _frame import machine, peak_beyond, ratio, threads, write_json
from platonica.neighbors import knn_graph

GOAL, LIMIT = 0.9, 1.3


def features(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def measure_time(args: argparse.Namespace) -> dict[str, Any]:
    X, Y = features(args.n, args.d, 0), features(args.n, args.d, 1)
    with threads(args.threads):
        times = ratio(
            lambda: knn_graph(X, args.k, n_threads=args.threads), lambda: X @ Y.T, args.repeats
        )
    return {
        **times,
        "product_median": statistics.median(times["product_seconds"]),
        "graph_median": statistics.median(times["work_seconds"]),
        "goal": GOAL,
        "limit": LIMIT,
    }


def measure_correctness(args: argparse.Namespace) -> dict[str, Any]:
    """Compare sampled rows with a float64 ranking by direct differences."""
    X = features(args.n, args.d, 0)
    graph = knn_graph(X, args.k, n_threads=args.threads)
    rows = X.astype(np.float64)
    rows /= np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    sample = np.random.default_rng(2).permutation(args.n)[: args.sample]
    n_wrong, largest = 0, 0.0
    for i in sample:
        gap = rows - rows[i]
        distances = np.sqrt(np.einsum("ij,ij->i", gap, gap))
        distances[i] = np.inf
        nearest = np.argsort(distances)[: args.k]
        n_wrong += not np.array_equal(nearest, graph.indices[i])
        largest = max(largest, float(abs(graph.distances[i] - distances[nearest]).max()))
    return {
        "rows_checked": len(sample),
        "rows_that_differ": n_wrong,
        "largest_distance_error": largest,
        "n_tied_rows": graph.n_tied_rows,
        "n_reranked_rows": graph.n_reranked_rows,
    }


def only_features(n: int, d: int, k: int) -> np.ndarray:
    """What a process needs in any case: features, libraries and the stacks of threads."""
    knn_graph(features(200, d, 1), min(k, 100))
    return features(n, d, 0)


def features_and_graph(n: int, d: int, k: int) -> None:
    knn_graph(only_features(n, d, k), k)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=8192)
    parser.add_argument("--d", type=int, default=768)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--sample", type=int, default=64, help="rows checked in float64")
    parser.add_argument("--fast", action="store_true", help="n = 2048, 5 repeats, no file")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.fast:
        args.n, args.repeats = min(args.n, 2048), 5
    elif args.out is None:
        args.out = Path(__file__).parent / "results" / "knn_graph.json"
    return args


def main() -> int:
    args = parse()
    sizes = {"n": args.n, "d": args.d, "k": args.k}
    peak = peak_beyond(
        "knn_graph:features_and_graph", "knn_graph:only_features", args.threads, **sizes
    )
    record = {
        "command": " ".join(["python", "benchmarks/knn_graph.py", *sys.argv[1:]]),
        "machine": machine(),
        "parameters": {name: getattr(args, name) for name in ("n", "d", "k", "threads", "repeats")},
        "time": measure_time(args),
        "correctness": measure_correctness(args),
        "features_bytes": 4 * args.n * args.d,
        "peak_bytes_beyond_features": peak,
    }
    times, correct = record["time"], record["correctness"]
    print(f"n = {args.n}, d = {args.d}, k = {args.k}, {args.threads} threads")
    print(f"product X @ Y.T    median {times['product_median']:.3f} s")
    print(f"knn_graph (cosine) median {times['graph_median']:.3f} s")
    print(
        f"ratio              median {times['ratio_median']:.2f}, "
        f"from {times['ratio_min']:.2f} to {times['ratio_max']:.2f}, "
        f"of the fastest {times['ratio_of_minima']:.2f} (goal {GOAL}, limit {LIMIT})"
    )
    print(
        f"peak memory        {record['peak_bytes_beyond_features'] / 2**20:.0f} MiB "
        f"beyond {record['features_bytes'] / 2**20:.0f} MiB of features"
    )
    print(
        f"rows               {correct['n_reranked_rows']} of {args.n} left open by float32, "
        f"{correct['n_tied_rows']} tied; {correct['rows_that_differ']} of "
        f"{correct['rows_checked']} differ from a float64 ranking"
    )
    if args.out:
        write_json(args.out, record)
        print(f"written to {args.out}")
    return int(correct["rows_that_differ"] > 0 or times["ratio_median"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
