"""Write the page of every measure and of every diagnostic, and that on inference.

    python docs/generate.py [--check] [--figures [NAME ...]]

A page is the declarations as a table, the part written by hand in `text/NAME.md`, and a figure.
`--check` writes nothing and fails if a page is out of date, a text or a figure is missing, or a
page belongs to nothing. `--figures` draws figures anew: those named, or all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _inference
from platonica.measures import DIAGNOSTICS, MEASURES, describe, describe_bounds

__all__ = ["DIAGNOSTIC_PAGES", "MEASURE_PAGES", "Pages", "main"]

DOCS = Path(__file__).resolve().parent
NOTICE = "<!-- Written by docs/generate.py from the declarations and text/{name}.md. -->"


@dataclass(frozen=True)
class Pages:
    """The pages of one registry.

    Attributes
    ----------
    folder : pathlib.Path
        Holds the pages and index.md, their written parts in text/, their figures in figures/.
    title, about : str
        Of the index.
    members : mapping of str to measure or diagnostic
    headings : tuple of str
        What a written part must have, in this order.
    """

    folder: Path
    title: str
    about: str
    members: Mapping[str, Any]
    headings: tuple[str, ...]

    def figure(self, name: str) -> Path:
        """Where the figure of a page is."""
        return self.folder / "figures" / f"{name}.svg"

    def written(self, name: str) -> str:
        """Return the written part of a page, or an empty text."""
        path = self.folder / "text" / f"{name}.md"
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""

    def generated(self) -> dict[Path, str]:
        """Return every file that is generated, with its text."""
        files = {self.folder / f"{name}.md": self.page(name) for name in self.members}
        return {**files, self.folder / "index.md": self.index()}

    def page(self, name: str) -> str:
        """Return the page of one member."""
        from _figures import caption

        one = self.members[name]
        return "\n\n".join(
            [
                f"# {name}",
                NOTICE.format(name=name),
                _sentence(one.spec.summary),
                _table(["declaration", "value"], describe(one).items()),
                self.written(name),
                "## Figure",
                f"![{name}](figures/{name}.svg)",
                caption(one) + "\n",
            ]
        )

    def index(self) -> str:
        """Return the page that lists all members by family."""
        families: dict[str, list[Any]] = {}
        for one in self.members.values():
            families.setdefault(getattr(one.spec, "family", ""), []).append(one)
        parts = [f"# {self.title}", "<!-- Written by docs/generate.py. -->", self.about]
        for family, members in families.items():
            parts += [f"## {family.capitalize()}"] if family else []
            parts.append(_table(["name", "range", "what it is"], map(_entry, members)))
        return "\n\n".join(parts) + "\n"

    def problems(self) -> Iterator[str]:
        """Yield what is missing, out of date or left over, as sentences."""
        for name in self.members:
            yield from (f"text/{name}.md: {what}" for what in self._faults_of_text(name))
            if not self.figure(name).is_file():
                yield f"figures/{name}.svg is missing: run with --figures {name}"
        files = self.generated()
        for path, text in files.items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                yield f"{path.name} is out of date: run python docs/generate.py"
        for path in sorted(self.folder.rglob("*.*")):
            if path not in files and path.stem not in self.members:
                yield f"{path.relative_to(self.folder)} belongs to nothing"

    def _faults_of_text(self, name: str) -> Iterator[str]:
        written = self.written(name)
        sections = _sections(written)
        if tuple(sections) != self.headings or not written.startswith("## "):
            yield f"needs the headings {', '.join(self.headings)}, in this order"
        yield from (f"{heading} is empty" for heading, text in sections.items() if not text)


MEASURE_PAGES = Pages(
    DOCS / "measures",
    "Measures",
    "Each compares two spaces of features. A declaration is a test that runs for every measure; "
    "quantities of one space are [diagnostics](../diagnostics/index.md).",
    MEASURES,
    (
        "What it sees",
        "What it is blind to",
        "Formula",
        "Differences from other conventions",
        "Oracle",
    ),
)
DIAGNOSTIC_PAGES = Pages(
    DOCS / "diagnostics",
    "Diagnostics",
    "Quantities of one space, which tell why a [measure](../measures/index.md) scores as it does. "
    "A declaration is a test that runs for every diagnostic.",
    DIAGNOSTICS,
    ("What it sees", "Formula", "Oracle"),
)


def _sections(text: str) -> dict[str, str]:
    """Split a text at its headings of the second level, outside blocks of code."""
    sections: dict[str, str] = {}
    heading, code = None, False
    for line in text.splitlines():
        code ^= line.startswith("```")
        if line.startswith("## ") and not code:
            heading = line[3:].strip()
            sections[heading] = ""
        elif heading is not None:
            sections[heading] = f"{sections[heading]}\n{line}".strip()
    return sections


def _table(header: list[str], rows: Any) -> str:
    lines = [header, ["---"] * len(header), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _entry(one: Any) -> tuple[str, str, str]:
    """Row of the index: an arrow shows which way is closer."""
    way = {"similarity": " ↑", "distance": " ↓"}.get(getattr(one.spec, "direction", ""), "")
    name = one.spec.name
    return f"[`{name}`]({name}.md)", describe_bounds(one.spec.bounds) + way, one.spec.summary


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _draw(names: list[str]) -> None:
    from _figures import draw, save

    for pages in (MEASURE_PAGES, DIAGNOSTIC_PAGES):
        for name in pages.members:
            if not names or name in names:
                pages.figure(name).parent.mkdir(parents=True, exist_ok=True)
                save(draw(pages.members[name]), pages.figure(name), name)
                print(f"drawn: {name}")


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if out of date")
    parser.add_argument("--figures", nargs="*", metavar="NAME", help="draw these, or all")
    options = parser.parse_args(arguments)
    unknown = set(options.figures or ()) - set(MEASURES) - set(DIAGNOSTICS)
    if unknown:
        parser.error(f"no such measure or diagnostic: {', '.join(sorted(unknown))}")
    shelves = (MEASURE_PAGES, DIAGNOSTIC_PAGES)
    if not options.check:
        for pages in shelves:
            for path, text in pages.generated().items():
                path.write_text(text, encoding="utf-8")
        _inference.PAGE.write_text(_inference.generated(), encoding="utf-8")
        if options.figures is not None:
            _draw(options.figures)
    problems = [f"{pages.folder.name}: {what}" for pages in shelves for what in pages.problems()]
    problems += _inference.problems()
    print("\n".join(problems) or "every page is up to date")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
