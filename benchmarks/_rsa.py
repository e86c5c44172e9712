"""Rows of the table of measures: RSA by exact ranks, and the growth of distance correlation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from _frame import growth, peak_bytes, seconds
from platonica.measures import distance_correlation, rsa

__all__ = ["growth_of_distances", "spearman"]


def features(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def compare(n: int, d: int) -> None:
    rsa(features(n, d, 0), features(n, d, 1), rdm="correlation", compare="spearman")


def spearman(n: int = 10_000, d: int = 768, repeats: int = 3) -> list[dict[str, Any]]:
    """Exact Spearman RSA of two arrays: seconds, and the peak memory of a whole process."""
    times = [seconds(lambda: compare(n, d)) for _ in range(repeats)]
    name = f"Spearman RSA n={n} d={d}, exact"
    return [
        {
            "work": f"{name}: time",
            "value": float(np.median(times)),
            "unit": "s",
            "must": 30.0,
            "goal": 12.0,
            "seconds": times,
        },
        {
            "work": f"{name}: peak memory of the process",
            "value": peak_bytes("_rsa:compare", n=n, d=d) / 1e9,
            "unit": "GB",
            "must": 2.5,
            "goal": 1.5,
        },
    ]


def growth_of_distances(
    sizes: Sequence[int] = (4000, 8000, 16_000, 32_000), d: int = 64, repeats: int = 1
) -> dict[str, Any]:
    """Exponent of distance correlation in the number of items; its formula says 2."""

    def make(n: int) -> Callable[[], Any]:
        X, Y = features(n, d, 0), features(n, d, 1)
        return lambda: distance_correlation(X, Y)

    found = growth(make, sizes, repeats)
    return {
        "work": f"growth of distance correlation with n, d={d}",
        "value": found["exponent"],
        "unit": "exponent",
        "must": 2.15,
        "least": 1.85,
        "goal": None,
        **found,
    }
