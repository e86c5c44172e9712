import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from platonica.report.figures import cell_id, layer_heatmap, model_map, pair_heatmap
from platonica.report.grids import all_by_all, between_modalities
from platonica.report.layout import map_models
from platonica.report.svg import to_svg
from platonica.report.views import read_run


def cells(figure, prefix="cell"):
    return {p.get_gid(): p for p in figure.axes[0].patches if p.get_gid()}


def texts(figure):
    return [t.get_text() for t in figure.axes[0].texts]


@pytest.fixture
def view(one_measure):
    return read_run(one_measure)


@pytest.fixture
def cross(view):
    return between_modalities(view.models, view.blocks[0].pairs)[0]


def test_heat_map_has_a_cell_a_pair_and_labels_in_order(cross):
    figure = pair_heatmap(cross, prefix="g")
    assert set(cells(figure)) == {cell_id("g", i, j) for i in range(9) for j in range(7)}
    labels = [t for t in texts(figure) if t in {m.label for m in (*cross.rows, *cross.columns)}]
    assert labels == [m.label for m in (*cross.rows, *cross.columns)]


def test_heat_map_prints_every_calibrated_score_and_its_significance(cross):
    shown = texts(pair_heatmap(cross))
    pairs = [p for row in cross.cells for p in row]
    numbers = [t for t in shown if re.fullmatch(r"−?\d?\.\d{3}", t)]
    expected = [f"{p.calibrated:.3f}"[1:] for p in pairs if p.calibrated is not None]
    assert numbers == expected
    dots = [t for t in shown if set(t) == {"•"}]
    levels = [sum(p.pvalue <= a for a in (0.001, 0.01, 0.05)) for p in pairs if p.pvalue]
    assert [len(d) for d in dots] == [level for level in levels if level]


def test_darker_is_closer_in_grey_too(cross):
    figure = pair_heatmap(cross)
    drawn = cells(figure)
    grey = {}
    for i, row in enumerate(cross.cells):
        for j, pair in enumerate(row):
            if pair.calibrated is not None:
                face = drawn[cell_id("cell", i, j)].get_facecolor()
                grey[pair.calibrated] = float(np.dot(face[:3], (0.2126, 0.7152, 0.0722)))
    lightness = [grey[value] for value in sorted(grey)]
    assert lightness == sorted(lightness, reverse=True)


def test_undefined_is_hatched_and_never_a_number(cross):
    figure = pair_heatmap(cross)
    hatched = [gid for gid, cell in cells(figure).items() if cell.get_hatch()]
    names = [m.name for m in cross.rows], [m.name for m in cross.columns]
    assert hatched == [
        cell_id("cell", names[0].index("control:pixels"), names[1].index("control:tfidf"))
    ]
    assert texts(figure).count("undef.") == 1


def test_controls_stand_apart_in_italics(cross):
    figure = pair_heatmap(cross)
    drawn = cells(figure)
    steps = np.diff([drawn[cell_id("cell", i, 0)].get_y() for i in range(9)])
    assert np.argmax(steps) == 5  # six trained models, three controls
    assert steps.max() > steps.min() + 0.2
    styles = {t.get_text(): t.get_style() for t in figure.axes[0].texts}
    assert styles["pixels"] == "italic"
    assert styles["opennsfw"] == "normal"


def test_a_pair_that_was_not_compared_is_an_empty_frame(one_measure):
    one_measure["records"].pop(0)
    view = read_run(one_measure)
    figure = pair_heatmap(all_by_all(view.models, view.blocks[0].pairs))
    assert len(cells(figure)) == 16 * 15
    numbers = [t for t in texts(figure) if re.fullmatch(r"−?\d?\.\d{3}", t)]
    assert len(numbers) == 2 * (119 - 1)


