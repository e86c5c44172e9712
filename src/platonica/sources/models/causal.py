"""Causal language models from a GGUF file, through transformers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import InvalidItemError
from platonica.sources._contracts import Encoded, Layer
from platonica.sources._libraries import library
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.models._torch import count_parameters, isolated_seed
from platonica.sources.models._transformers import quiet_offline
from platonica.sources.models.catalog import Entry
from platonica.sources.pooling import check_pooling, pool_tokens
from platonica.sources.texts import check_texts, pad_tokens

__all__ = ["CausalModel", "load"]


def load(entry: Entry, *, seed: int | None = None) -> CausalModel:
    """Load a language model, with float32 weights; with a seed, its untrained twin.

    Raises
    ------
    MissingExtraError
        torch, transformers, gguf or accelerate is not installed.
    """
    library("gguf", "models")
    library("accelerate", "models")
    path = entry.locate("weights")
    source = {"gguf_file": path.name, "local_files_only": True}
    with quiet_offline() as transformers, isolated_seed(seed or 0):
        torch = library("torch", "models")
        tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **source)
        auto = transformers.AutoModelForCausalLM
        if seed is None:
            network = auto.from_pretrained(path.parent, dtype=torch.float32, **source)
        else:
            config = transformers.AutoConfig.from_pretrained(path.parent, **source)
            network = auto.from_config(config, dtype=torch.float32)
    return CausalModel(network.eval(), tokenizer, entry)


class CausalModel:
    """A language model that reads texts; its layers are the embeddings and every block.

    Features of the last block are taken after the final norm, hence their name. Side results are
    ``loss``, the summed negative log-likelihood of a text in nats, and ``bits_per_byte``, the
    same in bits over the bytes of the text; both count every token after the prefix.

    Parameters
    ----------
    network : transformers.PreTrainedModel
    tokenizer : transformers.PreTrainedTokenizerFast
    entry : Entry
    """

    def __init__(self, network: Any, tokenizer: Any, entry: Entry) -> None:
        self.network = network
        self._tokenizer = tokenizer
        self._prefix = int(entry.options["prefix_id"])
        self._max_length = int(entry.options["max_length"])
        self.poolings = entry.poolings
        self.n_parameters = count_parameters(network)
        blocks = [f"model.layers.{i}" for i in range(network.config.num_hidden_layers - 1)]
        names = ["model.embed_tokens", *blocks, "model.norm"]
        widths = dict.fromkeys(names, network.config.hidden_size)
        self.layers: tuple[Layer, ...] = tap_points(widths, first=0)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features and losses of a batch of texts; see `Model.encode`."""
        torch = library("torch", "models")
        names = check_layers(layers, self.layers)
        pooling = check_pooling(pooling, self.poolings)
        rows, n_bytes = self._tokens(check_texts(payloads))
        # Padding is on the right, where a causal model cannot look.
        ids, mask = pad_tokens([[self._prefix, *row] for row in rows])
        with torch.inference_mode():
            states = self.network.model(
                input_ids=torch.from_numpy(ids),
                attention_mask=torch.from_numpy(mask.astype(np.int64)),
                output_hidden_states=True,
            ).hidden_states
            loss = self._losses(states[-1], rows)
        without_prefix = mask.copy()
        without_prefix[:, 0] = False
        hidden = dict(zip([layer.name for layer in self.layers], states, strict=True))
        features = {
            name: pool_tokens(hidden[name].numpy(), without_prefix, pooling) for name in names
        }
        return Encoded(features, {"loss": loss, "bits_per_byte": loss / np.log(2) / n_bytes})

    def _tokens(self, texts: list[str]) -> tuple[list[list[int]], NDArray[np.float64]]:
        """Token ids of each text, and the bytes that they stand for."""
        rows, n_bytes = [], []
        for text in texts:
            coded = self._tokenizer(
                text,
                add_special_tokens=False,
                truncation=True,
                max_length=self._max_length,
                return_offsets_mapping=True,
            )
            if not coded["input_ids"]:
                raise InvalidItemError(f"a text must have at least one token: {text!r}")
            rows.append(list(coded["input_ids"]))
            end = coded["offset_mapping"][-1][1]
            n_bytes.append(len(text[:end].encode()))
        return rows, np.array(n_bytes, np.float64)

    def _losses(self, last: Any, rows: list[list[int]]) -> NDArray[np.float64]:
        """Sum the negative log-likelihood of each text.

        One text at a time: the vocabulary is so large that the logits of a whole batch would
        take more memory than all else.
        """
        torch = library("torch", "models")
        score = functools.partial(torch.nn.functional.cross_entropy, reduction="sum")
        losses = [
            score(self.network.lm_head(states[: len(row)]).float(), torch.tensor(row)).item()
            for states, row in zip(last, rows, strict=True)
        ]
        return np.array(losses, np.float64)
