"""What all figures share: palette, text, canvas, colour bar."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from platonica.report.views import ModelView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT", "BAR", "CHARACTER", "FONT", "INK", "LINE", "MARKERS", "MUTED", "RAMP",
    "canvas", "colour_bar", "ink", "label_style", "readable_on", "unseen_glyphs_allowed", "write",
]  # fmt: skip

INK, MUTED, LINE, ACCENT = "#1c2733", "#6b7785", "#d5dbe1", "#b3461f"
MARKERS = {"image": "o", "text": "s", "": "D"}
# Light to dark in even steps of lightness: safe for colour-blind eyes, and right in grey print.
RAMP = ("#f7f9f7", "#dcebe3", "#b5d8cf", "#7fbcbd", "#4797a8", "#23708f", "#174a70", "#0f2747")
FONT = 8.5
BAR = 1.9  # height of a colour bar, inches
CHARACTER = 0.073  # average width of a character of a label, inches

_MODALITY_INK = {"image": "#1d5c91", "text": "#a04a12"}


@contextmanager
def unseen_glyphs_allowed() -> Iterator[None]:
    """Measure text whose characters the fonts of this machine lack, without a warning.

    The reader's fonts draw the text of an SVG; those here only measure it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def write(axes: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Put text at a point, centred unless the style says otherwise, and return it."""
    # names may hold dollar signs: never read them as mathematics
    style = {"ha": "center", "va": "center", **style}
    return axes.text(x, y, text, parse_math=False, clip_on=False, **style)


def label_style(model: ModelView) -> dict[str, Any]:
    """Return colour by modality and italics for controls, as keywords of a text."""
    return {
        "color": ink(model),
        "fontsize": FONT + 0.5,
        "fontstyle": "italic" if model.control else "normal",
    }


def canvas(margins: tuple[float, float, float, float], size: tuple[float, float]) -> Any:
    """Return a figure and its axes of a size in inches.

    Parameters
    ----------
    margins : tuple of four floats
        Left, top, right and bottom, in inches.
    size : (float, float)
        Width and height of the axes, in inches.
    """
    from matplotlib.figure import Figure

    left, top, right, bottom = margins
    width, height = left + size[0] + right, top + size[1] + bottom
    figure = Figure(figsize=(width, height), dpi=100)
    axes = figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height))
    axes.spines[:].set_visible(False)
    return figure, axes


def colour_bar(
    figure: Figure, axes: Any, norm: Any, colours: Any, title: str, tall: float = BAR
) -> Any:
    """Draw a colour bar of a height in inches to the right of the axes, and return it."""
    from matplotlib.cm import ScalarMappable

    width, height = figure.get_size_inches()
    box = axes.get_position()
    tall = tall / height
    holder = figure.add_axes((box.x1 + 0.35 / width, box.y1 - tall, 0.13 / width, tall))
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=holder)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=MUTED, pad=3)
    bar.ax.locator_params(axis="y", nbins=5)
    bar.set_label(title, fontsize=8.5, color=MUTED, labelpad=5)
    return bar


def ink(model: ModelView) -> str:
    """Return the colour of a modality."""
    return _MODALITY_INK.get(model.modality, INK)


def readable_on(face: Sequence[float]) -> str:
    """Return dark or white, whichever has more contrast by the WCAG formula."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in face[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return INK if (luminance + 0.05) / 0.07 > 1.05 / (luminance + 0.05) else "#ffffff"
