"""Prediction of one space from another, judged on items that were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.linalg import thin_svd
from platonica.measures._base import Kind, MeasureBase
from platonica.measures._centred import centre
from platonica.measures._folds import fold_labels, splits
from platonica.rows import RowView

__all__ = ["SCORINGS", "Fold", "HeldOut", "Predictor", "Scoring", "Target"]

F64 = NDArray[np.float64]
Slices = Sequence[slice]

Scoring = Literal["r2", "median_r2", "correlation", "median_correlation"]
SCORINGS = ("r2", "median_r2", "correlation", "median_correlation")

STABLE_ROWS = 10
"""Items fitted on for each feature, below which held-out scores grow with the items."""

FLAT = 1e-20
"""Share of its variance below which a space or target varies within folds by rounding only."""


@dataclass(frozen=True)
class Fold:
    """The directions of the features that one fold fits on.

    Attributes
    ----------
    train, test : arrays of int
        Positions of the items that are fitted on, and of those that are predicted.
    basis : array of shape (n_train, rank)
        Orthonormal basis of the features about their mean over ``train``.
    values : array of shape (rank,)
        Its singular values.
    coordinates : array of shape (n_test, rank)
        The items to predict, in the same directions and units.
    unit : float
        Of the ridge, for these values.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    basis: F64
    values: F64
    coordinates: F64
    unit: float


@dataclass(frozen=True)
class Predictor:
    """The predicting space, decomposed for every fold.

    Attributes
    ----------
    source : array or RowView
        Features as they came, a reference: for subsets.
    order : array of shape (n_items,)
        Rows of the source that are the items.
    labels : array of shape (n_items,)
        Fold of each item.
    folds : tuple of Fold
    n_features : int
    """

    source: Any
    order: NDArray[np.int64]
    labels: NDArray[np.int64]
    folds: tuple[Fold, ...]
    n_features: int


@dataclass(frozen=True)
class Target:
    """The predicted space.

    Attributes
    ----------
    source, order, labels
        As in `Predictor`; the labels belong to positions, and stay when items are permuted.
    values : array of shape (n_items, n_targets)
        Centred targets; those that do not vary are left out.
    n_constant : int
        How many were.
    """

    source: Any
    order: NDArray[np.int64]
    labels: NDArray[np.int64]
    values: F64
    n_constant: int


