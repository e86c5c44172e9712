"""Figures as inline SVG: text stays text, ids are the same in every run, nothing points outside."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from platonica.report.drawing import unseen_glyphs_allowed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["to_svg"]

_NAMESPACE = re.compile(r"\{[^}]*\}")
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_FONT_SHORTHAND = re.compile(r"(font:[^;]*?\d+(?:\.\d+)?px)[^;]*")
_REFERENCE = re.compile(r"(?:url\(|^)#([^)]+)")


def to_svg(
    figure: Figure, *, salt: str, label: str, tooltips: Mapping[str, str] | None = None
) -> str:
    """Render a figure to an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    salt : str
        Different for each figure of a page: generated ids are a digest of it and the content.
    label : str
        What a screen reader says.
    tooltips : mapping of str to str, optional
        Text shown over the element with this id (an artist's ``gid``).

    Returns
    -------
    str
        All text escaped; without size, so that the page decides, but with its natural width in
        ``style``.
    """
    root = ElementTree.fromstring(_render(figure, salt))
    _make_local(root, tooltips or ())
    for element in root.findall("metadata"):
        root.remove(element)
    for parent in root.findall("defs"):  # the page's own style sheet says the same
        for sheet in parent.findall("style"):
            parent.remove(sheet)
    width = float(root.attrib["viewBox"].split()[2])
    # matplotlib counts points of 1/72 inch, a page pixels of 1/96
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": label,
        "style": f"--natural: {width * 96 / 72:.0f}px",
    }
    by_id = {e.attrib["id"]: e for e in root.iter() if "id" in e.attrib}
    for identifier, text in (tooltips or {}).items():
        title = ElementTree.Element("title")
        title.text = text
        by_id[identifier].insert(0, title)
    return ElementTree.tostring(root, encoding="unicode")


def _render(figure: Figure, salt: str) -> str:
    from matplotlib import rc_context

    stream = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": salt}
    with rc_context(settings), unseen_glyphs_allowed():
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=nothing, transparent=True, dpi=150)
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _make_local(root: ElementTree.Element, kept: Iterable[str]) -> None:
    """Drop namespaces (addresses that HTML does not need), fonts and ids that nothing uses.

    Ids such as ``figure_1`` would repeat on a page with several figures.
    """
    used = {m for e in root.iter() for v in e.attrib.values() for m in _REFERENCE.findall(v)}
    used.update(kept)
    for element in root.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
        element.attrib = {
            _NAMESPACE.sub("", name): value
            for name, value in element.attrib.items()
            if name != "id" or value in used
        }
        if element.tag == "text" and "style" in element.attrib:
            style = _FONT_FAMILY.sub("", element.attrib["style"])
            element.attrib["style"] = _FONT_SHORTHAND.sub(r"\1 sans-serif", style)
        if element.tag != "text" and not (element.text or "").strip():
            element.text = None
        element.tail = "\n"
