"""How every text model takes a caption, and batches of token ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import InvalidItemError
from platonica.sources._libraries import library

__all__ = ["Tokens", "check_texts", "load_tokenizer", "pad_tokens"]

Tokens = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""Ids and mask, both of shape (n_texts, n_tokens); the mask is False on padding."""


def check_texts(payloads: Sequence[Any]) -> list[str]:
    """Return the texts of a batch.

    Raises
    ------
    InvalidItemError
        A payload that is not a string, or is blank.
    """
    for text in payloads:
        if not isinstance(text, str):
            raise InvalidItemError(f"a text must be a string, not {type(text).__name__}: {text!r}")
        if not text.strip():
            raise InvalidItemError(f"a text must not be blank: {text!r}")
    return list(payloads)


def load_tokenizer(path: Path, max_length: int | None) -> Any:
    """Load a tokenizer file that neither pads nor, beyond ``max_length`` tokens, truncates.

    Parameters
    ----------
    path : Path
    max_length : int or None
        Longest text in tokens, special tokens included; None for no limit.

    Raises
    ------
    MissingExtraError
        The tokenizers library is not installed.
    """
    tokenizer = library("tokenizers", "onnx").Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if max_length is not None:
        tokenizer.enable_truncation(max_length)
    return tokenizer


def pad_tokens(rows: Sequence[Sequence[int]]) -> Tokens:
    """Stack token ids of several texts, padded with id 0 on the right.

    Examples
    --------
    >>> ids, mask = pad_tokens([[5, 6], [7]])
    >>> ids.tolist(), mask.tolist()
    ([[5, 6], [7, 0]], [[True, True], [True, False]])
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return ids, mask
