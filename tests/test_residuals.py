"""Residuals: what is taken out, what stays, and what it does to a test."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from platonica.comparison import compare
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.residuals import explained_by


def test_with_all_components_it_is_the_residual_of_least_squares(rng):
    C, X = rng.standard_normal((80, 5)), rng.standard_normal((80, 7)) + 3.0
    left = explained_by([C], share=1.0).residuals(X)
    expected = X - LinearRegression().fit(C, X).predict(C)
    np.testing.assert_allclose(left, expected, atol=1e-12)
    np.testing.assert_allclose(C.T @ left, C.mean(0)[:, None] * left.sum(0), atol=1e-10)


def test_the_scale_of_a_control_does_not_matter(rng):
    A, B = rng.standard_normal((2, 100, 4))
    X = rng.standard_normal((100, 6))
    one = explained_by([A, B], share=1.0).residuals(X)
    np.testing.assert_allclose(explained_by([1e6 * A, B], share=1.0).residuals(X), one, atol=1e-9)


def test_wide_controls_are_cut_and_say_so(rng):
    explained = explained_by([rng.standard_normal((60, 500))])
    assert explained.basis.shape == (60, 15)
    assert explained.shares[0] < 0.5
    assert "15 components" in explained.words


def test_shares_are_those_of_each_control(rng):
    A = rng.standard_normal((50, 3))
    explained = explained_by([A, A @ rng.standard_normal((3, 3))], share=1.0)
    np.testing.assert_allclose(explained.shares, 1.0)


def test_agreement_that_the_controls_explain_is_gone(rng):
    C = rng.standard_normal((120, 4))
    X = C @ rng.standard_normal((4, 10)) + 0.5 * rng.standard_normal((120, 10))
    Y = C @ rng.standard_normal((4, 12)) + 0.5 * rng.standard_normal((120, 12))
    quick = {"measure": "debiased_cka", "n_resamples": 199}
    assert compare(X, Y, **quick).pvalue == 0.005
    partial = compare(X, Y, controls=[C], **quick)
    assert partial.pvalue > 0.05
    assert any("taken out of both spaces" in warning for warning in partial.warnings)


def test_agreement_beyond_the_controls_stays(rng):
    C, W = rng.standard_normal((2, 120, 4))
    X, Y = (np.concatenate([C, W], axis=1) @ rng.standard_normal((8, 10)) for _ in range(2))
    assert compare(X, Y, "debiased_cka", controls=[C], n_resamples=199).pvalue == 0.005


def test_the_level_holds_when_both_spaces_depend_on_the_controls(rng):
    rejected = 0
    for run in range(200):
        C = rng.standard_normal((60, 3))
        X, Y = (C @ rng.standard_normal((3, 5)) + rng.standard_normal((60, 5)) for _ in range(2))
        result = compare(X, Y, "debiased_cka", controls=C, n_resamples=39, rng=run)
        rejected += result.pvalue <= 0.05
    assert rejected / 200 <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 200)


def test_what_cannot_be_taken_out_is_refused(rng):
    C = rng.standard_normal((40, 3))
    with pytest.raises(DegenerateInputError, match="nothing is left"):
        explained_by([C], share=1.0).residuals(C @ rng.standard_normal((3, 5)))
    with pytest.raises(ParameterError, match="at least one"):
        explained_by([])
    with pytest.raises(ParameterError, match="share"):
        explained_by([C], share=0.0)
    with pytest.raises(ShapeError, match="control 1 has 39"):
        explained_by([C, C[:39]])
    with pytest.raises(ShapeError, match="have 39 and 40"):
        explained_by([C]).residuals(C[:39])
