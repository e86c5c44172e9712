"""The figure of gallery curves: what was measured, and what is extrapolated."""

from __future__ import annotations

import io
import itertools

import pytest

from platonica.errors import ParameterError
from platonica.report.curves import gallery_figure


def curve(label, heights, fit=None):
    points = [
        {
            "n_items": 64 << i, "k": 10, "score": 0.1 + height * 0.9, "spread": 0.01,
            "null_mean": 0.1, "chance_normalized": height,
        }
        for i, height in enumerate(heights)
    ]  # fmt: skip
    return {"label": label, "measure": "mutual_knn", "hold": "k", "points": points, "fit": fit}


FIT = {"exponent": 0.2, "residual": 0.01, "largest": 256, "at_ten_times_the_largest": 0.1}


def drawn(figure):
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def test_measured_points_are_at_their_heights_and_the_rest_is_dashed():
    figure = gallery_figure([curve("a", [0.3, 0.25, 0.2], FIT), curve("b", [0.1, 0.1, 0.1])])
    axes = figure.axes[0]
    solid, dashed = [line for line in axes.lines if len(line.get_xdata()) > 2][:2]
    assert list(solid.get_xdata()) == [64, 128, 256]
    assert list(solid.get_ydata()) == [0.3, 0.25, 0.2]
    assert dashed.get_linestyle() != "-"
    assert dashed.get_xdata()[-1] == pytest.approx(2560)
    assert dashed.get_ydata()[-1] == pytest.approx(0.1)
    assert "extrapolated" in [text.get_text() for text in axes.texts]


def test_without_a_fit_nothing_is_extrapolated():
    axes = gallery_figure([curve("a", [0.3, 0.25, 0.2])]).axes[0]
    assert axes.get_xlim()[1] < 300
    assert "extrapolated" not in [text.get_text() for text in axes.texts]


def test_names_do_not_meet_and_are_no_mathematics():
    figure = gallery_figure([curve(f"$x_{i}$ name", [0.2, 0.2 + i / 1000]) for i in range(4)])
    axes = figure.axes[0]
    names = sorted(t.get_position()[1] for t in axes.texts if "name" in t.get_text())
    low, high = axes.get_ylim()
    assert min(b - a for a, b in itertools.pairwise(names)) > 0.06 * (high - low)
    assert "$x_0$ name" in [t.get_text() for t in axes.texts]
    drawn(figure)


def test_no_curves_are_refused():
    with pytest.raises(ParameterError, match="at least one"):
        gallery_figure([])
