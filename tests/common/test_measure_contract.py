"""Every declaration of every measure is a test; a new measure is found here by itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import MEASURES, MeasureBase
from platonica.measures._moves import moved
from platonica.stats import layer_scores
from platonica.stats.permutation import score_permuted

EVERY = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES.keys())
N, P, Q = 60, 12, 17


def spaces(rng, n=N, p=P, q=Q, measure=None):
    """Two generic spaces that share part of what they hold, of widths the measure allows."""
    if measure is not None and "equal_width" in measure.spec.requires:
        q = p
    world = rng.standard_normal((n, 5))
    X = world @ rng.standard_normal((5, p)) + 0.5 * rng.standard_normal((n, p)) + 0.3
    Y = world @ rng.standard_normal((5, q)) + 0.5 * rng.standard_normal((n, q)) - 0.2
    return X, Y


def moved_pair(move, X, Y, rng):
    """Both spaces after one and the same move."""
    both = moved(move, np.concatenate([X, Y]), rng)
    return both[: len(X)], both[len(X) :]


def needs_few(measure):
    """Whether more features than items are refused, before or after a truncation."""
    return bool({"few_features", "few_directions"} & set(measure.spec.requires))


def folds_of(measure, n):
    return np.arange(n) % 5 if measure.spec.uses_folds else None


def scored(measure, X, Y, folds_x=None, folds_y=None):
    a = measure.prepare(X, role="x", folds=folds_x)
    b = measure.prepare(Y, role="y", folds=folds_x if folds_y is None else folds_y)
    return measure.score(a, b)


def tolerance(measure, X, Y, relative):
    """For a score that may be 0: relative to the score of two spaces that differ."""
    return {"rtol": relative, "atol": relative * abs(measure(X, Y))}


def check_unchanged(measure, move, side, rng):
    X, Y = spaces(rng, measure=measure)
    expected = measure(X, Y)
    if side in ("x", "either"):
        np.testing.assert_allclose(measure(moved(move, X, rng), Y), expected, rtol=1e-6)
    if side in ("y", "either"):
        np.testing.assert_allclose(measure(X, moved(move, Y, rng)), expected, rtol=1e-6)
    if side == "jointly":
        np.testing.assert_allclose(measure(*moved_pair(move, X, Y, rng)), expected, rtol=1e-6)


def check_changed(measure, move, rng):
    X, Y = spaces(rng, measure=measure)
    before = measure(X, Y)
    assert abs(measure(moved(move, X, rng), Y) - before) > 1e-3 * abs(before)


SIDES = {
    "invariant_to": "either",
    "invariant_x": "x",
    "invariant_y": "y",
    "invariant_jointly": "jointly",
}


def claims(*fields):
    return [
        pytest.param(measure, move, SIDES.get(field, ""), id=f"{name}-{field}-{move}")
        for name, measure in MEASURES.items()
        for field in fields
        for move in getattr(measure.spec, field)
    ]


@pytest.mark.parametrize(("measure", "move", "side"), claims(*SIDES))
def test_score_survives_the_moves_it_claims(measure, move, side, rng):
    check_unchanged(measure, move, side, rng)


@pytest.mark.parametrize(("measure", "move", "_"), claims("sensitive_to"))
def test_score_shifts_under_the_moves_it_claims(measure, move, _, rng):
    check_changed(measure, move, rng)


@dataclasses.dataclass(frozen=True)
class _Wrong(MeasureBase):
    """A measure that is whatever the test needs."""

    spec = MEASURES["cka"].spec
    function: object = None

    def __call__(self, X, Y):
        return self.function(X, Y)


def test_contract_rejects_false_claims(rng):
    dot = _Wrong(lambda X, Y: float(np.abs(X.T @ Y).sum()))
    constant = _Wrong(lambda X, Y: 1.0)
    with pytest.raises(AssertionError):
        check_unchanged(dot, "scaling", "either", rng)
    with pytest.raises(AssertionError):
        check_changed(constant, "rotation", rng)


@EVERY
def test_declarations_are_complete(measure):
    spec = measure.spec
    assert MEASURES[spec.name] is measure
    one_sided = {*spec.invariant_x, *spec.invariant_y, *spec.invariant_jointly}
    assert not (set(spec.invariant_to) | set(spec.invariant_x)) & set(spec.sensitive_to)
    assert not set(spec.invariant_to) & one_sided
    assert ("row_shuffle" in spec.sensitive_to) == spec.paired
    assert spec.direction == ("distance" if spec.name.endswith("_distance") else "similarity")
    if spec.self_score is not None:
        assert spec.self_score == spec.best
    for text in (spec.summary, spec.reference, spec.cost):
        assert text


def as_library(X, library):
    if library == "numpy":
        return X
    module = pytest.importorskip(library)
    return module.asarray(X)


@EVERY
@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_and_dtype_gives_the_float64_score(measure, library, dtype, rng):
    X, Y = (Z.astype(dtype) for Z in spaces(rng, measure=measure))
    expected = measure(X.astype(np.float64), Y.astype(np.float64))
    score = measure(as_library(X, library), as_library(Y, library))
    assert isinstance(score, float)
    np.testing.assert_allclose(score, expected, rtol=1e-12)


@EVERY
def test_half_precision_and_integers_are_promoted(measure, rng):
    X, Y = spaces(rng, measure=measure)
    half = X.astype(np.float16)
    assert measure(half, Y) == measure(half.astype(np.float64), Y)
    whole = np.rint(10 * X).astype(np.int32)
    assert measure(whole, Y) == measure(whole.astype(np.float64), Y)


@EVERY
def test_bounds_symmetry_and_self_score(measure, rng):
    X, Y = spaces(rng, measure=measure)
    low, high = measure.spec.bounds
    score = measure(X, Y)
    assert low - 1e-12 <= score <= high + 1e-12
    if measure.spec.symmetric:
        np.testing.assert_allclose(measure(Y, X), score, rtol=1e-12)
    elif measure.spec.paired:
        assert measure(Y, X) != score
    check_self_score(measure, X, Y, 1e-10)
    assert measure(X, X) == measure(X, X)


def check_self_score(measure, X, Y, relative):
    own = measure(X, X)
    if measure.spec.self_score is None:
        better = own > measure(X, Y[np.random.default_rng(0).permutation(len(Y))])
        assert better == (measure.spec.direction == "similarity")
    elif measure.spec.direction == "similarity":
        np.testing.assert_allclose(own, measure.spec.self_score, rtol=relative)
    else:  # a root near 0 keeps half of the digits
        assert abs(own) <= 1e-6 * abs(measure(X, Y))


@EVERY
@pytest.mark.parametrize("spectrum", ["flat", "low rank", "power law", "wide", "outlier"])
def test_self_score_on_every_spectrum(measure, spectrum, rng):
    n, d = (40, 90) if spectrum == "wide" else (80, 20)
    X = rng.standard_normal((n, d))
    Y = rng.standard_normal((n, d))
    if spectrum == "low rank":
        X = X[:, :3] @ rng.standard_normal((3, d))
    elif spectrum == "power law":
        X *= np.arange(1, d + 1) ** -1.5
    elif spectrum == "outlier":
        X[0] *= 100.0
    if spectrum == "wide" and needs_few(measure):
        with pytest.raises(DegenerateInputError, match="features"):
            measure(X, X)
        return
    try:
        check_self_score(measure, X, Y, 1e-10)
    except DegenerateInputError as error:  # an estimate that is not positive, and says so
        named = "the estimate of the space with itself" in str(error)
        if measure.spec.self_score is not None or not named:
            raise


@EVERY
def test_reordering_the_items_of_both_changes_nothing(measure, rng):
    X, Y = spaces(rng, measure=measure)
    order, folds = rng.permutation(N), folds_of(measure, N)
    before = scored(measure, X, Y, folds)
    after = scored(measure, X[order], Y[order], None if folds is None else folds[order])
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-14)


@EVERY
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scale_leaves_score_and_self_score(measure, scale, dtype, rng):
    X, Y = (Z.astype(dtype) for Z in spaces(rng, measure=measure))
    small, small_y = ((Z * np.asarray(scale, dtype)).astype(dtype) for Z in (X, Y))
    check_self_score(measure, small, small_y, 1e-10)
    tolerance = 1e-9 if dtype == "float64" else 1e-5  # float32 inputs round when scaled
    if "scaling" in measure.spec.invariant_to:
        np.testing.assert_allclose(measure(small, Y), measure(X, Y), rtol=tolerance)
    else:  # no unit is special: both spaces in other units scale the score by a power
        power = np.log(abs(measure(small, small_y) / measure(X, Y))) / np.log(scale)
        np.testing.assert_allclose(power, round(power), atol=1e-3)


@EVERY
def test_large_mean_and_small_spread(measure, rng):
    X, Y = spaces(rng, measure=measure)
    offset = (X + 1e4).astype(np.float32)
    expected = measure(offset.astype(np.float64), Y)
    np.testing.assert_allclose(measure(offset, Y), expected, rtol=1e-9)
    if "translation" in measure.spec.invariant_to:
        np.testing.assert_allclose(measure(X + 1e4, Y), measure(X, Y), rtol=1e-6)


@EVERY
def test_number_of_blas_threads_does_not_matter(measure, rng):
    X, Y = spaces(rng, measure=measure)
    with threadpool_limits(1):
        one = measure(X, Y)
    with threadpool_limits(2):
        np.testing.assert_allclose(measure(X, Y), one, rtol=1e-12)


@EVERY
def test_permuted_state_is_the_state_of_permuted_items(measure, rng):
    X, Y = spaces(rng, measure=measure)
    order = rng.permutation(N)
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    moved_b = measure.permuted(b, order)
    np.testing.assert_allclose(measure.score(a, moved_b), measure(X, Y[order]), rtol=1e-10)
    back = measure.permuted(moved_b, np.argsort(order))
    np.testing.assert_allclose(measure.score(a, back), measure.score(a, b), rtol=1e-12)


@EVERY
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_subset_state_is_the_state_of_the_subset(measure, share, wide, rng):
    few = needs_few(measure)
    if wide and few:
        pytest.skip("the measure refuses more features than items")
    # a third of the items are still more than the features, and enough for every fold
    n = 3 * N if few or measure.spec.uses_folds else N
    X, Y = spaces(rng, n, 2 * N, 3 * N, measure) if wide else spaces(rng, n, measure=measure)
    rows = np.sort(rng.choice(n, int(share * n), replace=False))
    folds = folds_of(measure, n)
    a = measure.prepare(X, role="x", folds=folds)
    b = measure.prepare(Y, role="y", folds=folds)
    score = measure.score(measure.subset(a, rows), measure.subset(b, rows))
    expected = scored(measure, X[rows], Y[rows], None if folds is None else folds[rows])
    np.testing.assert_allclose(score, expected, rtol=1e-9, atol=1e-14)


@EVERY
@pytest.mark.parametrize("widths", [(7, 9), (7, 200), (150, 200)])
def test_batches_equal_the_single_pair(measure, widths, rng):
    """Narrow, mixed and wide layers take different paths to the same scores."""
    if needs_few(measure) and max(widths) > N:
        pytest.skip("the measure refuses more features than items")
    layers_x, layers_y = (
        [spaces(rng, p=widths[0], q=widths[1], measure=measure)[side] for _ in range(3 + side)]
        for side in (0, 1)
    )
    A = [measure.prepare(X, role="x") for X in layers_x]
    B = [measure.prepare(Y, role="y") for Y in layers_y]
    expected = [[measure(X, Y) for Y in layers_y] for X in layers_x]
    np.testing.assert_allclose(layer_scores(measure, A, B), expected, rtol=1e-10, atol=1e-14)
    if hasattr(measure, "score_permuted"):
        orders = np.stack([rng.permutation(N) for _ in range(5)])
        scores = measure.score_permuted(A, B, orders)
        for order, got in zip(orders, scores, strict=True):
            one = [[measure.score(a, measure.permuted(b, order)) for b in B] for a in A]
            np.testing.assert_allclose(got, one, rtol=1e-10, atol=1e-14)


@EVERY
def test_exact_null_moments_are_those_over_permutations(measure, rng):
    if not hasattr(measure, "null_moments"):
        pytest.skip("no exact moments")
    X, Y = spaces(rng, measure=measure)
    a, b = measure.prepare(X, role="x"), measure.prepare(Y, role="y")
    orders = np.stack([rng.permutation(N) for _ in range(4000)])
    null = score_permuted(measure, [a], [b], orders).ravel()
    moments = measure.null_moments(a, b)
    assert abs(null.mean() - moments.mean) < 4 * null.std() / np.sqrt(len(null))
    if moments.variance is not None:
        squares = (null - moments.mean) ** 2 / moments.variance
        assert abs(squares.mean() - 1.0) < 4 * squares.std() / np.sqrt(len(null))
    if moments.skewness is not None:
        cubes = ((null - moments.mean) / np.sqrt(moments.variance)) ** 3
        assert abs(cubes.mean() - moments.skewness) < 4 * cubes.std() / np.sqrt(len(null))


@EVERY
def test_moments_are_of_paired_measures_only(measure):
    assert measure.spec.paired or not hasattr(measure, "null_moments")


@EVERY
def test_inputs_are_left_as_they_were(measure, rng):
    X, Y = spaces(rng, measure=measure)
    before = X.copy(), Y.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002  the global generator is the subject
    measure(X, Y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def bad_inputs():
    nan, inf = np.ones((30, 4)), np.random.default_rng(0).standard_normal((30, 4))
    nan[3, 2], inf[5, 1] = np.nan, np.inf
    good = np.random.default_rng(1).standard_normal((30, 4))
    return [
        pytest.param(nan, DegenerateInputError, "X has NaN or infinite values .* row 3", id="nan"),
        pytest.param(inf, DegenerateInputError, "row 5", id="inf"),
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
def test_degenerate_input_is_a_named_error(measure, bad, error, message):
    good = np.random.default_rng(2).standard_normal((30, 4))
    with pytest.raises(error, match=message):
        measure(bad, good)
    with pytest.raises(error, match=message.replace("X", "Y")):
        measure(good, bad)


@EVERY
def test_too_few_items_and_other_items_are_refused(measure):
    good = np.random.default_rng(2).standard_normal((30, 4))
    fewer = measure.spec.min_items - 1
    with pytest.raises(ShapeError, match=f"at least {fewer + 1} items, not {fewer}"):
        measure(good[:fewer], good[:fewer])
    if measure.spec.paired:
        with pytest.raises(ShapeError, match="29 and 30 rows"):
            measure(good[:29], good)
    if "equal_width" in measure.spec.requires:
        with pytest.raises(ShapeError, match="4 and 3 features"):
            measure(good, good[:, :3])
    if "few_features" in measure.spec.requires:
        with pytest.raises(DegenerateInputError, match="features"):
            measure(np.random.default_rng(3).standard_normal((30, 31)), good)
    if "few_directions" in measure.spec.requires:
        wide = np.random.default_rng(3).standard_normal((2, 30, 31))
        with pytest.raises(DegenerateInputError, match="features"):
            measure(*wide)


@EVERY
def test_unknown_parameters_and_kinds_are_refused(measure, rng):
    with pytest.raises(ParameterError, match="has no parameter 'bogus'"):
        measure.bound(bogus=1)
    for name, value in measure.params.items():
        if isinstance(value, int | float):
            with pytest.raises(ParameterError, match=f"{name} must be"):
                measure.bound(**{name: "many"})
    X, _ = spaces(rng)
    if "rdm" not in measure.spec.kinds:
        with pytest.raises(ParameterError, match="kind='rdm'"):
            measure.prepare(X, role="x", kind="rdm")
    if not measure.spec.uses_folds:
        with pytest.raises(ParameterError, match="folds"):
            measure.prepare(X, role="x", folds=np.arange(N) % 5)


@EVERY
@given(n=st.integers(6, 40), p=st.integers(1, 30), q=st.integers(1, 30), seed=st.integers(0, 99))
def test_any_shape_gives_a_score_within_bounds_or_a_named_error(measure, n, p, q, seed):
    r = np.random.default_rng(seed)
    q = p if "equal_width" in measure.spec.requires else q
    X, Y = r.standard_normal((n, p)), r.standard_normal((n, q))
    bound = measure.bound(k=3) if "k" in measure.params else measure
    try:
        score = bound(X, Y)
    except DegenerateInputError:
        return  # one column has only two directions, and tiny samples no positive self term
    except ShapeError:
        assert n < measure.spec.min_items
        return
    low, high = measure.spec.bounds
    assert low - 1e-9 <= score <= high + 1e-9
    if measure.spec.symmetric:
        np.testing.assert_allclose(bound(Y, X), score, rtol=1e-9, atol=1e-12)
