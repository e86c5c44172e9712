"""Declarations in words, the same on a measure's page and on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from platonica.measures._base import Measure, MeasureSpec
from platonica.measures.diagnostics import Diagnostic
from platonica.rng import as_generator

__all__ = ["describe", "describe_bounds", "describe_params"]

_NEEDS = {
    "equal_width": "as many features in X as in Y",
    "few_features": "fewer features than items",
    "few_directions": "fewer directions than items, both spaces together, after the truncation",
}
_INPUTS = {
    "features": "features",
    "rdm": "a ready dissimilarity matrix",
}
_PAIRED = {
    True: "yes: row i of both spaces is the same item",
    False: "no: the order of the items does not matter, and permuting them is no null",
}
_DIRECTIONS = {
    "similarity": "similarity: larger is closer",
    "distance": "distance: smaller is closer",
}


def describe(one: Measure | Diagnostic) -> dict[str, str]:
    """Declarations of a measure or a diagnostic, as label and text; what is empty is left out."""
    spec = one.spec
    if isinstance(one, Diagnostic):
        words = {
            "Range": describe_bounds(spec.bounds),
            "Invariant to": _moves(spec.invariant_to),
            "Sensitive to": _moves(spec.sensitive_to),
            "Fewest items": str(spec.min_items),
        }
    else:
        words = _describe_measure(one)
    words |= {
        "Parameters": describe_params(one),
        "Cost": spec.cost,
        "Reference": spec.reference,
    }
    return {label: text for label, text in words.items() if text}


def _describe_measure(measure: Measure) -> dict[str, str]:
    spec = measure.spec
    own = spec.self_score
    return {
        "Family": spec.family,
        "Direction": _DIRECTIONS[spec.direction],
        "Range": describe_bounds(spec.bounds),
        "Symmetric": "yes" if spec.symmetric else "no: X and Y play different parts",
        "A space with itself": "depends on the data" if own is None else f"{own:g}",
        "Paired": _PAIRED[spec.paired],
        "Invariant to": _moves(spec.invariant_to),
        "Invariant to, X only": _moves(spec.invariant_x),
        "Invariant to, Y only": _moves(spec.invariant_y),
        "Invariant to, both by one map": _moves(spec.invariant_jointly),
        "Sensitive to": _moves(spec.sensitive_to),
        "Takes": " or ".join(_INPUTS[kind] for kind in spec.kinds)
        + ("; folds of the items" if spec.uses_folds else ""),
        "Needs": _needs(spec),
        "Fewest items": str(spec.min_items),
        "Null": _null(measure),
    }


def describe_bounds(bounds: tuple[float, float]) -> str:
    """Return bounds as an interval: ``[0, ∞)``."""
    low, high = bounds
    left = "(−∞" if low == -np.inf else f"[{low:g}".replace("-", "−")
    right = "∞)" if high == np.inf else f"{high:g}]".replace("-", "−")
    return f"{left}, {right}"


def describe_params(one: Measure | Diagnostic) -> str:
    """Return parameters with their default values."""
    return ", ".join(f"{name} = {value!r}" for name, value in one.params.items())


def _moves(moves: Iterable[str]) -> str:
    return ", ".join(move.replace("_", " ") for move in moves)


def _needs(spec: MeasureSpec) -> str:
    extra = getattr(spec, "extra", None)
    needs = [_NEEDS[need] for need in spec.requires]
    return "; ".join([*needs, f"the extra {extra}"] if extra else needs)


def _null(measure: Measure) -> str:
    """Tell which moments of the null are known exactly, by asking for those of small spaces."""
    if not measure.spec.paired:
        return ""
    exact: Any = getattr(measure, "null_moments", None)
    if exact is None:
        return "by permutation of the items"
    r = as_generator(0)
    a, b = (measure.prepare(r.standard_normal((60, 4)), role=role) for role in ("x", "y"))
    moments = exact(a, b)
    known = [
        name for name in ("mean", "variance", "skewness") if getattr(moments, name) is not None
    ]
    return f"by permutation of the items; {', '.join(known)} known exactly"
