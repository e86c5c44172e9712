"""The front door: compare two spaces, with the null that the score is judged against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from platonica.errors import ParameterError
from platonica.inference import Layers, Null, Question, find_interval, run_null
from platonica.measures import Kind, get_measure
from platonica.partialling import Controls, find_controls
from platonica.prepared import Prepared
from platonica.results import Comparison, Side
from platonica.spaces import Rule, Space, as_space, check_paired
from platonica.stats import NullResult, chance_normalized, gated, gated_above, z_score
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import Interval
from platonica.stats.selection import Select

__all__ = ["compare", "compare_many"]

Progress = Callable[[int, int], None]


def compare(
    X: Any,
    Y: Any,
    measure: str | Any = "mutual_knn",
    *,
    k: int | None = None,
    null: Null = "auto",
    n_resamples: int = 999,
    layers: Layers = "best",
    select: Select = "best",
    exchange: Exchange | str = "auto",
    stop_after: int | None = None,
    alpha: float = 0.05,
    interval: float | None = None,
    controls: Any = None,
    reduce: Rule = "first",
    folds: Sequence[int] | None = None,
    kind: Kind | tuple[Kind, Kind] = "features",
    rng: int | np.random.Generator = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two spaces of the same items, with a permutation null.

    Parameters
    ----------
    X, Y : array of shape (n_items, n_features), mapping or list of such layers, or Features
        Arrays may be of NumPy, PyTorch (any device), CuPy or JAX; row i of both is the same
        item. Features are paired by item id, whatever their order.
    measure : str or Measure, default "mutual_knn"
        A name in `platonica.MEASURES`, with parameters if it is to have others than its own
        ("rsa?rdm=euclidean"), or a measure with its parameters bound.
    k : int, optional
        Neighbours an item, for the measures that have it (default 10).
    null : {"auto", "permutation", "exact-moments", "surrogate"}
        The items of Y are exchanged at random ("auto"), all layers together; the search over
        layers is repeated inside every permutation. "exact-moments" draws nothing: exact mean,
        variance and skewness over all permutations, of one pair of layers and of the measures
        that know them. "surrogate": the items of Y are turned by random orthogonal maps, which
        keep nothing of Y but its spectrum.
    n_resamples : int, at least 19, default 999
        Permutations; the smallest possible p-value is 1 / (n_resamples + 1).
    layers : "best", "last" or a pair of layer names
        Which pairs of layers are searched.
    select : {"best", "mean", "mean_best"} or callable, default "best"
        What becomes of the grid of layer scores, here and in every permutation; see
        `platonica.stats.selection`.
    exchange : Exchange or {"auto", "within", "blocks:SIZE", "shifts"}
        What may change places: single items, or whole groups where the items have groups
        ("auto"); items within their groups; blocks of consecutive items, or the whole series
        shifted, where items depend on their neighbours.
    stop_after : int, optional
        Stop the permutations after this many null values at least as close as the score.
    alpha : float in (0, 1), default 0.05
        Level of the gated score; fewer permutations than it needs are refused.
    interval : float in (0, 1), optional
        Level of an interval of the score of the selected layers: from subsets of the items for
        measures of k neighbours, from a jackknife over blocks of items for all others.
    controls : array, Features, or a list of them, optional
        Spaces of the same items (of Features, the last layer). What they explain linearly is
        taken out of X and Y; for `rsa`, their dissimilarities out of those of X and Y (partial
        RSA). With ``kind="rdm"`` they are dissimilarities too.
    reduce : {"first", "mean", "pool", "set", "expand"}
        What stands for an item with several rows (captions): the first; their mean; the mean of
        the rows at length 1; or, for measures of neighbour lists, all of them: as a set, of which
        the nearest row counts, or (`mutual_knn`) each with neighbours of its own, averaged within
        the item. Rows of an item are never each other's neighbours. It is part of the result.
    folds : sequence of length n_items, optional
        The split of the items, for the measures that fit on some and score on others.
    kind : {"features", "rdm"} or a pair of them
        What X and Y hold: features, or dissimilarity matrices (n_items, n_items) for the
        measures that take them.
    rng : int or Generator, default 0
    progress : callable(done, total), optional

    Returns
    -------
    Comparison

    Raises
    ------
    ShapeError
        Numbers of items differ or are too small; k > n_items - 2.
    PairingError
        Item ids differ.
    DegenerateInputError
        NaN, infinite or constant features, in every layer of a side. (One such layer among
        others is left out with a warning.)
    ParameterError, UnknownNameError
        A measure, layer or parameter that does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.random.default_rng(0)
    >>> world = r.standard_normal((200, 4))
    >>> X = world @ r.standard_normal((4, 30))
    >>> Y = world @ r.standard_normal((4, 50))
    >>> c = compare(X, Y, n_resamples=99)
    >>> c.pvalue
    0.01
    >>> c.score > 0.3, c.pair_null_mean == 10 / 199
    (True, True)
    """
    bound = _bind(measure, k)
    x, y = as_space(X, "X", reduce), as_space(Y, "Y", reduce)
    y = check_paired(x, y)
    kind_x, kind_y = (kind, kind) if isinstance(kind, str) else kind
    taken_out = find_controls(bound, controls, x, reduce, kind_x)
    question = Question(
        layers, null, n_resamples, select, exchange, stop_after, alpha, interval, rng, taken_out
    )
    return _compare_prepared(
        bound,
        _prepare(taken_out, bound, x, "x", folds=folds, kind=kind_x),
        _prepare(taken_out, bound, y, "y", folds=folds, kind=kind_y),
        question,
        progress,
    )


