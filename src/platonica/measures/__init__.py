"""Measures of representational alignment: one measure, one object with four verbs.

To add one, write its class beside its relatives and name it in `MEASURES`; the contract test
finds it there and tests every declaration.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from platonica.errors import UnknownNameError
from platonica.measures._base import Measure, MeasureBase, MeasureSpec, Moments
from platonica.measures.kernel import CKA, DebiasedCKA, cka, debiased_cka
from platonica.measures.neighborhood import MutualKnn, mutual_knn

__all__ = [
    "MEASURES",
    "Measure",
    "MeasureBase",
    "MeasureSpec",
    "Moments",
    "cka",
    "debiased_cka",
    "get_measure",
    "mutual_knn",
]

MEASURES: dict[str, Any] = {
    measure.spec.name: measure for measure in (MutualKnn(), CKA(), DebiasedCKA())
}
"""Canonical name -> measure with its default parameters."""


def get_measure(name: str, **params: Any) -> Any:
    """Return the measure of this name, with some parameters bound.

    Parameters
    ----------
    name : str
        A key of `MEASURES`, or a name that an installed package offers under the entry point
        ``platonica.measures``.
    **params
        Parameters of the measure; one that it does not have is an error.

    Raises
    ------
    UnknownNameError
        No such measure; the message has the nearest names.
    ParameterError
        No such parameter.
    """
    if name not in MEASURES:
        for point in entry_points(group="platonica.measures", name=name):
            MEASURES[name] = point.load()
    if name not in MEASURES:
        raise UnknownNameError.among("measure", name, MEASURES)
    return MEASURES[name].bound(**params)
