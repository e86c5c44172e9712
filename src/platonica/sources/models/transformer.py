"""Text encoders through transformers, from a folder of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from platonica.sources._contracts import Encoded, Layer
from platonica.sources._libraries import library
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.models._torch import count_parameters, isolated_seed
from platonica.sources.models._transformers import quiet_offline
from platonica.sources.models.catalog import Entry
from platonica.sources.pooling import check_pooling, pool_tokens
from platonica.sources.texts import check_texts, load_tokenizer, pad_tokens

__all__ = ["TransformerEncoder", "load"]


def load(entry: Entry, *, seed: int | None = None) -> TransformerEncoder:
    """Load an encoder; with a seed, its untrained twin.

    Raises
    ------
    MissingExtraError
        torch, transformers or tokenizers is not installed.
    """
    folder = entry.locate("weights").parent
    tokenizer = load_tokenizer(entry.locate("tokenizer"), entry.options["max_length"])
    with quiet_offline() as transformers, isolated_seed(seed or 0):
        if seed is None:
            network = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
        else:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            network = transformers.AutoModel.from_config(config)
    return TransformerEncoder(network.eval(), tokenizer, entry.poolings)


class TransformerEncoder:
    """An encoder that reads texts; its layers are the embeddings and every block.

    Parameters
    ----------
    network : transformers.PreTrainedModel
    tokenizer : tokenizers.Tokenizer
    poolings : tuple of str
    """

    def __init__(self, network: Any, tokenizer: Any, poolings: tuple[str, ...]) -> None:
        self.network = network
        self._tokenizer = tokenizer
        self.poolings = poolings
        self.n_parameters = count_parameters(network)
        blocks = [f"encoder.layer.{i}" for i in range(network.config.num_hidden_layers)]
        widths = dict.fromkeys(["embeddings", *blocks], network.config.hidden_size)
        self.layers: tuple[Layer, ...] = tap_points(widths, first=0)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of texts; see `Model.encode`."""
        torch = library("torch", "models")
        names = check_layers(layers, self.layers)
        pooling = check_pooling(pooling, self.poolings)
        encodings = self._tokenizer.encode_batch(check_texts(payloads))
        ids, mask = pad_tokens([encoding.ids for encoding in encodings])
        with torch.inference_mode():
            states = self.network(
                input_ids=torch.from_numpy(ids),
                attention_mask=torch.from_numpy(mask.astype(np.int64)),
                output_hidden_states=True,
            ).hidden_states
        hidden = dict(zip([layer.name for layer in self.layers], states, strict=True))
        return Encoded({name: pool_tokens(hidden[name].numpy(), mask, pooling) for name in names})
