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
    format_interval,
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
    columns = _columns(blocks)
    for name, width in columns.items():
        justify: Any = "left" if name in ("X", "Y", "layers", "interval") else "right"
        table.add_column(name, width=width, no_wrap=True, justify=justify)
    for block in blocks:
        if len(blocks) > 1:
            table.add_row(Text(shorten(block.measure, columns["X"]), style="bold"), _params(block))
        for pair in block.pairs:
            style = "dim" if pair.kind == "control" else ""
            cells = _cells(pair, columns)
            table.add_row(*(Text(cells[name]) for name in columns), style=style)
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


def _columns(blocks: Sequence[BlockView]) -> dict[str, int]:
    """Names and widths; what was corrected, and intervals, take their room from the names."""
    corrected = any(block.adjusted for block in blocks)
    name, last = (16, 15) if corrected else (_NAME, _LAYERS)
    columns = {"X": name, "Y": name, "score": 7, "null": 13, "p": 6}
    if corrected:
        columns["p corr"] = 6
    intervals = all(block.has_intervals for block in blocks)
    return {**columns, "calib.": 7, "interval" if intervals else "layers": last}


def _cells(pair: PairView, columns: Mapping[str, int]) -> dict[str, str]:
    numbers = {
        "score": format_number(pair.score),
        "null": format_null(pair.null_mean, pair.null_std),
        "p": format_p(pair.pvalue, pair.n_resamples),
        "p corr": format_p(pair.pvalue_adjusted),
        "calib.": format_number(pair.calibrated),
        "interval": format_interval(pair.interval).replace(" to ", ".."),
    }
    return {
        "X": _name(pair.x, columns["X"]),
        "Y": _name(pair.y, columns["Y"]),
        **{k: v.replace(UNDEFINED, "undef.").replace(" ", "") for k, v in numbers.items()},
        "layers": _layers(pair, columns.get("layers", _LAYERS)),
    }


def _name(model: ModelView, width: int) -> str:
    return f"{shorten(model.label, width - 1)}°" if model.control else shorten(model.label, width)


def _layers(pair: PairView, width: int) -> str:
    """Name both layers in the width of the column, each cut at need."""
    both = f"{pair.layer_x}, {pair.layer_y}"
    if len(both) <= width:
        return both
    first = shorten(pair.layer_x, max(width // 2, width - 2 - len(pair.layer_y)))
    return f"{first}, {shorten(pair.layer_y, width - 2 - len(first))}"


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
    if any(block.adjusted for block in blocks):
        lines.append("p corr: corrected for the number of pairs under the measure")
    if any(m.control for b in blocks for p in b.pairs for m in (p.x, p.y)):
        lines.append("° control: what agreement has to beat")
    for reason in dict.fromkeys(p.reason for b in blocks for p in b.pairs if p.has_undefined):
        lines.append(f"undef.: {reason}")
    return Text("\n".join(lines), style="dim")
