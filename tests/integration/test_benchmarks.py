"""The reduced form of what `make verify` runs; speed is judged only at full size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.slow


def run(script, *options, out):
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options, "--out", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, json.loads(out.read_text())


def test_rejection_rates_hold_and_planted_faults_are_caught(tmp_path):
    options = ["--runs", "150", "--null", "99", "--only", "free", "exact moments", "blocks"]
    options += ["--families", "neighbourhood", "kernel", "shape"]
    options += ["--features", "isotropic", "hubby", "40 % identical"]
    done, document = run("type_one.py", *options, out=tmp_path / "t.json")
    assert done.returncode == 0, done.stdout
    assert document["passed"]
    faults = [cell for cell in document["cells"] if cell["fault"]]
    assert len(faults) == 3
    assert all(cell["above"] for cell in faults)
    assert len(document["cells"]) == 3 * 3 * 2 * 2 + 2 * 3 + 3


def test_intervals_cover_in_the_reduced_simulation(tmp_path):
    options = ["--runs", "60", "--worlds", "related", "--families", "neighbourhood", "kernel"]
    done, document = run("coverage.py", *options, out=tmp_path / "c.json")
    rows = {(row["family"], row["of"], row["method"]): row for row in document["rows"]}
    assert len(rows) == 12, done.stderr
    for (family, of, method), row in rows.items():
        if row["claimed"]:  # 4 standard errors of a share of 60
            assert 0.84 <= row["coverage"], (family, of, method)
            assert 0.8 <= row["standard_error_to_true"] <= 1.3, (family, of, method)
    wide = rows["neighbourhood", "score", "subsets of one size"]["standard_error_to_true"]
    assert wide > 1.15 * rows["neighbourhood", "score", "subsets"]["standard_error_to_true"]


def test_the_graph_is_correct_at_the_benchmark_s_reduced_size(tmp_path):
    _, document = run("knn_graph.py", "--fast", "--repeats", "5", out=tmp_path / "g.json")
    assert document["time"]["ratio_median"] > 0
    assert document["correctness"]["rows_checked"] > 0
    assert document["correctness"]["rows_that_differ"] == 0
    assert document["peak_bytes_beyond_features"] > 0


def test_the_layer_grid_reports_time_memory_and_ratio(tmp_path):
    done, document = run("layer_grid.py", "--fast", out=tmp_path / "l.json")
    assert done.returncode == 0, done.stderr
    assert {row["measure"] for row in document["rows"]} == {"mutual_knn", "debiased_cka"}
    for row in document["rows"]:
        assert row["pairs"] == 30
        # The plain one sorts float32 products, which may swap two neighbours that are as near.
        assert row["score_first_pair"] == pytest.approx(row["plain_score_first_pair"], abs=5e-4)
        assert row["times_faster_than_every_permutation_anew"] > 10
        assert row["peak_memory_mb"] > 0


def test_the_bars_of_the_measures_run_reduced(tmp_path):
    done, document = run("measures.py", "--fast", out=tmp_path / "m.json")
    assert document["failed"] == document["missing"] == {}, done.stdout
    assert done.returncode == 0
    assert len(document["rows"]) == 14
    for row in document["rows"]:
        assert row["work"] in done.stdout
        assert "reached" not in row


PEER = """
import torch
import torchaudio.functional  # a stub where the library is missing


def remove_outliers(feats, q, exact):
    size = feats.abs()
    if exact:
        limit = size.flatten().sort().values[int(q * size.numel())]
    else:
        limit = torch.quantile(size, q, dim=1).mean()
    return feats.clamp(-limit, limit)


class AlignmentMetrics:
    def measure(name, X, Y, topk=None):
        K, L = X @ X.T, Y @ Y.T
        H = torch.eye(len(K), dtype=K.dtype) - 1 / len(K)
        K, L = H @ K @ H, H @ L @ H
        return (K * L).sum() / ((K * K).sum().sqrt() * (L * L).sum().sqrt() + CONSTANT)
"""


@pytest.mark.parametrize(("constant", "code"), [("1e-6", 0), ("1e-1", 1)])
def test_a_peer_that_prints_another_number_is_found_out(constant, code, tmp_path):
    """A peer of a few lines stands in for the paper's code, which is not ours to keep."""
    pytest.importorskip("torch")
    (tmp_path / "metrics.py").write_text(PEER.replace("CONSTANT", constant))
    options = ("--peer-path", str(tmp_path), "--n", "60", "--d", "20", "--repeats", "1")
    done, document = run("peers.py", *options, "--measures", "cka", out=tmp_path / "p.json")
    assert done.returncode == code, done.stderr
    assert document["passed"] == (code == 0)
    assert {row["compat"] for row in document["rows"]} == {"prh", "prh-script"}
    assert all(row["times_faster"] > 0 for row in document["rows"])
    assert str(tmp_path) not in json.dumps(document)


@pytest.mark.parametrize(
    "name",
    [
        "knn_graph",
        "layer_grid",
        "type_one",
        "demo_table",
        "kill_loop",
        "peers",
        "measures",
        "coverage",
        "inference",
    ],
)
def test_results_of_the_full_runs_are_recorded(name):
    document = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())
    assert document["command"].startswith(f"python benchmarks/{name}.py")
