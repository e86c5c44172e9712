"""Every layer of a space prepared once, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Literal

from threadpoolctl import threadpool_limits

from platonica.errors import DegenerateInputError
from platonica.threads import available_cores

__all__ = ["prepare_layers"]

MANY_ITEMS = 4096
"""From here on one layer fills all cores; below, layers are prepared side by side."""


def prepare_layers(
    measure: Any,
    layers: Sequence[str],
    array: Callable[[str], Any],
    *,
    n_items: int,
    role: Literal["x", "y"] = "x",
    groups: Sequence[Hashable] | None = None,
    folds: Sequence[int] | None = None,
    kind: str = "features",
) -> list[Any]:
    """Prepare the layers of one space.

    Parameters
    ----------
    measure : Measure
    layers : sequence of str
    array : callable
        From a layer's name to its array of shape (n_items, n_features).
    n_items : int
    role : {"x", "y"}
    groups, folds : sequences of length n_items, optional
    kind : {"features", "rdm"}

    Returns
    -------
    list
        The state of each layer, or the `DegenerateInputError` that says why it has none.
    """

    def prepare(layer: str) -> Any:
        try:
            return measure.prepare(array(layer), role=role, groups=groups, folds=folds, kind=kind)
        except DegenerateInputError as error:
            return error

    side_by_side = n_items < MANY_ITEMS and len(layers) > 1
    threads = min(8, available_cores()) if side_by_side else 1
    limits = threadpool_limits(1) if side_by_side else nullcontext()
    with limits, ThreadPoolExecutor(threads) as pool:
        return list(pool.map(prepare, layers))
