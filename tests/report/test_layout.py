import numpy as np
import pytest

from platonica.report.grids import all_by_all
from platonica.report.layout import dissimilarities, map_models, metric_scaling, stress
from platonica.report.views import read_run


def square(run):
    view = read_run(run)
    return all_by_all(view.models, view.blocks[0].pairs)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None, :], axis=2)


def test_planar_distances_are_recovered():
    delta = distances(np.random.default_rng(3).normal(size=(9, 2)))
    points = metric_scaling(delta)
    np.testing.assert_allclose(distances(points), delta, atol=1e-8)
    assert stress(points, delta) < 1e-8


def test_majorisation_lowers_the_stress_of_classical_scaling():
    from platonica.report.layout import _classical_scaling

    delta = distances(np.random.default_rng(1).normal(size=(12, 6)))
    before = stress(_classical_scaling(delta), delta)
    assert stress(metric_scaling(delta), delta) < before


def test_stress_is_near_that_of_scikit_learn():
    from sklearn.manifold import smacof

    delta = distances(np.random.default_rng(1).normal(size=(12, 6)))
    raw = smacof(delta, n_components=2, n_init=8, random_state=0, normalized_stress=False)[1]
    points = metric_scaling(delta)
    ours = ((distances(points) - delta) ** 2).sum() / 2
    assert ours < 1.1 * raw


def test_coinciding_models_do_not_divide_by_zero():
    delta = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    points = metric_scaling(delta)
    assert np.isfinite(points).all()
    np.testing.assert_allclose(distances(points), delta, atol=1e-8)


def test_all_models_in_one_point_have_no_stress():
    points = metric_scaling(np.zeros((4, 4)))
    np.testing.assert_array_equal(points, 0)
    assert stress(points, np.zeros((4, 4))) == 0.0


def test_dissimilarity_is_one_minus_the_calibrated_score(one_measure):
    grid = square(one_measure)
    delta = dissimilarities(grid)
    np.testing.assert_array_equal(delta, delta.T)
    np.testing.assert_array_equal(np.diag(delta), 0)
    assert delta[0, 1] == pytest.approx(1 - grid.cells[0][1].calibrated, abs=1e-15)
    assert np.isnan(delta).sum() == 2  # one pair, both ways


def test_a_model_with_an_undefined_pair_is_left_out(one_measure):
    layout = map_models(square(one_measure))
    assert (layout.n_pairs, layout.n_missing) == (120, 1)
    assert [m.name for m in layout.left_out] == ["control:tfidf"]
    assert layout.points.shape == (15, 2)
    assert layout.reason == ""


def test_pairs_between_two_groups_only_are_no_map(one_measure):
    modality = {m["name"]: m["modality"] for m in one_measure["models"]}
    one_measure["records"] = [
        r for r in one_measure["records"]
        if modality[r["x"]["name"]] != modality[r["y"]["name"]]
    ]  # fmt: skip
    layout = map_models(square(one_measure))
    assert "among them; 58 of the 120 pairs are missing" in layout.reason
    assert layout.points.shape == (0, 2)


def test_two_models_are_no_map(one_measure):
    one_measure["records"] = one_measure["records"][:1]
    assert map_models(square(one_measure)).reason.endswith("there are 2 models")
