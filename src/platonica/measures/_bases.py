"""One space as an orthonormal basis of what its items span: what CCA and its kin compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError
from platonica.exact_moments import KernelSummary
from platonica.linalg import numerical_rank, thin_svd
from platonica.measures._base import Kind, MeasureBase
from platonica.measures._centred import Centred, centre, cross_product
from platonica.rows import RowView

__all__ = ["Basis", "Recipe", "SubspaceMeasure", "check_not_negative", "make_basis"]

F64 = NDArray[np.float64]

STACK_BUDGET = 2 << 30
"""Bytes of bases side by side that a batch of pairs may hold; past it pairs go one by one."""


@dataclass(frozen=True)
class Recipe:
    """Which directions of a space count, and how much.

    Attributes
    ----------
    keep : int, float or None
        Number of leading principal directions, or the share of the variance that they hold.
    ridge : float
        Added to the eigenvalues of the covariance matrix.
    relative : bool
        The ridge is in units of their mean; otherwise in squared units of the features.
    """

    keep: float | None = None
    ridge: float = 0.0
    relative: bool = True


@dataclass(frozen=True)
class Basis:
    """The directions of one space, each multiplied by its gain.

    In memory ``rows`` holds the basis itself, from a singular value decomposition of the centred
    features. A space that is streamed is read again for every product, and ``whitening`` turns
    its features into the basis; it comes from their covariance, whose square root keeps half of
    the digits: directions below about 1e-8 of the strongest are then lost in rounding.

    Attributes
    ----------
    source : array or RowView of shape (n_rows, n_features)
        Features as they came, a reference: for subsets.
    order : array of shape (n_items,), or None
        Rows of the source that are the items; None for all in their order.
    rows : Centred
    whitening : array of shape (n_features, rank), or None
    loadings : array of shape (n_features, rank)
        Inner products of the centred features with the directions, up to one common unit.
    gain : array of shape (rank,)
        s / sqrt(s^2 + ridge) of each singular value s: 1 without a ridge.
    full_rank : int
        Number of directions before those beyond `Recipe.keep` were left out.
    """

    source: Any
    order: NDArray[np.int64] | None
    rows: Centred
    whitening: F64 | None
    loadings: F64
    gain: F64
    full_rank: int

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.rows.n_items

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.loadings)

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.gain)

    @cached_property
    def projector(self) -> KernelSummary | None:
        """What the projection on the directions adds to the moments of a product of two.

        None for a space that is streamed.
        """
        return None if self.whitening is not None else KernelSummary.of_features(self.rows.array())

    def cross(self, other: Basis) -> F64:
        """Inner products (rank, other.rank) of the directions of two spaces."""
        product = cross_product(self.rows, other.rows)
        if self.whitening is not None:
            product = self.whitening.T @ product
        return product if other.whitening is None else product @ other.whitening

    def permuted(self, order: NDArray[np.int64]) -> Basis:
        """Reorder the items; nothing is computed again."""
        at = order if self.order is None else self.order[order]
        return replace(self, order=at, rows=self.rows.permuted(order))

    def subset(self, rows: NDArray[np.int64], recipe: Recipe) -> Basis:
        """Some items, about a mean of their own."""
        at = rows if self.order is None else self.order[rows]
        if self.rows.streams:
            return _decomposed(self.source, at, self.rows.subset(rows), recipe)
        part = self.source.read_rows(at) if isinstance(self.source, RowView) else self.source[at]
        return make_basis(part, recipe)


def make_basis(X: Any, recipe: Recipe, *, min_items: int = 2) -> Basis:
    """Decompose the centred features.

    Parameters
    ----------
    X : array or RowView of shape (n_items, n_features)
    recipe : Recipe

    Raises
    ------
    ShapeError
        As in `check_features`.
    DegenerateInputError
        As in `check_features`; as many features as items, or more, with neither truncation nor
        ridge; fewer directions than are to be kept.
    """
    source = X if isinstance(X, RowView) else check_features(X, min_items=min_items)
    return _decomposed(source, None, centre(source, min_items=min_items), recipe)


def _decomposed(
    source: Any, order: NDArray[np.int64] | None, space: Centred, recipe: Recipe
) -> Basis:
    n, d = space.n_items, space.n_features
    if recipe.keep is None and recipe.ridge == 0.0 and d >= n:
        raise DegenerateInputError(
            f"{d} features for {n} items reproduce any other space exactly: take more items than "
            "features, or ask for a truncation (svcca) or, where there is one, a ridge"
        )
    if space.streams:
        left, values, right = _from_scatter(space)
    else:
        left, values, right = thin_svd(space.array())
    full, kept = len(values), _count(recipe.keep, values)
    unit = n / d if recipe.relative else n * space.unit**2
    values, right = values[:kept], right[:, :kept]
    gain = values / np.hypot(values, np.sqrt(recipe.ridge * unit))
    loadings = right * values
    if left is None:
        whitening = right * (gain / values)
        return Basis(source, order, space, whitening, loadings, gain, full)
    basis = left[:, :kept] * gain
    rows = Centred(basis, None, None, 1.0, np.einsum("ij,ij->i", basis, basis))
    return Basis(source, order, rows, None, loadings, gain, full)


def _from_scatter(space: Centred) -> tuple[None, F64, F64]:
    """Singular values and right vectors from the covariance of a space that is streamed."""
    squares, right = np.linalg.eigh(space.scatter)
    squares, right = squares[::-1], right[:, ::-1]
    rank = numerical_rank(squares, max(space.n_items, space.n_features))
    return None, np.sqrt(squares[:rank]), right[:, :rank]


def _count(keep: float | None, values: F64) -> int:
    """Return the number of leading directions to keep."""
    if keep is None:
        return len(values)
    if isinstance(keep, Integral):
        if keep > len(values):
            raise DegenerateInputError(
                f"components={keep}: the features have only {len(values)} principal directions "
                "above rounding"
            )
        return int(keep)
    shares = np.cumsum(values**2)
    # A share that is reached up to rounding is reached.
    return int(np.searchsorted(shares, keep * shares[-1] * (1.0 - 1e-12))) + 1


@dataclass(frozen=True)
class SubspaceMeasure(MeasureBase):
    """What all measures of two bases share: they differ in what they make of the products."""

    def _recipe(self) -> Recipe:
        return Recipe()

    def _value(self, cross: F64, a: Basis, b: Basis) -> float:
        raise NotImplementedError

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> Basis:
        """Decompose the centred features, once a space."""
        self._check_input(folds, kind)
        return make_basis(X, self._recipe(), min_items=self.spec.min_items)

    def score(self, a: Basis, b: Basis) -> float:
        """The score of two bases of the same items."""
        self._check_ranks(a, b)
        return float(self._value(a.cross(b), a, b))

    def permuted(self, state: Basis, order: NDArray[np.int64]) -> Basis:
        """Reorder the items; nothing is computed again."""
        return state.permuted(order)

    def subset(self, state: Basis, rows: NDArray[np.int64]) -> Basis:
        """Decompose the features of the chosen items about their own mean."""
        return state.subset(rows, self._recipe())

    def score_all(self, A: Sequence[Basis], B: Sequence[Basis]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        scores: F64 = self._scored(A, B, np.arange(A[0].n_items)[None])[0]
        return scores

    def score_permuted(
        self, A: Sequence[Basis], B: Sequence[Basis], orders: NDArray[np.int64]
    ) -> F64:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        return self._scored(A, B, orders)

    def cautions(self, state: Basis) -> list[str]:
        """Say how many directions a space of deficient rank has."""
        if self._recipe().ridge > 0 or state.rank == state.n_features:
            return []
        lost = " (its covariance shows none below 1e-8)" if state.whitening is not None else ""
        return [
            f"{self.spec.name} compares {state.rank} directions: the {state.n_features} features "
            f"have no more above rounding{lost}"
        ]

    def _check_ranks(self, a: Basis, b: Basis) -> None:
        """Refuse pairs whose spans meet whatever the data are."""
        if self._recipe().ridge == 0 and a.rank + b.rank >= a.n_items:
            raise DegenerateInputError(
                f"X and Y have {a.rank} and {b.rank} directions of their features, together no "
                f"fewer than their {a.n_items} items: {a.rank + b.rank - a.n_items + 1} "
                "correlations are exactly 1 for any data. Take more items, or fewer directions "
                "(svcca), or a ridge where there is one"
            )

    def _scored(self, A: Sequence[Basis], B: Sequence[Basis], orders: NDArray[np.int64]) -> F64:
        """One product of all bases side by side serves all pairs of layers."""
        width = sum(a.rank for a in A) + sum(b.rank for b in B)
        streams = any(state.whitening is not None for state in (*A, *B))
        if streams or 8 * A[0].n_items * width > STACK_BUDGET:
            moved = ([self.permuted(b, order) for b in B] for order in orders)
            return np.array([[[self.score(a, b) for b in Bs] for a in A] for Bs in moved])
        for a in A:
            for b in B:
                self._check_ranks(a, b)
        left = np.concatenate([a.rows.array() for a in A], axis=1).T
        right = np.concatenate([b.rows.array() for b in B], axis=1)
        at_x, at_y = (np.cumsum([0, *(s.rank for s in states)]) for states in (A, B))
        scores = np.empty((len(orders), len(A), len(B)))
        for r, order in enumerate(orders):
            cross = left @ right[order]
            for i, a in enumerate(A):
                for j, b in enumerate(B):
                    block = cross[at_x[i] : at_x[i + 1], at_y[j] : at_y[j + 1]]
                    scores[r, i, j] = self._value(block, a, b)
        return scores


def check_not_negative(name: str, value: float | None) -> None:
    """Refuse a negative or infinite parameter.

    Raises
    ------
    ParameterError
        One such.
    """
    if value is not None and not 0.0 <= value < np.inf:
        raise ParameterError(f"{name} must be a number of at least 0, not {value!r}")
