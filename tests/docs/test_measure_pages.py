"""Pages equal what the generator writes, texts are complete, figures are drawings."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def generate(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("generate")


@pytest.fixture(params=["MEASURE_PAGES", "DIAGNOSTIC_PAGES"])
def pages(request, generate):
    return getattr(generate, request.param)


@pytest.fixture
def copied(pages, tmp_path):
    """The same pages in a folder that a test may spoil."""
    folder = tmp_path / pages.folder.name
    shutil.copytree(pages.folder, folder)
    return dataclasses.replace(pages, folder=folder)


def test_every_page_is_up_to_date(pages):
    assert list(pages.problems()) == []


def test_pages_hold_declarations_and_text(pages):
    for name, one in pages.members.items():
        page = (pages.folder / f"{name}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {name}\n")
        assert pages.written(name) in page
        assert one.spec.reference in page
        assert f"[`{name}`]({name}.md)" in pages.index()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda f, n: (f / f"{n}.md").write_text("old"), "{n}.md is out of date"),
        (lambda f, n: (f / f"{n}.md").unlink(), "{n}.md is out of date"),
        (lambda f, n: (f / "index.md").write_text("old"), "index.md is out of date"),
        (lambda f, n: (f / "text" / f"{n}.md").unlink(), "text/{n}.md: needs the headings"),
        (lambda f, n: (f / "figures" / f"{n}.svg").unlink(), "figures/{n}.svg is missing"),
        (lambda f, n: (f / "gone.md").write_text("x"), "gone.md belongs to nothing"),
    ],
    ids=["stale", "no page", "stale index", "no text", "no figure", "left over"],
)
def test_a_planted_fault_is_caught(copied, spoil, problem):
    name = next(iter(copied.members))
    spoil(copied.folder, name)
    assert any(what.startswith(problem.format(n=name)) for what in copied.problems())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("## Formula\n", "## Formulas\n", "needs the headings"),
        ("## Formula\n", "## Formula\n\n## Oracle\n", "needs the headings|Formula is empty"),
        ("## What it sees\n", "Preface.\n\n## What it sees\n", "needs the headings"),
    ],
    ids=["renamed", "emptied", "preface"],
)
def test_an_incomplete_text_is_caught(copied, old, new, problem):
    name = next(iter(copied.members))
    path = copied.folder / "text" / f"{name}.md"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    found = [what for what in copied.problems() if what.startswith("text/")]
    assert any(part in what for what in found for part in problem.split("|"))


def test_an_empty_section_is_caught(copied):
    name = next(iter(copied.members))
    text = "\n\n".join(f"## {heading}\n\n-" for heading in copied.headings)
    path = copied.folder / "text" / f"{name}.md"
    path.write_text(text)
    assert not [what for what in copied.problems() if what.startswith("text/")]
    path.write_text(text.removesuffix("-"))
    assert f"text/{name}.md: {copied.headings[-1]} is empty" in list(copied.problems())


def test_figures_are_small_drawings(pages):
    for name in pages.members:
        path = pages.figure(name)
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        words = " ".join(root.itertext())
        assert name in words
        assert "invertible map" in words
        assert "<date>" not in path.read_text(encoding="utf-8")
        assert path.stat().st_size < 60_000


def test_a_figure_drawn_twice_has_the_same_bytes(generate, tmp_path):
    figures = importlib.import_module("_figures")
    for path in (tmp_path / "a.svg", tmp_path / "b.svg"):
        figures.save(figures.draw(generate.MEASURES["mutual_knn"]), path, "mutual_knn")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_command_checks_and_refuses_unknown_names(generate, capsys):
    assert generate.main(["--check"]) == 0
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        generate.main(["--figures", "nonsense"])
    assert "nonsense" in capsys.readouterr().err
