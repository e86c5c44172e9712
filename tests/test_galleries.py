"""Curves of several pairs in the same galleries: points, fits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from platonica import Features
from platonica.errors import PairingError, ParameterError, ShapeError
from platonica.galleries import gallery_curves
from platonica.measures import mutual_knn


def world(rng, n=200):
    latent = rng.standard_normal((n, 4))
    return [latent @ rng.standard_normal((4, 12)) + rng.standard_normal((n, 12)) for _ in "XYZ"]


def test_all_pairs_stand_in_the_same_galleries(rng):
    X, Y, _ = world(rng)
    one, same, other = gallery_curves(
        {"one": (X, Y), "same": (X, Y), "other": (Y, X)}, n_galleries=5, rng=7
    )
    for a, b, c in zip(one.points, same.points, other.points, strict=True):
        np.testing.assert_array_equal(a.scores, b.scores)
        np.testing.assert_allclose(a.scores, c.scores)
    assert [point.n_items for point in one.points] == [64, 128, 200]
    assert one.points[-1].scores[0] == pytest.approx(mutual_knn(X, Y))
    assert one.points[0].null_mean == pytest.approx(10 / 63)


def test_at_a_fixed_share_of_neighbours_a_shared_world_is_level(rng):
    """The planted worlds of which the curve is known: everything shared, and coarse detail only."""
    X, Y, _ = world(rng, n=512)
    (level,) = gallery_curves({"a": (X, Y)}, k=64, hold="k/n", n_galleries=8)
    assert level.points[0].k == 8
    assert abs(level.fit.exponent) < 0.12
    coarse = np.repeat(np.eye(8), 64, axis=0) * 4
    X, Y = (coarse + 0.5 * rng.standard_normal((512, 8)) for _ in "XY")
    (falling,) = gallery_curves({"b": (X, Y)}, n_galleries=8)
    heights = [point.chance_normalized for point in falling.points]
    assert heights[0] > 2 * heights[-1]
    assert falling.fit.exponent > 0.3
    value, extrapolated = falling.predict(5120)
    assert extrapolated
    assert value < heights[-1]
    assert not falling.predict(256)[1]


def test_features_are_matched_and_their_last_layer_is_taken(rng):
    X, Y, Z = world(rng)
    ids = [f"i{n}" for n in range(200)]
    order = rng.permutation(200)
    a = Features.from_arrays({"first": Z, "last": X}, ids)
    b = Features.from_arrays({"last": Y[order]}, [ids[i] for i in order])
    (found,) = gallery_curves({"a": (a, b)}, sizes=[200])
    assert found.points[0].score == pytest.approx(mutual_knn(X, Y))
    assert found.fit is None
    assert found.to_dict()["fit"] is None
    with pytest.raises(PairingError):
        gallery_curves({"a": (a, b), "other": (a, Features.from_arrays({"x": X[:50]}, ids[:50]))})


def test_what_no_curve_can_be_drawn_of_is_refused(rng):
    X, Y, _ = world(rng)
    with pytest.raises(ParameterError, match="at least one pair"):
        gallery_curves({})
    with pytest.raises(ParameterError, match="no null by pairing"):
        gallery_curves({"a": (X, Y)}, "mmd_distance")
    with pytest.raises(ParameterError, match="hold must be"):
        gallery_curves({"a": (X, Y)}, hold="n")
    with pytest.raises(ShapeError, match="from 1 to 200"):
        gallery_curves({"a": (X, Y)}, sizes=[500])
    with pytest.raises(ShapeError, match="same items"):
        gallery_curves({"a": (X, Y[:100])})
