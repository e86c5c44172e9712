"""Rows of the table of measures: neighbour graphs, exact and approximate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from _frame import growth, peak_beyond, ratio
from _mixture import mixture
from platonica.neighbors import approximate_knn_graph, knn_graph

__all__ = ["approximate", "exact_growth", "exact_memory", "exact_ratio"]

BARS = {768: (1.2, 0.9), 4096: (0.7, 0.55)}


def features(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def exact_ratio(n: int = 8192, d: int = 768, k: int = 10, repeats: int = 9) -> dict[str, Any]:
    """The exact graph to one float32 product of two distinct buffers."""
    X, Y = features(n, d, 0), features(n, d, 1)
    times = ratio(lambda: knn_graph(X, k), lambda: X @ Y.T, repeats)
    must, goal = BARS.get(d, (1.2, 0.9))
    return {
        "work": f"exact k-NN graph n={n} d={d} k={k} to one float32 product",
        "value": times["ratio_median"],
        "unit": "products",
        "must": must,
        "goal": goal,
        **times,
    }


def make_features(n: int, d: int) -> np.ndarray:
    knn_graph(features(200, d, 1), 10)  # libraries and the stacks of threads
    return features(n, d, 0)


def make_graph(n: int, d: int) -> None:
    knn_graph(make_features(n, d), 10)


def exact_memory(n: int = 100_000, d: int = 256) -> dict[str, Any]:
    """Peak memory of the exact graph beyond the features, in a process of its own."""
    start = time.perf_counter()
    arguments = {"n": n, "d": d}
    beyond = peak_beyond("_neighbors:make_graph", "_neighbors:make_features", **arguments)
    return {
        "work": f"exact k-NN graph n={n} d={d}: memory beyond the features",
        "value": beyond / 1e9,
        "unit": "GB",
        "must": 1.5,
        "goal": 0.5,
        "seconds_of_both_processes": time.perf_counter() - start,
    }


def exact_growth(
    sizes: Sequence[int] = (4000, 8000, 16_000, 32_000), d: int = 256, repeats: int = 2
) -> dict[str, Any]:
    """Exponent of the exact graph in the number of items; its formula says 2."""

    def make(n: int) -> Callable[[], Any]:
        X = features(n, d, 0)
        return lambda: knn_graph(X, 10)

    found = growth(make, sizes, repeats)
    return {
        "work": f"growth of the exact k-NN graph with n, d={d}",
        "value": found["exponent"],
        "unit": "exponent",
        "must": 2.15,
        "least": 1.85,
        "goal": None,
        **found,
    }


def make_mixture(n: int) -> np.ndarray:
    approximate_knn_graph(mixture(500), 10, n_threads=2)  # libraries and the stacks of threads
    return mixture(n)


def make_approximate(n: int) -> None:
    approximate_knn_graph(make_mixture(n), 10, n_threads=2)


def approximate(n: int = 1_000_000, d: int = 256) -> list[dict[str, Any]]:
    """The approximate graph of a mixture of Gaussians: minutes, recall at 10, memory."""
    X = mixture(n, d)
    start = time.perf_counter()
    graph = approximate_knn_graph(X, 10, n_threads=2)
    minutes = (time.perf_counter() - start) / 60
    del X
    beyond = peak_beyond("_neighbors:make_approximate", "_neighbors:make_mixture", n=n)
    name = f"approximate k-NN graph n={n} d={d}"
    assert graph.recall is not None
    return [
        {"work": f"{name}: time", "value": minutes, "unit": "min", "must": 20.0, "goal": 8.0},
        {
            "work": f"{name}: recall at 10",
            "value": graph.recall,
            "unit": "share",
            "must": 0.98,
            "goal": 0.99,
            "recall_error": graph.recall_error,
        },
        {
            "work": f"{name}: memory beyond the features",
            "value": beyond / 1e9,
            "unit": "GB",
            "must": 8.0,
            "goal": 3.0,
        },
    ]
