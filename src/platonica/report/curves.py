"""Curves against the size of the gallery, from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from platonica.errors import ParameterError
from platonica.report.drawing import ACCENT, INK, LINE, MUTED, canvas, write
from platonica.report.formatting import clean, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["gallery_figure"]

COLOURS = ("#23708f", ACCENT, MUTED, "#5b7f2b", "#7a4f9a", INK)
STYLES = ("o", "s", "D", "^", "v", "P")
REACH = 10  # how many times the largest gallery a fit is drawn to


def gallery_figure(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw chance-normalised scores against the size of the gallery.

    Bands are one standard deviation over galleries; a dashed line is a fitted power law beyond
    the largest gallery: extrapolated, not measured.

    Parameters
    ----------
    curves : sequence of mapping
        As `platonica.galleries.GalleryCurve.to_dict` gives them.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ParameterError
        No curves.
    """
    if not curves:
        raise ParameterError("a figure of curves needs at least one")
    names = [shorten(clean(curve["label"]), 34) for curve in curves]
    figure, axes = canvas((0.75, 0.35, 0.3 + 0.075 * max(map(len, names)), 0.55), (4.6, 2.7))
    axes.spines[["left", "bottom"]].set_visible(True)
    axes.spines[["left", "bottom"]].set_color(LINE)
    ends = [_draw(axes, curve, i) for i, curve in enumerate(curves)]
    axes.axhline(0, color=LINE, linewidth=1, zorder=0)
    axes.set_xscale("log")
    measured = sorted({point["n_items"] for curve in curves for point in curve["points"]})
    axes.set_xlim(measured[0] * 0.85, measured[-1] * (REACH if any(e[2] for e in ends) else 1.15))
    ticks = [*measured, *((measured[-1] * REACH,) if any(e[2] for e in ends) else ())]
    axes.set_xticks(ticks, [str(n) for n in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.tick_params(length=0, labelsize=8, labelcolor=MUTED)
    held = " at constant k / n" if curves[0]["hold"] == "k/n" else ""
    axes.set_xlabel(f"items in the gallery{held}", fontsize=8.5, color=MUTED)
    axes.set_ylabel("chance-normalised score", fontsize=8.5, color=MUTED)
    _name_lines(axes, names, ends)
    if any(end[2] for end in ends):
        write(axes, measured[-1] * REACH**0.5, axes.get_ylim()[1], "extrapolated",
              fontsize=8, color=MUTED, va="bottom", fontstyle="italic")  # fmt: skip
    return figure  # type: ignore[no-any-return]


def _draw(axes: Any, curve: Mapping[str, Any], number: int) -> tuple[float, str, bool]:
    """Draw one curve; return its height at the right, its colour and whether it goes on."""
    colour = COLOURS[number % len(COLOURS)]
    points = [point for point in curve["points"] if point["chance_normalized"] is not None]
    n = np.array([point["n_items"] for point in points], dtype=float)
    y = np.array([point["chance_normalized"] for point in points])
    # the score's spread in units of the way from chance to the best score
    scale = np.array(
        [
            p["chance_normalized"] / (p["score"] - p["null_mean"])
            if p["score"] != p["null_mean"]
            else 0.0
            for p in points
        ]
    )
    spread = abs(scale) * np.array([point["spread"] for point in points])
    axes.fill_between(n, y - spread, y + spread, color=colour, alpha=0.15, linewidth=0)
    marker = STYLES[number % len(STYLES)]
    axes.plot(n, y, color=colour, marker=marker, markersize=4, linewidth=1.4)
    fit = curve.get("fit")
    if fit is None:
        return float(y[-1]), colour, False
    beyond = np.geomspace(n[-1], REACH * n[-1], 20)
    end = fit["at_ten_times_the_largest"]
    start = end * REACH ** fit["exponent"]
    line = start * (beyond / n[-1]) ** -fit["exponent"]
    axes.plot(beyond, line, color=colour, linewidth=1, linestyle=(0, (3, 3)))
    return float(line[-1]), colour, True


def _name_lines(axes: Any, names: Sequence[str], ends: Sequence[tuple[float, str, bool]]) -> None:
    """Write the names at the right end, moved apart where lines end close to each other."""
    low, high = axes.get_ylim()
    step, place = 0.075 * (high - low), -np.inf
    right = axes.get_xlim()[1]
    for i in np.argsort([end[0] for end in ends]):
        place = max(ends[i][0], place + step)
        write(axes, right * 1.04, place, names[i], ha="left", fontsize=8, color=ends[i][1])
    axes.set_ylim(low, max(high, place + step / 2))
