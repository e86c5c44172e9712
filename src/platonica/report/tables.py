"""Comparisons as a table for the terminal, and as plain text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from platonica.report.formatting import (
    UNDEFINED,
    format_null,
    format_number,
    format_p,
    shorten,
)
from platonica.report.views import BlockView, ModelView, PairView, read_models, read_pairs

__all__ = ["comparison_table", "comparison_text"]

_WIDTH = 100
_NAME = 18
_LAYERS = 19
# like rich.box.SIMPLE_HEAD, in ASCII
_PLAIN = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def comparison_table(
    records: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]] = ()
) -> Table:
    """Return a table of comparisons, closest pairs first, that fits 100 columns.

    Names are cut in the middle; pairs with a control are dimmed, controls marked with ``°``.
    Several measures stand one below the other.

    Parameters
    ----------
    records : sequence of mapping
        Records of a run, one a pair and measure.
    models : sequence of mapping, optional
        Models of the run; they say which are controls. Without them the names do.

    Returns
    -------
    rich.table.Table

    Raises
    ------
    ParameterError
        No records, or one without measure, x or y.
    """
    blocks = read_pairs(records, read_models(models, records))
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False,
        caption=_caption(blocks), caption_justify="left",
    )  # fmt: skip
    for name in ("X", "Y"):
        table.add_column(name, width=_NAME, no_wrap=True)
    for name, width in (("score", 7), ("null", 13), ("p", 6), ("calib.", 7)):
        table.add_column(name, width=width, no_wrap=True, justify="right")
    table.add_column("layers", width=_LAYERS, no_wrap=True)
    for block in blocks:
        if len(blocks) > 1:
            table.add_row(Text(shorten(block.measure, _NAME), style="bold"), _params(block))
        for pair in block.pairs:
            style = "dim" if pair.kind == "control" else ""
            table.add_row(*(Text(cell) for cell in _cells(pair)), style=style)
        table.add_section()
    return table


def comparison_text(
    records: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return the table of `comparison_table` as plain text without colours or box characters.

    Parameters
    ----------
    records, models : sequences of mapping
        As in `comparison_table`.

    Returns
    -------
    str
        Lines of at most 100 characters.
    """
    table = comparison_table(records, models)
    table.box = _PLAIN
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH, color_system=None, force_terminal=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _cells(pair: PairView) -> tuple[str, ...]:
    cells = (
        format_number(pair.score),
        format_null(pair.null_mean, pair.null_std),
        format_p(pair.pvalue, pair.n_resamples),
        format_number(pair.calibrated),
    )
    narrow = (cell.replace(UNDEFINED, "undef.").replace(" ", "") for cell in cells)
    return (_name(pair.x), _name(pair.y), *narrow, _layers(pair))


def _name(model: ModelView) -> str:
    return f"{shorten(model.label, _NAME - 1)}°" if model.control else shorten(model.label, _NAME)


def _layers(pair: PairView) -> str:
    """Name both layers in the width of the column, each cut at need."""
    both = f"{pair.layer_x}, {pair.layer_y}"
    if len(both) <= _LAYERS:
        return both
    first = shorten(pair.layer_x, max(9, _LAYERS - 2 - len(pair.layer_y)))
    return f"{first}, {shorten(pair.layer_y, _LAYERS - 2 - len(first))}"


def _params(block: BlockView) -> Text:
    text = ", ".join(f"{name} = {value}" for name, value in block.params)
    return Text(shorten(text, _NAME), style="bold")


def _caption(blocks: Sequence[BlockView]) -> Text:
    """Say what the numbers were judged against, and why some are undefined."""
    lines = []
    if len(blocks) == 1:
        lines.append(blocks[0].title)
    nulls = list(dict.fromkeys(null for block in blocks for null, _ in block.nulls))
    if nulls:
        more = f" (and {len(nulls) - 1} more wordings)" if len(nulls) > 1 else ""
        lines.append(f"null: {nulls[0]}{more}")
    lines.append("calib.: chance-normalised score, 0 is the mean of the null, 1 the best possible")
    if any(m.control for b in blocks for p in b.pairs for m in (p.x, p.y)):
        lines.append("° control: what agreement has to beat")
    for reason in dict.fromkeys(p.reason for b in blocks for p in b.pairs if p.has_undefined):
        lines.append(f"undef.: {reason}")
    return Text("\n".join(lines), style="dim")
