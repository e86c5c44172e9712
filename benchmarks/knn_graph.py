"""The exact k-NN graph against one matrix product X @ Y.T: time, memory and correctness.

    python benchmarks/knn_graph.py [--fast]

Product and graph take turns, so that both see the same load of the machine; the ratio is
taken within each turn. Memory is measured in fresh processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from platonica.neighbors import knn_graph

GOAL, LIMIT = 0.9, 1.3


def features(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def seconds(call: Any) -> float:
    time.sleep(0.2)  # threads of BLAS spin for a while after a product; let each turn start alone
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure_time(args: argparse.Namespace) -> dict[str, Any]:
    X, Y = features(args.n, args.d, 0), features(args.n, args.d, 1)
    product = lambda: X @ Y.T  # noqa: E731
    graph = lambda: knn_graph(X, args.k, n_threads=args.threads)  # noqa: E731
    times: dict[str, list[float]] = {"product": [], "graph": []}
    with threadpool_limits(args.threads, user_api="blas"):
        product(), graph()  # warm up
        for _ in range(args.repeats):
            times["product"].append(seconds(product))
            times["graph"].append(seconds(graph))
    ratios = [g / p for g, p in zip(times["graph"], times["product"], strict=True)]
    return {
        "product_seconds": times["product"],
        "graph_seconds": times["graph"],
        "product_median": statistics.median(times["product"]),
        "graph_median": statistics.median(times["graph"]),
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ratio_of_minima": min(times["graph"]) / min(times["product"]),
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


def peak_bytes(args: argparse.Namespace, what: str) -> int:
    """Peak memory of a fresh process that makes the features, and perhaps the graph."""
    command = [sys.executable, __file__, "--child", what]
    for name in ("n", "d", "k", "threads"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


def child(args: argparse.Namespace) -> None:
    small = features(200, args.d, 1)
    knn_graph(small, min(args.k, 100), n_threads=args.threads)  # libraries and thread stacks
    X = features(args.n, args.d, 0)
    if args.child == "graph":
        knn_graph(X, args.k, n_threads=args.threads)
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [
            f"{one['internal_api']} {one['version']} {one.get('architecture', '')}".strip()
            for one in threadpool_info()
            if one["user_api"] == "blas"
        ],
        "load_average": os.getloadavg(),
    }


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
    parser.add_argument("--child", choices=["features", "graph"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fast:
        args.n, args.repeats = min(args.n, 2048), 5
    elif args.out is None:
        args.out = Path(__file__).parent / "results" / "knn_graph.json"
    return args


def main() -> int:
    args = parse()
    if args.child:
        child(args)
        return 0
    # first, since a process inherits the peak of the one that starts it
    peak = peak_bytes(args, "graph") - peak_bytes(args, "features")
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
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {args.out}")
    return int(correct["rows_that_differ"] > 0 or times["ratio_median"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
