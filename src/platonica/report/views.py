"""A run document as the report reads it: checked, cleaned, grouped by measure, sorted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from platonica.errors import ParameterError
from platonica.report.formatting import clean, shorten

__all__ = [
    "BlockView",
    "Kind",
    "ModelView",
    "PairView",
    "RunView",
    "merge_wordings",
    "modality_name",
    "read_models",
    "read_pairs",
    "read_run",
]

Kind = Literal["across", "within", "control"]
Json = Mapping[str, Any]

_LABEL_WIDTH = 30
_NUMBER = re.compile(r"(\d+)")
ADJUSTMENTS = {
    "bh": "Benjamini and Hochberg",
    "by": "Benjamini and Yekutieli",
    "holm": "Holm",
}
_MODALITIES = {"image": "vision", "text": "language", "": "modality not stated"}


def modality_name(modality: str) -> str:
    """Return how the report calls a modality: image is vision, text is language."""
    return _MODALITIES.get(modality, modality)


@dataclass(frozen=True)
class ModelView:
    """One model of the run.

    Attributes
    ----------
    name, revision, modality, fingerprint : str
        As recorded; the empty string where nothing was.
    label : str
        Short name for figures, unique in the run.
    n_parameters : int or None
    layers : tuple of (str, float)
        Name and depth in [0, 1].
    control : bool
        An untrained twin, pixels, word counts: what agreement has to beat.
    """

    name: str
    label: str
    revision: str = ""
    modality: str = ""
    fingerprint: str = ""
    n_parameters: int | None = None
    layers: tuple[tuple[str, float], ...] = ()
    control: bool = False

    def depth(self, layer: str) -> float | None:
        """Depth of a layer in [0, 1], or None where it is not recorded."""
        return dict(self.layers).get(layer)


@dataclass(frozen=True)
class PairView:
    """One record: two models under one measure. A number that is not defined is None."""

    x: ModelView
    y: ModelView
    score: float | None
    null_mean: float | None
    null_std: float | None
    pair_null_mean: float | None
    pvalue: float | None
    pvalue_adjusted: float | None
    z: float | None
    calibrated: float | None
    gated: float | None
    interval: tuple[float, float] | None
    n_items: int | None
    n_resamples: int | None
    layer_x: str
    layer_y: str
    n_layer_pairs: int | None
    layers_x: tuple[str, ...]
    layers_y: tuple[str, ...]
    layer_scores: tuple[tuple[float | None, ...], ...]
    null: str
    selection: str
    warnings: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """With a control, else across modalities or within one."""
        if self.x.control or self.y.control:
            return "control"
        return "across" if self.crosses_modalities else "within"

    @property
    def crosses_modalities(self) -> bool:
        """Whether both modalities are stated and differ."""
        return "" not in (self.x.modality, self.y.modality) and self.x.modality != self.y.modality

    @property
    def has_undefined(self) -> bool:
        """Whether the score, or a number that judges it, is undefined."""
        judged = (self.score, self.null_mean, self.pvalue, self.z, self.calibrated, self.gated)
        return None in judged

    @property
    def reason(self) -> str:
        """Why a number is undefined, from the warnings of the record."""
        return "; ".join(self.warnings) or "no reason was recorded"


@dataclass(frozen=True)
class BlockView:
    """All pairs under one measure with one set of parameters, best calibrated score first."""

    measure: str
    params: tuple[tuple[str, str], ...]
    direction: str
    pairs: tuple[PairView, ...]

    @property
    def title(self) -> str:
        """The measure with its parameters, such as ``mutual_knn (k = 10)``."""
        params = ", ".join(f"{name} = {value}" for name, value in self.params)
        return f"{self.measure} ({params})" if params else self.measure

    @property
    def wordings(self) -> dict[str, str]:
        """How each null of a pair reads for all pairs that differ from it in numbers only."""
        return merge_wordings([p.null for p in self.pairs if p.null])

    @property
    def nulls(self) -> tuple[tuple[str, int], ...]:
        """The distinct nulls in words with their numbers of pairs, most frequent first."""
        wordings = self.wordings
        return tuple(Counter(wordings[p.null] for p in self.pairs if p.null).most_common())

    @property
    def adjusted(self) -> bool:
        """Whether p-values that account for the number of pairs were recorded."""
        return any(p.pvalue_adjusted is not None for p in self.pairs)

    @property
    def has_intervals(self) -> bool:
        """Whether an interval was computed for every pair."""
        return all(p.interval is not None for p in self.pairs)

    @property
    def selections(self) -> tuple[str, ...]:
        """The distinct ways in which layers were chosen."""
        return tuple(dict.fromkeys(p.selection for p in self.pairs if p.selection))

    @property
    def best(self) -> PairView | None:
        """The pair shown layer by layer: highest calibrated, across modalities if there is one."""
        for kind in ("across", "within", "control"):
            for pair in self.pairs:  # sorted
                if pair.kind == kind and pair.calibrated is not None:
                    return pair
        return None

    @property
    def best_control(self) -> PairView | None:
        """The closest pair with a control, across modalities if `best` is: what it has to beat."""
        best = self.best
        if best is None or best.kind == "control":
            return None
        comparable = (
            p for p in self.of("control") if p.crosses_modalities == best.crosses_modalities
        )
        return next((p for p in comparable if p.calibrated is not None), None)

    def of(self, kind: Kind) -> tuple[PairView, ...]:
        """Return the pairs of one kind, best first."""
        return tuple(p for p in self.pairs if p.kind == kind)


@dataclass(frozen=True)
class RunView:
    """Everything that the report shows."""

    command: str
    created: str
    seed: str
    versions: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]
    models: tuple[ModelView, ...]
    blocks: tuple[BlockView, ...]
    adjust: str = ""

    @property
    def n_pairs(self) -> int:
        """Number of distinct pairs of models."""
        return len({frozenset((p.x.label, p.y.label)) for b in self.blocks for p in b.pairs})

    @property
    def n_items(self) -> tuple[int, ...]:
        """The distinct numbers of items that records have."""
        found = {p.n_items for b in self.blocks for p in b.pairs}
        return tuple(sorted(n for n in found if n is not None))

    @property
    def n_resamples(self) -> tuple[int, ...]:
        """The distinct numbers of permutations that records have."""
        found = {p.n_resamples for b in self.blocks for p in b.pairs}
        return tuple(sorted(n for n in found if n is not None))


def merge_wordings(texts: Iterable[str]) -> dict[str, str]:
    """Merge texts that differ in numbers only: a number that varies becomes an ellipsis.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    dict of str to str
        Every text with the one that stands for it.

    Examples
    --------
    >>> merge_wordings(["99 times, 3 x 4 pairs", "99 times, 3 x 7 pairs"])["99 times, 3 x 4 pairs"]
    '99 times, 3 x … pairs'
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    split = {text: _NUMBER.split(text) for text in texts}
    for parts in split.values():
        groups.setdefault(tuple(parts[::2]), []).append(parts)
    merged = {
        key: "".join(p[0] if len(set(p)) == 1 else "…" for p in zip(*group, strict=True))
        for key, group in groups.items()
    }
    return {text: merged[tuple(parts[::2])] for text, parts in split.items()}


