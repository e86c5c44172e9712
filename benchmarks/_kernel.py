"""Rows of the table of measures: CKA against the matrix products that it cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from _frame import growth, ratio
from platonica.measures import MEASURES, cka, debiased_cka
from platonica.stats import layer_scores, prepare_layers

__all__ = ["cka_growth", "debiased_cka_ratio", "layer_grid_ratio"]


def features(n: int, d: int, seed: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.dtype(dtype).type)


def debiased_cka_ratio(n: int = 10_000, d: int = 768, repeats: int = 7) -> list[dict[str, Any]]:
    """The whole function on arrays, checks included, to one float64 product of two buffers."""
    P, Q = features(n, d, 2, "float64"), features(n, d, 3, "float64")
    rows = []
    for dtype in ("float32", "float64"):
        X, Y = features(n, d, 0, dtype), features(n, d, 1, dtype)

        def work(X: Any = X, Y: Any = Y) -> Any:
            return debiased_cka(X, Y)

        times = ratio(work, lambda: P.T @ Q, repeats)
        rows.append(
            {
                "work": f"debiased CKA n={n} d={d} {dtype} to one float64 product",
                "value": times["ratio_median"],
                "unit": "products",
                "must": 4.0,
                "goal": 2.5,
                **times,
            }
        )
    return rows


def layer_grid_ratio(
    n: int = 1024, d: int = 768, layers: Sequence[int] = (33, 24), repeats: int = 5
) -> dict[str, Any]:
    """All layers prepared and all pairs scored, to one float32 n x n x d product a layer."""
    measure = MEASURES["debiased_cka"]
    sides = [
        [features(n, d, 100 * side + layer) for layer in range(count)]
        for side, count in enumerate(layers)
    ]
    P, Q = features(n, d, 998), features(n, d, 999)

    def grid() -> Any:
        A, B = (
            prepare_layers(measure, range(len(Z)), Z.__getitem__, n_items=n)  # type: ignore[arg-type]
            for Z in sides
        )
        return layer_scores(measure, A, B)

    def products() -> None:
        for _ in range(sum(layers)):
            P @ Q.T

    scores = grid()
    times = ratio(grid, products, repeats)
    alone = debiased_cka(sides[0][-1], sides[1][-1])
    return {
        "work": f"debiased CKA {layers[0]}x{layers[1]} layers n={n} d={d} to as many products",
        "value": times["ratio_median"],
        "unit": "sets of products",
        "must": 4.0,
        "goal": 2.0,
        "difference_from_one_pair": float(abs(scores[-1, -1] - alone)),
        **times,
    }


def cka_growth(
    sizes: Sequence[int] = (4000, 8000, 16_000, 32_000), d: int = 256, repeats: int = 3
) -> dict[str, Any]:
    """Exponent of linear CKA in the number of items; its formula says 1."""

    def make(n: int) -> Callable[[], Any]:
        X, Y = features(n, d, 0), features(n, d, 1)
        return lambda: cka(X, Y)

    found = growth(make, sizes, repeats)
    return {
        "work": f"growth of CKA with n, d={d}",
        "value": found["exponent"],
        "unit": "exponent",
        "must": 1.15,
        "least": 0.85,
        "goal": None,
        **found,
    }
