"""What is left of features when what other features explain linearly is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError, ShapeError

__all__ = ["Explained", "explained_by"]

F64 = NDArray[np.float64]

MOST_SHARE = 0.25
"""Controls may take at most this share of the items' degrees of freedom."""


@dataclass(frozen=True)
class Explained:
    """The part of item space that controls explain.

    Attributes
    ----------
    basis : array of shape (n_items, n_components)
        Orthonormal, and orthogonal to the mean.
    shares : tuple of float
        Share of the variance of each control that the basis holds.
    """

    basis: F64
    shares: tuple[float, ...]

    def residuals(self, X: Any, name: str = "X") -> F64:
        """Return centred features without what the controls explain.

        Parameters
        ----------
        X : array of shape (n_items, n_features)
        name : str
            How an error calls the argument.

        Returns
        -------
        array of shape (n_items, n_features), float64

        Raises
        ------
        ShapeError
            Another number of items.
        DegenerateInputError
            The controls explain the features wholly.
        """
        features = check_features(X, name).astype(np.float64)
        if len(features) != len(self.basis):
            raise ShapeError(
                f"{name} and the controls must have the same items, but have {len(features)} and "
                f"{len(self.basis)}"
            )
        centred = features - features.mean(axis=0)
        left: F64 = centred - self.basis @ (self.basis.T @ centred)
        left -= self.basis @ (self.basis.T @ left)  # once more, for what rounding left
        if (left**2).sum() <= 1e-20 * (centred**2).sum():
            raise DegenerateInputError(f"the controls explain {name} wholly: nothing is left of it")
        return left

    @property
    def words(self) -> str:
        """What was taken out, as a sentence."""
        shares = ", ".join(f"{share:.0%}" for share in self.shares)
        return (
            f"{self.basis.shape[1]} components of the controls taken out of both spaces; they hold "
            f"{shares} of the controls' variance"
        )


def explained_by(controls: Sequence[Any], *, share: float = 0.99) -> Explained:
    """Find the part of item space that controls explain.

    Every control is brought to the same total variance. The leading principal components that
    hold ``share`` of all of it are taken, but no more than a quarter of the items: with more,
    the residuals of any two spaces would have to agree in what is left.

    Parameters
    ----------
    controls : sequence of arrays of shape (n_items, n_features)
    share : float in (0, 1]
        Share of the controls' variance to take out.

    Returns
    -------
    Explained

    Raises
    ------
    ParameterError
        No controls, or another share.
    ShapeError
        Controls of different items, or fewer than 8 items.
    """
    if not controls:
        raise ParameterError("controls must name at least one space")
    if not 0 < share <= 1:
        raise ParameterError(f"share must lie in (0, 1], not {share}")
    blocks = []
    for number, control in enumerate(controls):
        features = check_features(control, f"control {number}", min_items=8).astype(np.float64)
        if len(features) != len(controls[0]):
            raise ShapeError(
                f"controls must have the same items, but control {number} has {len(features)} "
                f"and control 0 has {len(controls[0])}"
            )
        centred = features - features.mean(axis=0)
        blocks.append(centred / np.sqrt((centred**2).sum()))
    left, values, _ = np.linalg.svd(np.concatenate(blocks, axis=1), full_matrices=False)
    held = np.cumsum(values**2) / (values**2).sum()
    wanted = int(np.searchsorted(held, share - 1e-12)) + 1
    usable = int(np.count_nonzero(values > 1e-10 * values[0]))
    basis = left[:, : min(wanted, usable, int(MOST_SHARE * len(left)))]
    return Explained(basis, tuple(float((basis.T @ block).ravel() @ (basis.T @ block).ravel())
                                  for block in blocks))  # fmt: skip
