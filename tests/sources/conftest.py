"""Loaded models and data for the tests of sources; each is loaded once a session."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from PIL import Image

from platonica.errors import MissingExtraError
from platonica.sources.models import resolve_model

SENTENCES = [
    "A dog runs on the beach.",
    "Red.",
    "Two children in blue coats are building a very large castle of snow beside an old church",
    "one two three",
    "An apple",
    "The night train to the coast leaves at nine from platform four, said the man in the hat",
    "a cat",
    "!",
    "Ünïcode: 日本語 and 😀",
]


@pytest.fixture(scope="session")
def load_model():
    """A function from a name to a loaded model; a test is skipped where it is not installed."""

    @functools.cache
    def load(name):
        try:
            return resolve_model(name).load()
        except MissingExtraError as error:
            return error

    def load_or_skip(name):
        model = load(name)
        if isinstance(model, MissingExtraError):
            pytest.skip(str(model))
        return model

    return load_or_skip


@pytest.fixture(scope="session")
def stamps(stamps_data):
    """The items of the stamps, if they are on this machine."""
    return stamps_data.items


@pytest.fixture(scope="session")
def sentences():
    """Texts of very different lengths."""
    return SENTENCES


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Paths of nine images of different shapes and modes."""
    folder = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(7)
    paths = []
    for number, mode in enumerate(["RGB", "RGBA", "L", "LA", "P", "RGB", "RGBA", "1", "RGB"]):
        height, width = draw.integers(20, 90, size=2)
        pixels = draw.integers(0, 256, size=(height, width, 4), dtype=np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels, "RGBA").convert(mode).save(path)
        paths.append(str(path))
    return paths