def read_run(run: Json) -> RunView:
    """Check and arrange a run document.

    Parameters
    ----------
    run : mapping
        As in ``records.json``: ``schema_version`` 1, ``command``, ``created``, ``versions``,
        ``data`` (or None), ``models``, ``records``.

    Raises
    ------
    ParameterError
        Another schema version, no records, or a record without measure, x or y.
    """
    if not isinstance(run, Mapping) or run.get("schema_version") != 1:
        came = run.get("schema_version") if isinstance(run, Mapping) else type(run).__name__
        raise ParameterError(f"run must be a document of schema_version 1, not {came!r}")
    records = run.get("records") or []
    models = read_models(run.get("models") or [], records)
    seed = run.get("rng", run.get("seed"))
    return RunView(
        command=clean(run.get("command") or ""),
        created=clean(run.get("created") or ""),
        seed="" if seed is None else clean(seed),
        adjust=ADJUSTMENTS.get(str(run.get("adjust")), ""),
        versions=_named(run.get("versions")),
        data=_named(run.get("data")),
        models=tuple(models.values()),
        blocks=read_pairs(records, models),
    )


def read_models(
    models: Sequence[Json], records: Sequence[Json]
) -> dict[tuple[str, str], ModelView]:
    """Return the models by (name, fingerprint), those that only records name at the end.

    Without a flag, a model whose name starts with ``control:`` or asks for random weights is a
    control.
    """
    stated = {_key(m): m for m in models}
    for record in records:
        for side in ("x", "y"):
            model = _side(record, side)
            stated.setdefault(_key(model), model)
    labels = _labels(list(stated))
    return {key: _model(model, labels[key]) for key, model in stated.items()}


def read_pairs(
    records: Sequence[Json], models: Mapping[tuple[str, str], ModelView]
) -> tuple[BlockView, ...]:
    """Group records by measure and parameters, in the order of their first appearance.

    Raises
    ------
    ParameterError
        No records, or one without measure, x or y.
    """
    if not records:
        raise ParameterError("records must hold at least one comparison, but are empty")
    groups: dict[tuple[str, tuple[tuple[str, str], ...], str], list[PairView]] = {}
    for record in records:
        if not record.get("measure"):
            raise ParameterError("every record must name its measure, but one does not")
        params = _named(_set(record.get("params")))
        direction = clean(record.get("direction") or "similarity")
        key = (clean(record["measure"]), params, direction)
        groups.setdefault(key, []).append(_pair(record, models))
    return tuple(
        BlockView(measure, params, direction, tuple(sorted(pairs, key=_rank)))
        for (measure, params, direction), pairs in groups.items()
    )


