"""What all measures of aligned kernels share: one centred kernel, and batches over layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError
from platonica.exact_moments import (
    KernelSummary,
    PairingMoments,
    UCentredSummary,
    kernel_moments,
    u_centred_moments,
)
from platonica.measures._base import Kind, MeasureBase, Moments
from platonica.measures._centred import Centred, centre, cross_product
from platonica.measures._stacks import STACK_BUDGET, half_products, symmetric_products

__all__ = [
    "CANCELLATION",
    "KernelAlignment",
    "KernelState",
    "debiased_moments",
    "fields_of",
    "own_terms",
    "product_moments",
    "units",
]

F64 = NDArray[np.float64]

CANCELLATION = 1e-12
"""Share of its terms below which a debiased self term is rounding error and not a value."""


@dataclass(frozen=True)
class KernelState:
    """One centred kernel.

    Attributes
    ----------
    space : Centred or None
        Centred features of a linear kernel.
    gram : array of shape (n_items, n_items), or None
        Centred Gram matrix; held where it makes pairs of layers cheaper.
    power : array of shape (n_items,)
        Diagonal of the centred Gram matrix; its mean is 1.
    unit : float
        The kernel in its own units, times unit squared, is the kernel that is held.
    self_term : float
        The numerator of the score of the space with itself.
    """

    space: Centred | None
    gram: F64 | None
    power: F64
    unit: float
    self_term: float

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.power)

    def to_gram(self) -> F64:
        """Return the centred Gram matrix (n_items, n_items), made if it is not held."""
        if self.gram is not None:
            return self.gram
        assert self.space is not None
        rows = self.space.array()
        return rows @ rows.T

    @property
    def holds_kernel(self) -> bool:
        """The kernel, or features that make it, are in memory."""
        return self.gram is not None or (self.space is not None and not self.space.streams)

    @cached_property
    def cubes(self) -> KernelSummary:
        """What the kernel adds to the skewness of a biased alignment."""
        if self.gram is not None:
            return KernelSummary.of_gram(self.gram)
        assert self.space is not None
        return KernelSummary.of_features(self.space.array())

    @cached_property
    def u_centred(self) -> UCentredSummary:
        """What the kernel adds to the skewness of a debiased alignment."""
        if self.gram is not None:
            return UCentredSummary.of_matrix(self.gram)
        assert self.space is not None
        return UCentredSummary.of_features(self.space.array())


@dataclass(frozen=True)
class KernelAlignment(MeasureBase):
    """A score made of one inner product of two centred kernels and of their diagonals."""

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KernelState:
        """Centre in float64, and form the Gram matrix where that is worth it."""
        self._check_input(folds, kind)
        return self._of_space(centre(X, min_items=self.spec.min_items))

    def _of_space(self, space: Centred) -> KernelState:
        # Two Gram matrices meet in n^2 steps, two feature matrices in n d^2.
        if space.n_items > 2 * space.n_features or space.streams:
            return self._complete(KernelState(space, None, space.power, space.unit, np.nan))
        rows = space.array()
        kept = space if space.n_items >= space.n_features else None
        return self._complete(KernelState(kept, rows @ rows.T, space.power, space.unit, np.nan))

    def _complete(self, state: KernelState) -> KernelState:
        squared = _squared_cross(state, state)
        own = float(self._numerator(squared, state.power, state.power))
        if own <= CANCELLATION * squared:
            raise DegenerateInputError(
                f"{self.spec.name} is undefined: the estimate of the space with itself is 0 up "
                "to rounding, as where all items are equally far from one another"
            )
        return replace(state, self_term=own)

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        """Combine the inner product of the kernels with their diagonals (..., n_items)."""
        raise NotImplementedError

    def _finish(self, numerators: F64, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        """Turn numerators (..., len(A), len(B)) into scores."""
        scores: F64 = numerators / own_terms(A, B)
        return scores

    def score(self, a: KernelState, b: KernelState) -> float:
        """The alignment of two states of the same items."""
        numerator = self._numerator(_squared_cross(a, b), a.power, b.power)
        return float(self._finish(np.array([[numerator]]), [a], [b])[0, 0])

    def permuted(self, state: KernelState, order: NDArray[np.int64]) -> KernelState:
        """Reorder the items; nothing is computed again."""
        return replace(
            state,
            space=None if state.space is None else state.space.permuted(order),
            gram=None if state.gram is None else state.gram[np.ix_(order, order)],
            power=state.power[order],
        )

    def subset(self, state: KernelState, rows: NDArray[np.int64]) -> KernelState:
        """Take rows and centre them about their own mean."""
        if state.space is not None:
            return self._of_space(state.space.subset(rows))
        assert state.gram is not None
        part = state.gram[np.ix_(rows, rows)]
        return self._of_gram(part, state.unit)

    def _of_gram(self, gram: F64, unit: float = 1.0) -> KernelState:
        """Centre a Gram matrix about the mean of its items."""
        mean = gram.mean(axis=0)
        part = gram - mean - mean[:, None] + mean.mean()
        power = np.diagonal(part).copy()
        scale = power.mean()
        if not scale > 0:
            raise DegenerateInputError("X is constant: all items are equal")
        part /= scale
        return self._complete(
            KernelState(None, part, power / scale, float(unit / np.sqrt(scale)), np.nan)
        )

    def score_all(self, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        grams_a, grams_b = [a.gram for a in A], [b.gram for b in B]
        if any(gram is None for gram in (*grams_a, *grams_b)):
            return np.array([[self.score(a, b) for b in B] for a in A])
        cross = symmetric_products(grams_a, grams_b)
        p, q = np.stack([a.power for a in A]), np.stack([b.power for b in B])
        return self._finish(self._numerator(cross, p, q), A, B)

    def score_permuted(
        self, A: Sequence[KernelState], B: Sequence[KernelState], orders: NDArray[np.int64]
    ) -> F64:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        if _gram_bytes(A, B) > STACK_BUDGET:
            permuted = ([self.permuted(b, order) for b in B] for order in orders)
            return np.array([[[self.score(a, b) for b in Bs] for a in A] for Bs in permuted])
        return self._finish(self._permuted_numerators(A, B, orders), A, B)

    def _permuted_numerators(
        self, A: Sequence[KernelState], B: Sequence[KernelState], orders: NDArray[np.int64]
    ) -> F64:
        """One product of stacked half Gram matrices serves all pairs of layers at once."""
        if len(A) < len(B):  # permuting A by the inverse is the same and moves less
            inverse = np.argsort(orders, axis=1)
            return self._permuted_numerators(B, A, inverse).transpose(0, 2, 1)
        n = A[0].n_items
        rows, columns = np.triu_indices(n)
        fixed = np.stack([a.to_gram()[rows, columns] for a in A])
        fixed *= np.where(rows == columns, 1.0, 2.0)  # an entry above the diagonal stands twice
        moving = np.stack([b.to_gram().ravel() for b in B], axis=1)
        p, q = np.stack([a.power for a in A]), np.stack([b.power for b in B])
        numerators = np.empty((len(orders), len(A), len(B)))
        for r, cross in half_products(fixed, moving, orders, diagonal=True):
            numerators[r] = self._numerator(cross, p, q[:, orders[r]])
        return numerators


def product_moments(a: KernelState, b: KernelState) -> Moments:
    """Exact moments of the biased alignment of two kernels under free exchange."""
    summaries = (KernelSummary.of_traces(state.power, state.self_term) for state in (a, b))
    exact = kernel_moments(*summaries).over(float(np.sqrt(a.self_term * b.self_term)))
    skewness = _skewness(a, b, lambda: kernel_moments(a.cubes, b.cubes))
    return Moments(mean=exact.mean, variance=exact.variance, skewness=skewness)


def debiased_moments(a: KernelState, b: KernelState, scale: float = 1.0) -> Moments:
    """Exact moments of the debiased alignment of two kernels under free exchange.

    Parameters
    ----------
    a, b : KernelState
    scale : float
        What the alignment is multiplied by.
    """
    n = a.n_items
    skewness = _skewness(a, b, lambda: u_centred_moments(a.u_centred, b.u_centred))
    return Moments(mean=0.0, variance=scale**2 * 2.0 / (n * (n - 3)), skewness=skewness)


def _skewness(
    a: KernelState, b: KernelState, moments: Callable[[], PairingMoments]
) -> Callable[[], float | None]:
    """Skewness, computed when it is read; unknown where a space is streamed."""
    known = a.holds_kernel and b.holds_kernel
    return lambda: moments().skewness if known else None


def fields_of(state: Any) -> dict[str, Any]:
    """Fields of a state by name, without what was cached beside them."""
    return {field.name: getattr(state, field.name) for field in fields(state)}


def own_terms(A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
    """Geometric means of the self terms of all pairs, shape (len(A), len(B))."""
    roots: F64 = np.sqrt(np.outer([a.self_term for a in A], [b.self_term for b in B]))
    return roots


def units(A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
    """What a product of two kernels in their own units is multiplied by, (len(A), len(B))."""
    product: F64 = np.outer([a.unit**2 for a in A], [b.unit**2 for b in B])
    return product


def _squared_cross(a: KernelState, b: KernelState) -> float:
    """Inner product <K, L> of two centred kernels, by whichever product is smallest."""
    if a.gram is not None and b.gram is not None:
        return float(np.vdot(a.gram, b.gram))
    if a.space is not None and b.space is not None:
        cross = a.space.scatter if a is b else cross_product(a.space, b.space)
        return float(np.vdot(cross, cross))
    if a.gram is None:
        a, b = b, a
    assert a.gram is not None
    assert b.space is not None
    rows = b.space.array()
    return float(np.vdot(a.gram @ rows, rows))


def _gram_bytes(A: Sequence[KernelState], B: Sequence[KernelState]) -> int:
    n = A[0].n_items
    return 8 * n * n * (len(A) + 2 * len(B))
