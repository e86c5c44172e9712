"""A pool of threads that share the machine with BLAS instead of fighting it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController

from platonica.errors import ParameterError
from platonica.threads import available_cores

__all__ = ["Inline", "slices", "thread_pool"]


def slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


@lru_cache(maxsize=1)
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")


class _Limit:
    """The limit on BLAS threads is one for the process: the last graph to end lifts it."""

    lock = threading.Lock()
    depth = 0
    limiter: Any = None


class Inline(ThreadPoolExecutor):
    """One thread needs no other: what would be handed over is done at once."""

    def map(self, fn: Any, *iterables: Any, **_: Any) -> Iterator[Any]:
        return map(fn, *iterables)


@contextmanager
def thread_pool(n_threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """Open a pool whose threads each use one BLAS thread; the user's setting returns after."""
    if n_threads is None:
        n_threads = _default_threads()
    if n_threads < 1:
        raise ParameterError(f"n_threads must be at least 1, not {n_threads}")
    with _Limit.lock:
        if _Limit.depth == 0:
            _Limit.limiter = _blas().limit(limits=1)
        _Limit.depth += 1
    try:
        pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else Inline()
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, wait for what runs, not for all
    finally:
        with _Limit.lock:
            _Limit.depth -= 1
            if _Limit.depth == 0:
                _Limit.limiter.restore_original_limits()


def _default_threads() -> int:
    """As many threads as BLAS may use: follows OPENBLAS_NUM_THREADS and threadpoolctl."""
    return min([available_cores(), *(int(library["num_threads"]) for library in _blas().info())])
