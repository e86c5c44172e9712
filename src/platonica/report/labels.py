"""The details of the map of models: labels that do not cover each other, legend, scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from platonica.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    ink,
    label_style,
    unseen_glyphs_allowed,
    write,
)
from platonica.report.layout import ModelMap
from platonica.report.views import ModelView, modality_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_legend", "draw_scale", "place_labels"]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""


def place_labels(figure: Figure, axes: Any, layout: ModelMap) -> None:
    """Give each label, in order, the place around its point that covers least."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    pixels = axes.transData.transform(layout.points)
    scale = figure.dpi / 72
    frame = axes.get_window_extent(renderer).padded(-3)
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in pixels]
    # the crowded first: those in the open have more choice
    near = np.linalg.norm(pixels[:, None] - pixels[None, :], axis=2)
    crowd = np.sort(near, axis=1)[:, 1 : min(4, len(pixels))].sum(axis=1)
    for i in np.argsort(crowd, kind="stable"):
        model = layout.models[i]
        label = write(axes, 0, 0, model.label, ha="left", va="bottom", **label_style(model))
        with unseen_glyphs_allowed():
            extent = label.get_window_extent(renderer)
        width, height = extent.width, extent.height
        box = min(_places(pixels[i], width, height, scale), key=_cover(taken, frame))
        taken.append(box)
        label.set_position(axes.transData.inverted().transform(box[:2]))
        _lead(axes, pixels[i], box, model)


def _places(point: Any, width: float, height: float, scale: float) -> list[Box]:
    """Candidate boxes around a point, the nearest and most usual first."""
    x, y = point
    boxes = []
    for gap in (8, 16, 26, 38, 54, 72, 96):
        d = gap * scale
        for left, bottom in (
            (x + d, y - height / 2), (x - d - width, y - height / 2),
            (x - width / 2, y + d), (x - width / 2, y - d - height),
            (x + 0.7 * d, y + 0.7 * d), (x - 0.7 * d - width, y + 0.7 * d),
            (x + 0.7 * d, y - 0.7 * d - height), (x - 0.7 * d - width, y - 0.7 * d - height),
        ):  # fmt: skip
            boxes.append((left, bottom, left + width, bottom + height))
    return boxes


def _cover(taken: Sequence[Box], frame: Any) -> Callable[[Box], float]:
    def covered(box: Box) -> float:
        inside = _overlap(box, (frame.x0, frame.y0, frame.x1, frame.y1))
        area = (box[2] - box[0]) * (box[3] - box[1])
        return sum(_overlap(box, other) for other in taken) + 4 * (area - inside)

    return covered


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _lead(axes: Any, point: Any, box: Box, model: ModelView) -> None:
    """Draw a line from a point to a label that stands off."""
    end = np.array([np.clip(point[0], box[0], box[2]), np.clip(point[1], box[1], box[3])])
    if np.linalg.norm(end - point) > 20:
        start, stop = axes.transData.inverted().transform([point, end])
        axes.plot(
            [start[0], stop[0]], [start[1], stop[1]], color=ink(model), linewidth=0.6, alpha=0.6
        )


def draw_legend(axes: Any, models: Sequence[ModelView]) -> None:
    """Explain shapes and fillings below the map."""
    from matplotlib.lines import Line2D

    kinds = sorted({(m.modality, m.control) for m in models}, key=lambda k: (k[1], k[0]))
    handles = []
    for modality, control in kinds:
        model = ModelView("", "", modality=modality, control=control)
        handles.append(
            Line2D(
                [], [], linestyle="none", marker=MARKERS.get(modality, "^"), markersize=7,
                markeredgecolor=ink(model), markeredgewidth=1.4,
                markerfacecolor="#ffffff" if control else ink(model),
                label=modality_name(modality) + (" control" if control else ""),
            )
        )  # fmt: skip
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, -0.02), ncols=len(handles),
        frameon=False, fontsize=9, labelcolor=INK, handletextpad=0.2, columnspacing=1.6,
        borderaxespad=0.2,
    )  # fmt: skip


def draw_scale(axes: Any) -> None:
    """Draw a bar of a round length below the map, at the right."""
    low, high = axes.get_xlim()
    length = next((s for s in (0.5, 0.25, 0.1, 0.05, 0.02, 0.01) if s < 0.3 * (high - low)), 0.001)
    end = (length / (high - low)) if high > low else 0
    axes.plot(
        [1 - end, 1], [-0.035, -0.035], color=MUTED, linewidth=1.4, transform=axes.transAxes,
        clip_on=False,
    )  # fmt: skip
    write(
        axes, 1 - end - 0.012, -0.036, f"distance {length:g}", ha="right", color=MUTED, fontsize=9,
        transform=axes.transAxes,
    )  # fmt: skip
