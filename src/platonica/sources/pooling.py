"""From many vectors a payload to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError, ShapeError

__all__ = ["check_pooling", "pool_positions", "pool_tokens"]


def check_pooling(pooling: str, allowed: Sequence[str]) -> str:
    """Return the pooling that is meant; ``"auto"`` is the first that is allowed.

    Raises
    ------
    ParameterError
        A pooling that the model does not have.
    """
    if pooling == "auto":
        return allowed[0]
    if pooling not in allowed:
        raise ParameterError(
            f"pooling must be auto or one of {', '.join(allowed)} for this model, not {pooling!r}"
        )
    return pooling


def pool_tokens(
    hidden: NDArray[np.float32], mask: NDArray[np.bool_], pooling: str
) -> NDArray[np.float32]:
    """One vector a text from its token vectors; padding counts for nothing, on either side.

    Parameters
    ----------
    hidden : array of shape (n_texts, n_tokens, n_features)
    mask : array of shape (n_texts, n_tokens)
        False on padding, and on tokens that are left out.
    pooling : {"mean", "cls", "last"}
        Mean over the tokens, the first token, or the last.

    Returns
    -------
    array of shape (n_texts, n_features), float32

    Raises
    ------
    ParameterError
        Another pooling.
    ShapeError
        ``mask`` does not fit ``hidden``.
    DegenerateInputError
        A text without tokens.

    Examples
    --------
    >>> hidden = np.array([[[1.0], [3.0], [99.0]]], dtype=np.float32)
    >>> pool_tokens(hidden, np.array([[True, True, False]]), "mean")
    array([[2.]], dtype=float32)
    """
    if hidden.ndim != 3 or mask.shape != hidden.shape[:2]:
        raise ShapeError(
            f"hidden must have shape (n_texts, n_tokens, n_features) and mask its first two, "
            f"not {hidden.shape} and {mask.shape}"
        )
    mask = mask.astype(bool)
    if not mask.any(axis=1).all():
        raise DegenerateInputError(f"text {int(np.argmin(mask.any(axis=1)))} has no tokens to pool")
    rows = np.arange(len(hidden))
    if pooling == "mean":
        counts = mask.sum(axis=1, dtype=np.float32)[:, None]
        # Not a product with the mask: padding may hold anything, and 0 * inf is not 0.
        pooled = np.where(mask[..., None], hidden, 0).sum(axis=1) / counts
    elif pooling == "cls":
        pooled = hidden[rows, mask.argmax(axis=1)]
    elif pooling == "last":
        pooled = hidden[rows, mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)]
    else:
        raise ParameterError(f"pooling must be mean, cls or last, not {pooling!r}")
    return np.asarray(pooled, np.float32)


def pool_positions(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the positions of feature maps.

    Parameters
    ----------
    maps : array of shape (n_images, n_channels, height, width)

    Returns
    -------
    array of shape (n_images, n_channels), float32

    Raises
    ------
    ShapeError
        Not four-dimensional.
    """
    if maps.ndim != 4:
        raise ShapeError(
            f"maps must have shape (n_images, n_channels, height, width), not {maps.shape}"
        )
    return np.asarray(maps.mean(axis=(2, 3)), np.float32)
