"""The first hypothesis paper's measures and ours, side by side in one process.

    python benchmarks/peers.py --peer-path DIR

DIR is a checkout of that paper's code, which is run as it is; trust it as you would trust any
program. Both sides get the same features and, in parity mode, must print the same numbers.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import platform
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from platonica.measures import get_measure

LIMIT = 1e-7
"""Largest difference in float64: that code rounds some means to float32, half a step of 1."""

NAMES = {
    "mutual_knn": "mutual_knn",
    "cycle_knn": "cycle_knn",
    "lcs_knn": "lcs_knn",
    "edit_knn": "edit_distance_knn",
    "cknna": "cknna",
    "cka": "cka",
    "debiased_cka": "unbiased_cka",
}
"""Our name -> theirs. Their svcca draws random sketches, so that there is no number to equal."""

EXACT = {"prh": True, "prh-script": False}
"""Parity mode -> their argument ``exact``."""


def features(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two spaces of one world, with a few loud features, as models have."""
    r = np.random.default_rng(0)
    world = r.standard_normal((n, 32))
    loud = np.where(np.arange(d) % 50 == 0, 20.0, 1.0)
    spaces = (world @ r.standard_normal((32, d)) + 4.0 * r.standard_normal((n, d)) for _ in "xy")
    first, second = ((space * loud).astype(np.float32) for space in spaces)
    return first, second


def load(path: Path) -> tuple[Any, set[str]]:
    """Import their metrics, and name what cannot run for want of a library."""
    missing = set()
    if importlib.util.find_spec("torchaudio") is None:
        stub = types.ModuleType("torchaudio")
        stub.functional = types.ModuleType("torchaudio.functional")  # type: ignore[attr-defined]
        stub.functional.edit_distance = None
        sys.modules |= {"torchaudio": stub, "torchaudio.functional": stub.functional}
        missing.add("edit_knn")
    spec = importlib.util.spec_from_file_location("peer_metrics", path / "metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, missing


def theirs(peer: Any, name: str, X: Any, Y: Any, exact: bool, k: int) -> float:
    """Their pipeline for one pair of layers."""
    import torch

    rows = [
        torch.nn.functional.normalize(peer.remove_outliers(Z, q=0.95, exact=exact), dim=-1)
        for Z in (X, Y)
    ]
    options = {"topk": k} if "nn" in name else {}
    score = float(peer.AlignmentMetrics.measure(name, *rows, **options))
    return score / k if name == "lcs_knn" else score  # they print a length


def seconds(call: Callable[[], float]) -> tuple[float, float]:
    start = time.perf_counter()
    score = call()
    return score, time.perf_counter() - start


def turns(ours: Callable[[], float], peer: Callable[[], float], repeats: int) -> dict[str, Any]:
    """Both take turns, so that they see the same load of the machine."""
    pairs = [(seconds(ours), seconds(peer)) for _ in range(repeats)]
    (score, _), (peer_score, _) = pairs[0]
    return {
        "ours": score,
        "theirs": peer_score,
        "difference": abs(score - peer_score),
        "our_seconds": float(np.median([mine for (_, mine), _ in pairs])),
        "their_seconds": float(np.median([other for _, (_, other) in pairs])),
        "times_faster": float(np.median([other / mine for (_, mine), (_, other) in pairs])),
    }


def compared(peer: Any, names: list[str], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    import torch

    single = features(args.n, args.d)
    for dtype, name, mode in itertools.product(("float64", "float32"), names, EXACT):
        X, Y = (Z.astype(dtype) for Z in single)
        k = {"k": args.k} if "nn" in name else {}
        found = turns(
            partial(get_measure(name, compat=mode, **k), X, Y),
            partial(theirs, peer, NAMES[name], *map(torch.from_numpy, (X, Y)), EXACT[mode], args.k),
            args.repeats,
        )
        yield {"measure": name, "compat": mode, "dtype": dtype, **found}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-path", type=Path, required=True, help="holds their metrics.py")
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--d", type=int, default=768)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measures", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "peers.json"
    )
    return parser.parse_args()


def main() -> int:
    args = parse()
    import torch

    torch.set_num_threads(args.threads)
    peer, missing = load(args.peer_path)
    print(f"{'measure':<13}{'mode':<11}{'type':<9}{'ours':>12}{'theirs':>12}{'|diff|':>9}"
          f"{'ours s':>9}{'theirs s':>9}{'ratio':>7}")  # fmt: skip
    rows = []
    with threadpool_limits(args.threads, user_api="blas"):
        for row in compared(peer, [name for name in args.measures if name not in missing], args):
            rows.append(row)
            print(f"{row['measure']:<13}{row['compat']:<11}{row['dtype']:<9}{row['ours']:12.8f}"
                  f"{row['theirs']:12.8f}{row['difference']:9.1e}{row['our_seconds']:9.3f}"
                  f"{row['their_seconds']:9.3f}{row['times_faster']:7.1f}")  # fmt: skip
    largest = max(row["difference"] for row in rows if row["dtype"] == "float64")
    print(f"largest difference in float64: {largest:.1e} (limit {LIMIT:.0e})")
    for name in sorted(missing):
        print(f"not compared: {name} (their code needs torchaudio)")
    record = {
        # the folder is the reader's own
        "command": f"python benchmarks/peers.py --peer-path DIR --n {args.n} --d {args.d} "
        f"--k {args.k} --threads {args.threads} --repeats {args.repeats}",
        "numpy": np.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "blas": sorted({f"{one['internal_api']} {one['version']}" for one in threadpool_info()}),
        "load_average": os.getloadavg(),
        "rows": rows,
        "not_compared": sorted(missing),
        "largest_difference_float64": largest,
        "limit": LIMIT,
        "passed": largest <= LIMIT,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=2) + "\n")
    return int(not largest <= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
