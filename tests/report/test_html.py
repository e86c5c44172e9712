import copy
import json
import os
import re
import stat
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from platonica.errors import ParameterError, StoreError
from platonica.report import render_report, write_report

VOID = {"meta", "br", "wbr", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; unbalanced tags are kept as faults."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.faults, self._open = [], [], [], [], []
        self.feed(text)
        self.close()
        self.faults += self._open
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.words.append(data)

    def values(self, *names):
        return [value for _, name, value in self.attributes if name in names]


def resources(text):
    """Everything by which a page can ask for something that is not in it."""
    page = Page(text)
    found = page.values("src", "href", "xlink:href", "srcset", "data", "action", "poster")
    found += re.findall(r"url\(\s*['\"]?([^)'\"]+)", text)
    found += re.findall(r"@import[^;]*", text)
    return [r for r in found if not r.startswith(("#", "data:"))]


@pytest.fixture(scope="module")
def text(whole_run):
    return render_report(whole_run)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_is_well_formed_and_small(text, page):
    assert page.faults == []
    assert len(text) < 3_000_000
    assert page.tags.count("h1") == 1
    assert page.tags.count("svg") == 2 * 4
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {h[1:] for h in page.values("href") if h[0] == "#"} <= set(ids)


def test_the_page_asks_for_nothing_outside(text):
    assert resources(text) == []
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    "planted",
    [
        '<img src="https://example.org/x.png">',
        "<style>@import 'x.css';</style>",
        "<p style='background: url(//example.org/x)'>",
        "<a href='https://example.org'>",
    ],
)
def test_the_check_for_resources_can_fail(text, planted):
    assert resources(text.replace("</main>", planted + "</main>"))


def test_hostile_names_and_warnings_stay_text(text, page):
    assert "<script>alert" not in text
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "file:<script>alert(1)</script>" in page.text
    assert 'null has "heavy" tails <img src=x onerror=alert(2)> & more' in page.text


HOSTILE_TEXT = (
    "</title></style></script><script>alert(3)</script>\"'><svg onload=alert(4)>{{ 7*7 }}"
)


def test_every_field_is_escaped(one_measure):
    run = copy.deepcopy(one_measure)
    run.update(command=HOSTILE_TEXT, created=HOSTILE_TEXT, rng=HOSTILE_TEXT)
    run["versions"][HOSTILE_TEXT] = HOSTILE_TEXT
    run["data"].update(name=HOSTILE_TEXT, revision=HOSTILE_TEXT)
    run["data"][HOSTILE_TEXT] = HOSTILE_TEXT
    for model in run["models"]:
        model.update(revision=HOSTILE_TEXT, modality=f"{model['modality']}{HOSTILE_TEXT}")
    for record in run["records"]:
        record.update(
            measure=HOSTILE_TEXT, params={HOSTILE_TEXT: HOSTILE_TEXT}, null=HOSTILE_TEXT,
            selection=HOSTILE_TEXT, warnings=[HOSTILE_TEXT],
        )  # fmt: skip
        for side in "xy":
            record[f"layers_{side}"] = [f"{HOSTILE_TEXT}{i}" for i in record[f"layers_{side}"]]
            record[f"layer_{side}"] = record[f"layers_{side}"][0]
    text = render_report(run)
    page = Page(text)
    assert page.faults == []
    assert page.tags.count("script") == 1
    assert "alert(3)" in page.text
    assert "{{ 7*7 }}" in page.text
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_everything_recorded_is_on_the_page(run, page):
    for model in run["models"]:
        assert model["name"] in page.text
        assert model["fingerprint"] in page.text
    assert run["command"] in page.text
    for name, version in run["versions"].items():
        assert f"{name} {version}" in page.text
    assert run["data"]["revision"] in page.text
    rows = [v for tag, name, v in page.attributes if (tag, name) == ("th", "data-v")]
    assert sorted(rows) == sorted(f"{r['x']['name']} {r['y']['name']}" for r in run["records"])


def test_scores_stand_with_null_p_and_calibration(one_measure):
    one_measure["records"] = [r for r in one_measure["records"] if r["score"]][:1]
    record = one_measure["records"][0]
    words = Page(render_report(one_measure)).text
    for shown in (
        f"{record['score']:.3f}",
        f"{record['null_mean']:.4f} ± {record['null_std']:.4f}",
        f"{record['pair_null_mean']:.3f}",
        "≤ 0.001",
        "floor of 999",
        f"{record['z']:.1f}",
        f"{record['chance_normalized']:.3f}",
        f"{record['gated']:.3f}",
        f"{record['interval'][0]:.3f} to {record['interval'][1]:.3f}",
        record["layer_x"],
        record["layer_y"],
        record["null"],
    ):
        assert shown in words
    assert "not computed" not in words


