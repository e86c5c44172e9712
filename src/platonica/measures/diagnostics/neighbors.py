"""What the neighbour graph of one space says of it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError
from platonica.measures.diagnostics._base import Diagnostic, DiagnosticSpec
from platonica.neighbors import Metric, knn_graph

__all__ = ["NEIGHBORS", "antihub_share", "hubness", "reciprocity", "two_nn_dimension"]

MIN_ITEMS = 4


def two_nn_dimension(X: Any) -> float:
    """Intrinsic dimension from the distances to the two nearest neighbours.

    ``(m - 1) / sum log(r2 / r1)`` over the m items whose nearest neighbour is not identical,
    with Euclidean distances. Where the density is even over a neighbourhood, the ratio r2 / r1
    follows a Pareto law whose exponent is the dimension; this is its unbiased estimate.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 4.

    Returns
    -------
    float
        Above 0; the number of dimensions in which the items vary at the smallest scale.

    Raises
    ------
    ShapeError
        Not two-dimensional, or fewer than 4 items.
    DegenerateInputError
        Non-finite or constant features; more than half of the neighbours tied; fewer than 2
        items left; or all items left as far from their second neighbour as from the first.

    Warns
    -----
    UserWarning
        Items that have an identical twin were left out; the message says how many.

    References
    ----------
    Facco, d'Errico, Rodriguez, Laio (2017), Estimating the intrinsic dimension of datasets by a
    minimal neighborhood information, Scientific Reports 7.

    Examples
    --------
    Items at 0, 1, 3 and 7: ratios 3, 2, 3/2 and 6/4, and 3 / log 13.5.

    >>> round(two_nn_dimension([[0.0], [1.0], [3.0], [7.0]]), 4)
    1.1527
    """
    X = check_features(X, min_items=MIN_ITEMS)
    nearest, second = knn_graph(X, 2, metric="euclidean").distances.T
    apart = nearest > 0
    kept = int(apart.sum())
    if kept < 2:
        raise DegenerateInputError(
            f"X has only {kept} of {len(X)} items without an identical twin; two_nn_dimension "
            "needs 2"
        )
    total = np.log(second[apart] / nearest[apart]).sum()
    if total == 0.0:
        raise DegenerateInputError(
            "two_nn_dimension is undefined: every item is as far from its second neighbour as "
            "from the first"
        )
    if kept < len(X):
        warnings.warn(
            f"two_nn_dimension: {len(X) - kept} of {len(X)} items have an identical twin and "
            "were left out",
            stacklevel=2,
        )
    return float((kept - 1) / total)


def hubness(X: Any, *, k: int = 10, metric: Metric = "cosine") -> float:
    """Skewness of how often items are neighbours of others.

    The third standardised moment of the in-degrees of the k-NN graph. Hubs, items that are
    neighbours of many, widen the null of every overlap of neighbours.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    metric : {"cosine", "euclidean"}, default "cosine"

    Returns
    -------
    float
        Unitless; near 0 = no hubs, above 1 = few items are neighbours of very many. May be
        negative.

    Raises
    ------
    ShapeError
        Not two-dimensional; k or n_items out of range.
    DegenerateInputError
        Non-finite or constant features, a row of zeros under cosine, more than half of the
        neighbours tied, or every item a neighbour of equally many.

    References
    ----------
    Radovanovic, Nanopoulos, Ivanovic (2010), Hubs in Space, JMLR 11.

    Examples
    --------
    The first item is the nearest of all others: in-degrees 3, 1, 0, 0.

    >>> star = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.1], [-1.2, 0.0]]
    >>> round(hubness(star, k=1, metric="euclidean"), 6) == round(1.5**-0.5, 6)
    True
    """
    degree = _in_degree(X, k, metric)
    spread = degree - degree.mean()
    variance = (spread**2).mean()
    if variance == 0.0:
        raise DegenerateInputError(
            "hubness is undefined: every item is a neighbour of equally many others"
        )
    return float((spread**3).mean() / variance**1.5)


def antihub_share(X: Any, *, k: int = 10, metric: Metric = "cosine") -> float:
    """Share of items that are among the k nearest neighbours of no other item.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    metric : {"cosine", "euclidean"}, default "cosine"

    Returns
    -------
    float
        In [0, 1), unitless; 0 = every item is somebody's neighbour.

    Raises
    ------
    ShapeError
        Not two-dimensional; k or n_items out of range.
    DegenerateInputError
        Non-finite or constant features, a row of zeros under cosine, or more than half of the
        neighbours tied.

    References
    ----------
    Radovanovic, Nanopoulos, Ivanovic (2010), Hubs in Space, JMLR 11.

    Examples
    --------
    The item at 12 is nobody's nearest:

    >>> antihub_share([[0.0], [1.0], [5.0], [7.0], [12.0]], k=1, metric="euclidean")
    0.2
    """
    return float((_in_degree(X, k, metric) == 0).mean())


def reciprocity(X: Any, *, k: int = 10, metric: Metric = "cosine") -> float:
    """Share of neighbours that are mutual: j is near i, and i is near j.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    metric : {"cosine", "euclidean"}, default "cosine"

    Returns
    -------
    float
        In [0, 1], unitless; 1 = every neighbour is mutual. Low values come with hubs.

    Raises
    ------
    ShapeError
        Not two-dimensional; k or n_items out of range.
    DegenerateInputError
        Non-finite or constant features, a row of zeros under cosine, or more than half of the
        neighbours tied.

    Examples
    --------
    0 and 1 choose each other, 5 and 7 too, and 12 chooses 7:

    >>> reciprocity([[0.0], [1.0], [5.0], [7.0], [12.0]], k=1, metric="euclidean")
    0.8
    """
    indices = _graph(X, k, metric).astype(np.int64)
    n = len(indices)
    rows = np.arange(n)[:, None]
    mutual = np.intersect1d(rows * n + indices, indices * n + rows)
    return float(mutual.size / indices.size)


def _graph(X: Any, k: int, metric: Metric) -> NDArray[np.int32]:
    return knn_graph(check_features(X, min_items=MIN_ITEMS), k, metric=metric).indices


def _in_degree(X: Any, k: int, metric: Metric) -> NDArray[np.int64]:
    indices = _graph(X, k, metric)
    return np.bincount(indices.ravel(), minlength=len(indices))


_GRAPH = "O(n^2 d) time, O(n (d + k)) memory: one neighbour graph"

NEIGHBORS = (
    Diagnostic(
        DiagnosticSpec(
            name="two_nn_dimension",
            bounds=(0.0, np.inf),
            invariant_to=("rotation", "column_permutation", "scaling", "translation"),
            sensitive_to=("row_scaling", "invertible_map"),
            min_items=MIN_ITEMS,
            cost=_GRAPH,
            summary="intrinsic dimension from the distances to the two nearest neighbours",
            reference="Facco et al. 2017, Scientific Reports 7",
        ),
        two_nn_dimension,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="hubness",
            bounds=(-np.inf, np.inf),
            invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
            sensitive_to=("translation", "invertible_map"),
            min_items=MIN_ITEMS,
            cost=_GRAPH,
            summary="skewness of how often items are neighbours of others (cosine)",
            reference="Radovanovic et al. 2010, JMLR 11",
        ),
        hubness,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="antihub_share",
            bounds=(0.0, 1.0),
            invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
            sensitive_to=("translation", "invertible_map"),
            min_items=MIN_ITEMS,
            cost=_GRAPH,
            summary="share of items that are neighbours of no other (cosine)",
            reference="Radovanovic et al. 2010, JMLR 11",
        ),
        antihub_share,
    ),
    Diagnostic(
        DiagnosticSpec(
            name="reciprocity",
            bounds=(0.0, 1.0),
            invariant_to=("rotation", "column_permutation", "scaling", "row_scaling"),
            sensitive_to=("translation", "invertible_map"),
            min_items=MIN_ITEMS,
            cost=_GRAPH,
            summary="share of neighbours that are mutual (cosine)",
            reference="this package",
        ),
        reciprocity,
    ),
)
