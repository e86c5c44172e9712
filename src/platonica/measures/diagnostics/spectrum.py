"""How the variance of a space is spread over directions and over items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError
from platonica.linalg import numerical_rank
from platonica.measures._centred import Centred, centre
from platonica.measures.diagnostics._base import Diagnostic, DiagnosticSpec

__all__ = [
    "SPECTRUM",
    "effective_rank",
    "outlier_share",
    "participation_ratio",
    "spectrum_slope",
]

F64 = NDArray[np.float64]


def effective_rank(X: Any) -> float:
    """Exponential of the entropy of the spectrum: how many directions carry the variance.

    ``exp(-sum p_i log p_i)`` with p the eigenvalues of the covariance divided by their sum.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 2.

    Returns
    -------
    float
        From 1 (all variance along one direction) to min(n_items - 1, n_features); unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 2 items.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Roy, Vetterli (2007), The Effective Rank, EUSIPCO. There it is taken of singular values;
    here, as usual for representations, of the covariance, whose eigenvalues are their squares.

    Examples
    --------
    Two directions of equal variance:

    >>> round(effective_rank([[1, 0], [-1, 0], [0, 1], [0, -1]]), 12)
    2.0
    """
    share = _eigenvalues(centre(X))
    share /= share.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def participation_ratio(X: Any) -> float:
    """Squared sum over sum of squares of the spectrum: how many directions carry the variance.

    ``(tr C)^2 / ||C||^2`` of the covariance C: no eigenvalue is computed. It weighs large
    directions more than `effective_rank` and is never above it.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 2.

    Returns
    -------
    float
        From 1 (all variance along one direction) to min(n_items - 1, n_features); unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 2 items.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy, Ganguli (2017), A theory of multineuronal
    dimensionality, dynamics and measurement, bioRxiv 214262.

    Examples
    --------
    Variances 4 and 1: (4 + 1)^2 / (16 + 1).

    >>> round(participation_ratio([[2, 0], [-2, 0], [0, 1], [0, -1]]), 6) == round(25 / 17, 6)
    True
    """
    space = centre(X)
    product = _smaller_product(space)
    return float(space.power.sum() ** 2 / np.vdot(product, product))


def spectrum_slope(X: Any, *, first: int = 1, last: int | None = None) -> float:
    """Slope of the line through the spectrum on logarithmic axes: the power law of its decay.

    Least squares of ``log eigenvalue`` on ``log rank`` over the ranks from first to last, both
    included, each rank with the same weight. The value depends on that range: state it.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 3.
    first : int, default 1
        First rank of the fit, counted from 1.
    last : int, optional
        Last rank of the fit; by default the last one above rounding.

    Returns
    -------
    float
        At most 0; 0 = all directions carry the same variance, -1 = the second carries half of
        the first, the fourth a quarter. Unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 3 items.
    ParameterError
        Ranks that are not 1 <= first < last <= rank of the features.
    DegenerateInputError
        Non-finite or constant features, or features of rank 1.

    References
    ----------
    Stringer, Pachitariu, Steinmetz, Carandini, Harris (2019), High-dimensional geometry of
    population responses in visual cortex, Nature 571.

    Examples
    --------
    Variances 4 and 1 at ranks 1 and 2: a slope of log(1/4) / log(2).

    >>> round(spectrum_slope([[2, 0], [-2, 0], [0, 1], [0, -1]]), 12)
    -2.0
    """
    values = _eigenvalues(centre(X, min_items=3))
    rank = numerical_rank(values, len(values))
    if rank < 2:
        raise DegenerateInputError("X has rank 1: one eigenvalue has no slope")
    stop = rank if last is None else last
    if not (_whole(first) and _whole(stop) and 1 <= first < stop <= rank):
        raise ParameterError(
            f"first and last must be ranks with 1 <= first < last <= {rank}, the rank of the "
            f"features, not {first} and {stop}"
        )
    x = np.log(np.arange(first, stop + 1))
    y = np.log(values[first - 1 : stop])
    x -= x.mean()
    return float(x @ (y - y.mean()) / (x @ x))


def outlier_share(X: Any) -> float:
    """Share of the total variance that one single item holds: the largest of all items.

    ``max p_i / sum p_i`` with p_i the squared distance of item i from the mean. Scores of
    linear CKA and its kin follow single items where this is large.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 2.

    Returns
    -------
    float
        From 1 / n_items (all items equally far from the mean) to (n_items - 1) / n_items (all
        other items are equal); unitless.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 2 items.
    DegenerateInputError
        Non-finite or constant features.

    Examples
    --------
    >>> round(outlier_share([[0.0], [0.0], [0.0], [4.0]]), 12)
    0.75
    """
    power = centre(X).power
    return float(power.max() / power.sum())


def _smaller_product(space: Centred) -> F64:
    """Scatter (d, d), or Gram matrix (n, n) where there are fewer items: same spectrum."""
    n = space.n_items
    if space.n_features <= n:
        return space.scatter
    gram = np.empty((n, n))
    for rows, x in space.blocks():
        for columns, y in space.blocks():
            gram[rows, columns] = x @ y.T
    return gram


def _eigenvalues(space: Centred) -> F64:
    """Spectrum from large to small, relative to the features; what rounds below 0 is 0."""
    values: F64 = np.maximum(np.linalg.eigvalsh(_smaller_product(space))[::-1], 0.0)
    return values


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


_MOMENTS = "O(n d min(n, d)) time; O(min(n, d)^2) memory beyond the features, streamed if large"

SPECTRUM = (
    Diagnostic(
        DiagnosticSpec(
            name="effective_rank",
            bounds=(1.0, np.inf),
            invariant_to=("rotation", "column_permutation", "scaling", "translation"),
            sensitive_to=("row_scaling", "invertible_map"),
            min_items=2,
            cost=_MOMENTS,
            summary="exponential of the entropy of the covariance's eigenvalues",
            reference="Roy & Vetterli 2007, EUSIPCO",
        ),
        effective_rank,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="participation_ratio",
            bounds=(1.0, np.inf),
            invariant_to=("rotation", "column_permutation", "scaling", "translation"),
            sensitive_to=("row_scaling", "invertible_map"),
            min_items=2,
            cost=_MOMENTS,
            summary="squared sum of the covariance's eigenvalues over the sum of their squares",
            reference="Gao et al. 2017, bioRxiv 214262",
        ),
        participation_ratio,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="spectrum_slope",
            bounds=(-np.inf, 0.0),
            invariant_to=("rotation", "column_permutation", "scaling", "translation"),
            sensitive_to=("row_scaling", "invertible_map"),
            min_items=3,
            cost=_MOMENTS,
            summary="slope of log eigenvalue on log rank, over a stated range of ranks",
            reference="Stringer et al. 2019, Nature 571",
        ),
        spectrum_slope,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="outlier_share",
            bounds=(0.0, 1.0),
            invariant_to=("rotation", "column_permutation", "scaling", "translation"),
            sensitive_to=("row_scaling", "invertible_map"),
            min_items=2,
            cost="O(n d) time; O(n) memory beyond the features, streamed if large",
            summary="share of the total variance that the farthest item holds",
            reference="this package",
        ),
        outlier_share,
    ),
)
