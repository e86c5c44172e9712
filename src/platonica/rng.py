"""The only place that makes random generators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_generator", "permutations"]


def as_generator(rng: int | np.random.Generator) -> np.random.Generator:
    """Return a generator for a seed, or the generator itself.

    Parameters
    ----------
    rng : int or numpy.random.Generator
        The same int always gives the same stream; a generator is advanced.
    """
    return np.random.default_rng(rng)


def permutations(
    n_items: int, n_resamples: int, rng: int | np.random.Generator
) -> NDArray[np.int64]:
    """Draw uniform permutations of ``range(n_items)``.

    Returns
    -------
    array of shape (n_resamples, n_items)
        One permutation a row. Row r is the same for every ``n_resamples`` > r.
    """
    generator = as_generator(rng)
    return np.stack([generator.permutation(n_items) for _ in range(n_resamples)])
