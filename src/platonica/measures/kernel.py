"""Centred kernel alignment, biased and debiased, from centred features or Gram matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec, Moments

__all__ = ["CKA", "DebiasedCKA", "KernelState", "cka", "debiased_cka"]

F64 = NDArray[np.float64]

GRAM_BUDGET = 2 << 30
"""Bytes of Gram matrices that a batch of permutations may hold; past it features are used."""


CANCELLATION = 1e-12
"""Share of its terms below which a debiased self term is rounding error and not a value."""


@dataclass(frozen=True)
class KernelState:
    """One centred space, scaled so that the mean squared norm of its items is about 1.

    Attributes
    ----------
    features : array of shape (n_items, n_features), or None
        Centred; kept where n_items >= n_features.
    gram : array of shape (n_items, n_items), or None
        Centred; kept where n_items < n_features.
    power : array of shape (n_items,)
        Squared norm of each item: the diagonal of the centred Gram matrix.
    self_term : float
        The numerator of the score of the space with itself.
    """

    features: F64 | None
    gram: F64 | None
    power: F64
    self_term: float

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.power)

    def to_gram(self) -> F64:
        """Return the centred Gram matrix (n_items, n_items), made if it is not held."""
        if self.gram is not None:
            return self.gram
        assert self.features is not None
        return self.features @ self.features.T


@dataclass(frozen=True)
class _KernelAlignment(MeasureBase):
    """What both estimators share; they differ in one term of the numerator."""

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> KernelState:
        """Centre in float64, and form the Gram matrix where it is the smaller of the two."""
        self._check_input(folds, kind)
        X = check_features(X, min_items=self.spec.min_items)
        # A power of two near the largest value changes no digit and keeps fourth powers in range.
        largest = np.abs(X).max()
        X = np.ldexp(X.astype(np.float64), -int(np.frexp(largest)[1]))
        return self._state(X - X.mean(axis=0))

    def _state(self, centred: F64) -> KernelState:
        power = np.einsum("ij,ij->i", centred, centred)
        if power.sum() == 0.0:
            raise DegenerateInputError("the features are constant: all items are equal")
        unit = 1.0 / np.sqrt(power.mean())
        centred, power = centred * unit, power * unit**2
        if len(centred) < centred.shape[1]:
            return self._complete(None, centred @ centred.T, power)
        return self._complete(centred, None, power)

    def _complete(self, features: F64 | None, gram: F64 | None, power: F64) -> KernelState:
        state = KernelState(features, gram, power, np.nan)
        squared = _squared_cross(state, state)
        own = self._numerator(squared, power, power)
        if own <= CANCELLATION * squared:
            raise DegenerateInputError(
                f"{self.spec.name} is undefined: the estimate of the space with itself is 0 up "
                "to rounding, as where all items are equally far from one another"
            )
        return KernelState(features, gram, power, float(own))

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        raise NotImplementedError

    def score(self, a: KernelState, b: KernelState) -> float:
        """The alignment of two states of the same items."""
        numerator = self._numerator(_squared_cross(a, b), a.power, b.power)
        return float(numerator / np.sqrt(a.self_term * b.self_term))

    def permuted(self, state: KernelState, order: NDArray[np.int64]) -> KernelState:
        """Reorder the items; nothing is computed again."""
        return KernelState(
            None if state.features is None else state.features[order],
            None if state.gram is None else state.gram[np.ix_(order, order)],
            state.power[order],
            state.self_term,
        )

    def subset(self, state: KernelState, rows: NDArray[np.int64]) -> KernelState:
        """Take rows and centre them about their own mean."""
        if state.features is not None:
            part = state.features[rows]
            return self._state(part - part.mean(axis=0))
        assert state.gram is not None
        part = state.gram[np.ix_(rows, rows)]
        mean = part.mean(axis=0)
        part = part - mean - mean[:, None] + mean.mean()
        return self._complete(None, part, np.diagonal(part).copy())

    def score_all(self, A: Sequence[KernelState], B: Sequence[KernelState]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        identity = np.arange(A[0].n_items)[None]
        if _gram_bytes(A, B) > GRAM_BUDGET:
            return np.array([[self.score(a, b) for b in B] for a in A])
        scores: F64 = self._by_grams(A, B, identity)[0]
        return scores

    def score_permuted(
        self, A: Sequence[KernelState], B: Sequence[KernelState], orders: NDArray[np.int64]
    ) -> F64:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        if _gram_bytes(A, B) > GRAM_BUDGET:
            permuted = ([self.permuted(b, order) for b in B] for order in orders)
            return np.array([[[self.score(a, b) for b in Bs] for a in A] for Bs in permuted])
        return self._by_grams(A, B, orders)

    def _by_grams(
        self, A: Sequence[KernelState], B: Sequence[KernelState], orders: NDArray[np.int64]
    ) -> F64:
        """One product of stacked half Gram matrices serves all pairs of layers at once."""
        if len(A) < len(B):  # permuting A by the inverse is the same and moves less
            inverse = np.argsort(orders, axis=1)
            return self._by_grams(B, A, inverse).transpose(0, 2, 1)
        n = A[0].n_items
        rows, columns = np.triu_indices(n)
        fixed = np.stack([a.to_gram()[rows, columns] for a in A])
        fixed *= np.where(rows == columns, 1.0, 2.0)  # an entry above the diagonal stands twice
        moving = np.stack([b.to_gram().ravel() for b in B])
        p, q = np.stack([a.power for a in A]), np.stack([b.power for b in B])
        own = np.sqrt(np.outer([a.self_term for a in A], [b.self_term for b in B]))
        scores = np.empty((len(orders), len(A), len(B)))
        for r, order in enumerate(orders):
            at = order[rows] * n + order[columns]
            cross = fixed @ np.take(moving, at, axis=1).T
            scores[r] = self._numerator(cross, p, q[:, order]) / own
        return scores


@dataclass(frozen=True)
class CKA(_KernelAlignment):
    """Linear CKA, biased: the RV coefficient."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="cka",
        direction="similarity",
        bounds=(0.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))",
        summary="squared cross-covariance of two spaces, relative to their own (RV coefficient)",
        reference="Kornblith et al. 2019, arXiv:1905.00414; Robert & Escoufier 1976",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        return squared_cross

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact mean under free exchange: grows with the width of both spaces."""
        traces = a.power.sum() * b.power.sum()
        return Moments(mean=float(traces / (a.n_items - 1) / np.sqrt(a.self_term * b.self_term)))


@dataclass(frozen=True)
class DebiasedCKA(_KernelAlignment):
    """Linear CKA with the unbiased estimator of HSIC."""

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="debiased_cka",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d min(n, d)), score O(n d^2) or O(n^2); memory O(n min(n, d))",
        summary="CKA with the unbiased HSIC estimator; 0 on average for unrelated spaces",
        reference="Song et al. 2012, JMLR 13; Nguyen, Raghu & Kornblith 2021, arXiv:2010.15327",
    )

    def _numerator(self, squared_cross: Any, p: F64, q: F64) -> Any:
        # n (n - 3) HSIC_1 in terms of centred features: no n x n matrix is needed.
        n = p.shape[-1]
        sums = np.multiply.outer(p.sum(axis=-1), q.sum(axis=-1))
        return squared_cross - n / (n - 2) * (p @ q.T) + sums / ((n - 1) * (n - 2))

    def null_moments(self, a: KernelState, b: KernelState) -> Moments:
        """Exact: mean 0 and variance 2 / (n (n - 3)), whatever the spaces."""
        return Moments(mean=0.0, variance=2.0 / (a.n_items * (a.n_items - 3)))

    def cautions(self, state: KernelState) -> list[str]:
        """Say when there are too few items for the estimate to mean anything."""
        if state.n_items < 20:
            return [f"debiased CKA of {state.n_items} items is legal but hardly informative"]
        return []


def _squared_cross(a: KernelState, b: KernelState) -> float:
    """Sum of squares of the cross-covariance: <K, L>, by whichever product is smallest."""
    if a.gram is not None and b.gram is not None:
        return float(np.vdot(a.gram, b.gram))
    if a.gram is None and b.gram is None:
        assert a.features is not None
        assert b.features is not None
        cross = a.features.T @ b.features
        return float(np.vdot(cross, cross))
    if a.gram is None:
        a, b = b, a
    assert a.gram is not None
    assert b.features is not None
    return float(np.vdot(a.gram @ b.features, b.features))


def _gram_bytes(A: Sequence[KernelState], B: Sequence[KernelState]) -> int:
    n = A[0].n_items
    return 8 * n * n * (len(A) + 2 * len(B))


def cka(X: Any, Y: Any) -> float:
    """Linear centred kernel alignment of two feature spaces, the biased estimator.

    ``||Xc' Yc||^2 / (||Xc' Xc|| ||Yc' Yc||)`` of the centred features, in float64. It is also
    the RV coefficient. Unrelated spaces score above 0, the more the wider they are: print it
    with its null, or use `debiased_cka`.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in [0, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton (2019), Similarity of Neural Network Representations
    Revisited, arXiv:1905.00414.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> round(cka(X, [[0.0], [2.0], [4.0], [6.0]]), 12)
    1.0
    """
    return CKA()(X, Y)


def debiased_cka(X: Any, Y: Any) -> float:
    """Linear centred kernel alignment of two feature spaces with the unbiased HSIC estimator.

    ``HSIC_1(X, Y) / sqrt(HSIC_1(X, X) HSIC_1(Y, Y))``; each term corrects for the finite number
    of items, so that unrelated spaces score 0 on average, with variance 2 / (n (n - 3)).
    Negative values are estimates like any other and are returned as they are.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.

    Returns
    -------
    float
        Similarity in [-1, 1], unitless; 1 = equal up to rotation, translation and one scale.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, or an estimate of a space with itself that is not
        positive.

    References
    ----------
    Song, Smola, Gretton, Bedo, Borgwardt (2012), Feature Selection via Dependence
    Maximization, JMLR 13. Nguyen, Raghu, Kornblith (2021), arXiv:2010.15327.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [4.0], [9.0]]
    >>> round(debiased_cka(X, [[0.0], [3.0], [6.0], [12.0], [27.0]]), 12)
    1.0
    """
    return DebiasedCKA()(X, Y)
