"""Measures of representational alignment: one measure, one object with four verbs.

To add one, write its class beside its relatives and name it in `MEASURES`; the contract test
finds it there and tests every declaration.
"""

from __future__ import annotations

import ast
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import parse_qsl

from platonica.errors import ParameterError, UnknownNameError
from platonica.measures._base import Measure, MeasureBase, MeasureSpec, Moments
from platonica.measures._words import describe, describe_bounds, describe_params
from platonica.measures.diagnostics import (
    DIAGNOSTICS,
    Diagnostic,
    DiagnosticSpec,
    antihub_share,
    effective_rank,
    hubness,
    isotropy,
    outlier_share,
    participation_ratio,
    reciprocity,
    spectrum_slope,
    two_nn_dimension,
    uniformity,
)
from platonica.measures.kernel import CKA, DebiasedCKA, cka, debiased_cka
from platonica.measures.neighborhood import MutualKnn, mutual_knn

__all__ = [
    "DIAGNOSTICS",
    "MEASURES",
    "Diagnostic",
    "DiagnosticSpec",
    "Measure",
    "MeasureBase",
    "MeasureSpec",
    "Moments",
    "antihub_share",
    "cka",
    "debiased_cka",
    "describe",
    "describe_bounds",
    "describe_params",
    "effective_rank",
    "get_measure",
    "hubness",
    "isotropy",
    "mutual_knn",
    "outlier_share",
    "participation_ratio",
    "reciprocity",
    "spectrum_slope",
    "two_nn_dimension",
    "uniformity",
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
        ``platonica.measures``; parameters may follow: ``"mutual_knn?k=20"``.
    **params
        Parameters of the measure; one that it does not have is an error.

    Raises
    ------
    UnknownNameError
        No such measure; the message has the nearest names.
    ParameterError
        No such parameter, a value of another type, or a parameter given twice.

    Examples
    --------
    >>> dict(get_measure("mutual_knn?k=20").params)["k"]
    20
    """
    name, _, query = name.partition("?")
    if name not in MEASURES:
        for point in entry_points(group="platonica.measures", name=name):
            MEASURES[name] = point.load()
    if name not in MEASURES:
        raise UnknownNameError.among("measure", name, MEASURES)
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key in params:
            raise ParameterError(f"{name}: the parameter {key!r} is given twice")
        params[key] = _literal(text)
    return MEASURES[name].bound(**params)


def _literal(text: str) -> Any:
    """A number, True, False or None where the text is one; otherwise the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
