"""What must work with the core dependencies alone; run in its own environment by `make core`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

BARE = importlib.util.find_spec("torch") is None


def platonica(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "platonica", *arguments],
        capture_output=True, text=True, cwd=cwd, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [[], ["compare"], ["extract"], ["models"], ["models", "install"], ["data"], ["measures"],
     ["report"], ["doctor"]],
    ids=" ".join,
)  # fmt: skip
def test_help_of_every_command_has_an_example(command):
    done = platonica(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Example: platonica" in done.stdout


def test_lists_need_no_extra():
    for command in ("measures", "models", "data"):
        done = platonica(command, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)


def test_doctor_tells_what_is_missing():
    done = platonica("doctor", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    assert rows["numpy"]["state"] == np.__version__
    if BARE:
        assert rows["torch"]["remedy"] == 'pip install "platonica[models]"'


def test_compare_two_files(tmp_path, store):
    r = np.random.default_rng(0)
    world = r.standard_normal((50, 3))
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", world @ r.standard_normal((3, 9)))
    done = platonica("compare", "file:a.npy", "file:b.npy", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert record["pvalue"] == 0.001
    assert record["pair_null_mean"] == 10 / 49
    table = platonica("compare", "file:a.npy", "file:b.npy", "--out", "run", cwd=tmp_path)
    assert table.returncode == 0, table.stderr
    assert table.stdout.strip().splitlines()[-1] == str(
        (tmp_path / "run" / "report.html").resolve()
    )
    assert "a.npy" in table.stdout


@pytest.mark.skipif(not BARE, reason="torch is installed here")
@pytest.mark.parametrize("model", ["pip:efficientnet-lite0", "pip:all-minilm-l6-v2"])
def test_a_missing_extra_is_named_with_its_command(model, tmp_path, store):
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a"}\n')
    (tmp_path / "a.png").write_bytes(b"")
    done = platonica("extract", model, "--data", f"folder:{tmp_path}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "pip install" in done.stderr or "platonica models install" in done.stderr
