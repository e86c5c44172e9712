"""What becomes of a grid of layer scores: rules that the null repeats in every permutation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError

__all__ = ["Select", "selection"]

F64 = NDArray[np.float64]

Select = Literal["best", "mean", "mean_best"] | Callable[[F64], float]
"""Rule from a grid of scores (n_layers_x, n_layers_y) to one statistic.

"best": the closest pair; "mean": the mean over all pairs; "mean_best": for each layer of X its
closest layer of Y, averaged over the layers of X; or a function of the grid, in which NaN stands
for a pair without a score.
"""

WORDS = {
    "best": "the {extreme} over all pairs of layers",
    "mean": "the mean over all pairs of layers",
    "mean_best": "the mean over layers of X of the {extreme} over layers of Y",
}


def selection(select: Select, direction: str) -> tuple[Callable[[F64], F64], str]:
    """Return a rule for stacked grids, and its words.

    Parameters
    ----------
    select : Select
    direction : {"similarity", "distance"}

    Returns
    -------
    callable
        From grids (n_grids, n_layers_x, n_layers_y) to statistics (n_grids,).
    str

    Raises
    ------
    ParameterError
        No such rule; or, when the rule is applied, one whose statistic is not a finite number,
        or not the same for the same grid, so that the null cannot repeat it.
    """
    extreme = np.nanmax if direction == "similarity" else np.nanmin
    words = "maximum" if direction == "similarity" else "minimum"
    if callable(select):
        return lambda grids: _by_function(select, grids), "a rule of the caller's"
    if select == "best":
        rule = lambda grids: extreme(grids, axis=(1, 2))  # noqa: E731
    elif select == "mean":
        rule = lambda grids: np.nanmean(grids, axis=(1, 2))  # noqa: E731
    elif select == "mean_best":
        rule = lambda grids: _mean_best(grids, extreme)  # noqa: E731
    else:
        raise ParameterError(
            f"select must be one of {', '.join(WORDS)} or a function of the grid of scores that "
            f"the null can repeat, not {select!r}"
        )
    return rule, WORDS[select].format(extreme=words)


def _mean_best(grids: F64, extreme: Callable[..., F64]) -> F64:
    having = ~np.isnan(grids).all(axis=(0, 2))
    mean: F64 = extreme(grids[:, having], axis=2).mean(axis=1)
    return mean


def _by_function(select: Callable[[F64], float], grids: F64) -> F64:
    statistics = np.array([select(grid.copy()) for grid in grids], dtype=np.float64)
    if statistics.shape != (len(grids),) or not np.isfinite(statistics).all():
        raise ParameterError("select must return one finite number for every grid of scores")
    if select(grids[0].copy()) != statistics[0]:
        raise ParameterError(
            "select returned two values for the same grid of scores: a rule that draws or "
            "remembers cannot be repeated by the null"
        )
    return statistics
