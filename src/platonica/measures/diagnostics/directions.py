"""How the items of a space, scaled to norm 1, spread over the sphere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError
from platonica.measures.diagnostics._base import (
    Diagnostic,
    DiagnosticSpec,
    check_space,
    unit_rows,
)
from platonica.rows import BLOCK_BYTES

__all__ = ["DIRECTIONS", "isotropy", "uniformity"]


def isotropy(X: Any) -> float:
    """Mean cosine of all pairs of items: 0 where directions cancel, 1 where all are the same.

    ``(||sum u_i||^2 - n) / (n (n - 1))`` with u_i the items scaled to norm 1: no pair is
    formed. The features are taken as they are, not centred.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 2.

    Returns
    -------
    float
        From -1 / (n_items - 1) to 1; near 0 = isotropic, near 1 = a narrow cone. Unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 2 items.
    DegenerateInputError
        Non-finite or constant features, or a row of zeros.

    References
    ----------
    Ethayarajh (2019), How Contextual are Contextualized Word Representations?,
    arXiv:1909.00512.

    Examples
    --------
    Of the six pairs, two are opposite and four at right angles:

    >>> round(isotropy([[1, 0], [-2, 0], [0, 3], [0, -4]]), 12) == round(-2 / 6, 12)
    True
    """
    X = check_space(X, 2)
    n, d = X.shape
    total, rows = np.zeros(d), max(1, BLOCK_BYTES // (8 * d))
    for first in range(0, n, rows):
        total += unit_rows(X, slice(first, min(first + rows, n))).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def uniformity(X: Any, *, t: float = 2.0) -> float:
    """Logarithm of the mean Gaussian potential of all pairs of items on the unit sphere.

    ``log mean exp(-t ||u_i - u_j||^2)`` over pairs i < j, with u_i the items scaled to norm 1.
    The features are taken as they are, not centred.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 2.
    t : float, default 2
        How fast the potential falls with the distance; above 0.

    Returns
    -------
    float
        From -4 t to 0; lower = spread more evenly, 0 = all items in one direction. Unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 2 items.
    ParameterError
        t is not above 0.
    DegenerateInputError
        Non-finite or constant features, or a row of zeros.

    References
    ----------
    Wang, Isola (2020), Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere, arXiv:2005.10242.

    Examples
    --------
    Two opposite items are 2 apart: -t * 2^2.

    >>> uniformity([[3.0], [-1.0]])
    -8.0
    """
    if not (np.isfinite(t) and t > 0):
        raise ParameterError(f"t must be a number above 0, not {t!r}")
    X = check_space(X, 2)
    n, d = X.shape
    rows = max(1, min(int((BLOCK_BYTES // 8) ** 0.5), BLOCK_BYTES // (8 * d)))
    parts = [slice(first, min(first + rows, n)) for first in range(0, n, rows)]
    totals = []
    for number, part in enumerate(parts):
        own = unit_rows(X, part)
        if len(own) > 1:
            cosine = (own @ own.T)[np.triu_indices(len(own), 1)]
            totals.append(_log_sum(cosine, t))
        totals += [_log_sum(own @ unit_rows(X, other).T, t) for other in parts[number + 1 :]]
    value = np.logaddexp.reduce(totals) - np.log(n) - np.log(n - 1) + np.log(2.0)
    return min(float(value), 0.0)  # rounding may lift a mean of ones


def _log_sum(cosine: NDArray[np.float64], t: float) -> float:
    """Logarithm of the summed potentials; the largest is taken out, so that none underflows."""
    power = 2.0 * t * (np.minimum(cosine, 1.0) - 1.0)  # ||u - v||^2 = 2 - 2 u.v
    largest = float(power.max())
    power -= largest
    np.exp(power, out=power)
    return float(largest + np.log(power.sum()))


DIRECTIONS = (
    Diagnostic(
        DiagnosticSpec(
            name="isotropy",
            bounds=(-1.0, 1.0),
            invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
            sensitive_to=("translation", "invertible_map"),
            min_items=2,
            cost="O(n d) time; O(d) memory beyond the features, read block by block",
            summary="mean cosine of all pairs of items: 0 isotropic, 1 one direction",
            reference="Ethayarajh 2019, arXiv:1909.00512",
        ),
        isotropy,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="uniformity",
            bounds=(-np.inf, 0.0),
            invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
            sensitive_to=("translation", "invertible_map"),
            min_items=2,
            cost="O(n^2 d) time; a few blocks of 32 MB beyond the features, read block by block",
            summary="log of the mean Gaussian potential of all pairs of items on the sphere",
            reference="Wang & Isola 2020, arXiv:2005.10242",
        ),
        uniformity,
    ),
)
