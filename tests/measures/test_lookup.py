"""Measures by name, with parameters in the name or beside it."""

from __future__ import annotations

import pytest

from platonica.errors import ParameterError, UnknownNameError
from platonica.measures import MEASURES, get_measure


def test_a_name_is_the_measure_with_its_defaults():
    assert get_measure("mutual_knn") == MEASURES["mutual_knn"]


def test_parameters_follow_the_name_or_stand_beside_it():
    assert get_measure("mutual_knn?k=20") == get_measure("mutual_knn", k=20)
    assert get_measure("mutual_knn?k=20").params["k"] == 20


def test_the_defaults_are_not_touched():
    get_measure("mutual_knn?k=20")
    assert MEASURES["mutual_knn"].params["k"] == 10


@pytest.mark.parametrize("name", ["cka?k=10", "mutual_knn?neighbours=3", "cka?=3"])
def test_a_parameter_that_the_measure_has_not_is_refused(name):
    with pytest.raises(ParameterError, match="has no parameter"):
        get_measure(name)


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(ParameterError, match="given twice"):
        get_measure("mutual_knn?k=3", k=4)
    with pytest.raises(ParameterError, match="given twice"):
        get_measure("mutual_knn?k=3&k=4")


def test_an_unknown_name_names_its_neighbours():
    with pytest.raises(UnknownNameError, match="did you mean mutual_knn"):
        get_measure("mutualknn?k=3")
