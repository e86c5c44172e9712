"""What every pair of summaries gives, and the check that they belong together."""

from __future__ import annotations

from dataclasses import dataclass

from platonica.errors import ShapeError

__all__ = ["PairingMoments", "same_items"]


@dataclass(frozen=True)
class PairingMoments:
    """Moments of a statistic when the items of one side are paired at random.

    Attributes
    ----------
    mean, variance : float
    third : float or None
        Mean of the cubed distance from the mean; None where a summary leaves it out.
    """

    mean: float
    variance: float
    third: float | None

    @property
    def skewness(self) -> float | None:
        """Third moment in units of the standard deviation; None if unknown or without spread."""
        if self.third is None or not self.variance > 0:
            return None
        return float(self.third / self.variance**1.5)

    def over(self, divisor: float) -> PairingMoments:
        """Moments of the statistic divided by a number that no pairing changes."""
        third = None if self.third is None else self.third / divisor**3
        return PairingMoments(self.mean / divisor, self.variance / divisor**2, third)


def same_items(n_a: int, n_b: int, least: int) -> int:
    """Return the number of items that both summaries have.

    Raises
    ------
    ShapeError
        They differ, or are fewer than the formulas need.
    """
    if n_a != n_b:
        raise ShapeError(f"both summaries must be of the same items, but are of {n_a} and {n_b}")
    if n_a < least:
        raise ShapeError(f"exact moments need at least {least} items, not {n_a}")
    return n_a
