"""Static token vectors: a text is the mean of its tokens, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from platonica.errors import InvalidItemError
from platonica.sources._contracts import Encoded, Layer
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.models.catalog import Entry
from platonica.sources.pooling import check_pooling
from platonica.sources.texts import check_texts, load_tokenizer

__all__ = ["StaticVectors", "load"]


def load(entry: Entry) -> StaticVectors:
    """Load the vectors and the tokenizer."""
    return StaticVectors(entry)


class StaticVectors:
    """One vector a token; one layer.

    Parameters
    ----------
    entry : Entry
    """

    def __init__(self, entry: Entry) -> None:
        from safetensors.numpy import load_file

        vectors = load_file(entry.locate("weights"))[entry.options["tensor"]]
        self._vectors = vectors.astype(np.float32)
        self._tokenizer = load_tokenizer(entry.locate("tokenizer"), None)
        self.poolings = entry.poolings
        self.n_parameters = int(vectors.size)
        self.layers: tuple[Layer, ...] = tap_points({"embeddings": vectors.shape[1]}, first=0)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of texts; see `Model.encode`."""
        names = check_layers(layers, self.layers)
        check_pooling(pooling, self.poolings)
        texts = check_texts(payloads)
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        for text, encoding in zip(texts, encodings, strict=True):
            if not encoding.ids:
                raise InvalidItemError(f"a text must have at least one token: {text!r}")
        means = [self._vectors[encoding.ids].mean(axis=0) for encoding in encodings]
        return Encoded({name: np.stack(means) for name in names})