def test_a_page_of_two_models_and_one_layer_each(one_measure):
    record = one_measure["records"][0]
    record.update(x={"name": "file:a.npy"}, y={"name": "file:b.npy"}, layer_scores=[[0.2]])
    one_measure.update(records=[record], models=[], data=None)
    page = Page(render_report(one_measure))
    assert page.faults == []
    assert "2 models, 1 pair, 498 items" in page.text
    assert "there are 2 models" in page.text


def test_an_interval_that_was_not_computed_is_said(text):
    assert "not computed" in text


def test_an_undefined_score_is_shown_as_such_with_its_reason(one_measure):
    one_measure["records"] = [r for r in one_measure["records"] if r["score"] is None]
    assert len(one_measure["records"]) == 1
    text = render_report(one_measure)
    row = re.search(
        r'<tr class="is-control">\s*<th scope="row" data-v="control:pixels.*?</tr>', text, re.S
    )
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row.group(), re.S)
    assert [re.sub("<.*?>", "", c) for c in cells][:8] == [
        "undefined", "undefined", "0.020", "undefined", "not corrected", "undefined", "undefined",
        "undefined",
    ]  # fmt: skip
    assert "score undefined: Y has fewer than k + 2 distinct rows" in cells[-1]
    assert "no pair has a calibrated score" in text
    assert "Not drawn: a map needs" in text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: run.update(data=None), "no data set was recorded"),
        (lambda run: [m.update(control=False) for m in run["models"]], "No control was compared"),
        (lambda run: [m.update(modality="") for m in run["models"]], "Pairs of models (55)"),
        (lambda run: run["models"][0].update(modality=""), "Other pairs (30)"),
        (lambda run: run.update(rng=17), "<dd>17</dd>"),
        (lambda run: run.update(versions={}), "not recorded"),
        (lambda run: [m.update(modality="") for m in run["models"]], "modality not stated"),
        (lambda run: [r.update(layer_scores=[[0.1]], layers_x=["a"], layers_y=["b"])
                      for r in run["records"]], "there is nothing to draw"),
        (lambda run: [r.update(layer_scores=None) for r in run["records"]], "nothing to draw"),
        (lambda run: [r.update(direction="distance") for r in run["records"]], "a distance"),
    ],
)  # fmt: skip
def test_what_is_not_recorded_is_said(one_measure, spoil, said):
    spoil(one_measure)
    assert said in render_report(one_measure)


def test_equal_runs_give_equal_bytes_in_another_process(run, text, tmp_path):
    source = tmp_path / "run.json"
    source.write_text(json.dumps(run))
    code = (
        "import json, sys; from platonica.report import write_report\n"
        "write_report(json.load(open(sys.argv[1])), sys.argv[2])"
    )
    target = tmp_path / "report.html"
    subprocess.run(
        [sys.executable, "-c", code, str(source), str(target)],
        check=True, env={**os.environ, "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert target.read_bytes() == text.encode()


def test_rendering_does_not_change_the_run(one_measure):
    before = copy.deepcopy(one_measure)
    render_report(one_measure)
    assert one_measure == before


def test_write_makes_the_folder_and_leaves_nothing_else(one_measure, tmp_path):
    target = write_report(one_measure, tmp_path / "new" / "report.html")
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(target.stat().st_mode) & stat.S_IRUSR


def test_a_failed_write_keeps_the_old_report(one_measure, tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"cannot write .*report\.html: No space left"):
        write_report(one_measure, target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_path_below_a_file_is_an_error(one_measure, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_report(one_measure, tmp_path / "file" / "report.html")


def test_a_bad_run_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="schema_version 1, not 9"):
        write_report({"schema_version": 9}, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_the_report_computes_no_scores():
    code = (
        "import sys, platonica.report as r\n"
        "banned = ('platonica.measures', 'platonica.stats', 'platonica.comparison', 'torch',\n"
        "          'transformers', 'matplotlib')\n"
        "print([m for m in sys.modules if m.startswith(banned)])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    planted = code.replace("platonica.report as r", "platonica.measures")
    done = subprocess.run(
        [sys.executable, "-c", planted], check=False, capture_output=True, text=True
    )
    assert "platonica.measures" in done.stdout + done.stderr
