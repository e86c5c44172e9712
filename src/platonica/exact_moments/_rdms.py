"""Correlations of dissimilarities: the spread of RSA under random pairing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from platonica.errors import DegenerateInputError, ShapeError
from platonica.exact_moments._pairing import same_items

__all__ = ["RdmSummary", "rdm_variance"]


@dataclass(frozen=True)
class RdmSummary:
    """What dissimilarities, or their ranks, add to the variance of their correlation.

    Attributes
    ----------
    n_items : int
    spread : float
        Sum over items of the squared sum of their centred dissimilarities, relative to the sum
        of all squares: large where some items are far from all others.
    """

    n_items: int
    spread: float

    @classmethod
    def of_matrix(cls, rdm: Any) -> RdmSummary:
        """Summarise a symmetric matrix; its diagonal is not looked at.

        Parameters
        ----------
        rdm : array of shape (n_items, n_items)
            Dissimilarities for Pearson's correlation, their ranks for Spearman's.

        Raises
        ------
        ShapeError
            Not square.
        DegenerateInputError
            All dissimilarities are equal.
        """
        D = np.array(rdm, dtype=np.float64)
        if D.ndim != 2 or D.shape[0] != D.shape[1] or len(D) < 2:
            raise ShapeError(f"rdm must have shape (n_items, n_items), not {D.shape}")
        n = len(D)
        np.fill_diagonal(D, 0.0)
        D -= D.sum() / (n * (n - 1))
        np.fill_diagonal(D, 0.0)
        squares = float(np.vdot(D, D))
        if squares == 0.0:
            raise DegenerateInputError("rdm is constant: all dissimilarities are equal")
        sums = D.sum(axis=1)
        return cls(n, float(sums @ sums) / squares)


def rdm_variance(a: RdmSummary, b: RdmSummary) -> float:
    """Variance of the correlation of two dissimilarity matrices under random pairing.

    Its mean is 0. "One over the number of pairs" holds only where no item stands out.

    Parameters
    ----------
    a, b : RdmSummary
        Of the same items, at least 4.

    Raises
    ------
    ShapeError
        Other numbers of items, or fewer than 4.
    """
    n = same_items(a.n_items, b.n_items, least=4)
    g, h = a.spread, b.spread
    return (
        2.0 / math.perm(n, 2)
        + 4.0 * (g - 1) * (h - 1) / math.perm(n, 3)
        + (2 - 4 * g) * (2 - 4 * h) / math.perm(n, 4)
    )
