"""Models as points in a plane, by their dissimilarity: metric scaling and how well it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platonica.report.grids import Grid
from platonica.report.views import ModelView

__all__ = ["ModelMap", "dissimilarities", "map_models", "metric_scaling", "stress"]

Matrix = NDArray[np.float64]

_N_STEPS = 500
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class ModelMap:
    """A 2-D map of models, or the reason why there is none.

    Attributes
    ----------
    models : tuple of ModelView
        Those on the map.
    points : array of shape (n_models, 2)
        Distances stand for 1 - calibrated score; direction means nothing.
    stress : float
        Kruskal's stress-1 in [0, 1]: 0 when the distances are met exactly.
    n_pairs, n_missing : int
        Pairs among all models, and how many of them have no calibrated score.
    left_out : tuple of ModelView
        Models without a calibrated score to some other.
    reason : str
        Why no map is drawn; empty when one is.
    """

    models: tuple[ModelView, ...]
    points: Matrix
    stress: float
    n_pairs: int
    n_missing: int
    left_out: tuple[ModelView, ...]
    reason: str = ""


def map_models(grid: Grid) -> ModelMap:
    """Place the models of a square grid in the plane.

    Models that miss pairs are left out, one by one and controls first, until all pairs among
    the rest are there. Of fewer than three models no map is drawn.

    Parameters
    ----------
    grid : Grid
        All models against all, as `all_by_all` makes it.
    """
    delta = dissimilarities(grid)
    n_models = len(grid.rows)
    n_pairs = n_models * (n_models - 1) // 2
    n_missing = int(np.isnan(delta[np.triu_indices(n_models, 1)]).sum())
    kept = _complete(delta, grid.rows)
    left_out = tuple(m for i, m in enumerate(grid.rows) if i not in kept)
    if len(kept) < 3:
        reason = (
            "a map needs at least three models with the calibrated scores of all pairs among them"
        )
        if n_models < 3:
            reason += f"; there are {n_models} models"
        else:
            reason += f"; {n_missing} of the {n_pairs} pairs are missing or undefined"
        return ModelMap((), np.empty((0, 2)), 0.0, n_pairs, n_missing, left_out, reason)
    delta = delta[np.ix_(kept, kept)]
    points = metric_scaling(delta)
    models = tuple(grid.rows[i] for i in kept)
    return ModelMap(models, points, stress(points, delta), n_pairs, n_missing, left_out)


def dissimilarities(grid: Grid) -> Matrix:
    """Return 1 - calibrated score of each pair, at least 0; NaN where there is none.

    Where both orders of a pair were compared, their mean.

    Returns
    -------
    array of shape (n_models, n_models)
        Symmetric, with a zero diagonal.
    """
    values = [
        [np.nan if c is None or c.calibrated is None else 1.0 - c.calibrated for c in row]
        for row in grid.cells
    ]
    delta = np.maximum(np.array(values, dtype=np.float64), 0.0)
    delta = (delta + delta.T) / 2
    np.fill_diagonal(delta, 0.0)
    return delta


def metric_scaling(delta: Matrix) -> Matrix:
    """Place points so that their distances come near the dissimilarities.

    Classical scaling gives the start, majorisation (SMACOF) the least squared error from there:
    no random start, so that equal input gives an equal map.

    Parameters
    ----------
    delta : array of shape (n_models, n_models)
        Symmetric, no NaN, zero diagonal.

    Returns
    -------
    array of shape (n_models, 2)
        Centred; the first axis has the largest spread.
    """
    points = _classical_scaling(delta)
    last = np.inf
    for _ in range(_N_STEPS):
        distances = _distances(points)
        error = float(((distances - delta) ** 2).sum())
        if last - error <= _TOLERANCE * max(float((delta**2).sum()), _TOLERANCE):
            break
        last = error
        # points that coincide pull on nothing
        ratio = np.divide(delta, distances, out=np.zeros_like(delta), where=distances > 0)
        pull = -ratio
        np.fill_diagonal(pull, ratio.sum(axis=1))
        points = pull @ points / len(points)
    return _oriented(points)


def stress(points: Matrix, delta: Matrix) -> float:
    """Return Kruskal's stress-1: root of squared errors over squared distances; 0 if all is 0."""
    distances = _distances(points)
    size = float((distances**2).sum())
    return float(np.sqrt(((distances - delta) ** 2).sum() / size)) if size > 0 else 0.0


def _complete(delta: Matrix, models: Sequence[ModelView]) -> list[int]:
    """Return indices of models among which no pair is missing."""
    kept = list(range(len(models)))
    while kept:
        missing = np.isnan(delta[np.ix_(kept, kept)]).sum(axis=1)
        if not missing.any():
            break
        # the one that misses most goes; of equals a control, then the later one
        worst = max(range(len(kept)), key=lambda i: (missing[i], models[kept[i]].control, i))
        del kept[worst]
    return kept


def _classical_scaling(delta: Matrix) -> Matrix:
    centred = delta**2 - (delta**2).mean(axis=0)
    gram = -0.5 * (centred - centred.mean(axis=1, keepdims=True))
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    return np.asarray(vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0)))


def _distances(points: Matrix) -> Matrix:
    return np.asarray(np.linalg.norm(points[:, None] - points[None, :], axis=2))


def _oriented(points: Matrix) -> Matrix:
    """Turn points to their principal axes; the farthest point fixes the signs."""
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    farthest = np.abs(turned).argmax(axis=0)
    signs = np.where(turned[farthest, [0, 1]] < 0, -1.0, 1.0)
    return np.asarray(turned * signs)
