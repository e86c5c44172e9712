"""Every declaration of every diagnostic is a test; a new diagnostic is found here by itself."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import DIAGNOSTICS
from platonica.measures._moves import moved

EVERY = pytest.mark.parametrize("diagnostic", DIAGNOSTICS.values(), ids=DIAGNOSTICS.keys())
N, P = 60, 12


def space(rng, n=N, p=P):
    """A generic space: a few strong directions, noise, and a mean."""
    world = rng.standard_normal((n, 5))
    return world @ rng.standard_normal((5, p)) + 0.5 * rng.standard_normal((n, p)) + 0.3


def bound(diagnostic):
    """Few neighbours leave some items out, so that every count of the graph can change."""
    return partial(diagnostic, k=3) if "k" in diagnostic.params else diagnostic


def check_unchanged(value, move, rng):
    X = space(rng, 3 * N)
    before = value(X)
    assert before != 0
    np.testing.assert_allclose(value(moved(move, X, rng)), before, rtol=1e-6)


def check_changed(value, move, rng):
    X = space(rng, 3 * N)
    before = value(X)
    assert abs(value(moved(move, X, rng)) - before) > 1e-3 * abs(before)


def claims(field):
    return [
        pytest.param(diagnostic, move, id=f"{name}-{move}")
        for name, diagnostic in DIAGNOSTICS.items()
        for move in getattr(diagnostic.spec, field)
    ]


@pytest.mark.parametrize(("diagnostic", "move"), claims("invariant_to"))
def test_value_survives_the_moves_it_claims(diagnostic, move, rng):
    check_unchanged(bound(diagnostic), move, rng)


@pytest.mark.parametrize(("diagnostic", "move"), claims("sensitive_to"))
def test_value_shifts_under_the_moves_it_claims(diagnostic, move, rng):
    check_changed(bound(diagnostic), move, rng)


def test_contract_rejects_false_claims(rng):
    with pytest.raises(AssertionError):
        check_unchanged(lambda X: float(np.abs(X).sum()), "scaling", rng)
    with pytest.raises(AssertionError):
        check_changed(lambda X: 1.0, "rotation", rng)


@EVERY
def test_declarations_are_complete(diagnostic):
    spec = diagnostic.spec
    assert DIAGNOSTICS[spec.name] is diagnostic
    assert diagnostic.function.__name__ == spec.name
    assert {"rotation", "column_permutation", "scaling"} <= set(spec.invariant_to)
    moves = {*spec.invariant_to, *spec.sensitive_to}
    assert moves == {
        "rotation", "column_permutation", "scaling", "row_scaling", "translation", "invertible_map",
    }  # fmt: skip
    assert len(spec.invariant_to) + len(spec.sensitive_to) == len(moves)
    for text in (spec.summary, spec.reference, spec.cost):
        assert text


@EVERY
@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_and_dtype_gives_the_float64_value(diagnostic, library, dtype, rng):
    X = space(rng).astype(dtype)
    value = diagnostic(pytest.importorskip(library).asarray(X))
    assert isinstance(value, float)
    np.testing.assert_allclose(value, diagnostic(X.astype(np.float64)), rtol=1e-12)


@EVERY
def test_half_precision_and_integers_are_promoted(diagnostic, rng):
    X = space(rng)
    half = X.astype(np.float16)
    assert diagnostic(half) == diagnostic(half.astype(np.float64))
    whole = np.rint(10 * X).astype(np.int32)
    assert diagnostic(whole) == diagnostic(whole.astype(np.float64))


@EVERY
def test_reordering_the_items_changes_nothing(diagnostic, rng):
    X = space(rng)
    np.testing.assert_allclose(diagnostic(X[rng.permutation(N)]), diagnostic(X), rtol=1e-12)


@EVERY
@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e6, 1e200])
def test_no_unit_is_special(diagnostic, scale, rng):
    X = space(rng)
    np.testing.assert_allclose(diagnostic(X * scale), diagnostic(X), rtol=1e-9)


@EVERY
def test_large_mean_and_small_spread(diagnostic, rng):
    X = space(rng)
    offset = (X + 1e4).astype(np.float32)
    np.testing.assert_allclose(diagnostic(offset), diagnostic(offset.astype(np.float64)), rtol=1e-9)
    if "translation" in diagnostic.spec.invariant_to:
        np.testing.assert_allclose(diagnostic(X + 1e4), diagnostic(X), rtol=1e-6)


@EVERY
def test_number_of_blas_threads_does_not_matter(diagnostic, rng):
    X = space(rng)
    with threadpool_limits(1):
        one = diagnostic(X)
    with threadpool_limits(2):
        np.testing.assert_allclose(diagnostic(X), one, rtol=1e-12)


@EVERY
def test_a_space_read_row_by_row_has_the_same_value(diagnostic, row_view, rng):
    for n, p in [(N, P), (N, 2 * N)]:
        X = space(rng, n, p)
        np.testing.assert_allclose(diagnostic(row_view(X)), diagnostic(X), rtol=1e-12)


@EVERY
def test_inputs_are_left_as_they_were(diagnostic, rng):
    X = space(rng)
    before = X.copy()
    diagnostic(X)
    np.testing.assert_array_equal(X, before)


def bad_inputs():
    nan, inf = np.ones((30, 4)), np.random.default_rng(0).standard_normal((30, 4))
    nan[3, 2], inf[5, 1] = np.nan, np.inf
    good = np.random.default_rng(1).standard_normal((30, 4))
    return [
        pytest.param(nan, DegenerateInputError, "NaN or infinite values.* row 3", id="nan"),
        pytest.param(inf, DegenerateInputError, "NaN or infinite values.* row 5", id="inf"),
        pytest.param(np.full((30, 4), 0.1), DegenerateInputError, "constant", id="constant"),
        pytest.param(good[:, 0], ShapeError, r"\(n_items, n_features\)", id="one axis"),
        pytest.param(good[None], ShapeError, r"\(n_items, n_features\)", id="three axes"),
        pytest.param(good[:, :0], ShapeError, r"\(n_items, n_features\)", id="no columns"),
        pytest.param(good[:1], ShapeError, "needs at least", id="one item"),
        pytest.param(good + 1j, ShapeError, "real numbers", id="complex"),
        pytest.param([["a", "b"]] * 30, ShapeError, "real numbers", id="text"),
    ]


@EVERY
@pytest.mark.parametrize(("bad", "error", "message"), bad_inputs())
def test_degenerate_input_is_a_named_error(diagnostic, bad, error, message):
    with pytest.raises(error, match=message):
        diagnostic(bad)


@EVERY
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_value_in_a_lazy_view_is_a_named_error(diagnostic, value, row_view, rng):
    X = space(rng)
    X[7, 2] = value
    with pytest.raises(DegenerateInputError, match=r"NaN or infinite values.* row 7"):
        diagnostic(row_view(X))


@EVERY
def test_too_few_items_and_unknown_parameters_are_refused(diagnostic, rng):
    fewer = diagnostic.spec.min_items - 1
    with pytest.raises(ShapeError, match=f"at least {fewer + 1} items, not {fewer}"):
        diagnostic(space(rng)[:fewer])
    with pytest.raises(ParameterError, match="has no parameter 'bogus'"):
        diagnostic(space(rng), bogus=1)


@EVERY
@given(n=st.integers(6, 40), p=st.integers(1, 30), seed=st.integers(0, 99))
def test_any_shape_gives_a_value_within_bounds_or_a_named_error(diagnostic, n, p, seed):
    X = np.random.default_rng(seed).standard_normal((n, p))
    try:
        value = bound(diagnostic)(X)
    except DegenerateInputError:
        return  # one column has only two directions and one eigenvalue
    low, high = diagnostic.spec.bounds
    assert low - 1e-12 <= value <= high + 1e-12
    assert np.isfinite(value)
