"""How many items are needed to see an alignment, on worlds whose alignment is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from platonica.errors import ParameterError
from platonica.rng import as_generator
from platonica.stats.exchange import Exchange
from platonica.stats.permutation import check_reachable, permutation_null

__all__ = ["Power", "World", "items_needed", "power"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Two spaces that see a common world through maps and noise of their own.

    Attributes
    ----------
    shared : float in [0, 1]
        Share of each space's variance that is the common world; 0 is the null hypothesis.
    n_latent : int
        Dimensions of the common world.
    n_features_x, n_features_y : int
    decay : float
        Standard deviations of the noise directions fall like rank^-decay: 0 is isotropic; trained
        networks have about 0.5 to 1.
    """

    shared: float
    n_latent: int = 8
    n_features_x: int = 64
    n_features_y: int = 64
    decay: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.shared <= 1:
            raise ParameterError(f"shared must lie in [0, 1], not {self.shared}")
        if min(self.n_latent, self.n_features_x, self.n_features_y) < 1:
            raise ParameterError("a world needs at least one latent dimension and one feature")

    def draw(self, n_items: int, rng: int | np.random.Generator) -> tuple[F64, F64]:
        """Features (n_items, n_features_x) and (n_items, n_features_y) of the same items."""
        generator = as_generator(rng)
        latent = generator.standard_normal((n_items, self.n_latent))
        x, y = (self._seen(latent, d, generator) for d in (self.n_features_x, self.n_features_y))
        return x, y

    def _seen(self, latent: F64, d: int, generator: np.random.Generator) -> F64:
        signal = latent @ generator.standard_normal((self.n_latent, d)) / np.sqrt(self.n_latent)
        scale = np.arange(1, d + 1) ** -self.decay
        noise = generator.standard_normal((len(latent), d)) * (
            scale * np.sqrt(d / (scale**2).sum())
        )
        mixed: F64 = np.sqrt(self.shared) * signal + np.sqrt(1 - self.shared) * noise
        return mixed


@dataclass(frozen=True)
class Power:
    """How often an alignment is seen.

    Attributes
    ----------
    n_items : int
    rate : float
        Share of the runs with p <= alpha.
    low, high : float
        95 % interval of the rate (Clopper and Pearson 1934).
    mean_score : float
    n_runs : int
    """

    n_items: int
    rate: float
    low: float
    high: float
    mean_score: float
    n_runs: int


def power(
    measure: Any,
    world: World,
    n_items: int,
    *,
    alpha: float = 0.05,
    n_resamples: int = 199,
    n_runs: int = 100,
    rng: int = 0,
) -> Power:
    """Chance that the permutation test sees the alignment of a world.

    Parameters
    ----------
    measure : Measure
    world : World
    n_items : int
    alpha : float in (0, 1)
        Level of the test.
    n_resamples : int
        Permutations a run; (n_resamples + 1) alpha must be at least 1.
    n_runs : int
        Worlds that are drawn.
    rng : int

    Returns
    -------
    Power

    Raises
    ------
    ParameterError
        Too few permutations to reach the level.
    """
    check_reachable(Exchange.of(n_items), n_resamples, alpha)
    seen, scores = 0, []
    for run, seed in enumerate(np.random.SeedSequence(rng).spawn(n_runs)):
        x, y = world.draw(n_items, np.random.default_rng(seed))
        result = permutation_null(
            measure,
            [measure.prepare(x, role="x")],
            [measure.prepare(y, role="y")],
            exchange=Exchange.of(n_items),
            n_resamples=n_resamples,
            rng=run,
        )
        seen += result.pvalue <= alpha
        scores.append(result.statistic)
    low = float(beta.ppf(0.025, seen, n_runs - seen + 1)) if seen else 0.0
    high = float(beta.ppf(0.975, seen + 1, n_runs - seen)) if seen < n_runs else 1.0
    return Power(n_items, seen / n_runs, low, high, float(np.mean(scores)), n_runs)


def items_needed(
    measure: Any,
    world: World,
    *,
    target: float = 0.8,
    sizes: Sequence[int] = (32, 64, 128, 256, 512, 1024),
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> tuple[int | None, list[Power]]:
    """Smallest of some numbers of items at which the power reaches a target.

    Parameters
    ----------
    measure : Measure
    world : World
    target : float in (0, 1)
    sizes : sequence of int
        Tried in ascending order, up to the first that reaches the target.
    progress : callable(done, total), optional
    **options
        As in `power`.

    Returns
    -------
    int or None
        None if no size reaches the target. (The power of neighbour measures at a fixed k need
        not grow with the number of items, since k / n falls.)
    list of Power
        What was found at each size that was tried.
    """
    tried: list[Power] = []
    for size in sorted(sizes):
        tried.append(power(measure, world, size, **options))
        if progress is not None:
            progress(len(tried), len(sizes))
        if tried[-1].rate >= target:
            return size, tried
    return None, tried
