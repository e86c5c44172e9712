"""A null of spaces with the same spectrum, turned at random among the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_resamples
from platonica.linalg import thin_svd
from platonica.rng import as_generator
from platonica.stats.permutation import NullResult, layer_scores
from platonica.stats.selection import Select, selection

__all__ = ["Turning", "surrogate_null"]

F64 = NDArray[np.float64]


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
    n_resamples: int = 199,
    select: Select = "best",
    rng: int | np.random.Generator = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NullResult:
    """Test scores against spaces that have Y's spectrum and nothing else of Y.

    Every resample turns the items of Y by one random orthogonal map, the same for all layers:
    singular values, feature covariance and the relation of the layers to each other stay; hubs,
    clusters and heavy tails go, unlike under exchange of items. It answers whether the spectra
    alone make the score.

    Parameters
    ----------
    measure : Measure
    A : sequence of states
        Prepared layers of X.
    layers : sequence of arrays of shape (n_items, n_features)
        Features of Y; each is prepared again in every resample, at O(n^2 d) and more.
    n_resamples : int, at least 19
    select : Select
    rng : int or Generator
    progress : callable(done, total), optional

    Returns
    -------
    NullResult
    """
    features = [check_features(layer, "Y").astype(np.float64) for layer in layers]
    rule, words = selection(select, measure.spec.direction)
    sign = 1.0 if measure.spec.direction == "similarity" else -1.0
    undefined: dict[tuple[int, int], str] = {}
    scores = layer_scores(measure, A, [measure.prepare(Y, role="y") for Y in features], undefined)
    statistic = float(rule(scores[None])[0])
    generator, null = as_generator(rng), np.empty(check_resamples(n_resamples))
    turning = Turning.of(features)
    for r in range(n_resamples):
        turned = [measure.prepare(Y, role="y") for Y in turning.draw(generator)]
        null[r] = rule(layer_scores(measure, A, turned)[None])[0]
        if progress is not None:
            progress(r + 1, n_resamples)
    at_least = int(np.count_nonzero(sign * null >= sign * statistic))
    where = np.unravel_index(int(np.nanargmax(sign * scores)), scores.shape)
    return NullResult(
        scores=scores,
        statistic=statistic,
        where=(int(where[0]), int(where[1])),
        null_distribution=null,
        pvalue=(1 + at_least) / (1 + n_resamples),
        exchange="items of Y turned by a random orthogonal map: only the spectrum is kept",
        selection=words,
        exhaustive=False,
        stopped_early=False,
        undefined=undefined,
        mean=float(null.mean()),
        std=float(null.std(ddof=1)),
    )
