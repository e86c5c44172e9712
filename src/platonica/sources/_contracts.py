"""What model sources and data sources return, whatever library stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from platonica.store.manifest import Layer

__all__ = ["Data", "Encoded", "Item", "Layer", "Model", "ModelCard"]


@dataclass(frozen=True)
class Item:
    """One stimulus; a modality may hold several payloads, such as five captions.

    Attributes
    ----------
    id : str
        Unique in its data set; pairs are matched by it.
    payloads : mapping of modality to payloads
        ``{"image": [path], "text": ["...", "..."]}``; each payload becomes one row of features.
    group : str, optional
        Items of one group are never each other's neighbours and move together in nulls.
    label : any, optional
    """

    id: str
    payloads: Mapping[str, Sequence[Any]]
    group: str | None = None
    label: Any = None


@dataclass(frozen=True)
class Data:
    """A data set: items and where they come from.

    Attributes
    ----------
    name : str
        As the user wrote it, for example ``"stamps?lang=de"``.
    revision : str
        Changes whenever an item or a payload changes (a version, or a digest of the contents).
    items : sequence of Item
    reference : str
        Source and licence, one sentence.
    """

    name: str
    revision: str
    items: Sequence[Item]
    reference: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that every item has."""
        common = set.intersection(*(set(item.payloads) for item in self.items))
        return tuple(sorted(common))


@dataclass(frozen=True)
class Encoded:
    """Features of one batch.

    Attributes
    ----------
    layers : mapping of layer name to array of shape (n_payloads, n_features), float32
    side : mapping of name to array of shape (n_payloads,)
        Side results, such as the loss of each text.
    """

    layers: Mapping[str, NDArray[np.float32]]
    side: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Model(Protocol):
    """A loaded model, ready to encode."""

    @property
    def layers(self) -> Sequence[Layer]:
        """Tap points from input to output."""
        ...

    @property
    def n_parameters(self) -> int:
        """Number of parameters; 0 for controls."""
        ...

    def encode(
        self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str
    ) -> Encoded:
        """Features of some layers for a batch, pooled to one vector a payload.

        The features of a payload do not depend on the others of its batch.

        Raises
        ------
        InvalidItemError
            A payload that cannot be read; the message names it.
        """
        ...


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model before it is loaded; cheap, and enough for a fingerprint.

    Attributes
    ----------
    name : str
        As the user wrote it, for example ``"pip:efficientnet-lite0?init=random&seed=0"``.
    revision : str
        Version and digest of the weights, or of the recipe.
    modality : str
        ``"image"`` or ``"text"``: the payloads that it reads.
    poolings : tuple of str
        The poolings it allows; the first is what ``"auto"`` means.
    preprocessing : str
        How a payload becomes input, in words; part of the fingerprint.
    n_parameters : int or None
    reference : str
        Source and licence, one sentence.
    load : callable
        Loads the weights and returns the `Model`.
    """

    name: str
    revision: str
    modality: str
    poolings: tuple[str, ...]
    preprocessing: str
    load: Callable[[], Model] = field(repr=False, compare=False)
    n_parameters: int | None = None
    reference: str = ""
