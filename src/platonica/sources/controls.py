"""Controls: what a comparison must exceed before it speaks of a model.

Background, colour and drawing style follow the category, and words are shared between captions:
controls lie above chance, so chance alone is not the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import InvalidItemError, ParameterError, UnknownNameError
from platonica.sources._contracts import Encoded, Layer, Model, ModelCard
from platonica.sources.images import read_square
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.names import Name
from platonica.sources.pooling import check_pooling
from platonica.sources.texts import check_texts

__all__ = ["CONTROLS", "Control", "ImageControl", "TfIdf", "open_model"]

PIXELS_SIDE = 16
HISTOGRAM_SIDE = 64
HISTOGRAM_BINS = 8


def pixels(path: Any) -> NDArray[np.float32]:
    """Values of a 16 x 16 image.

    Returns
    -------
    array of shape (768,), float32
        From 0 to 1.
    """
    return read_square(path, PIXELS_SIDE).reshape(-1) / np.float32(255)


def color_histogram(path: Any) -> NDArray[np.float32]:
    """Square root of the shares of 8 x 8 x 8 colours among the pixels of a 64 x 64 image.

    Returns
    -------
    array of shape (512,), float32
        A unit vector; the inner product of two is their Bhattacharyya coefficient.
    """
    square = read_square(path, HISTOGRAM_SIDE).astype(np.int64) * HISTOGRAM_BINS // 256
    red, green, blue = square.reshape(-1, 3).T
    cell = (red * HISTOGRAM_BINS + green) * HISTOGRAM_BINS + blue
    counts = np.bincount(cell, minlength=HISTOGRAM_BINS**3)
    roots: NDArray[np.float32] = np.sqrt(counts / counts.sum()).astype(np.float32)
    return roots


class ImageControl:
    """A fixed function of an image; one layer.

    Parameters
    ----------
    name : str
        Name of its layer.
    function : callable
        From a path to a vector.
    width : int
        Length of that vector.
    """

    poolings = ("mean",)
    n_parameters = 0

    def __init__(
        self, name: str, function: Callable[[Any], NDArray[np.float32]], width: int
    ) -> None:
        self._function = function
        self.layers: tuple[Layer, ...] = tap_points({name: width}, first=1)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of image paths; see `Model.encode`."""
        names = check_layers(layers, self.layers)
        check_pooling(pooling, self.poolings)
        return Encoded({name: np.stack([self._function(p) for p in payloads]) for name in names})


class TfIdf:
    """Words of a text, weighted by their rarity among all texts; one layer.

    No stop words are dropped and single letters count, so that every text with a word has a
    vector that is not zero.
    """

    poolings = ("mean",)
    n_parameters = 0

    def __init__(self) -> None:
        self._vectorizer: Any = None
        self._width: int | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One layer, as wide as the vocabulary once that is known."""
        return tap_points({"tfidf": self._width}, first=1)

    def fit(self, payloads: Sequence[Any]) -> None:
        """Learn the vocabulary and its rarities from all texts that are going to be encoded.

        Raises
        ------
        InvalidItemError
            A payload that is not a text, or no word in any of them.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        texts = check_texts(payloads)
        try:
            vectorizer.fit(texts)
        except ValueError as error:  # an empty vocabulary
            raise InvalidItemError(f"control:tfidf found no word in {len(texts)} texts") from error
        self._vectorizer = vectorizer
        self._width = len(vectorizer.vocabulary_)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of texts; see `Model.encode`.

        Raises
        ------
        ParameterError
            `fit` was not called before.
        """
        if self._vectorizer is None:
            raise ParameterError("control:tfidf must be fitted on all texts before it encodes some")
        names = check_layers(layers, self.layers)
        check_pooling(pooling, self.poolings)
        texts = check_texts(payloads)
        features = self._vectorizer.transform(texts).toarray()
        empty = ~features.any(axis=1)
        if empty.any():
            raise InvalidItemError(
                f"control:tfidf knows no word of the text {texts[int(empty.argmax())]!r}"
            )
        return Encoded({name: features for name in names})


@dataclass(frozen=True)
class Control:
    """A control and its description."""

    modality: str
    recipe: str
    reference: str
    make: Callable[[], Model]


CONTROLS = {
    "pixels": Control(
        "image",
        "composited on white, padded to a square with white, bicubic to 16 px, x / 255",
        "Raw pixels of a small copy of the image",
        lambda: ImageControl("pixels", pixels, 3 * PIXELS_SIDE**2),
    ),
    "color-histogram": Control(
        "image",
        "composited on white, padded to a square with white, bicubic to 64 px; "
        "square root of an 8 x 8 x 8 histogram of RGB",
        "Colours of the image, wherever they are",
        lambda: ImageControl("color-histogram", color_histogram, HISTOGRAM_BINS**3),
    ),
    "tfidf": Control(
        "text",
        "lower case, words of one letter or more, no stop words; tf-idf fitted on all texts of "
        "the data, rows of length 1",
        "Words of the text, whatever they mean",
        TfIdf,
    ),
}


def open_model(name: Name) -> ModelCard:
    """Return the card of ``control:NAME``.

    Raises
    ------
    UnknownNameError
        No such control.
    ParameterError
        An option; controls take none.
    """
    if name.body not in CONTROLS:
        raise UnknownNameError.among("model", name.path, [f"control:{known}" for known in CONTROLS])
    name.check_options([])
    control = CONTROLS[name.body]
    return ModelCard(
        name=name.text,
        revision="1",
        modality=control.modality,
        poolings=("mean",),
        preprocessing=control.recipe,
        load=control.make,
        n_parameters=0,
        reference=control.reference,
    )