@dataclass(frozen=True)
class HeldOut(MeasureBase):
    """What measures of held-out prediction share; they differ in how they predict a fold."""

    scoring: Scoring = "r2"
    n_folds: int = 5

    def __post_init__(self) -> None:
        if self.scoring not in SCORINGS:
            raise ParameterError(f"scoring must be one of {SCORINGS}, not {self.scoring!r}")
        if isinstance(self.n_folds, bool) or self.n_folds != int(self.n_folds) or self.n_folds < 2:
            raise ParameterError(
                f"n_folds must be a whole number of at least 2, not {self.n_folds!r}"
            )

    def _predict(self, fold: Fold, Y: F64, slices: Slices) -> F64:
        """Predict the test items of a fold (n_test, n_targets), the targets about their mean.

        Parameters
        ----------
        fold : Fold
        Y : array of shape (n_train, n_targets)
            Targets of all layers about their mean over the items that are fitted on.
        slices : sequence of slice
            The columns of each layer.
        """
        raise NotImplementedError

    def _check_fold(self, n_train: int, n_features: int) -> None:
        """Refuse features that leave the fit undetermined."""

    def prepare(
        self,
        X: Any,
        *,
        role: Literal["x", "y"] = "x",
        groups: Sequence[Any] | None = None,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> Predictor | Target:
        """Decompose the predictor for every fold; centre the target.

        Parameters
        ----------
        role : {"x", "y"}
            Predictor or target.
        groups : sequence, optional
            Items of one group are fitted on or tested together.
        folds : sequence of int, optional
            The fold in which each item is tested; -1 for never.
        """
        self._check_input(folds, kind)
        source = X if isinstance(X, RowView) else check_features(X, min_items=self.spec.min_items)
        n = source.shape[0]
        if n < self.spec.min_items:
            raise ShapeError(f"X needs at least {self.spec.min_items} items, not {n}")
        labels = fold_labels(n, self.n_folds, folds, groups)
        return self._state(source, np.arange(n), labels, role)

    def _state(
        self, source: Any, order: NDArray[np.int64], labels: NDArray[np.int64], role: str
    ) -> Predictor | Target:
        rows = source.read_rows(order) if isinstance(source, RowView) else source[order]
        space = centre(rows)
        if role == "y":
            varies = (rows != rows[0]).any(axis=0)
            values = space.array()[:, varies]
            return Target(source, order, labels, values, int(np.count_nonzero(~varies)))
        X, d = space.array(), space.n_features
        if d > len(X):  # the same items in fewer, rotated coordinates
            left, lengths, _ = thin_svd(X)
            X = left * lengths
        folds = tuple(self._fold(X, train, test, d, space.unit) for train, test in splits(labels))
        return Predictor(source, order, labels, folds, d)

    def _fold(
        self, X: F64, train: NDArray[np.int64], test: NDArray[np.int64], d: int, unit: float
    ) -> Fold:
        self._check_fold(len(train), d)
        mean = X[train].mean(axis=0)
        fitted = X[train] - mean
        if np.square(fitted).sum() <= FLAT * np.square(X).sum():
            raise DegenerateInputError("the features are constant over the items of a fold")
        basis, values, right = thin_svd(fitted)
        coordinates = (X[test] - mean) @ (right / values)
        return Fold(train, test, basis, values, coordinates, self._unit(values, d, unit))

    def _unit(self, values: F64, d: int, unit: float) -> float:
        return 1.0

    def permuted(self, state: Predictor | Target, order: NDArray[np.int64]) -> Predictor | Target:
        """Reorder the items.

        A target is exchanged among the positions, whose folds stay as they are. A predictor
        keeps its fits: its folds move along with its items.
        """
        if isinstance(state, Target):
            return replace(state, order=state.order[order], values=state.values[order])
        to = np.argsort(order)
        folds = tuple(replace(f, train=to[f.train], test=to[f.test]) for f in state.folds)
        return replace(state, order=state.order[order], labels=state.labels[order], folds=folds)

    def subset(self, state: Predictor | Target, rows: NDArray[np.int64]) -> Predictor | Target:
        """Fit on the chosen items anew; each stays in its fold."""
        role = "y" if isinstance(state, Target) else "x"
        labels = fold_labels(len(rows), self.n_folds, state.labels[rows])
        return self._state(state.source, state.order[rows], labels, role)

    def score(self, a: Predictor, b: Target) -> float:
        """How well the first space predicts the second."""
        return float(self._scored(a, [b], np.arange(len(a.order))[None])[0, 0])

    def score_all(self, A: Sequence[Predictor], B: Sequence[Target]) -> F64:
        """Scores of all pairs of states, shape (len(A), len(B))."""
        scores: F64 = self.score_permuted(A, B, np.arange(len(A[0].order))[None])[0]
        return scores

    def score_permuted(
        self, A: Sequence[Predictor], B: Sequence[Target], orders: NDArray[np.int64]
    ) -> F64:
        """Scores of all pairs for every permutation of B's items.

        Returns
        -------
        array of shape (len(orders), len(A), len(B))
        """
        return np.stack([self._scored(a, B, orders) for a in A], axis=1)

    def _scored(self, a: Predictor, B: Sequence[Target], orders: NDArray[np.int64]) -> F64:
        """Scores (len(orders), len(B)): all layers of B are predicted side by side."""
        for b in B:
            _check_roles(self.spec.name, a, b)
        ends = np.cumsum([0, *(b.values.shape[1] for b in B)])
        slices = [slice(first, last) for first, last in pairwise(ends)]
        values = np.concatenate([b.values for b in B], axis=1)
        variance = np.square(values).sum(axis=0)
        scores = np.empty((len(orders), len(B)))
        for r, order in enumerate(orders):
            sums = np.zeros((4, values.shape[1]))
            for fold in a.folds:
                Y = values[order[fold.train]]
                mean = Y.mean(axis=0)
                predicted = self._predict(fold, Y - mean, slices)
                sums += _sums(predicted, values[order[fold.test]] - mean)
            for j, part in enumerate(slices):
                scores[r, j] = _summary(self.scoring, sums[:, part], variance[part])
        return scores

    def cautions(self, state: Predictor | Target) -> list[str]:
        """Say when there are few items for the features, and which targets were left out."""
        if isinstance(state, Target):
            if not state.n_constant:
                return []
            return [f"{state.n_constant} constant targets are left out"]
        said = []
        alone = int((state.labels >= 0).sum()) - sum(len(fold.test) for fold in state.folds)
        if alone:
            said.append(f"{alone} items are alone in their fold and are not tested")
        fewest = min(len(fold.train) for fold in state.folds)
        if fewest >= STABLE_ROWS * state.n_features:
            return said
        return [
            *said,
            f"{self.spec.name} fits {fewest} items on {state.n_features} features "
            f"({fewest / state.n_features:.1f} for each); below {STABLE_ROWS} the held-out score "
            "depends on the number of items",
        ]


def _check_roles(name: str, a: Any, b: Any) -> None:
    if not isinstance(a, Predictor) or not isinstance(b, Target):
        raise ParameterError(
            f"{name} predicts the second space from the first: prepare them with role='x' and "
            "role='y'"
        )
    if len(a.order) != len(b.order):
        raise ShapeError(
            f"X and Y must have the same items, but have {len(a.order)} and {len(b.order)}"
        )
    if not np.array_equal(a.labels, b.labels):
        raise ParameterError(f"{name}: X and Y were prepared with different folds")


def _sums(predicted: F64, true: F64) -> F64:
    """Sums over a fold, for every target.

    Returns
    -------
    array of shape (4, n_targets)
        Squared errors; squares of the true and of the predicted values and their products, each
        about its mean over the fold, so that the offsets of the folds play no part.
    """
    error = np.square(true - predicted).sum(axis=0)
    true, predicted = true - true.mean(axis=0), predicted - predicted.mean(axis=0)
    return np.stack(
        [
            error,
            np.square(true).sum(axis=0),
            np.square(predicted).sum(axis=0),
            (true * predicted).sum(axis=0),
        ]
    )


def _summary(scoring: Scoring, sums: F64, variance: F64) -> float:
    """One number for all targets of a layer."""
    error, true, predicted, product = sums
    if scoring == "r2":
        if true.sum() <= FLAT * variance.sum():
            raise DegenerateInputError("Y is constant over the test items of every fold")
        return float(1.0 - error.sum() / true.sum())
    if (true <= FLAT * variance).any():
        raise DegenerateInputError(
            f"{int((true <= FLAT * variance).sum())} targets of Y are constant over the test items "
            f"of every fold; scoring={scoring!r} needs each to vary (scoring='r2' does not)"
        )
    if scoring == "median_r2":
        return float(np.median(1.0 - error / true))
    if (predicted <= FLAT * variance).any():
        raise DegenerateInputError(
            "the predictions of a target do not vary, so that their correlation is undefined"
        )
    correlations = product / np.sqrt(true * predicted)
    average = np.mean if scoring == "correlation" else np.median
    return float(average(correlations))
