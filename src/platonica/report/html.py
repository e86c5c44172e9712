"""One self-contained HTML page of a run: no network, no score without its null."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from platonica.report import formatting
from platonica.report.figures import cell_id, layer_heatmap, model_map, pair_heatmap
from platonica.report.grids import Grid, all_by_all, between_modalities
from platonica.report.layout import ModelMap, map_models
from platonica.report.svg import to_svg
from platonica.report.views import BlockView, Kind, PairView, RunView, modality_name, read_run
from platonica.store.atomic import make_folder, write_bytes

__all__ = ["render_report", "write_report"]

_KINDS: tuple[Kind, ...] = ("across", "within", "control")
_MAX_TOOLTIPS = 1600  # cells of one heat map; more would make the page too large


@dataclass(frozen=True)
class _Picture:
    """A figure with its heading."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class _Section:
    """All of the page that belongs to one measure."""

    slug: str
    block: BlockView
    heatmaps: tuple[_Picture, ...]
    groups: tuple[tuple[str, tuple[PairView, ...]], ...]
    nulls: Mapping[str, int]
    wordings: Mapping[str, str]
    warnings: Mapping[str, int]
    layers: _Picture | None
    map: ModelMap
    map_picture: _Picture | None
    largest: float


def write_report(run: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write the report of a run as one HTML file that needs no network.

    Equal runs give equal bytes. The file appears whole or not at all.

    Parameters
    ----------
    run : mapping
        The run document, see `platonica.report.views.read_run`.
    path : path-like
        The file to write, its folder is made if need be.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        The run has another schema version, no records, or a record without measure, x or y.
    StoreError
        The file cannot be written.
    """
    target = Path(path)
    page = render_report(run)
    make_folder(target.parent)
    write_bytes(target, page.encode())
    return target


def render_report(run: Mapping[str, Any]) -> str:
    """Return the report of a run as the text of an HTML page.

    Parameters
    ----------
    run : mapping
        The run document, see `platonica.report.views.read_run`.

    Raises
    ------
    ParameterError
        The run has another schema version, no records, or a record without measure, x or y.
    """
    view = read_run(run)
    environment = _environment()
    script = environment.get_template("report.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("template.html.j2").render(
        run=view,
        sections=[_section(f"m{i}", block, view) for i, block in enumerate(view.blocks, 1)],
        style=Markup(environment.get_template("report.css").render()),
        script=Markup(script),
        script_digest=digest,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("platonica.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    for name in ("count", "interval", "null", "number", "p", "z"):
        environment.filters[name] = getattr(formatting, f"format_{name}")
    environment.filters["modality"] = modality_name
    environment.filters["plural"] = _plural
    environment.filters["significance"] = formatting.significance
    environment.globals["at_floor"] = formatting.at_floor
    return environment


def _section(slug: str, block: BlockView, view: RunView) -> _Section:
    square = all_by_all(view.models, block.pairs)
    grids = [*between_modalities(view.models, block.pairs), square]
    best = block.best
    placed = map_models(square)
    values = [p.calibrated for p in block.pairs if p.calibrated is not None]
    return _Section(
        slug=slug,
        block=block,
        heatmaps=tuple(
            _Picture(grid.title, _grid_svg(grid, f"{slug}-g{i}", block))
            for i, grid in enumerate(grids)
        ),
        groups=tuple((_heading(kind, block), block.of(kind)) for kind in _KINDS if block.of(kind)),
        nulls={null: number for number, (null, _) in enumerate(block.nulls, 1)},
        wordings=block.wordings,
        warnings=_numbered([w for pair in block.pairs for w in pair.warnings]),
        layers=None if best is None else _layers_picture(best, slug, block),
        map=placed,
        map_picture=None if placed.reason else _map_picture(placed, slug, block),
        largest=max(values, default=0.0),
    )


def _heading(kind: Kind, block: BlockView) -> str:
    """Name a group of pairs; what no one stated is not called one modality."""
    if kind == "within" and any(p.x.modality != p.y.modality for p in block.of("within")):
        return "Other pairs"
    if kind == "within" and any(not p.x.modality for p in block.of("within")):
        return "Pairs of models"
    return {
        "across": "Pairs across modalities",
        "within": "Pairs within one modality",
        "control": "Pairs with a control",
    }[kind]


def _grid_svg(grid: Grid, prefix: str, block: BlockView) -> Markup:
    tooltips = {
        cell_id(prefix, i, j): _tooltip(pair)
        for i, row in enumerate(grid.cells)
        for j, pair in enumerate(row)
        if pair is not None
    }
    if len(tooltips) > _MAX_TOOLTIPS:
        tooltips = {}
    label = f"Heat map of calibrated scores, {grid.title}, {block.title}"
    return _svg(pair_heatmap(grid, prefix=prefix), prefix, label, tooltips)


def _tooltip(pair: PairView) -> str:
    title = f"{pair.x.name} × {pair.y.name}"
    if pair.calibrated is None:
        return f"{title}\nundefined: {pair.reason}"
    number = formatting.format_number
    return (
        f"{title}\n"
        f"chance-normalised {number(pair.calibrated)}, gated {number(pair.gated)}\n"
        f"score {number(pair.score)}, null {formatting.format_null(pair.null_mean, pair.null_std)}"
        f", p {formatting.format_p(pair.pvalue, pair.n_resamples)}\n"
        f"layers {pair.layer_x} and {pair.layer_y}"
    )


def _layers_picture(pair: PairView, slug: str, block: BlockView) -> _Picture | None:
    """Draw nothing where there is nothing to choose from, or the matrix was not recorded."""
    n_scores = sum(len(row) for row in pair.layer_scores)
    expected = len(pair.layers_x) * len(pair.layers_y)
    if n_scores < 2 or n_scores != expected or len(pair.layer_scores) != len(pair.layers_x):
        return None
    title = f"{pair.x.name} × {pair.y.name}"
    figure = layer_heatmap(pair, measure=block.title, direction=block.direction)
    return _Picture(title, _svg(figure, f"{slug}-layers", f"Scores layer by layer, {title}"))


def _map_picture(placed: ModelMap, slug: str, block: BlockView) -> _Picture:
    label = f"Map of models by dissimilarity, {block.title}"
    return _Picture("Map of the models", _svg(model_map(placed), f"{slug}-map", label))


def _svg(figure: Any, salt: str, label: str, tooltips: Mapping[str, str] | None = None) -> Markup:
    return Markup(to_svg(figure, salt=salt, label=label, tooltips=tooltips))


def _numbered(texts: Sequence[str]) -> dict[str, int]:
    return {text: number for number, text in enumerate(dict.fromkeys(texts), 1)}


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"
