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
    done, document = run("type_one.py", "--runs", "60", "--null", "99", out=tmp_path / "t.json")
    assert done.returncode == 0, done.stdout
    assert document["passed"]
    faults = [cell for cell in document["cells"] if cell["fault"]]
    assert len(faults) == 2
    assert all(cell["above_limit"] for cell in faults)
    assert len(document["cells"]) == 32


def test_the_graph_is_correct_at_the_benchmark_s_reduced_size(tmp_path):
    _, document = run("knn_graph.py", "--fast", "--repeats", "5", out=tmp_path / "g.json")
    assert document["time"]["ratio_median"] > 0
    assert document["correctness"]["rows_checked"] > 0
    assert document["correctness"]["rows_that_differ"] == 0
    assert document["peak_bytes_beyond_features"] > 0


def test_the_layer_grid_reports_time_memory_and_ratio(tmp_path):
    done, document = run("layer_grid.py", "--fast", out=tmp_path / "l.json")
    assert done.returncode == 0, done.stderr
    for row in document["rows"]:
        assert row["pairs"] == 30
        # The plain one sorts float32 products, which may swap two neighbours that are as near.
        assert row["score_first_pair"] == pytest.approx(row["plain_score_first_pair"], abs=5e-4)
        assert row["times_faster_including_null"] > 1
        assert row["peak_memory_mb"] > 0


def test_the_bars_of_the_measures_run_reduced(tmp_path):
    """Rows whose module is not written yet are named; all others must give a finite value."""
    done, document = run("measures.py", "--fast", out=tmp_path / "m.json")
    assert document["failed"] == {}, done.stdout
    missing = {why.split()[0] for why in document["missing"].values()}
    assert not [path for path in missing if (BENCHMARKS.parent / path).is_file()], missing
    for name, why in document["missing"].items():
        assert f"{name}: {why}" in done.stdout
    assert (done.returncode == 0) == (not document["missing"])
    for row in document["rows"]:
        assert row["work"] in done.stdout
        assert "reached" not in row


@pytest.mark.parametrize("name", ["knn_graph", "layer_grid", "type_one", "demo_table", "kill_loop"])
def test_results_of_the_full_runs_are_recorded(name):
    document = json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())
    assert document["command"].startswith(f"python benchmarks/{name}.py")