def _rank(pair: PairView) -> tuple[Any, ...]:
    value = pair.calibrated
    return (value is None, 0.0 if value is None else -value, pair.x.name, pair.y.name)


def _key(model: Json) -> tuple[str, str]:
    return clean(model.get("name") or "unnamed"), clean(model.get("fingerprint") or "")


def _side(record: Json, side: str) -> Json:
    model = record.get(side)
    if not isinstance(model, Mapping):
        raise ParameterError(f"every record must have {side} with a name, not {model!r}")
    return model


def _model(model: Json, label: str) -> ModelView:
    name, fingerprint = _key(model)
    control = model.get("control")
    parameters = model.get("n_parameters")
    return ModelView(
        name=name,
        label=label,
        revision=clean(model.get("revision") or ""),
        modality=clean(model.get("modality") or ""),
        fingerprint=fingerprint,
        n_parameters=None if parameters is None else int(parameters),
        layers=tuple(
            (clean(layer["name"]), float(layer.get("depth") or 0.0))
            for layer in model.get("layers") or []
        ),
        control=_reads_as_control(name) if control is None else bool(control),
    )


def _reads_as_control(name: str) -> bool:
    return name.startswith("control:") or "init=random" in name


def _labels(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Short names; where two would be the same, more of the name, then the fingerprint."""
    candidates = (
        [shorten(_plain(name), _LABEL_WIDTH) for name, _ in keys],
        [name for name, _ in keys],
        [f"{name} [{fingerprint[:8]}]" for name, fingerprint in keys],
        [f"{name} [{number}]" for number, (name, _) in enumerate(keys, 1)],
    )
    counts = [Counter(labels) for labels in candidates]
    return {
        key: next(
            (labels[i] for labels, count in zip(candidates, counts, strict=True)
             if count[labels[i]] == 1),
            candidates[-1][i],
        )
        for i, key in enumerate(keys)
    }  # fmt: skip


def _plain(name: str) -> str:
    """Drop source and revision; say in words that a twin is untrained."""
    stem, _, query = name.partition("?")
    source, colon, rest = stem.partition(":")
    short = (rest if colon and source.isidentifier() else stem).split("@")[0] or name
    options = dict(part.partition("=")[::2] for part in query.split("&") if part)
    if options.pop("init", "") == "random":
        short += f" random {options.pop('seed', '')}".rstrip()
    return f"{short}?{'&'.join(f'{k}={v}' for k, v in options.items())}" if options else short


def _pair(record: Json, models: Mapping[tuple[str, str], ModelView]) -> PairView:
    numbers = {
        name: _number(record.get(key))
        for name, key in {
            "score": "score", "null_mean": "null_mean", "null_std": "null_std",
            "pair_null_mean": "pair_null_mean", "pvalue": "pvalue",
            "pvalue_adjusted": "pvalue_adjusted", "z": "z",
            "calibrated": "chance_normalized", "gated": "gated",
        }.items()
    }  # fmt: skip
    interval = record.get("interval")
    ends = [] if interval is None else [_number(end) for end in interval]
    low, high = ends if len(ends) == 2 else (None, None)
    return PairView(
        x=models[_key(_side(record, "x"))],
        y=models[_key(_side(record, "y"))],
        **numbers,
        interval=None if low is None or high is None else (low, high),
        n_items=_whole(record.get("n_items")),
        n_resamples=_whole(record.get("n_resamples")),
        layer_x=clean(record.get("layer_x") or ""),
        layer_y=clean(record.get("layer_y") or ""),
        n_layer_pairs=_whole(record.get("n_layer_pairs")),
        layers_x=_texts(record.get("layers_x")),
        layers_y=_texts(record.get("layers_y")),
        layer_scores=tuple(
            tuple(_number(v) for v in row) for row in record.get("layer_scores") or []
        ),
        null=clean(record.get("null") or ""),
        selection=clean(record.get("selection") or ""),
        warnings=_texts(record.get("warnings")),
    )


def _number(value: Any) -> float | None:
    """Return a finite number, else None: JSON may hold NaN, and NaN is no score."""
    if value is None or isinstance(value, bool) or not math.isfinite(float(value)):
        return None
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _texts(values: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(clean(v) for v in values or ())


def _set(params: Json | None) -> Json | None:
    """Parameters that are in use: one of None says that nothing was asked for."""
    return params and {name: value for name, value in params.items() if value is not None}


def _named(values: Json | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (clean(k), "not stated" if v is None else clean(v)) for k, v in (values or {}).items()
    )
