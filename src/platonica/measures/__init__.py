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
from platonica.measures.gromov import (
    GromovWassersteinDistance,
    gromov_wasserstein_distance,
    gromov_wasserstein_match,
)
from platonica.measures.kernel import CKA, DebiasedCKA, cka, debiased_cka
from platonica.measures.matching import (
    HardMatching,
    PermutationProcrustesDistance,
    SoftMatching,
    hard_matching,
    permutation_procrustes_distance,
    soft_matching,
)
from platonica.measures.neighborhood import MutualKnn, mutual_knn
from platonica.measures.riemannian import RiemannianDistance, riemannian_distance
from platonica.measures.shape import (
    BuresDistance,
    BuresSimilarity,
    ProcrustesDistance,
    ShapeDistance,
    SizeShapeDistance,
    bures_distance,
    bures_similarity,
    procrustes_distance,
    shape_distance,
    size_shape_distance,
)
from platonica.measures.unpaired import (
    FrechetDistance,
    MmdDistance,
    frechet_distance,
    mmd_distance,
)

__all__ = [
    "MEASURES",
    "Measure",
    "MeasureBase",
    "MeasureSpec",
    "Moments",
    "bures_distance",
    "bures_similarity",
    "cka",
    "debiased_cka",
    "frechet_distance",
    "get_measure",
    "gromov_wasserstein_distance",
    "gromov_wasserstein_match",
    "hard_matching",
    "mmd_distance",
    "mutual_knn",
    "permutation_procrustes_distance",
    "procrustes_distance",
    "riemannian_distance",
    "shape_distance",
    "size_shape_distance",
    "soft_matching",
]

MEASURES: dict[str, Any] = {
    measure.spec.name: measure
    for measure in (
        MutualKnn(),
        CKA(),
        DebiasedCKA(),
        ProcrustesDistance(),
        SizeShapeDistance(),
        ShapeDistance(),
        BuresSimilarity(),
        BuresDistance(),
        PermutationProcrustesDistance(),
        HardMatching(),
        SoftMatching(),
        RiemannianDistance(),
        FrechetDistance(),
        MmdDistance(),
        GromovWassersteinDistance(),
    )
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
