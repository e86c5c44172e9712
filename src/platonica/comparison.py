"""The front door: compare two spaces, with the null that the score is judged against."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError, UnknownNameError
from platonica.measures import Kind, get_measure
from platonica.spaces import Space, as_space, check_paired
from platonica.stats import (
    NullResult,
    chance_normalized,
    gated,
    permutation_null,
    prepare_layers,
    z_score,
)
from platonica.stats.exchange import Exchange

__all__ = ["Comparison", "Side", "compare", "compare_many"]

Layers = Literal["best", "last"] | tuple[str, str]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Side:
    """Whose features one side of a comparison are."""

    name: str
    fingerprint: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A score with its null: how far two spaces agree, and whether that could be chance.

    Attributes
    ----------
    x, y : Side
        Names and fingerprints of what was compared.
    measure : str
    params : dict
        Parameters of the measure.
    direction : {"similarity", "distance"}
    score : float
        Of the selected pair of layers.
    null_mean, null_std : float
        Of the selected statistic under the null: after the search over layers.
    pair_null_mean : float or None
        Mean of the score of the selected pair alone under free exchange; None where no exact
        value is known.
    pvalue : float
        (1 + null values at least as close) / (1 + n_resamples), for the selected statistic.
    z : float or None
        (score - null_mean) / null_std; nulls are skewed, so read it beside the p-value.
    chance_normalized : float or None
        (score - null_mean) / (best - null_mean): 0 at chance, 1 at the best value.
    gated : float or None
        The same above the null's 95 % point, and 0 below it (Groeger et al. 2026).
    interval : (float, float) or None
        None: not computed.
    n_items : int
    layer_x, layer_y : str
        The selected pair of layers.
    n_layer_pairs : int
        Number of pairs that were searched, in the data and in every permutation.
    layers_x, layers_y : tuple of str
    layer_scores : array of shape (len(layers_x), len(layers_y))
        NaN where a layer is degenerate; `warnings` says why.
    null : str
        What was exchanged, in words, and how many times.
    n_resamples : int
    selection : str
        How the layers were chosen, in words.
    rng : int or None
        Seed of the permutations, where it is known.
    warnings : tuple of str
    null_distribution : array of shape (n_resamples,)
    """

    x: Side
    y: Side
    measure: str
    params: Mapping[str, Any]
    direction: str
    score: float
    null_mean: float
    null_std: float
    pair_null_mean: float | None
    pvalue: float
    z: float | None
    chance_normalized: float | None
    gated: float | None
    interval: tuple[float, float] | None
    n_items: int
    layer_x: str
    layer_y: str
    n_layer_pairs: int
    layers_x: tuple[str, ...]
    layers_y: tuple[str, ...]
    layer_scores: NDArray[np.float64] = field(repr=False)
    null: str
    n_resamples: int
    selection: str
    rng: int | None
    warnings: tuple[str, ...]
    null_distribution: NDArray[np.float64] = field(repr=False)

    def __str__(self) -> str:
        """Everything needed to believe the score, in one line."""
        params = "".join(f"{key}={value}, " for key, value in self.params.items())
        searched = f"best of {self.n_layer_pairs} pairs" if self.n_layer_pairs > 1 else "one pair"
        calibrated = _digits(self.chance_normalized)
        return (
            f"{self.x.name} x {self.y.name}: {self.measure} {self.score:.4f} "
            f"({params}n={self.n_items}; null {self.null_mean:.4f} ± {self.null_std:.4f}, "
            f"p = {self.pvalue:.2g} of {self.n_resamples} permutations; calibrated {calibrated}; "
            f"layers {self.layer_x} x {self.layer_y}, {searched})"
        )

    def __rich__(self) -> Any:
        """Return a table of the fields."""
        from rich.table import Table

        table = Table("field", "value", title=f"{self.x.name} x {self.y.name}")
        shown = self.to_dict()
        for name in ("schema_version", "x", "y", "layers_x", "layers_y", "layer_scores"):
            del shown[name]
        for name, value in shown.items():
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            table.add_row(name, "\n".join(value) if isinstance(value, list) else text)
        return table

    def to_dict(self) -> dict[str, Any]:
        """Every field but the null distribution, as plain JSON values; NaN becomes None."""
        fields = {**asdict(self), "schema_version": 1, "params": dict(self.params)}
        del fields["null_distribution"]
        return {key: _plain(value) for key, value in sorted(fields.items())}

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def compare(
    X: Any,
    Y: Any,
    measure: str | Any = "mutual_knn",
    *,
    k: int | None = None,
    null: Literal["auto", "permutation"] = "auto",
    n_resamples: int = 999,
    layers: Layers = "best",
    reduce: Literal["first", "mean"] = "first",
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
    null : {"auto", "permutation"}
        The items of Y are exchanged at random, all layers together; the search over layers is
        repeated inside every permutation.
    n_resamples : int, at least 19, default 999
        Permutations; the smallest possible p-value is 1 / (n_resamples + 1).
    layers : "best", "last" or a pair of layer names
        Which pairs of layers are searched.
    reduce : {"first", "mean"}
        What stands for an item with several rows (captions): the first, or their mean.
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
    if null not in ("auto", "permutation"):
        raise ParameterError(f"null must be 'auto' or 'permutation', not {null!r}")
    x, y = as_space(X, "X", reduce), as_space(Y, "Y", reduce)
    y = check_paired(x, y)
    kind_x, kind_y = (kind, kind) if isinstance(kind, str) else kind
    return _compare_prepared(
        bound,
        _Prepared.of(bound, x, "x", folds=folds, kind=kind_x),
        _Prepared.of(bound, y, "y", folds=folds, kind=kind_y),
        layers=layers,
        n_resamples=n_resamples,
        rng=rng,
        progress=progress,
    )


def compare_many(
    spaces: Mapping[str, Any],
    pairs: Iterable[tuple[str, str]],
    measure: str | Any = "mutual_knn",
    *,
    k: int | None = None,
    n_resamples: int = 999,
    layers: Literal["best", "last"] = "best",
    reduce: Literal["first", "mean"] = "first",
    rng: int = 0,
) -> Iterator[Comparison]:
    """Compare many pairs of spaces; every space is prepared once, not once a pair.

    Parameters
    ----------
    spaces : mapping of name to Features or arrays
    pairs : iterable of (name, name)
    measure, k, n_resamples, layers, reduce, rng
        As in `compare`.

    Yields
    ------
    Comparison
        One a pair, in the order of ``pairs``, as soon as it is there.
    """
    bound = _bind(measure, k)
    pairs = list(pairs)
    first = as_space(spaces[pairs[0][0]], pairs[0][0], reduce) if pairs else None
    ready: dict[tuple[str, str], _Prepared] = {}

    def prepared(name: str, role: Literal["x", "y"]) -> _Prepared:
        key = (name, "" if bound.spec.symmetric else role)
        if key not in ready:
            assert first is not None
            space = check_paired(first, as_space(spaces[name], name, reduce))
            ready[key] = _Prepared.of(bound, space, role)
        return ready[key]

    for x, y in pairs:
        yield _compare_prepared(
            bound,
            prepared(x, "x"),
            prepared(y, "y"),
            layers=layers,
            n_resamples=n_resamples,
            rng=rng,
        )


@dataclass(frozen=True)
class _Prepared:
    """One space with the states of its layers; None where a layer is degenerate."""

    space: Space
    states: tuple[Any, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        measure: Any,
        space: Space,
        role: Literal["x", "y"],
        *,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> _Prepared:
        """Prepare every layer, and say of each that is left out why."""
        prepared = prepare_layers(
            measure,
            space.layers,
            space.array,
            n_items=space.n_items,
            role=role,
            groups=space.groups,
            folds=folds,
            kind=kind,
        )
        states: list[Any] = []
        warnings: list[str] = []
        for layer, state in zip(space.layers, prepared, strict=True):
            where = f"{space.name}, layer {layer}"
            if isinstance(state, DegenerateInputError):
                warnings.append(f"left out: {where}: {state}")
                states.append(None)
            else:
                warnings += [f"{where}: {text}" for text in measure.cautions(state)]
                states.append(state)
        if all(state is None for state in states):
            raise DegenerateInputError(warnings[-1].removeprefix("left out: "))
        return cls(space, tuple(states), tuple(warnings))

    def choose(self, wanted: str) -> list[int]:
        """Indices of the layers to search."""
        usable = [i for i, state in enumerate(self.states) if state is not None]
        if wanted == "best":
            return usable
        if wanted == "last":
            chosen = len(self.states) - 1
        elif wanted in self.space.layers:
            chosen = self.space.layers.index(wanted)
        else:
            raise UnknownNameError.among(f"layer of {self.space.name}", wanted, self.space.layers)
        if chosen not in usable:
            raise DegenerateInputError(self.warnings[0])
        return [chosen]


def _bind(measure: str | Any, k: int | None) -> Any:
    params = {} if k is None else {"k": k}
    return get_measure(measure, **params) if isinstance(measure, str) else measure.bound(**params)


def _compare_prepared(
    measure: Any,
    x: _Prepared,
    y: _Prepared,
    *,
    layers: Layers,
    n_resamples: int,
    rng: int | np.random.Generator,
    progress: Progress | None = None,
) -> Comparison:
    want_x, want_y = (layers, layers) if isinstance(layers, str) else layers
    at_x, at_y = x.choose(want_x), y.choose(want_y)
    result = permutation_null(
        measure,
        [x.states[i] for i in at_x],
        [y.states[j] for j in at_y],
        exchange=Exchange.of(x.space.n_items, x.space.groups),
        n_resamples=n_resamples,
        rng=rng,
        progress=progress,
    )
    best_x, best_y = at_x[result.where[0]], at_y[result.where[1]]
    scores = np.full((len(x.states), len(y.states)), np.nan)
    scores[np.ix_(at_x, at_y)] = result.scores
    best = measure.spec.best
    warnings = (*x.warnings, *y.warnings, *_about(result, x, y, at_x, at_y))
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
        pair_null_mean=_pair_null_mean(measure, x.states[best_x], y.states[best_y], x.space),
        pvalue=result.pvalue,
        z=z_score(result.statistic, result.mean, result.std),
        chance_normalized=chance_normalized(result.statistic, result.mean, best),
        gated=gated(result.statistic, result.null_distribution, best),
        interval=None,
        n_items=x.space.n_items,
        layer_x=x.space.layers[best_x],
        layer_y=y.space.layers[best_y],
        n_layer_pairs=n_pairs,
        layers_x=x.space.layers,
        layers_y=y.space.layers,
        layer_scores=scores,
        null=_null_words(result, measure, n_pairs),
        n_resamples=n_resamples,
        selection=_selection_words(measure, layers, n_pairs),
        rng=rng if isinstance(rng, int) else None,
        warnings=tuple(dict.fromkeys(warnings)),
        null_distribution=result.null_distribution,
    )


def _pair_null_mean(measure: Any, a: Any, b: Any, space: Space) -> float | None:
    if not hasattr(measure, "null_moments") or space.groups is not None:
        return None
    return float(measure.null_moments(a, b).mean)


def _extreme(measure: Any) -> str:
    return "maximum" if measure.spec.direction == "similarity" else "minimum"


def _null_words(result: NullResult, measure: Any, n_pairs: int) -> str:
    times = f"{result.exchange}, {len(result.null_distribution)} times"
    if result.exhaustive:
        times += " (all orders there are)"
    if n_pairs == 1:
        return times
    return f"{times}; the {_extreme(measure)} over all layer pairs is taken in every permutation"


def _selection_words(measure: Any, layers: Layers, n_pairs: int) -> str:
    if isinstance(layers, tuple):
        return "the pair of layers that was asked for"
    if layers == "last":
        return "the last layers"
    return f"the {_extreme(measure)} over all pairs of layers" if n_pairs > 1 else "one pair"


def _about(
    result: NullResult, x: _Prepared, y: _Prepared, at_x: Sequence[int], at_y: Sequence[int]
) -> Iterator[str]:
    for (i, j), reason in result.undefined.items():
        pair = f"{x.space.layers[at_x[i]]} x {y.space.layers[at_y[j]]}"
        yield f"left out: layers {pair}: {reason}"
    if len(result.null_distribution) < 200:
        yield (
            f"the gated score rests on {len(result.null_distribution)} permutations; at least "
            "200 are advised"
        )


def _digits(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _plain(value: Any) -> Any:
    """Plain JSON values: no NumPy types, None for NaN."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