def test_layers_are_drawn_with_depth_null_and_the_selected_pair(view):
    pair = view.blocks[0].best
    figure = layer_heatmap(pair, measure="mutual_knn (k = 10)")
    axes, bar = figure.axes
    mesh = axes.collections[0]
    drawn = np.asarray(mesh.get_array()).reshape(len(pair.layers_y), len(pair.layers_x))
    np.testing.assert_array_equal(drawn, np.array(pair.layer_scores).T)
    assert len(axes.get_xticklabels()) == len(pair.layers_x)
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        f"{name}   {depth:.2f}" for name, depth in pair.y.layers
    ]
    frame = cells(figure)["selected-layers"]
    assert (frame.get_x(), frame.get_y()) == (
        pair.layers_x.index(pair.layer_x),
        pair.layers_y.index(pair.layer_y),
    )
    assert drawn[int(frame.get_y()), int(frame.get_x())] == drawn.max()
    assert mesh.norm.vmin == pair.pair_null_mean
    assert "null 0.020" in [t.get_text() for t in bar.texts]


def test_the_smaller_distance_is_the_darker(view):
    pair = view.blocks[0].best
    mesh = layer_heatmap(pair, measure="d", direction="distance").axes[0].collections[0]
    near, far = (sum(mesh.cmap(mesh.norm(v))[:3]) for v in (mesh.norm.vmin, mesh.norm.vmax))
    assert near < far


def test_the_map_has_a_point_and_a_label_a_model(view):
    layout = map_models(all_by_all(view.models, view.blocks[0].pairs))
    figure = model_map(layout)
    axes = figure.axes[0]
    points = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    np.testing.assert_allclose(
        [(p.get_xdata()[0], p.get_ydata()[0]) for p in points], layout.points
    )
    hollow = [p.get_markerfacecolor() == "#ffffff" for p in points]
    assert hollow == [m.control for m in layout.models]
    assert {m.label for m in layout.models} <= set(texts(figure))
    legend = [t.get_text() for t in axes.get_legend().get_texts()]
    assert legend == ["vision", "language", "vision control", "language control"]


def test_labels_of_the_map_do_not_cover_each_other(view):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    layout = map_models(all_by_all(view.models, view.blocks[0].pairs))
    figure = model_map(layout)
    renderer = FigureCanvasAgg(figure).get_renderer()
    labels = {m.label for m in layout.models}
    boxes = [
        t.get_window_extent(renderer).padded(-1)
        for t in figure.axes[0].texts
        if t.get_text() in labels
    ]
    assert len(boxes) == 15
    covered = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert covered == []


def test_names_are_never_read_as_mathematics(one_measure):
    for model in (one_measure["models"][0], *(r["x"] for r in one_measure["records"][:15])):
        model["name"] = "file:$\\frac{1}{$_模型"
    view = read_run(one_measure)
    block = view.blocks[0]
    grid = all_by_all(view.models, block.pairs)
    for figure in (pair_heatmap(grid), model_map(map_models(grid))):
        assert "$\\frac{1}{$_模型" in to_svg(figure, salt="s", label="x")


def test_svg_is_small_local_and_the_same_twice(cross):
    tips = {cell_id("g", 0, 0): "<b>&"}
    first, second = (
        to_svg(pair_heatmap(cross, prefix="g"), salt="g", label='a "label"', tooltips=tips)
        for _ in range(2)
    )
    assert first == second
    assert len(first) < 100_000
    assert "http" not in first
    root = ElementTree.fromstring(first)
    assert root.attrib["aria-label"] == 'a "label"'
    (title,) = root.iter("title")
    assert title.text == "<b>&"
    assert {t.text for t in root.iter("text")} >= {m.label for m in cross.rows}
    used = set(re.findall(r"url\(#([^)]+)\)", first)) | set(tips)
    assert {e.attrib["id"] for e in root.iter() if "id" in e.attrib} == used


def test_figures_leave_no_global_state():
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy()\n"
        "import platonica.report.figures as f, platonica.report.svg as s\n"
        "from platonica.report.drawing import canvas\n"
        "s.to_svg(canvas((1, 1, 1, 1), (2, 2))[0], salt='a', label='b')\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
