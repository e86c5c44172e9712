"""What benchmarks share: the machine, the clock, turns, memory, growth, tables and records.

    python benchmarks/_frame.py MODULE:FUNCTION ARGUMENTS

prints the peak memory of a process that calls a function of a benchmark once and does nothing
else; ARGUMENTS are its keyword arguments as JSON. `peak_bytes` starts it.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

Row = dict[str, Any]
NEEDED = {"work": str, "value": float, "unit": str, "must": float}


class Missing(LookupError):
    """A function of a benchmark that is not there."""


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": sorted(
            f"{one['internal_api']} {one['version']} {one.get('architecture', '')}".strip()
            for one in threadpool_info()
            if one["user_api"] == "blas"
        ),
        "load_average": os.getloadavg(),
    }


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let every library use this many threads and no more."""
    with threadpool_limits(number):
        yield


def seconds(call: Callable[[], Any], pause: float = 0.2) -> float:
    time.sleep(pause)  # threads of BLAS spin for a while after a product; let each turn start alone
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(
    work: Callable[[], Any], product: Callable[[], Any], repeats: int = 5, pause: float = 0.2
) -> dict[str, Any]:
    """Time of the work relative to a product, in turns, so that both see the same load."""
    work(), product()  # warm up
    turns = [(seconds(work, pause), seconds(product, pause)) for _ in range(repeats)]
    ratios = [w / p for w, p in turns]
    return {
        "work_seconds": [w for w, _ in turns],
        "product_seconds": [p for _, p in turns],
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ratio_of_minima": min(w for w, _ in turns) / min(p for _, p in turns),
    }


def growth(
    make: Callable[[int], Callable[[], Any]], sizes: Sequence[int], repeats: int = 3
) -> dict[str, Any]:
    """Exponent with which time grows: the slope of log seconds on log size, of the best turns."""
    calls = [make(size) for size in sizes]
    calls[0]()  # warm up
    times = np.array([[seconds(call) for call in calls] for _ in range(repeats)])
    best = times.min(axis=0)
    slope = np.polyfit(np.log(sizes), np.log(best), 1)[0]
    return {"exponent": float(slope), "sizes": list(sizes), "seconds": best.tolist()}


def peak_bytes(function: str, threads: int = 2, **arguments: Any) -> int:
    """Peak memory of a fresh process that calls ``"module:function"`` of a benchmark once."""
    command = [sys.executable, __file__, function, json.dumps(arguments)]
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(counts, str(threads))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{function} failed in its own process:\n{done.stderr}")
    return int(done.stdout.splitlines()[-1])


def peak_beyond(work: str, base: str, threads: int = 2, **arguments: Any) -> int:
    """Peak memory of the work beyond that of a function that only makes what it works on."""
    return peak_bytes(work, threads, **arguments) - peak_bytes(base, threads, **arguments)


def own_peak_bytes() -> int:
    """Peak memory of this process; Linux would otherwise count that of the one that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def check_row(row: Row) -> Row:
    """Return a row that holds what the table needs; the goal may be None."""
    for key, kind in NEEDED.items():
        value = row.get(key)
        if not (isinstance(value, kind) or (kind is float and isinstance(value, int | np.number))):
            raise TypeError(f"a row needs {key!r} of type {kind.__name__}, not {value!r}: {row}")
    if not np.isfinite(float(row["value"])):
        raise ValueError(f"a row needs a finite value: {row}")
    return {**row, "goal": row.get("goal")}


def verdict(row: Row) -> str:
    """Tell whether the goal was reached, only the bar, or not even that.

    Less is better unless the goal is above the bar. A row may state "least" as well, below which
    the value must not fall.
    """
    value, must, goal = row["value"], row["must"], row["goal"]
    sign = -1 if goal is not None and goal > must else 1
    if sign * value > sign * must or value < row.get("least", -np.inf):
        return "missed"
    return "must" if goal is None or sign * value > sign * goal else "goal"


def print_table(rows: Sequence[Row]) -> None:
    """Print name, value, bar and goal of every row; a row of a reduced form is not judged."""
    lines = [("work", "value", "unit", "must", "goal", "reached")]
    for row in rows:
        numbers = ["-" if row[key] is None else f"{row[key]:.4g}" for key in ("must", "goal")]
        judged = row.get("reached", "-")
        lines.append((row["work"], f"{row['value']:.4g}", row["unit"], *numbers, judged))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(document, indent=1, default=_plain) + "\n", encoding="utf-8")
    part.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no JSON")


def resolve(function: str) -> Callable[..., Any]:
    """Return ``"module:function"``, the module beside this one or on the path.

    Raises
    ------
    Missing
        No such module, or no such function in it.
    """
    module, _, name = function.partition(":")
    if importlib.util.find_spec(module) is None:
        raise Missing(f"benchmarks/{module}.py is not there")
    found: Callable[..., Any] | None = getattr(importlib.import_module(module), name, None)
    if found is None:
        raise Missing(f"benchmarks/{module}.py has no function {name}")
    return found


if __name__ == "__main__":
    resolve(sys.argv[1])(**json.loads(sys.argv[2]))
    print(own_peak_bytes())
