"""CKA accumulated over batches of items, as it is often reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures._base import Kind, MeasureBase, MeasureSpec
from platonica.measures._centred import Centred, centre, cross_product
from platonica.measures.kernel import debiased_numerator

__all__ = ["BatchesState", "MinibatchCKA", "minibatch_cka"]

SMALLEST_BATCH = 4


@dataclass(frozen=True)
class BatchesState:
    """One space cut into batches.

    Attributes
    ----------
    batches : tuple of Centred
        Each about its own mean.
    features : array of shape (n_items, n_features)
    labels : array of shape (n_items,), or None
        The batch of each item, where it was given.
    self_term : float
        Sum over batches of HSIC_1 of the space with itself.
    """

    batches: tuple[Centred, ...]
    features: NDArray[Any]
    labels: NDArray[Any] | None
    self_term: float

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.features)


@dataclass(frozen=True)
class MinibatchCKA(MeasureBase):
    """Debiased CKA whose terms are summed over batches before they are divided."""

    batch_size: int = 256

    spec: ClassVar[MeasureSpec] = MeasureSpec(
        name="minibatch_cka",
        direction="similarity",
        bounds=(-1.0, 1.0),
        symmetric=True,
        self_score=1.0,
        paired=True,
        invariant_to=("rotation", "column_permutation", "scaling", "translation"),
        sensitive_to=("invertible_map", "row_scaling", "row_shuffle"),
        family="kernel",
        min_items=4,
        cost="prepare O(n d^2), score O(n d^2); memory O(n d)",
        summary="debiased CKA from sums over batches of items; depends on who shares a batch",
        reference="Nguyen, Raghu & Kornblith 2021, arXiv:2010.15327",
        uses_folds=True,
    )

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Any = None,
        kind: Kind = "features",
    ) -> BatchesState:
        """Centre every batch: those of ``folds``, or ``batch_size`` items in their order."""
        self._check_input(folds, kind)
        X = check_features(X, min_items=self.spec.min_items)
        labels = None if folds is None else np.asarray(folds)
        batches = tuple(
            centre(X[rows], min_items=SMALLEST_BATCH) for rows in self._rows(len(X), labels)
        )
        own = _summed_hsic(batches, batches)
        if not own > 0:
            raise DegenerateInputError(
                f"minibatch_cka is undefined: the estimate of the space with itself is {own:.3g}"
            )
        return BatchesState(batches, X, labels, own)

    def _rows(self, n: int, labels: NDArray[Any] | None) -> list[NDArray[np.int64]]:
        """Items of every batch; what is left over joins the last."""
        if labels is None:
            if self.batch_size < SMALLEST_BATCH:
                raise ParameterError(
                    f"batch_size must be at least {SMALLEST_BATCH}, not {self.batch_size}"
                )
            starts = np.arange(self.batch_size, n - SMALLEST_BATCH + 1, self.batch_size)
            return list(np.split(np.arange(n), starts))
        if labels.shape != (n,):
            raise ShapeError(f"folds must have one entry for each of {n} items, not {labels.shape}")
        batches = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        if min(map(len, batches)) < SMALLEST_BATCH:
            raise ShapeError(f"every batch needs at least {SMALLEST_BATCH} items")
        return batches

    def score(self, a: BatchesState, b: BatchesState) -> float:
        """Ratio of sums over batches, never a mean of ratios."""
        if [x.n_items for x in a.batches] != [y.n_items for y in b.batches]:
            raise ShapeError("X and Y must be cut into the same batches")
        return _summed_hsic(a.batches, b.batches) / float(np.sqrt(a.self_term * b.self_term))

    def permuted(self, state: BatchesState, order: NDArray[np.int64]) -> BatchesState:
        """Other items meet in each batch, so that every batch is centred again."""
        return self.prepare(state.features[order], folds=state.labels)

    def subset(self, state: BatchesState, rows: NDArray[np.int64]) -> BatchesState:
        """Cut the rows into batches."""
        labels = None if state.labels is None else state.labels[rows]
        return self.prepare(state.features[rows], folds=labels)


def _summed_hsic(A: Sequence[Centred], B: Sequence[Centred]) -> float:
    """Sum over batches of HSIC_1, in units of the features."""
    total = 0.0
    for a, b in zip(A, B, strict=True):
        n = a.n_items
        cross = cross_product(a, b)
        numerator = debiased_numerator(float(np.vdot(cross, cross)), a.power, b.power)
        total += float(numerator) / (n * (n - 3) * a.unit**2 * b.unit**2)
    return total


def minibatch_cka(X: Any, Y: Any, *, batch_size: int = 256) -> float:
    """Debiased CKA from sums over batches of items.

    ``sum_b HSIC_1(X_b, Y_b) / sqrt(sum_b HSIC_1(X_b, X_b) sum_b HSIC_1(Y_b, Y_b))``. Offered to
    compare with numbers that were computed so; `debiased_cka` streams without batches and does
    not depend on who shares one.

    Parameters
    ----------
    X : array of shape (n_items, n_features_x)
    Y : array of shape (n_items, n_features_y)
        Row i of both describes the same item; n_items >= 4.
    batch_size : int, at least 4, default 256
        Items of a batch, in their order; fewer than 4 that are left over join the last.

    Returns
    -------
    float
        Similarity of about [-1, 1], unitless; 1 = equal up to rotation, one scale, and in every
        batch a translation.

    Raises
    ------
    ShapeError
        X and Y differ in their number of rows, or have fewer than 4.
    DegenerateInputError
        Non-finite or constant features, in any batch; an estimate of a space with itself that is
        not positive.
    ParameterError
        A batch size below 4.

    References
    ----------
    Nguyen, Raghu, Kornblith (2021), Do Wide and Deep Networks Learn the Same Things?,
    arXiv:2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.random.default_rng(0).standard_normal((2, 40, 3))
    >>> from platonica.measures import debiased_cka
    >>> abs(minibatch_cka(X, Y, batch_size=40) - debiased_cka(X, Y)) < 1e-15
    True
    """
    return MinibatchCKA(batch_size=batch_size)(X, Y)
