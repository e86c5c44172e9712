"""Measures of similarities inside neighbourhoods: how near, not only who."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures._base import MeasureSpec
from platonica.measures._knn import KnnMeasure, KnnState, PrhKnnMeasure, common_neighbors
from platonica.measures._prh import PRH_EPSILON, Compat, prh_features
from platonica.measures.neighborhood import KNN_INVARIANT, KNN_SENSITIVE

__all__ = ["Cknna", "SecondOrderCosine", "cknna", "second_order_cosine"]

F64 = NDArray[np.float64]

GATHER_BYTES = 32 << 20
"""Bytes of neighbours' features that are looked at together."""


@dataclass(frozen=True)
class RowsState(KnnState):
    """Neighbour lists beside the unit rows that they were found among.

    Attributes
    ----------
    rows : array of shape (n_items, n_features)
        Of norm 1, float64.
    """

    rows: F64


@dataclass(frozen=True)
class SecondOrderCosine(KnnMeasure):
    """Cosine between an item's similarities to its neighbours in one space and in the other."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="second_order_cosine",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost="prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k d)",
        summary="cosine of the similarities of each item to all its neighbours, in both spaces",
        reference="Hamilton, Leskovec & Jurafsky 2016; Klabunde et al. 2024, arXiv:2305.06329",
    )

    def _state(self, state: KnnState, role: str) -> RowsState:
        rows = _unit_rows(state.features.astype(np.float64))
        return RowsState(state.graph, state.features, state.groups, rows)

    def permuted(self, state: RowsState, order: NDArray[np.int64]) -> RowsState:
        """Relabel the graph and reorder the rows."""
        moved: RowsState = super().permuted(state, order)
        return replace(moved, rows=state.rows[order])

    def score(self, a: RowsState, b: RowsState) -> float:
        """Mean over items of the cosine between the two vectors of similarities."""
        total, width = 0.0, a.rows.shape[1] + b.rows.shape[1]
        size = max(1, GATHER_BYTES // (8 * 2 * self.k * width))
        for first in range(0, a.n_items, size):
            part = slice(first, min(first + size, a.n_items))
            named = np.sort(
                np.concatenate([a.graph.indices[part], b.graph.indices[part]], axis=1), axis=1
            )
            once = np.ones(named.shape, dtype=bool)
            once[:, 1:] = named[:, 1:] != named[:, :-1]
            x, y = (_similarities(s.rows, part, named) * once for s in (a, b))
            norms = np.sqrt(np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", y, y))
            if not norms.all():
                raise DegenerateInputError(
                    f"item {first + int(np.argmin(norms))} is orthogonal to all its neighbours: "
                    "the cosine of its similarities is 0/0"
                )
            total += float((np.einsum("ij,ij->i", x, y) / norms).sum())
        return total / a.n_items


@dataclass(frozen=True)
class EdgesState(KnnState):
    """Neighbour lists with the kernel's value on every edge.

    Attributes
    ----------
    values : array of shape (n_items, k)
        Cosine of item and neighbour; in the paper's form less the item's mean cosine.
    self_term : float
        The alignment of the space with itself.
    """

    values: F64
    self_term: float


@dataclass(frozen=True)
class Cknna(PrhKnnMeasure):
    """CKA of the kernel between nearest neighbours only."""

    variant: Literal["paper", "prh-code"] = "paper"

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cknna",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=KNN_INVARIANT,
        sensitive_to=KNN_SENSITIVE,
        family="neighbourhood",
        min_items=4,
        cost="prepare O(n^2 d) time, O(n (d + k)) memory; score O(n k^2)",
        summary="alignment of the cosine kernels, counted between common nearest neighbours only",
        reference="Huh, Cheung, Wang & Isola 2024, arXiv:2405.07987",
    )

    def _state(self, state: KnnState, role: str) -> EdgesState:
        if self.variant not in ("paper", "prh-code"):
            raise ParameterError(f"variant must be 'paper' or 'prh-code', not {self.variant!r}")
        if self._parity is None:
            rows = _unit_rows(state.features.astype(np.float64))
        else:
            rows = prh_features(state.features, self._parity)
        # x_i . (x_j - mean): subtracted before the product, so that a large mean costs no digits
        others = rows - rows.mean(axis=0) if self._centred else rows
        values = np.empty(state.graph.indices.shape)
        size = max(1, GATHER_BYTES // (8 * self.k * rows.shape[1]))
        for first in range(0, len(rows), size):
            part = slice(first, min(first + size, len(rows)))
            values[part] = _similarities(rows, part, state.graph.indices[part], others)
        edges = EdgesState(state.graph, state.features, state.groups, values, np.nan)
        own = self._alignment(edges, edges)
        if not own > 0:
            raise DegenerateInputError(
                f"cknna is undefined: the alignment of the space with itself is {own:.3g}"
            )
        return replace(edges, self_term=own)

    @property
    def _centred(self) -> bool:
        return self.variant == "paper" and self.compat is None

    def permuted(self, state: EdgesState, order: NDArray[np.int64]) -> EdgesState:
        """Relabel the graph; the values go with their edges."""
        moved: EdgesState = super().permuted(state, order)
        return replace(moved, values=state.values[order])

    def score(self, a: EdgesState, b: EdgesState) -> float:
        """The alignment over common edges, relative to each space's own."""
        own = float(np.sqrt(a.self_term * b.self_term))
        return self._alignment(a, b) / (own + (PRH_EPSILON if self.compat else 0.0))

    def _alignment(self, a: EdgesState, b: EdgesState) -> float:
        if not self._centred:
            return _masked_hsic(a, b)
        pairs = common_neighbors(a.graph.indices, b.graph.indices)
        return sum(
            float(np.einsum("ipq,ip,iq->", same, a.values[part], b.values[part]))
            for part, same in pairs
        )


