"""From names to records: what `platonica compare` does before it prints."""

from __future__ import annotations

import itertools
import math
import platform
import shlex
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import platonica
from platonica.checks import check_k
from platonica.cli._features import load_features, open_sources
from platonica.cli._progress import progress_bar
from platonica.comparison import compare_many
from platonica.errors import ParameterError
from platonica.inference import NULLS, Question
from platonica.measures import get_measure
from platonica.sources._contracts import Data
from platonica.spaces import RULES
from platonica.stats.multiplicity import adjust_pvalues
from platonica.stats.selection import WORDS
from platonica.store import Features, RecordCache, default_root, digest
from platonica.store.atomic import check_writable

__all__ = ["Settings", "run_comparisons"]

REPORTED = (
    "numpy", "scipy", "scikit-learn", "torch", "transformers", "onnxruntime", "tokenizers",
    "pillow",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The options of `platonica compare`."""

    models: tuple[str, ...]
    against: tuple[str, ...]
    data: str | None
    measures: tuple[str, ...]
    k: int | None
    null: str
    layers: str
    reduce: str
    seed: int
    batch_size: int
    on_bad_item: Literal["error", "skip"]
    store: Path | None
    out: Path | None
    select: str = "best"
    exchange: str = "auto"
    alpha: float = 0.05
    interval: float | None = None
    controls: tuple[str, ...] = ()
    adjust: Literal["bh", "by", "holm", "none"] = "bh"

    @property
    def names(self) -> tuple[str, ...]:
        """All models, in the order they were named."""
        return self.models + self.against

    @property
    def asked(self) -> dict[str, Any]:
        """What `compare_many` is asked, but for the features."""
        word, _, number = self.null.partition(":")
        if word.lstrip("-").isdecimal():
            word, number = "permutation", word
        return {
            "null": word,
            "n_resamples": _whole(number, self.null) if number else 999,
            "layers": self.layers,
            "select": self.select,
            "exchange": self.exchange,
            "alpha": self.alpha,
            "interval": self.interval,
            "reduce": self.reduce,
            "rng": self.seed,
        }

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs to compare."""
        if self.against:
            return list(itertools.product(self.models, self.against))
        return list(itertools.combinations(self.models, 2))

    def command(self) -> str:
        """The command that does the same again."""
        words = ["platonica", "compare", *self.models]
        for option, values in (
            ("--against", self.against),
            ("--data", (self.data,)),
            ("--measure", self.measures),
            ("-k", (self.k,)),
            ("--null", (self.null,)),
            ("--layers", (self.layers,)),
            ("--select", (self.select,)),
            ("--exchange", (self.exchange,)),
            ("--alpha", (self.alpha,)),
            ("--interval", (self.interval,)),
            ("--control", self.controls),
            ("--adjust", (self.adjust,)),
            ("--reduce", (self.reduce,)),
            ("--seed", (self.seed,)),
            ("--batch-size", (self.batch_size,)),
            ("--out", (self.out,)),
        ):
            for value in values:
                words += [] if value is None else [option, str(value)]
        if self.on_bad_item == "skip":
            words.append("--skip-bad-items")
        return shlex.join(words)


def run_comparisons(settings: Settings) -> dict[str, Any]:
    """Extract what is missing, compare every pair, and return the run document.

    Everything that can be refused is refused before the first feature is computed.
    """
    _check(settings)
    bound = {name: _bind(name, settings) for name in settings.measures}
    sources, data = open_sources((*settings.names, *settings.controls), settings.data)
    if settings.out is not None:
        check_writable(settings.out)
    _check_sizes(bound.values(), data, settings)
    features = load_features(
        sources,
        data,
        store=settings.store,
        batch_size=settings.batch_size,
        on_bad_item=settings.on_bad_item,
    )
    if settings.on_bad_item == "skip":
        features = _common_items(features)
    cache = RecordCache((settings.store or default_root()) / "comparisons")
    records: list[dict[str, Any]] = []
    for measure in bound.values():
        records += adjusted(_records(measure, features, settings, cache), settings)
    return {
        "schema_version": 1,
        "command": settings.command(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "rng": settings.seed,
        "adjust": settings.adjust,
        "versions": _versions(),
        "data": None
        if data is None
        else {
            "name": data.name,
            "revision": data.revision,
            "n_items": len(data.items),
            "reference": data.reference,
        },
        "models": [_model_entry(name, features[name]) for name in settings.names],
        "records": records,
    }


def _common_items(features: dict[str, Features]) -> dict[str, Features]:
    """Leave out everywhere the items that some model had to skip."""
    first = next(iter(features.values()))
    good = set.intersection(*(set(f.item_ids) for f in features.values()))
    if all(len(good) == f.n_items for f in features.values()):
        return features
    ids = [item for item in first.item_ids if item in good]
    return {name: f.take(ids) for name, f in features.items()}


def _check(settings: Settings) -> None:
    names = settings.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(f"{twice} is named twice")
    if not settings.pairs:
        raise ParameterError("a comparison needs at least two models")
    if settings.layers not in ("best", "last"):
        raise ParameterError(f"--layers must be best or last, not {settings.layers!r}")
    names = ("null", "n_resamples", "exchange", "alpha", "interval")
    Question(**{name: settings.asked[name] for name in names})
    if settings.select not in WORDS:
        raise ParameterError(f"--select must be one of {', '.join(WORDS)}, not {settings.select!r}")
    if settings.adjust not in ("bh", "by", "holm", "none"):
        raise ParameterError(f"--adjust must be bh, by, holm or none, not {settings.adjust!r}")
    if settings.reduce not in RULES:
        raise ParameterError(f"--reduce must be one of {', '.join(RULES)}, not {settings.reduce!r}")


def _check_sizes(measures: Iterable[Any], data: Data | None, settings: Settings) -> None:
    """Refuse what no comparison could accept, before hours are spent on features."""
    if data is not None:
        for measure in measures:
            if "k" in measure.params:
                check_k(measure.params["k"], len(data.items))


def _bind(name: str, settings: Settings) -> Any:
    """Bind k for the measures that have it; a k that none of them has is an error."""
    measure = get_measure(name)
    if settings.k is None:
        return measure
    having = [n for n in settings.measures if "k" in get_measure(n).params]
    return get_measure(name, k=settings.k) if name in having or not having else measure


def _records(
    measure: Any, features: dict[str, Features], settings: Settings, cache: RecordCache
) -> list[dict[str, Any]]:
    """Records of all pairs; those of an earlier run are taken from the store."""
    keys = {pair: _key(measure, pair, features, settings) for pair in settings.pairs}
    known = {pair: cache.get(key) for pair, key in keys.items()}
    missing = [pair for pair, record in known.items() if record is None]
    with progress_bar(f"{measure.spec.name}, null {settings.null}") as progress:
        progress(len(keys) - len(missing), len(keys))
        comparisons = compare_many(
            features,
            missing,
            measure,
            controls=[features[name] for name in settings.controls] or None,
            **settings.asked,
        )
        for done, (pair, comparison) in enumerate(zip(missing, comparisons, strict=True), 1):
            record = known[pair] = comparison.to_dict()
            cache.put(keys[pair], record)
            progress(len(keys) - len(missing) + done, len(keys))
    # Names belong to this run: the same features may have been reached by another name before.
    return [
        {**record, "x": {**record["x"], "name": pair[0]}, "y": {**record["y"], "name": pair[1]}}
        for pair, record in known.items()
        if record is not None
    ]


def _key(
    measure: Any, pair: tuple[str, str], features: dict[str, Features], settings: Settings
) -> str:
    return digest(
        [
            platonica.__version__,
            [features[name].fingerprint for name in pair],
            measure.spec.name,
            dict(measure.params),
            settings.asked,
            [features[name].fingerprint for name in settings.controls],
        ]
    )


def adjusted(records: list[dict[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    """Add p-values that account for the number of pairs under one measure."""
    if settings.adjust == "none":
        return [{**record, "pvalue_adjusted": None} for record in records]
    pvalues = [record["pvalue"] for record in records]
    corrected = adjust_pvalues(pvalues, settings.adjust)
    least = 1 / (settings.asked["n_resamples"] + 1)
    if settings.asked["null"] != "exact-moments" and any(
        p <= least * (1 + 1e-9) and q > settings.alpha
        for p, q in zip(pvalues, corrected, strict=True)
    ):
        enough = math.ceil(len(records) / settings.alpha) - 1
        warnings.warn(
            f"p = {least:.2g}, the smallest that --null {settings.null} can give, is not "
            f"significant at {settings.alpha:g} after {settings.adjust} over {len(records)} pairs; "
            f"--null {enough} would be enough for one",
            stacklevel=2,
        )
    return [
        {**record, "pvalue_adjusted": float(q)}
        for record, q in zip(records, corrected, strict=True)
    ]


def _whole(number: str, given: str) -> int:
    if not number.lstrip("-").isdecimal():
        raise ParameterError(
            f"--null must be a number of permutations, {', '.join(NULLS[1:])} or one of these with "
            f"a number (surrogate:199), not {given!r}"
        )
    return int(number)


def _model_entry(name: str, features: Features) -> dict[str, Any]:
    return {
        "name": name,
        "revision": features.model_revision,
        "modality": features.modality,
        "n_parameters": features.n_parameters,
        "fingerprint": features.fingerprint,
        "control": name.startswith("control:") or "init=random" in name,
        "layers": [{"name": layer.name, "depth": layer.depth} for layer in features.layers],
    }


def _versions() -> dict[str, str]:
    found = {"platonica": platonica.__version__, "python": platform.python_version()}
    for name in REPORTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
