"""EfficientNet-Lite through its torch package."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from platonica.sources._contracts import Encoded, Layer
from platonica.sources._libraries import library
from platonica.sources.images import read_square
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.models._torch import count_parameters, isolated_seed, tapped
from platonica.sources.models.catalog import Entry
from platonica.sources.pooling import check_pooling

__all__ = ["EfficientNetLite", "load"]

IMAGES_AT_ONCE = 4
"""Larger runs were slower on a CPU with two cores: their feature maps are large."""


def load(entry: Entry, *, seed: int | None = None) -> EfficientNetLite:
    """Load a network; with a seed, its untrained twin.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    """
    library("torch", "models")
    network_class = library("efficientnet_lite_pytorch", "models").EfficientNet
    architecture = entry.options["architecture"]
    with isolated_seed(seed or 0), contextlib.redirect_stdout(io.StringIO()):
        if seed is None:
            weights = str(entry.locate("weights"))
            network = network_class.from_pretrained(architecture, weights_path=weights)
        else:
            network = network_class.from_name(architecture)
    return EfficientNetLite(network.eval(), entry.options["image_size"])


class EfficientNetLite:
    """A network that reads images; its layers are the stem, every block and the head.

    Parameters
    ----------
    network : efficientnet_lite_pytorch.EfficientNet
    image_size : int
        Side of its input, in pixels.
    """

    poolings = ("mean",)

    def __init__(self, network: Any, image_size: int) -> None:
        self.network = network
        self._image_size = image_size
        self.n_parameters = count_parameters(network)
        self._modules = {
            "stem": network._bn0,
            **{f"blocks.{i}": block for i, block in enumerate(network._blocks)},
            "head": network._bn1,
        }
        widths = {
            "stem": network._bn0.num_features,
            **{f"blocks.{i}": block._bn2.num_features for i, block in enumerate(network._blocks)},
            "head": network._bn1.num_features,
        }
        self.layers: tuple[Layer, ...] = tap_points(widths, first=1)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of image paths; see `Model.encode`."""
        torch = library("torch", "models")
        names = check_layers(layers, self.layers)
        check_pooling(pooling, self.poolings)
        modules = {name: self._modules[name] for name in names}
        take = {name: self._take(name) for name in names}
        parts = []
        for first in range(0, len(payloads), IMAGES_AT_ONCE):
            paths = payloads[first : first + IMAGES_AT_ONCE]
            pixels = np.stack([read_square(path, self._image_size) for path in paths])
            # Left in this order of memory, channels last: faster on a CPU than the other.
            batch = torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2)
            with torch.inference_mode(), tapped(modules, take) as found:
                self.network.extract_features(batch)
            parts.append({name: found[name].numpy() for name in names})
        return Encoded({name: np.concatenate([part[name] for part in parts]) for name in names})

    def _take(self, name: str) -> Callable[[Any], Any]:
        if name.startswith("blocks."):
            return lambda maps: maps.mean((2, 3))
        # The activation after these two is one shared module, so its input is tapped instead.
        activation = self.network._swish
        return lambda maps: activation(maps).mean((2, 3))
