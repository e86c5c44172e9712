"""Figures from tables: heat maps of pairs and of layers, the map of models.

Every function returns a `matplotlib.figure.Figure` made without pyplot and without any global
state; `platonica.report.svg.to_svg` turns it into inline SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from platonica.report.drawing import (
    ACCENT,
    BAR,
    CHARACTER,
    FONT,
    INK,
    LINE,
    MARKERS,
    RAMP,
    canvas,
    colour_bar,
    ink,
    label_style,
    readable_on,
    write,
)
from platonica.report.formatting import MINUS, format_number, shorten, significance
from platonica.report.grids import Grid
from platonica.report.labels import draw_legend, draw_scale, place_labels
from platonica.report.layout import ModelMap
from platonica.report.views import ModelView, PairView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cell_id", "layer_heatmap", "model_map", "pair_heatmap"]

_LEGIBLE = 40  # more rows or columns than this: no numbers in the cells
_GAP = 0.32  # of a cell, between groups of models


def cell_id(prefix: str, row: int, column: int) -> str:
    """Return the SVG id of the cell at a row and a column, both counted from 0."""
    return f"{prefix}-r{row}-c{column}"


def pair_heatmap(grid: Grid, *, prefix: str = "cell") -> Figure:
    """Draw the calibrated score of each pair: number, colour, dots for significance.

    Pairs that were not compared are an empty frame, a model with itself not even that; undefined
    scores are hatched. Groups of
    models (modality, control or not) stand apart; controls are in italics.

    Parameters
    ----------
    grid : Grid
    prefix : str
        Begins the id of every cell, see `cell_id`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, columns = _positions(grid.rows), _positions(grid.columns)
    values = [[None if c is None else c.calibrated for c in row] for row in grid.cells]
    wide, high = 0.50, 0.39
    left = 0.25 + CHARACTER * max(len(m.label) for m in grid.rows)
    top = 0.3 + 0.65 * CHARACTER * max(len(m.label) for m in grid.columns)
    right = max(0.95, 0.72 * CHARACTER * len(grid.columns[-1].label) + 0.2)
    tall = (rows[-1] + 1) * high
    margins = (left, top, right, max(0.2, BAR + 0.12 - tall))
    figure: Figure
    figure, axes = canvas(margins, ((columns[-1] + 1) * wide, tall))
    axes.set(xlim=(-0.5, columns[-1] + 0.5), ylim=(rows[-1] + 0.5, -0.5))
    norm, colours = _colours(values)
    legible = max(len(rows), len(columns)) <= _LEGIBLE
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            pair = grid.cells[i][j]
            gid = cell_id(prefix, i, j)
            if pair is not None:
                _pair_cell(axes, x, y, pair, norm, colours, gid, legible)
            elif grid.rows[i] is not grid.columns[j]:
                _cell(axes, x, y, face="#ffffff", edge=LINE, gid=gid)
    _model_labels(axes, rows, grid.rows, columns, grid.columns)
    colour_bar(figure, axes, norm, colours, "chance-normalised score")
    return figure


def layer_heatmap(pair: PairView, *, measure: str, direction: str = "similarity") -> Figure:
    """Draw the scores of all layers of one model against all layers of the other.

    The model with more layers runs along the horizontal axis. Labels give each layer's depth in
    [0, 1]; the selected pair of layers is framed. The lightest colour is the mean of the null of
    one pair of layers, the darkest the closest pair.

    Parameters
    ----------
    pair : PairView
        With ``layer_scores`` of shape (n_layers_x, n_layers_y).
    measure : str
        Title of the colour bar.
    direction : {"similarity", "distance"}
        Whether larger or smaller is closer, and so darker.

    Returns
    -------
    matplotlib.figure.Figure
    """
    scores = np.array([[np.nan if v is None else v for v in r] for r in pair.layer_scores])
    sides = [(pair.x, pair.layers_x, pair.layer_x), (pair.y, pair.layers_y, pair.layer_y)]
    if len(scores) > scores.shape[1]:
        scores, sides = scores.T, sides[::-1]
    (rows, row_layers, row_best), (columns, column_layers, column_best) = sides
    row_names, column_names = _layer_labels(rows, row_layers), _layer_labels(columns, column_layers)
    figure, axes, (wide, high) = _layer_canvas(rows, row_names, column_names)
    norm, colours = _layer_colours(scores, pair.pair_null_mean, direction)
    axes.pcolormesh(
        np.ma.masked_invalid(scores), cmap=colours, norm=norm, edgecolors="white",
        linewidth=0.8 if max(scores.shape) <= 40 else 0, rasterized=scores.size > 5000,
    )  # fmt: skip
    axes.set_facecolor("#e4e7ea")  # shows where a score is undefined
    axes.set(xlim=(0, scores.shape[1]), ylim=(scores.shape[0], 0))
    if row_best in row_layers and column_best in column_layers:
        _frame(axes, row_layers.index(row_best), column_layers.index(column_best), pair.score)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    for axis, model, names, size, turn in (
        (axes.yaxis, rows, row_names, high, 0), (axes.xaxis, columns, column_names, wide, 90),
    ):  # fmt: skip
        _layer_ticks(axis, names, size, turn)
        axis.set_label_text(model.label, parse_math=False, color=ink(model), fontsize=10.5)
        axis.labelpad = 8
    bar = colour_bar(figure, axes, norm, colours, measure, tall=1.5)
    _mark_null(bar, norm, pair.pair_null_mean)
    return figure


