"""A null of spaces with the same spectrum, turned at random among the items."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_resamples
from platonica.linalg import thin_svd
from platonica.rng import as_generator
from platonica.stats.exchange import Exchange
from platonica.stats.permutation import (
    NullResult,
    check_reachable,
    layer_scores,
    permutation_null,
)
from platonica.stats.selection import Select, selection

__all__ = ["Turning", "surrogate_null"]

F64 = NDArray[np.float64]

LEAST_PERMUTATIONS = 199
"""Permutations prepare nothing again, so that a few more than turned spaces cost little."""


@dataclass(frozen=True)
class Turning:
    """Layers whose items can be turned at random, all by the same map.

    Attributes
    ----------
    means : tuple of arrays of shape (n_features,)
    loadings : tuple of arrays of shape (rank, n_features)
        Of each layer on the directions that its items share with the other layers'.
    n_items : int
    """

    means: tuple[F64, ...]
    loadings: tuple[F64, ...]
    n_items: int

    @classmethod
    def of(cls, layers: Sequence[F64]) -> Turning:
        """Split layers (n_items, n_features) into directions of items and what lies on them."""
        means = tuple(layer.mean(axis=0) for layer in layers)
        centred = [layer - mean for layer, mean in zip(layers, means, strict=True)]
        _, values, right = thin_svd(np.concatenate(centred, axis=1))
        ends = np.cumsum([layer.shape[1] for layer in layers])[:-1]
        return cls(means, tuple(np.split(values[:, None] * right.T, ends, axis=1)), len(layers[0]))

    def draw(self, generator: np.random.Generator) -> list[F64]:
        """Turn the items of all layers by one uniform orthogonal map that keeps their mean.

        Only where the map takes the directions of the layers matters: a uniform orthonormal
        frame among the directions that are orthogonal to the mean.
        """
        gaussian = generator.standard_normal((self.n_items, len(self.loadings[0])))
        frame, corner = np.linalg.qr(gaussian - gaussian.mean(axis=0))
        frame *= np.sign(np.diagonal(corner))  # without this it would not be uniform
        return [mean + frame @ part for mean, part in zip(self.means, self.loadings, strict=True)]


def surrogate_null(
    measure: Any,
    A: Sequence[Any],
    layers: Sequence[Any],
    *,
    exchange: Exchange,
    n_resamples: int = 199,
    select: Select = "best",
    alpha: float = 0.05,
    groups: Sequence[Hashable] | None = None,
    folds: Sequence[int] | None = None,
    rng: int | np.random.Generator = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NullResult:
    """Test scores against spaces that have Y's spectrum and nothing else of Y.

    Every resample turns the items of Y by one random orthogonal map, the same for all layers:
    singular values, feature covariance and the relation of the layers to each other stay; hubs,
    clusters and heavy tails go, unlike under exchange of items. It answers whether the spectra
    alone make the score. Since hubs and copies of Y can lift a score above that with nothing
    shared, the items are exchanged as well, and the larger of both p-values holds.

    Parameters
    ----------
    measure : Measure
    A : sequence of states
        Prepared layers of X.
    layers : sequence of arrays of shape (n_items, n_features)
        Features of Y; each is prepared again in every resample, at O(n^2 d) and more.
    exchange : Exchange
        Which items may change places in the permutations.
    n_resamples : int, at least 19
        Turned spaces; there are as many permutations, and at least 199.
    select : Select
    alpha : float in (0, 1), default 0.05
        Level that the test must be able to reach.
    groups, folds : sequences of length n_items, optional
        As the layers of X were prepared with.
    rng : int or Generator
    progress : callable(done, total), optional

    Returns
    -------
    NullResult
        Its null distribution is that of the turned spaces.
    """
    features = [check_features(layer, "Y").astype(np.float64) for layer in layers]
    generator = as_generator(rng)

    def prepare(Y: F64) -> Any:
        return measure.prepare(Y, role="y", groups=groups, folds=folds)

    exchanged = permutation_null(
        measure,
        A,
        [prepare(Y) for Y in features],
        exchange=exchange,
        n_resamples=max(n_resamples, LEAST_PERMUTATIONS),
        select=select,
        alpha=alpha,
        rng=generator,
    )
    check_reachable(Exchange.of(exchange.n_items), check_resamples(n_resamples), alpha)
    rule, _ = selection(select, measure.spec.direction)
    null, turning = np.empty(n_resamples), Turning.of(features)
    for r in range(n_resamples):
        turned = [prepare(Y) for Y in turning.draw(generator)]
        null[r] = rule(layer_scores(measure, A, turned)[None])[0]
        if progress is not None:
            progress(r + 1, n_resamples)
    sign = 1.0 if measure.spec.direction == "similarity" else -1.0
    at_least = int(np.count_nonzero(sign * null >= sign * exchanged.statistic))
    return replace(
        exchanged,
        null_distribution=null,
        pvalue=max(exchanged.pvalue, (1 + at_least) / (1 + n_resamples)),
        exchange="items of Y turned by a random orthogonal map: only the spectrum is kept (p: the "
        f"larger of that and of {exchange.words})",
        exhaustive=False,
        mean=float(null.mean()),
        std=float(null.std(ddof=1)),
    )
