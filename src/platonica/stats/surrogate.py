"""A null of spaces with the same spectrum, turned at random among the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_resamples
from platonica.rng import as_generator
from platonica.stats.permutation import NullResult, layer_scores
from platonica.stats.selection import Select, selection

__all__ = ["random_rotation", "surrogate_null"]

F64 = NDArray[np.float64]


def random_rotation(n_items: int, rng: int | np.random.Generator) -> F64:
    """Draw a uniform orthogonal map of items that leaves their mean where it is.

    Returns
    -------
    array of shape (n_items, n_items)
        Orthogonal, with Q 1 = 1; uniform on such maps.
    """
    generator = as_generator(rng)
    gaussian = generator.standard_normal((n_items - 1, n_items - 1))
    q, r = np.linalg.qr(gaussian)
    q *= np.sign(np.diagonal(r))  # without this the map would not be uniform
    # A basis of the space orthogonal to the constant vector: a Householder reflection.
    corner = np.zeros(n_items)
    corner[0] = 1.0
    axis = corner - np.full(n_items, n_items**-0.5)
    reflection = np.eye(n_items) - 2 * np.outer(axis, axis) / (axis @ axis)
    basis = reflection[:, 1:]
    turned: F64 = basis @ q @ basis.T
    turned += 1.0 / n_items
    return turned


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
    for r in range(n_resamples):
        turn = random_rotation(len(features[0]), generator)
        turned = [measure.prepare(turn @ Y, role="y") for Y in features]
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