def _masked_hsic(a: EdgesState, b: EdgesState) -> float:
    """Unbiased HSIC of the two kernels, each 0 but on the directed edges of both graphs."""
    n = a.n_items
    K, L = (_sparse(s, s.values) for s in (a, b))
    in_k, in_l = (_sparse(s, np.ones_like(s.values)) for s in (a, b))
    K, L = K.multiply(in_l), L.multiply(in_k)
    trace = K.multiply(L.T).sum()
    ends = np.asarray(K.sum(axis=0)).ravel() @ np.asarray(L.sum(axis=1)).ravel()
    sums = K.sum() * L.sum() / ((n - 1) * (n - 2))
    return float((trace + sums - 2.0 * ends / (n - 2)) / (n * (n - 3)))


def _sparse(state: KnnState, values: F64) -> Any:
    n, k = values.shape
    starts = np.arange(0, n * k + 1, k)
    matrix = (values.ravel(), state.graph.indices.ravel(), starts)
    return scipy.sparse.csr_array(matrix, shape=(n, n))


def _unit_rows(rows: F64) -> F64:
    """Rows of norm 1; none of them is 0, or there would be no graph."""
    scaled = rows / np.abs(rows).max(axis=1, keepdims=True)
    unit: F64 = scaled / np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))
    return unit


def _similarities(
    rows: F64, part: slice, neighbors: NDArray[Any], others: F64 | None = None
) -> F64:
    """Inner products of some items with the rows (m, w) named for each."""
    found = (rows if others is None else others)[neighbors]
    products: F64 = np.matmul(found, rows[part, :, None])[:, :, 0]
    return products


def second_order_cosine(X: Any, Y: Any, *, k: int = 10) -> float:
    """Cosine between the similarities of each item to its neighbours in two spaces.

    For each item, its cosine similarities to all that either space names among its k nearest make
    one vector a space; the score is the mean cosine between the two vectors. Near 1 almost
    always, since similarities to neighbours are all large: read it with its null.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item; scores at different k do not compare.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = the same similarities up to one scale an item.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`; and an item that is orthogonal to all its neighbours.

    References
    ----------
    Klabunde, Schumacher, Strohmaier, Lemmerich (2024), arXiv:2305.06329.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((30, 4))
    >>> round(second_order_cosine(X, 3 * X[:, ::-1]), 12)
    1.0
    """
    return SecondOrderCosine(k=k)(X, Y)


def cknna(
    X: Any,
    Y: Any,
    *,
    k: int = 10,
    variant: Literal["paper", "prh-code"] = "paper",
    compat: Compat = None,
) -> float:
    """Centred kernel alignment restricted to nearest neighbours.

    The kernels are cosines. Over pairs (i, j) where j is among the k nearest of i in both
    spaces, the products of the two kernels, each less the mean of row i, are summed; the sum is
    divided by the geometric mean of the same sum of each space with itself.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    k : int in [1, n_items - 2], default 10
        Neighbours an item.
    variant : {"paper", "prh-code"}
        The published formula, or what the paper's code computes: an unbiased HSIC of the two
        masked kernels in which only edges that exist in both directions enter the main term.
    compat : {None, "prh", "prh-script"}
        Clip outliers and add 1e-6 to the denominator as that code does, with its variant.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = the same neighbours and the same similarities. (The
        code's variant is not symmetric, and nothing keeps it in this range.)

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `mutual_knn`; and a space whose alignment with itself is not positive.
    ParameterError
        Another variant or parity mode.

    References
    ----------
    Huh, Cheung, Wang, Isola (2024), The Platonic Representation Hypothesis, arXiv:2405.07987,
    appendix.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((30, 4))
    >>> round(cknna(X, 3 * X[:, ::-1]), 12)
    1.0
    """
    return Cknna(k=k, variant=variant, compat=compat)(X, Y)
