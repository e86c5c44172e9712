"""A made-up run: sixteen models, two measures, plausible numbers from a seed, nasty corners."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest

HOSTILE = "file:<script>alert(1)</script>"
HOSTILE_WARNING = 'null has "heavy" tails <img src=x onerror=alert(2)> & more'
UNDEFINED_REASON = "score undefined: Y has fewer than k + 2 distinct rows"

# name, modality, parameters, layers, control, how much it sees of what it shows
MODELS = [
    ("pip:efficientnet-lite0", "image", 4_652_008, 18, False, 0.92),
    ("pip:efficientnet-lite1", "image", 5_416_680, 23, False, 0.93),
    ("pip:efficientnet-lite2", "image", 6_092_072, 25, False, 0.94),
    ("pip:opennsfw", "image", 5_892_098, 17, False, 0.80),
    ("timm:vit_small_patch16_224.augreg_in21k", "image", 22_050_664, 12, False, 0.98),
    (HOSTILE, "image", None, 1, False, 0.70),
    ("pip:efficientnet-lite0?init=random&seed=0", "image", 4_652_008, 18, True, 0.14),
    ("control:pixels", "image", None, 1, True, 0.12),
    ("control:color-histogram", "image", None, 1, True, 0.15),
    ("pip:all-minilm-l6-v2", "text", 22_713_216, 7, False, 0.90),
    ("pip:paraphrase-minilm-l3", "text", 17_389_824, 4, False, 0.95),
    ("pip:wordllama-256", "text", 8_192_000, 1, False, 0.66),
    ("pip:smollm2-135m", "text", 134_515_008, 31, False, 0.62),
    ("st:intfloat/multilingual-e5-small@fd1525a", "text", 117_653_760, 13, False, 0.85),
    ("pip:all-minilm-l6-v2?init=random&seed=0", "text", 22_713_216, 7, True, 0.25),
    ("control:tfidf", "text", None, 1, True, 0.40),
]


def fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def make_run(seed: int = 0, measures: tuple[str, ...] = ("mutual_knn", "debiased_cka")) -> dict:
    rng = np.random.default_rng(seed)
    models = [_model(*row[:5]) for row in MODELS]
    records = [
        _record(measure, i, j, rng)
        for measure in measures
        for i, j in itertools.combinations(range(len(MODELS)), 2)
    ]
    _plant_corners(records)
    return {
        "schema_version": 1,
        "command": f"platonica compare {' '.join(m['name'] for m in models)} --data stamps "
        f"{' '.join('--measure ' + m for m in measures)} --null 999 --out demo/stamps",
        "created": "2026-01-15T10:42:07Z",
        "versions": {"platonica": "0.1.0", "python": "3.11.2", "numpy": "2.4.6", "torch": "2.14.1"},
        "data": {
            "name": "stamps",
            "revision": "tuxpaint-stamps-default 2022.06.04-1, en",
            "n_items": 498,
            "reference": "https://tracker.debian.org/pkg/tuxpaint-stamps",
        },
        "models": models,
        "records": records,
    }


def _model(
    name: str, modality: str, n_parameters: int | None, n_layers: int, control: bool
) -> dict:
    return {
        "name": name,
        "revision": "0.1.0",
        "modality": modality,
        "n_parameters": n_parameters,
        "fingerprint": fingerprint(name),
        "control": control,
        "layers": [
            {"name": layer, "depth": round(d, 4)}
            for layer, d in zip(_layers(modality, n_layers), _depths(n_layers), strict=True)
        ],
    }


def _layers(modality: str, n_layers: int) -> list[str]:
    if n_layers == 1:
        return ["features"]
    stem, block = ("stem", "blocks") if modality == "image" else ("embeddings", "encoder.layer")
    return [stem, *(f"{block}.{i}" for i in range(n_layers - 1))]


def _depths(n_layers: int) -> list[float]:
    return [1.0] if n_layers == 1 else list(np.linspace(0, 1, n_layers))


def _record(measure: str, i: int, j: int, rng: np.random.Generator) -> dict[str, Any]:
    (name_x, mod_x, _, n_x, _, sight_x), (name_y, mod_y, _, n_y, _, sight_y) = MODELS[i], MODELS[j]
    knn = measure == "mutual_knn"
    chance = 10 / 497 if knn else 0.0
    shared = (0.19 if mod_x != mod_y else 0.52) * (1.0 if knn else 2.1)
    top = chance + shared * (sight_x * sight_y) ** 1.5 * rng.uniform(0.9, 1.1)
    depth = np.add.outer(_rise(n_x), _rise(n_y)) / 2
    scores = chance + (top - chance) * depth + rng.normal(0, 0.003, depth.shape)
    a, b = np.unravel_index(scores.argmax(), scores.shape)
    std = 0.0024 if knn else 0.011
    null_mean = chance + std * np.sqrt(2 * np.log(n_x * n_y)) * 0.8
    score = float(scores[a, b])
    n_above = 0 if score > null_mean + 3.5 * std else int(rng.integers(3, 400))
    calibrated = (score - null_mean) / (1 - null_mean)
    layers_x, layers_y = _layers(mod_x, n_x), _layers(mod_y, n_y)
    return {
        "schema_version": 1,
        "measure": measure,
        "params": {"k": 10} if knn else {},
        "direction": "similarity",
        "x": {"name": name_x, "fingerprint": fingerprint(name_x)},
        "y": {"name": name_y, "fingerprint": fingerprint(name_y)},
        "score": score,
        "null_mean": null_mean,
        "null_std": std,
        "pair_null_mean": chance,
        "pvalue": (1 + n_above) / 1000,
        "z": (score - null_mean) / std,
        "chance_normalized": calibrated,
        "gated": max(0.0, calibrated - 2 * std),
        "interval": None,
        "n_items": 498,
        "layer_x": layers_x[a],
        "layer_y": layers_y[b],
        "n_layer_pairs": n_x * n_y,
        "layers_x": layers_x,
        "layers_y": layers_y,
        "layer_scores": scores.tolist(),
        "null": "items of Y exchanged freely, 999 times"
        + (f"; the maximum over {n_x} x {n_y} layer pairs taken inside every permutation"
           if n_x * n_y > 1 else ""),
        "n_resamples": 999,
        "selection": "maximum over layer pairs",
        "warnings": [],
    }  # fmt: skip


def _rise(n_layers: int) -> np.ndarray:
    depth = np.linspace(0, 1, n_layers) if n_layers > 1 else np.ones(1)
    return 0.25 + 0.75 * np.sin(np.clip(depth, 0, 1) * 1.9) / np.sin(1.9 * min(0.83, 1))


def _plant_corners(records: list[dict]) -> None:
    first = records[0]
    first["interval"] = [first["score"] - 0.02, first["score"] + 0.02]
    for record in records:
        names = (record["x"]["name"], record["y"]["name"])
        if "pip:smollm2-135m" in names:
            record["warnings"].append("12 of 498 captions were cut at 128 tokens")
        if HOSTILE in names:
            record["warnings"].append(HOSTILE_WARNING)
    broken = next(
        r
        for r in records
        if (r["x"]["name"], r["y"]["name"]) == ("control:pixels", "control:tfidf")
    )
    for key in ("score", "z", "pvalue", "chance_normalized", "gated", "null_mean", "null_std"):
        broken[key] = None
    broken["warnings"].append(UNDEFINED_REASON)
    broken["layer_scores"] = [[None]]


@pytest.fixture
def run() -> dict:
    return make_run()


@pytest.fixture(scope="module")
def whole_run() -> dict:
    """The same run for tests that only read what was made of it."""
    return make_run()


@pytest.fixture
def one_measure() -> dict:
    return make_run(measures=("mutual_knn",))
