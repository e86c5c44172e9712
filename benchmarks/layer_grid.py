"""All pairs of layers with their null, against a plain computation of one pair of layers.

Prints, in one run: the time of 33 x 24 layer pairs with 999 permutations and the search over
layers inside each; the time of one layer pair by full sorting (both graphs, no null); and how
many times faster the first is than 792 of the second. Writes benchmarks/results/layer_grid.json.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import sys
import time
from pathlib import Path

import numpy as np

from _frame import machine, own_peak_bytes, threads, write_json
from platonica.measures import get_measure
from platonica.stats import permutation_null, prepare_layers
from platonica.stats.exchange import Exchange


def plain_mutual_knn(X, Y, k):
    """What one writes first: two similarity matrices, sorted in full."""
    nearest = []
    for Z in (X, Y):
        Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
        similarity = Z @ Z.T
        np.fill_diagonal(similarity, -np.inf)
        nearest.append(np.argsort(-similarity, axis=1)[:, :k])
    both = zip(*nearest, strict=True)
    return sum(len(np.intersect1d(a, b)) for a, b in both) / (len(X) * k)


def plain_debiased_cka(X, Y, _):
    """What one writes first: two Gram matrices without diagonal, and the unbiased estimator."""

    def hsic(K, L):
        n, ones = len(K), np.ones(len(K))
        KL = np.trace(K @ L)
        sums = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        return (KL + sums - 2 / (n - 2) * (ones @ K @ L @ ones)) / (n * (n - 3))

    K, L = (Z.astype(np.float64) @ Z.T.astype(np.float64) for Z in (X, Y))
    np.fill_diagonal(K, 0.0)
    np.fill_diagonal(L, 0.0)
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


PLAIN = {"mutual_knn": plain_mutual_knn, "debiased_cka": plain_debiased_cka}


def layers(r, n, d, count, correlated):
    """Layers of a network that shares a world: independent, or each close to the one before."""
    world = r.standard_normal((n, 16)).astype(np.float32)
    stream = np.zeros((n, d), dtype=np.float32)
    for _ in range(count):
        step = r.standard_normal((n, d), dtype=np.float32)
        signal = world @ r.standard_normal((16, d)).astype(np.float32)
        stream = 0.95 * stream + step + 0.2 * signal if correlated else step + 0.2 * signal
        yield stream.copy()


def peak_mb():
    return own_peak_bytes() / 2**20


def measure_grid(name, X, Y, n_resamples, threads):
    measure = get_measure(name)
    before, start = peak_mb(), time.perf_counter()
    A, B = (
        prepare_layers(measure, range(len(Z)), Z.__getitem__, n_items=len(Z[0])) for Z in (X, Y)
    )
    prepared = time.perf_counter()
    result = permutation_null(
        measure, A, B, exchange=Exchange.of(len(X[0])), n_resamples=n_resamples, n_threads=threads
    )
    end = time.perf_counter()
    return {
        "seconds": end - start,
        "seconds_prepare": prepared - start,
        "seconds_null": end - prepared,
        "peak_memory_mb": peak_mb(),
        "peak_memory_increase_mb": peak_mb() - before,
        "score": result.statistic,
        "score_first_pair": float(result.scores[0, 0]),
        "best_layers": result.where,
        "pvalue": result.pvalue,
    }


def exact_cost(name, n, d):
    """Time of exact mean and variance of the null, beside a score of features and of states."""
    measure = get_measure(name)
    X, Y = np.random.default_rng(0).standard_normal((2, n, d))
    best = dict.fromkeys(("score of features", "score of states", "mean and variance"), np.inf)
    for _ in range(5):
        times = [time.perf_counter()]
        a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
        ready = time.perf_counter()
        measure.score(a, b)
        times.append(time.perf_counter())
        moments = measure.null_moments(a, b)
        _ = moments.mean, moments.variance
        times.append(time.perf_counter())
        took = (times[1] - times[0], times[1] - ready, times[2] - times[1])
        best = {what: min(best[what], t) for what, t in zip(best, took, strict=True)}
    return {"measure": name, "n": n, "d": d, **{f"ms, {w}": 1e3 * t for w, t in best.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--d", type=int, default=768)
    parser.add_argument("--null", type=int, default=999)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measures", nargs="*", choices=PLAIN, default=tuple(PLAIN))
    parser.add_argument("--repeats", type=int, default=5, help="of the plain computation")
    parser.add_argument("--fast", action="store_true", help="99 permutations, fewer layers")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "layer_grid.json"
    )
    options = parser.parse_args()
    n_x, n_y, n_resamples = (6, 5, 99) if options.fast else (33, 24, options.null)
    rows = []
    exact = [exact_cost(m, options.n, options.d) for m in ("mutual_knn", "cka", "debiased_cka")]
    for row in exact:
        print(row)
    with threads(options.threads):
        for measure, correlated in itertools.product(options.measures, (False, True)):
            r = np.random.default_rng(0)
            X = list(layers(r, options.n, options.d, n_x, correlated))
            Y = list(layers(r, options.n, options.d, n_y, correlated))
            grid = measure_grid(measure, X, Y, n_resamples, options.threads)
            times = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                score = PLAIN[measure](X[0], Y[0], 10)
                times.append(time.perf_counter() - start)
            one = float(np.median(times))
            pairs = n_x * n_y
            rows.append(
                {
                    "measure": measure,
                    "layers": "correlated" if correlated else "independent",
                    "pairs": pairs,
                    "permutations": n_resamples,
                    **grid,
                    "seconds_plain_one_pair": one,
                    "plain_score_first_pair": score,
                    "times_faster_including_null": one * pairs / grid["seconds"],
                    "times_faster_than_every_permutation_anew": one
                    * pairs
                    * n_resamples
                    / grid["seconds_null"],
                }
            )
            row = rows[-1]
            print(
                f"{measure}, {row['layers']} layers: {pairs} pairs, {n_resamples} permutations in "
                f"{row['seconds']:.2f} s (prepare {row['seconds_prepare']:.2f}, null "
                f"{row['seconds_null']:.2f}); one plain pair {one:.4f} s, times {pairs} = "
                f"{one * pairs:.1f} s: {row['times_faster_including_null']:.1f} times faster, "
                f"{row['times_faster_than_every_permutation_anew']:.0f} times with every "
                f"permutation anew; peak memory {row['peak_memory_mb']:.0f} MB"
            )
    document = {
        "command": shlex.join(["python", "benchmarks/layer_grid.py", *sys.argv[1:]]),
        "n": options.n,
        "d": options.d,
        "k": 10,
        "threads": options.threads,
        "machine": machine(),
        "exact_moments": exact,
        "rows": rows,
    }
    write_json(options.out, document)


if __name__ == "__main__":
    main()