def compare_many(
    spaces: Mapping[str, Any],
    pairs: Iterable[tuple[str, str]],
    measure: str | Any = "mutual_knn",
    *,
    k: int | None = None,
    null: Null = "auto",
    n_resamples: int = 999,
    layers: Literal["best", "last"] = "best",
    select: Select = "best",
    exchange: Exchange | str = "auto",
    alpha: float = 0.05,
    interval: float | None = None,
    controls: Any = None,
    reduce: Rule = "first",
    rng: int = 0,
) -> Iterator[Comparison]:
    """Compare many pairs of spaces; every space is prepared once, not once a pair.

    Parameters
    ----------
    spaces : mapping of name to Features or arrays
    pairs : iterable of (name, name)
    measure, k, null, n_resamples, layers, select, exchange, alpha, interval, controls, reduce, rng
        As in `compare`.

    Yields
    ------
    Comparison
        One a pair, in the order of ``pairs``, as soon as it is there.
    """
    bound, pairs = _bind(measure, k), list(pairs)
    if not pairs:
        return
    first = as_space(spaces[pairs[0][0]], pairs[0][0], reduce)
    taken_out = find_controls(bound, controls, first, reduce)
    question = Question(
        layers=layers,
        null=null,
        n_resamples=n_resamples,
        select=select,
        exchange=exchange,
        alpha=alpha,
        interval=interval,
        rng=rng,
        controls=taken_out,
    )
    ready: dict[tuple[str, str], Prepared] = {}

    def prepared(name: str, role: Literal["x", "y"]) -> Prepared:
        key = (name, "" if bound.spec.symmetric else role)
        if key not in ready:
            space = check_paired(first, as_space(spaces[name], name, reduce))
            ready[key] = _prepare(taken_out, bound, space, role)
        return ready[key]

    for x, y in pairs:
        yield _compare_prepared(bound, prepared(x, "x"), prepared(y, "y"), question)


def _bind(measure: str | Any, k: int | None) -> Any:
    params = {} if k is None else {"k": k}
    return get_measure(measure, **params) if isinstance(measure, str) else measure.bound(**params)


def _prepare(
    controls: Controls | None, measure: Any, space: Space, role: Literal["x", "y"], **options: Any
) -> Prepared:
    known = getattr(measure, "row_rules", ())
    if space.reduce in ("set", "expand") and space.reduce not in known:
        rules = ", ".join(repr(rule) for rule in ("first", "mean", "pool", *known))
        raise ParameterError(
            f"{measure.spec.name} cannot compare items of several rows by "
            f"reduce={space.reduce!r}; it can by {rules}"
        )
    if controls is None:
        return Prepared.of(measure, space, role, **options)
    return controls.prepare(measure, space, role, **options)


