import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "kill_loop.py"


def test_killed_runs_end_with_the_bytes_of_an_uninterrupted_one(tmp_path):
    out = tmp_path / "kill_loop.json"
    # The seed gives moments at 9, 24 and 80 percent of the time.
    arguments = ["--toy", "--kills", "3", "--limit", "48", "--seed", "3", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--scratch", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(out.read_text())
    assert (run["n_kills"], run["n_killed"]) == (3, 3)
    # A machine of uneven speed may end before a late moment; such a round is no kill.
    assert run["n_identical"] == len(run["rounds"]) >= 3
    assert all(round_["differing_files"] == [] for round_ in run["rounds"])
    # plan, manifest, six shards of eight rows
    assert len(run["sha256"]) == 8
    for round_ in run["rounds"]:
        assert 0 < round_["moment"] < run["uninterrupted_seconds"]
        assert round_["shards_kept"] == round_["shards_when_killed"]
        assert round_["shards"] == 6


def test_the_loop_sees_a_file_that_differs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    spec = importlib.util.spec_from_file_location("kill_loop", SCRIPT)
    loop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loop)
    options = loop.parse(["--toy", "--limit", "8"])
    loop.complete(options, tmp_path / "a")
    expected = loop.hashes(tmp_path / "a")
    changed = next(name for name in expected if "shard" in name)
    altered = expected | {changed: "0" * 64}
    round_ = loop.kill_and_repeat(options, tmp_path / "b", 0.1, altered)
    assert not round_["identical"]
    assert round_["differing_files"] == [changed]
    assert loop.kill_and_repeat(options, tmp_path / "c", 0.1, expected)["identical"]
