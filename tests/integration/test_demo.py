"""The main job on real models and real pairs, at the size of the demo."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import platonica
from platonica.sources.data.stamps import find_stamps

pytestmark = [pytest.mark.models, pytest.mark.stamps, pytest.mark.slow]

TRAINED = ("pip:efficientnet-lite0", "pip:opennsfw")
CONTROLS = (
    "pip:efficientnet-lite0?init=random&seed=0",
    "control:pixels",
    "control:color-histogram",
)
SENTENCES = ("pip:paraphrase-minilm-l3", "pip:all-minilm-l6-v2")

# Measured with plain NumPy outside this package: last layers, mean pooling, k = 10.
LAST_LAYERS = {
    ("pip:efficientnet-lite0", "pip:paraphrase-minilm-l3"): 0.182,
    ("pip:efficientnet-lite0", "pip:all-minilm-l6-v2"): 0.177,
    ("pip:opennsfw", "pip:paraphrase-minilm-l3"): 0.160,
    ("pip:opennsfw", "pip:all-minilm-l6-v2"): 0.164,
    ("pip:efficientnet-lite0?init=random&seed=0", "pip:paraphrase-minilm-l3"): 0.057,
    ("pip:efficientnet-lite0?init=random&seed=0", "pip:all-minilm-l6-v2"): 0.059,
    ("control:pixels", "pip:paraphrase-minilm-l3"): 0.060,
    ("control:pixels", "pip:all-minilm-l6-v2"): 0.065,
    ("control:color-histogram", "pip:paraphrase-minilm-l3"): 0.064,
    ("control:color-histogram", "pip:all-minilm-l6-v2"): 0.066,
}


@pytest.mark.parametrize(("vision", "text"), list(LAST_LAYERS))
def test_last_layers_agree_with_the_values_measured_elsewhere(vision, text, stamp_features):
    x, y = stamp_features(vision), stamp_features(text)
    result = platonica.compare(x, y, layers="last")
    assert result.n_items == 498
    assert result.score == pytest.approx(LAST_LAYERS[vision, text], abs=0.01)
    assert result.pair_null_mean == 10 / 497
    error = result.null_std / np.sqrt(999)
    assert abs(result.null_mean - result.pair_null_mean) < 3 * error


@pytest.mark.parametrize(("vision", "text"), list(itertools.product(TRAINED, SENTENCES)))
def test_trained_pairs_are_significant_after_the_layer_maximum(vision, text, stamp_features):
    result = platonica.compare(stamp_features(vision), stamp_features(text))
    assert result.n_layer_pairs >= 50
    assert result.pvalue == 0.001
    assert result.null_mean > result.pair_null_mean  # the search alone raises the score
    assert result.gated > 0.05


@pytest.mark.parametrize("text", SENTENCES)
def test_trained_exceeds_every_control(text, stamp_features):
    def last(vision):
        x, y = stamp_features(vision), stamp_features(text)
        return platonica.compare(x, y, layers="last", n_resamples=19).score

    assert last("pip:efficientnet-lite0") > max(last(control) for control in CONTROLS) + 0.02


STAMPS = find_stamps()


def command(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "platonica", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_the_command_makes_table_records_and_report(stamp_features, tmp_path):
    models = ["pip:efficientnet-lite0", "pip:paraphrase-minilm-l3", "control:pixels"]
    store = {"PLATONICA_STORE": str(stamp_features.store)}
    for model in models:
        stamp_features(model)
    (stamp_features.store / "data").symlink_to(STAMPS.parent)
    done = command("compare", *models, "--data", "stamps", "--null", "199", "--out",
                   str(tmp_path / "run"), **store)  # fmt: skip
    report = tmp_path / "run" / "report.html"
    assert done.stdout.splitlines()[-1] == str(report.resolve())
    run = json.loads((tmp_path / "run" / "records.json").read_text())
    assert run["data"]["n_items"] == 498
    assert [m["control"] for m in run["models"]] == [False, False, True]
    assert len(run["records"]) == 3
    page = report.read_text()
    for model in models:
        assert model in page
    for entry in run["models"]:
        assert entry["fingerprint"][:12] in page


@pytest.mark.shared
def test_folder_of_photos_with_five_captions(shared_data, tmp_path):
    done = command(
        "compare", "control:color-histogram", "pip:paraphrase-minilm-l3", "pip:wordllama-256",
        "--data", f"folder:{shared_data / 'flickr8k-dev'}", "--reduce", "mean", "--layers", "last",
        "--json", PLATONICA_STORE=str(tmp_path),
    )  # fmt: skip
    records = {(r["x"]["name"], r["y"]["name"]): r for r in json.loads(done.stdout)}
    assert all(r["n_items"] == 700 and r["pvalue"] == 0.001 for r in records.values())
    scores = [
        records["control:color-histogram", "pip:paraphrase-minilm-l3"]["score"],
        records["control:color-histogram", "pip:wordllama-256"]["score"],
        records["pip:paraphrase-minilm-l3", "pip:wordllama-256"]["score"],
    ]
    # The first two were measured elsewhere with five captions averaged.
    assert scores[:2] == pytest.approx([0.044, 0.040], abs=0.01)
    assert scores[2] > 0.4