def _compare_prepared(
    measure: Any,
    x: Prepared,
    y: Prepared,
    question: Question,
    progress: Progress | None = None,
) -> Comparison:
    layers = question.layers
    want_x, want_y = (layers, layers) if isinstance(layers, str) else layers
    at_x, at_y = x.choose(want_x), y.choose(want_y)
    result = run_null(measure, x, y, (at_x, at_y), question, progress)
    best_x, best_y = at_x[result.where[0]], at_y[result.where[1]]
    scores = np.full((len(x.states), len(y.states)), np.nan)
    scores[np.ix_(at_x, at_y)] = result.scores
    interval, excuse = find_interval(measure, x, y, (best_x, best_y), result, question)
    warnings = (*x.warnings, *y.warnings, *_about(result, x, y, at_x, at_y), *excuse)
    if question.controls is not None:
        warnings = (question.controls.words, *warnings)
    n_pairs = len(at_x) * len(at_y)
    return Comparison(
        x=Side(x.space.name, x.space.fingerprint),
        y=Side(y.space.name, y.space.fingerprint),
        measure=measure.spec.name,
        params=measure.params,
        direction=measure.spec.direction,
        score=result.statistic,
        null_mean=result.mean,
        null_std=result.std,
        pair_null_mean=_pair_null_mean(
            measure, x.states[best_x], y.states[best_y], x.space, question.controls
        ),
        pvalue=result.pvalue,
        z=z_score(result.statistic, result.mean, result.std),
        chance_normalized=chance_normalized(result.statistic, result.mean, measure.spec.best),
        gated=_gated(result, measure.spec.best, question.alpha),
        interval=None if interval is None else (interval.low, interval.high),
        interval_method=None if interval is None else _interval_words(interval, n_pairs),
        n_items=x.space.n_items,
        reduce=x.space.reduce or y.space.reduce,
        layer_x=x.space.layers[best_x],
        layer_y=y.space.layers[best_y],
        n_layer_pairs=n_pairs,
        layers_x=x.space.layers,
        layers_y=y.space.layers,
        layer_scores=scores,
        null=_null_words(result, n_pairs),
        n_resamples=len(result.null_distribution),
        selection=_selection_words(result, layers, n_pairs),
        rng=question.rng if isinstance(question.rng, int) else None,
        warnings=tuple(dict.fromkeys(warnings)),
        null_distribution=result.null_distribution,
    )


def _interval_words(interval: Interval, n_pairs: int) -> str:
    words = f"{interval.level:.0%}: {interval.method}"
    return words if n_pairs == 1 else f"{words}; the selected layers are kept"


def _pair_null_mean(
    measure: Any, a: Any, b: Any, space: Space, controls: Controls | None
) -> float | None:
    known = hasattr(measure, "null_moments") and space.groups is None
    if not known or (controls is not None and controls.explained is not None):
        return None
    return float(measure.null_moments(a, b).mean)


def _gated(result: NullResult, best: float, alpha: float) -> float | None:
    if result.critical is not None:
        return gated_above(result.statistic, result.critical, best)
    return gated(result.statistic, result.null_distribution, best, alpha=alpha)


def _null_words(result: NullResult, n_pairs: int) -> str:
    if result.critical is not None:
        return result.exchange
    times = f"{result.exchange}, {len(result.null_distribution)} times"
    if result.exhaustive:
        times += " (all orders there are)"
    if result.stopped_early:
        times += " (stopped early: not significant)"
    return times if n_pairs == 1 else f"{times}; {result.selection} is taken in every permutation"


def _selection_words(result: NullResult, layers: Layers, n_pairs: int) -> str:
    if isinstance(layers, tuple):
        return "the pair of layers that was asked for"
    if layers == "last":
        return "the last layers"
    return result.selection if n_pairs > 1 else "one pair"


def _about(
    result: NullResult, x: Prepared, y: Prepared, at_x: Sequence[int], at_y: Sequence[int]
) -> Iterator[str]:
    for (i, j), reason in result.undefined.items():
        pair = f"{x.space.layers[at_x[i]]} x {y.space.layers[at_y[j]]}"
        yield f"left out: layers {pair}: {reason}"
    if result.critical is not None:
        yield "the p-value is that of a Pearson type III law with the null's exact moments"
    elif len(result.null_distribution) < 200:
        yield (
            f"the gated score rests on {len(result.null_distribution)} permutations; at least "
            "200 are advised"
        )
