import copy
import math

import pytest

from platonica.errors import ParameterError
from platonica.report.grids import all_by_all, between_modalities
from platonica.report.views import merge_wordings, read_run


def swap(run, i, j):
    run["records"][i], run["records"][j] = run["records"][j], run["records"][i]


def test_blocks_are_measures_in_order_of_appearance(run):
    blocks = read_run(run).blocks
    assert [b.title for b in blocks] == ["mutual_knn (k = 10)", "debiased_cka"]
    assert [len(b.pairs) for b in blocks] == [120, 120]


def test_the_same_measure_with_other_parameters_is_another_block(one_measure):
    other = copy.deepcopy(one_measure["records"][0])
    other["params"] = {"k": 20}
    one_measure["records"].append(other)
    assert [len(b.pairs) for b in read_run(one_measure).blocks] == [120, 1]


def test_pairs_are_sorted_by_calibrated_score_and_undefined_is_last(one_measure):
    pairs = read_run(one_measure).blocks[0].pairs
    values = [p.calibrated for p in pairs]
    assert values[-1] is None
    assert values[:-1] == sorted(values[:-1], reverse=True)
    assert pairs[-1].has_undefined
    assert "fewer than k + 2" in pairs[-1].reason


def test_order_of_records_does_not_matter(one_measure):
    expected = read_run(one_measure).blocks
    swap(one_measure, 0, 60)
    assert read_run(one_measure).blocks == expected


def test_the_best_pair_crosses_modalities_and_is_no_control(one_measure):
    block = read_run(one_measure).blocks[0]
    best = block.best
    assert best.kind == "across"
    assert best.calibrated == max(p.calibrated for p in block.of("across"))
    assert best.calibrated < block.of("within")[0].calibrated
    assert block.best_control.kind == "control"
    assert block.best_control.crosses_modalities


def test_without_two_modalities_the_best_pair_is_within(one_measure):
    for model in one_measure["models"]:
        model["modality"] = ""
    block = read_run(one_measure).blocks[0]
    assert block.best.kind == "within"
    assert not block.best_control.crosses_modalities


def test_without_any_calibrated_score_there_is_no_best_pair(one_measure):
    for record in one_measure["records"]:
        record["chance_normalized"] = None
    block = read_run(one_measure).blocks[0]
    assert block.best is None
    assert block.best_control is None


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_not_finite_is_undefined(one_measure, value):
    one_measure["records"][5].update(score=value, chance_normalized=value, interval=[value, 1])
    one_measure["records"][5]["warnings"] = []
    name = one_measure["records"][5]["y"]["name"]
    pair = next(
        p for p in read_run(one_measure).blocks[0].pairs
        if (p.x.name, p.y.name) == ("pip:efficientnet-lite0", name)
    )  # fmt: skip
    assert pair.score is None
    assert pair.calibrated is None
    assert pair.interval is None
    assert pair.reason == "no reason was recorded"


def test_labels_are_short_and_unique(run):
    labels = {m.name: m.label for m in read_run(run).models}
    assert labels["pip:efficientnet-lite0"] == "efficientnet-lite0"
    assert labels["pip:efficientnet-lite0?init=random&seed=0"] == "efficientnet-lite0 random 0"
    assert labels["st:intfloat/multilingual-e5-small@fd1525a"] == "intfloat/multilingual-e5-small"
    assert labels["control:pixels"] == "pixels"
    assert len(set(labels.values())) == len(labels)


def test_labels_that_collide_keep_more_of_the_name(one_measure):
    a, b = one_measure["models"][0], one_measure["models"][1]
    a["name"], b["name"] = "pip:net", "timm:net"
    labels = [m.label for m in read_run(one_measure).models[:2]]
    assert labels == ["pip:net", "timm:net"]
    b["name"] = "pip:net"
    labels = [m.label for m in read_run(one_measure).models[:2]]
    assert labels == [f"pip:net [{m['fingerprint'][:8]}]" for m in (a, b)]


def test_models_that_only_records_name_are_there(one_measure):
    one_measure["models"] = []
    models = read_run(one_measure).models
    assert len(models) == 16
    assert {m.name for m in models if m.control} == {
        "control:pixels", "control:color-histogram", "control:tfidf",
        "pip:efficientnet-lite0?init=random&seed=0", "pip:all-minilm-l6-v2?init=random&seed=0",
    }  # fmt: skip


def test_data_may_be_absent(one_measure):
    one_measure["data"] = None
    assert read_run(one_measure).data == ()


def test_nulls_that_differ_in_numbers_are_one_wording(one_measure):
    nulls = dict(read_run(one_measure).blocks[0].nulls)
    assert nulls == {
        "items of Y exchanged freely, 999 times; the maximum over … x … layer pairs taken inside "
        "every permutation": 110,
        "items of Y exchanged freely, 999 times": 10,
    }


def test_one_wording_alone_keeps_its_numbers():
    assert merge_wordings(["a 1 b 2"]) == {"a 1 b 2": "a 1 b 2"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: run.update(schema_version=2), "run must be a document of schema_version 1"),
        (lambda run: run.update(records=[]), "records must hold at least one comparison"),
        (lambda run: run["records"][3].update(measure=None), "must name its measure"),
        (lambda run: run["records"][3].update(x=None), "must have x with a name, not None"),
    ],
)
def test_a_document_of_another_kind_is_refused(run, spoil, message):
    spoil(run)
    with pytest.raises(ParameterError, match=message):
        read_run(run)


def test_a_list_is_no_run():
    with pytest.raises(ParameterError, match="not 'list'"):
        read_run([])


def test_grid_groups_modalities_with_controls_last(one_measure):
    view = read_run(one_measure)
    grid = all_by_all(view.models, view.blocks[0].pairs)
    order = [(m.modality, m.control) for m in grid.rows]
    assert order == (
        [("image", False)] * 6 + [("image", True)] * 3
        + [("text", False)] * 5 + [("text", True)] * 2
    )  # fmt: skip
    for i, row in enumerate(grid.cells):
        for j, cell in enumerate(row):
            assert (cell is None) == (i == j)
            if cell is not None:
                assert {cell.x, cell.y} == {grid.rows[i], grid.columns[j]}


def test_grid_between_modalities(one_measure):
    view = read_run(one_measure)
    (grid,) = between_modalities(view.models, view.blocks[0].pairs)
    assert grid.title == "Vision × language"
    assert (len(grid.rows), len(grid.columns)) == (9, 7)
    assert grid.n_compared == 63


def test_a_missing_pair_is_an_empty_cell(one_measure):
    gone = one_measure["records"].pop(0)
    view = read_run(one_measure)
    grid = all_by_all(view.models, view.blocks[0].pairs)
    names = [m.name for m in grid.rows]
    assert grid.cells[names.index(gone["x"]["name"])][names.index(gone["y"]["name"])] is None
    assert grid.n_compared == 2 * 119
