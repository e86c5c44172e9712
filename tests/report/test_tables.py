import io

import pytest
from rich.console import Console

from platonica.errors import ParameterError
from platonica.report import comparison_table, comparison_text


def rows(text):
    """The lines between the rule below the head and the caption."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if set(line) == {"-"}) + 1
    end = next(i for i, line in enumerate(lines) if line.startswith(("null:", "mutual_knn (")))
    return [line for line in lines[start:end] if line]


def test_every_pair_is_a_row_that_fits_a_hundred_columns(run):
    text = comparison_text(run["records"], run["models"])
    assert max(map(len, text.splitlines())) <= 100
    assert len(rows(text)) == 240 + 2  # and a heading for each of the two measures


def test_rows_hold_score_null_p_and_layers_closest_first(one_measure):
    records = one_measure["records"]
    best = max(records, key=lambda r: r["chance_normalized"] or 0)
    lines = rows(comparison_text(records, one_measure["models"]))
    first = next(line for line in lines if "efficientnet" in line)
    assert f"{best['score']:.3f}" in first
    assert f"{best['null_mean']:.4f}±{best['null_std']:.4f}" in first
    assert "≤0.001" in first
    assert f"{best['chance_normalized']:.3f}" in first
    assert best["layer_x"][-3:] in first


def test_an_undefined_score_is_said_with_its_reason(one_measure):
    text = comparison_text(one_measure["records"], one_measure["models"])
    assert rows(text)[-1].split()[:3] == ["pixels°", "tfidf°", "undef."]
    assert "undef.: score undefined: Y has fewer than k + 2 distinct rows" in text
    assert " nan" not in text.lower()


def test_pairs_with_a_control_are_dimmed_and_marked(one_measure):
    table = comparison_table(one_measure["records"], one_measure["models"])
    dimmed = [row.style == "dim" for row in table.rows]
    marked = [
        any(str(cell).endswith("°") for cell in cells)
        for cells in zip(*(list(c.cells) for c in table.columns[:2]), strict=True)
    ]
    assert dimmed == marked
    assert 0 < sum(dimmed) < len(dimmed)


def test_names_are_text_not_markup_and_cannot_move_the_cursor(one_measure):
    record = one_measure["records"][0]
    record["x"] = {"name": "file:[bold]\x1b[2J[/]", "fingerprint": ""}
    text = comparison_text([record])
    assert "[bold]\ufffd[2J[/]" in text
    assert "\x1b" not in text


def test_the_table_prints_on_a_terminal(one_measure):
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True)
    console.print(comparison_table(one_measure["records"], one_measure["models"]))
    assert "\x1b[2m" in stream.getvalue()  # dim


def test_nothing_to_show_is_an_error():
    with pytest.raises(ParameterError, match="at least one comparison"):
        comparison_table([])