def model_map(layout: ModelMap) -> Figure:
    """Draw models as points: colour and shape tell modality, hollow points are controls.

    Labels are placed one after the other where they cover least; a thin line leads to a label
    that had to stand off its point.

    Parameters
    ----------
    layout : ModelMap
        One with points.

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = np.array([8.8, 5.6])
    figure: Figure
    figure, axes = canvas((0.15, 0.15, 0.15, 0.55), (size[0], size[1]))
    points = layout.points
    low, high = points.min(axis=0), points.max(axis=0)
    # one unit is equally long both ways, and labels find room at the sides
    unit = float(((high - low) / (size - (2.6, 0.9))).max()) or 1.0
    middle = (low + high) / 2
    (left, bottom), (right, top) = middle - unit * size / 2, middle + unit * size / 2
    axes.set(xlim=(left, right), ylim=(bottom, top))
    for model, (x, y) in zip(layout.models, points, strict=True):
        axes.plot(
            x, y, MARKERS.get(model.modality, "^"), markersize=8.5, markeredgewidth=1.6,
            markeredgecolor=ink(model), zorder=3,
            markerfacecolor="#ffffff" if model.control else ink(model),
        )  # fmt: skip
    place_labels(figure, axes, layout)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=LINE, linewidth=0.8)
    draw_legend(axes, layout.models)
    draw_scale(axes)
    return figure


# -- cells -------------------------------------------------------------------------------------


def _pair_cell(
    axes: Any, x: float, y: float, pair: PairView, norm: Any, colours: Any, gid: str, legible: bool
) -> None:
    if pair.calibrated is None:
        _cell(axes, x, y, face="#eef0f2", edge="#9aa5b1", gid=gid, hatch="////")
        if legible:
            write(axes, x, y, "undef.", color=INK, fontsize=7, bbox={
                "facecolor": "#eef0f2", "edgecolor": "none", "pad": 1.2})  # fmt: skip
        return
    face = colours(norm(pair.calibrated))
    _cell(axes, x, y, face=face, edge="none", gid=gid)
    if legible:
        ink = readable_on(face)
        marks = significance(pair.pvalue)
        text = f"{pair.calibrated:.3f}".replace("0.", ".", 1).replace("-", MINUS)
        write(axes, x, y - (0.11 if marks else 0), text, color=ink, fontsize=FONT)
        if marks:
            write(axes, x, y + 0.27, "•" * marks, color=ink, fontsize=7.5)


def _cell(
    axes: Any, x: float, y: float, *, face: Any, edge: str, gid: str, hatch: str | None = None
) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (x - 0.48, y - 0.47), 0.96, 0.94, facecolor=face, edgecolor=edge, linewidth=0.6,
            hatch=hatch, hatch_linewidth=0.5, gid=gid, clip_on=False,
        )
    )  # fmt: skip


def _positions(models: Sequence[ModelView]) -> list[float]:
    """One unit a model, and a gap where a group of models ends."""
    positions, at = [], 0.0
    for i, model in enumerate(models):
        if i:
            before = models[i - 1]
            at += 1 + _GAP * (model.control != before.control)
            at += _GAP * (model.modality != before.modality)
        positions.append(at)
    return positions


def _model_labels(
    axes: Any,
    rows: Sequence[float],
    row_models: Sequence[ModelView],
    columns: Sequence[float],
    column_models: Sequence[ModelView],
) -> None:
    axes.set(xticks=[], yticks=[])
    for y, model in zip(rows, row_models, strict=True):
        write(axes, -0.65, y, model.label, ha="right", **label_style(model))
    for x, model in zip(columns, column_models, strict=True):
        write(
            axes, x - 0.12, -0.62, model.label, ha="left", va="bottom", rotation=45,
            rotation_mode="anchor", **label_style(model),
        )  # fmt: skip


# -- layers ------------------------------------------------------------------------------------


def _mark_null(bar: Any, norm: Any, null: float | None) -> None:
    """Show on a colour bar where chance lies."""
    if null is None or not norm.vmin <= null <= norm.vmax:
        return
    bar.ax.axhline(null, color=ACCENT, linewidth=2.2)
    write(
        bar.ax, 0.5, -0.06, f"null {format_number(null)}", color=ACCENT, fontsize=8, va="top",
        transform=bar.ax.transAxes,
    )  # fmt: skip


def _layer_canvas(
    rows: ModelView, row_names: Sequence[str], column_names: Sequence[str]
) -> tuple[Figure, Any, tuple[float, float]]:
    """Make room for the names; return figure, axes, and width and height of a cell in inches."""
    n_rows, n_columns = len(row_names), len(column_names)
    side = min(0.34, 10.5 / n_columns)
    wide = max(side, 2.4 / n_columns)
    high = max(side, min(0.6, 0.085 * len(rows.label) / n_rows))
    left = 0.75 + CHARACTER * max(map(len, row_names))
    top = 0.6 + CHARACTER * max(map(len, column_names))
    bottom = max(0.35, BAR - n_rows * high)
    figure, axes = canvas((left, top, 1.35, bottom), (n_columns * wide, n_rows * high))
    return figure, axes, (wide, high)


def _layer_labels(model: ModelView, layers: Sequence[str]) -> list[str]:
    depths = [model.depth(layer) for layer in layers]
    return [
        shorten(layer, 32) if depth is None else f"{shorten(layer, 32)}   {depth:.2f}"
        for layer, depth in zip(layers, depths, strict=True)
    ]


def _layer_ticks(axis: Any, names: Sequence[str], side: float, rotation: int = 0) -> None:
    """Label the layers, or every second, third ... where labels would touch."""
    step = max(1, int(np.ceil(0.16 / side)))
    shown = range(0, len(names), step)
    axis.set_ticks([i + 0.5 for i in shown], [names[i] for i in shown])
    axis.set_tick_params(length=0, labelrotation=rotation, labelsize=FONT, labelcolor=INK, pad=4)
    for label in axis.get_ticklabels():
        label.set_parse_math(False)


def _frame(axes: Any, row: int, column: int, score: float | None) -> None:
    """Mark the selected layers, and say their score below the matrix."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (column, row), 1, 1, fill=False, edgecolor=ACCENT, linewidth=2.2, clip_on=False,
            gid="selected-layers", zorder=4,
        )
    )  # fmt: skip
    low, high = axes.get_xlim()[1], axes.get_ylim()[0]
    align = "left" if column < 0.2 * low else "right" if column > 0.8 * low else "center"
    at = column + {"left": 0, "right": 1, "center": 0.5}[align]
    axes.annotate(
        f"selected: {format_number(score)}", (at, high), (0, -5), textcoords="offset points",
        ha=align, va="top", color=ACCENT, fontsize=9, annotation_clip=False,
    )  # fmt: skip


def _layer_colours(scores: Any, null: float | None, direction: str) -> tuple[Any, Any]:
    """From the null, lightest, to the closest pair, darkest."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    found = scores[np.isfinite(scores)]
    low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
    ramp = list(RAMP)
    if direction == "distance":
        ramp.reverse()
        high = null if null is not None and null > low else high
    else:
        low = null if null is not None and null < high else min(low, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Normalize(low, high, clip=True), LinearSegmentedColormap.from_list("lagoon", ramp)


def _colours(values: Sequence[Sequence[float | None]]) -> tuple[Any, Any]:
    """Return a scale from 0 to the largest value; what lies below 0 is drawn as 0."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    found = [v for row in values for v in row if v is not None]
    top = max(found, default=0.0)
    return (
        Normalize(0.0, top if top > 0 else 1.0, clip=True),
        LinearSegmentedColormap.from_list("lagoon", list(RAMP)),
    )
