"""Declarations in words."""

from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest

from platonica.measures import DIAGNOSTICS, MEASURES, _words, describe, describe_bounds
from platonica.measures._base import Kind, MeasureBase, Requirement


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0.0, 1.0), "[0, 1]"),
        ((-1.0, 1.0), "[−1, 1]"),
        ((0.0, np.inf), "[0, ∞)"),
        ((-np.inf, 0.0), "(−∞, 0]"),
        ((-np.inf, np.inf), "(−∞, ∞)"),
    ],
)
def test_bounds_are_intervals(bounds, text):
    assert describe_bounds(bounds) == text


def test_null_moments_that_are_known_are_found():
    assert describe(MEASURES["cka"])["Null"].startswith("by permutation of the items; mean")
    assert "mean, variance" in describe(MEASURES["debiased_cka"])["Null"]


@dataclasses.dataclass(frozen=True)
class _Odd(MeasureBase):
    """A measure with every declaration that the others lack."""

    weight: float = 0.5
    spec = dataclasses.replace(
        MEASURES["cka"].spec,
        direction="distance", symmetric=False, self_score=None, paired=False, uses_folds=True,
        invariant_x=("translation",), invariant_y=("scaling",), invariant_jointly=("rotation",),
        requires=("equal_width", "few_features"), kinds=("features", "rdm"),
    )  # fmt: skip


def test_every_declaration_is_told():
    words = describe(_Odd())
    assert words["Direction"] == "distance: smaller is closer"
    assert words["Symmetric"].startswith("no")
    assert words["A space with itself"] == "depends on the data"
    assert words["Paired"].startswith("no")
    assert words["Invariant to, X only"] == "translation"
    assert words["Invariant to, Y only"] == "scaling"
    assert words["Invariant to, both by one map"] == "rotation"
    assert words["Needs"] == "as many features in X as in Y; fewer features than items"
    assert words["Takes"] == "features or a ready dissimilarity matrix; folds of the items"
    assert words["Parameters"] == "weight = 0.5"
    assert "Null" not in words


@dataclasses.dataclass(frozen=True)
class _Plain(MeasureBase):
    """A measure of four verbs and no parameter."""

    spec = MEASURES["cka"].spec


def test_a_measure_without_exact_moments_has_its_null_by_permutation():
    words = describe(_Plain())
    assert words["Null"] == "by permutation of the items"
    assert "Parameters" not in words


def test_diagnostics_are_described_by_what_they_declare():
    words = describe(DIAGNOSTICS["spectrum_slope"])
    assert words["Range"] == "(−∞, 0]"
    assert words["Parameters"] == "first = 1, last = None"
    assert "Direction" not in words


def test_every_requirement_and_kind_has_words():
    assert set(get_args(Requirement)) <= set(_words._NEEDS)
    assert set(get_args(Kind)) == set(_words._INPUTS)
