"""The frame of the benchmarks: ratios, growth, memory of a fresh process, verdicts, records."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

TOY = """
import numpy as np
def nothing(size): pass
def fill(size): np.ones(size, dtype=np.uint8)
def good(value=1.0): return {"work": "toy work", "value": value, "unit": "s", "must": 2.0}
def pair(): return [good(), {**good(1.5), "goal": 1.2}]
def slow(): return good(3.0)
def broken(): raise KeyError("inside")
"""


@pytest.fixture
def frame(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_frame")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A module of benchmarks of a name of its own, also for fresh processes."""
    name = f"toy_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return name


@pytest.fixture
def measures(frame, toy, monkeypatch, tmp_path, capsys):
    """Run benchmarks/measures.py on functions of the toy module."""
    module = importlib.import_module("measures")

    def run(*functions, options=()):
        entries = tuple(module.Entry(name, f"{toy}:{name}") for name in functions)
        monkeypatch.setattr(module, "ENTRIES", entries)
        out = tmp_path / "out.json"
        monkeypatch.setattr("sys.argv", ["measures.py", "--out", str(out), *options])
        code = module.main()
        return code, json.loads(out.read_text()), capsys.readouterr().out

    return run


def test_a_ratio_is_that_of_its_turns(frame):
    found = frame.ratio(lambda: time.sleep(0.03), lambda: time.sleep(0.01), 3, pause=0.0)
    assert 2.0 < found["ratio_median"] < 4.0
    assert found["ratio_min"] <= found["ratio_median"] <= found["ratio_max"]
    assert len(found["work_seconds"]) == len(found["product_seconds"]) == 3


def test_growth_is_the_power_of_the_size(frame, monkeypatch):
    monkeypatch.setattr(frame, "seconds", lambda call: call())
    found = frame.growth(lambda n: lambda: 1e-6 * n**1.5, [100, 200, 400])
    assert found["exponent"] == pytest.approx(1.5)
    assert found["seconds"][0] == pytest.approx(1e-3)


def test_memory_is_that_of_a_process_of_its_own(frame, toy):
    ballast = np.ones(64 << 20, dtype=np.uint8)  # the peak of this process must not count
    beyond = frame.peak_beyond(f"{toy}:fill", f"{toy}:nothing", size=32 << 20)
    assert 30 << 20 < beyond < 40 << 20
    assert ballast.nbytes < frame.own_peak_bytes()
    with pytest.raises(RuntimeError, match="KeyError: 'inside'"):
        frame.peak_bytes(f"{toy}:broken")


def test_threads_are_those_that_were_asked_for(frame):
    from threadpoolctl import threadpool_info

    with frame.threads(1):
        assert {one["num_threads"] for one in threadpool_info()} == {1}


@pytest.mark.parametrize(
    ("value", "must", "goal", "extra", "reached"),
    [
        (0.8, 1.3, 0.9, {}, "goal"),
        (1.2, 1.3, 0.9, {}, "must"),
        (1.4, 1.3, 0.9, {}, "missed"),
        (1.2, 1.3, None, {}, "must"),
        (0.995, 0.98, 0.99, {}, "goal"),
        (0.985, 0.98, 0.99, {}, "must"),
        (0.97, 0.98, 0.99, {}, "missed"),
        (1.0, 1.15, None, {"least": 0.85}, "must"),
        (0.8, 1.15, None, {"least": 0.85}, "missed"),
    ],
)
def test_verdicts_in_both_directions(frame, value, must, goal, extra, reached):
    row = {"work": "w", "value": value, "unit": "", "must": must, "goal": goal, **extra}
    assert frame.verdict(frame.check_row(row)) == reached


@pytest.mark.parametrize("change", [{"value": None}, {"work": 3}, {"must": "2"}, {"value": np.nan}])
def test_a_row_without_what_the_table_needs_is_refused(frame, change):
    row = {"work": "w", "value": 1.0, "unit": "s", "must": 2, "goal": None, **change}
    with pytest.raises((TypeError, ValueError), match="a row needs"):
        frame.check_row(row)


def test_rows_are_judged_recorded_and_printed(measures):
    code, document, printed = measures("good", "pair")
    assert code == 0
    assert [row["reached"] for row in document["rows"]] == ["must", "must", "must"]
    assert [row["name"] for row in document["rows"]] == ["good", "pair", "pair"]
    assert document["command"].startswith("python benchmarks/measures.py")
    assert document["machine"]["cores"] >= 1
    assert printed.count("toy work") == 3


def test_a_missed_bar_fails_the_full_run_only(measures):
    code, document, printed = measures("good", "slow")
    assert code == 1
    assert document["rows"][1]["reached"] == "missed"
    assert "missed" in printed
    code, document, _ = measures("slow", options=["--fast"])
    assert code == 0
    assert "reached" not in document["rows"][0]


def test_what_is_missing_or_fails_is_named_and_the_rest_runs(measures):
    code, document, printed = measures("broken", "absent", "good")
    assert code == 1
    assert [row["name"] for row in document["rows"]] == ["good"]
    assert "KeyError: 'inside'" in document["failed"]["broken"]
    assert "has no function absent" in document["missing"]["absent"]
    assert "has no function absent" in printed
    assert measures("broken", "good", options=["--only", "good"])[0] == 0
