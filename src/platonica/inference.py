"""What is asked of a comparison beside its score: which null, which interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from platonica.checks import check_resamples
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.partialling import Controls, Refitted
from platonica.prepared import Prepared
from platonica.spaces import Space
from platonica.stats import NullResult, check_level, exact_null, permutation_null
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import (
    BlockScores,
    Interval,
    SubsetScores,
    check_interval_level,
    jackknife_scores,
    score_interval,
    subset_scores,
)
from platonica.stats.selection import Select
from platonica.stats.surrogate import surrogate_null

__all__ = ["EXCHANGES", "NULLS", "Layers", "Null", "Question", "find_interval", "run_null"]

Layers = Literal["best", "last"] | tuple[str, str]
Null = Literal["auto", "permutation", "exact-moments", "surrogate"]
Progress = Callable[[int, int], None]

NULLS = ("auto", "permutation", "exact-moments", "surrogate")
N_BLOCKS = 20
"""Blocks of items that the jackknife leaves out, one at a time."""
EXCHANGES = ("auto", "within", "blocks:SIZE", "shifts")


@dataclass(frozen=True)
class Question:
    """What is asked of a pair of spaces, beside the measure; see `platonica.compare`."""

    layers: Layers = "best"
    null: Null = "auto"
    n_resamples: int = 999
    select: Select = "best"
    exchange: Exchange | str = "auto"
    stop_after: int | None = None
    alpha: float = 0.05
    interval: float | None = None
    rng: int | np.random.Generator = 0
    controls: Controls | None = None

    def __post_init__(self) -> None:
        if self.null not in NULLS:
            raise ParameterError(f"null must be one of {', '.join(NULLS)}, not {self.null!r}")
        if isinstance(self.exchange, str):
            _blocks(self.exchange)
        check_level(check_resamples(self.n_resamples), self.alpha)
        if self.interval is not None:
            check_interval_level(self.interval)


def run_null(
    measure: Any,
    x: Prepared,
    y: Prepared,
    at: tuple[Sequence[int], Sequence[int]],
    question: Question,
    progress: Progress | None,
) -> NullResult:
    """Score the layers ``at`` of both spaces against the null that was asked for.

    Raises
    ------
    ParameterError
        Exact moments of more than one pair of layers, or an exchange that the items do not allow.
    """
    at_x, at_y = at
    A = [x.states[i] for i in at_x]
    exchange = _exchange(question.exchange, x.space)
    controls = question.controls
    if controls is not None and question.null in ("exact-moments", "surrogate"):
        raise ParameterError(
            f"null={question.null!r} knows no controls: residuals agree a little because the same "
            "was taken out of both; use null='permutation', which takes it out again every time"
        )
    if question.null == "exact-moments":
        if len(at_x) * len(at_y) > 1:
            raise ParameterError(
                f"null='exact-moments' is of one pair of layers, but there are {len(at_x)} x "
                f"{len(at_y)}: the best of them has no such moments. Name a pair (layers=...), "
                "or use null='permutation', which searches in every permutation"
            )
        B = y.states[at_y[0]]
        return exact_null(measure, A[0], B, exchange=exchange, alpha=question.alpha)
    options: dict[str, Any] = {
        "exchange": exchange,
        "n_resamples": question.n_resamples,
        "select": question.select,
        "alpha": question.alpha,
        "rng": question.rng,
        "progress": progress,
    }
    if question.null == "surrogate":
        if y.kind == "rdm" or y.space.reduce in ("set", "expand"):
            raise ParameterError(
                "null='surrogate' turns features of one row an item, no dissimilarities, no items "
                "of several rows: use null='permutation'"
            )
        options |= {"groups": y.space.groups, "folds": y.folds}
        features = [y.space.array(y.space.layers[j]) for j in at_y]
        return surrogate_null(measure, A, features, **options)
    options["stop_after"] = question.stop_after
    if controls is not None and controls.explained is not None:
        refitted = Refitted(measure, controls.explained, y)
        result = permutation_null(refitted, A, refitted.states(y, at_y), **options)
        return replace(result, exchange=f"residuals: {result.exchange}, controls fitted anew")
    return permutation_null(measure, A, [y.states[j] for j in at_y], **options)


def _exchange(exchange: Exchange | str, space: Space) -> Exchange:
    if isinstance(exchange, Exchange):
        if exchange.n_items != space.n_items:
            raise ShapeError(
                f"the exchange is one of {exchange.n_items} items, but there are {space.n_items}"
            )
        return exchange
    if exchange == "within":
        if space.groups is None:
            raise ParameterError("exchange='within' needs items that have groups")
        return Exchange.within(space.n_items, space.groups)
    if exchange == "shifts":
        return Exchange.shifts(space.n_items)
    size = _blocks(exchange)
    if size is not None:
        return Exchange.in_blocks(space.n_items, size)
    return Exchange.of(space.n_items, space.groups)


def _blocks(exchange: str) -> int | None:
    """Size of the blocks that an exchange is of, if it is one of blocks."""
    if exchange in ("auto", "within", "shifts"):
        return None
    word, _, size = exchange.partition(":")
    if word != "blocks" or not size.isdecimal():
        raise ParameterError(
            f"exchange must be one of {', '.join(EXCHANGES)} or an Exchange, not {exchange!r}"
        )
    return int(size)


def find_interval(
    measure: Any,
    x: Prepared,
    y: Prepared,
    best: tuple[int, int],
    result: NullResult,
    question: Question,
) -> tuple[Interval | None, list[str]]:
    """Interval of the selected pair of layers, or the sentence that says why there is none."""
    if question.interval is None:
        return None, []
    if question.select != "best":
        return None, ["no interval: the statistic is not the score of one pair of layers"]
    drawn = _drawn(question.exchange, x.space)
    if drawn.circular:
        return None, ["no interval: items of a series depend; ask for exchange='blocks:SIZE'"]
    pair = [(x.for_subsets(best[0]), y.for_subsets(best[1]))]
    resampled: SubsetScores | BlockScores
    try:
        # neighbour lists are not smooth in the items, and a jackknife would be a third too wide
        if "k" in measure.params:
            resampled = subset_scores(measure, pair, exchange=drawn, rng=question.rng)
        else:
            blocks = min(N_BLOCKS, len(drawn.units))
            resampled = jackknife_scores(
                measure, pair, exchange=drawn, n_blocks=blocks, rng=question.rng
            )
    except (ShapeError, DegenerateInputError) as error:
        return None, [f"no interval, since subsets of the items have no score: {error}"]
    return score_interval(result.statistic, resampled, level=question.interval), []


def _drawn(exchange: Exchange | str, space: Space) -> Exchange:
    """Units that stand for other items of the population: those that move as wholes, if any."""
    moved = _exchange(exchange, space)
    if moved.circular or moved.units.shape[1] > 1:
        return moved
    return Exchange.of(space.n_items, space.groups)
