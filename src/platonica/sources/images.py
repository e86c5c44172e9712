"""How every vision model and every pixel control reads an image."""

from __future__ import annotations

import struct
import warnings
import zlib
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import InvalidItemError
from platonica.sources._libraries import library

__all__ = ["read_square"]

_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error, zlib.error)


def read_square(path: str | PathLike[str], size: int) -> NDArray[np.float32]:
    """Read an image as a small square.

    Composited on white (without that, what lies under transparent pixels would show), padded to
    a square with white, resized with bicubic interpolation.

    Parameters
    ----------
    path : path of an image file
    size : int
        Side of the square, in pixels.

    Returns
    -------
    array of shape (size, size, 3), float32
        RGB from 0 to 255.

    Raises
    ------
    InvalidItemError
        Missing, unreadable or truncated, or too many pixels; the message names the file.
    MissingExtraError
        Pillow is not installed.
    """
    Image = library("PIL.Image", "data")
    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = _on_white_square(Image, path)
    except (*_BROKEN, *too_large) as error:
        raise InvalidItemError(f"image {str(path)!r} cannot be read: {error}") from error
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)


def _on_white_square(Image: Any, path: str | PathLike[str]) -> Any:
    with Image.open(path) as opened:
        side = max(opened.size)
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and side**2 > limit:
            raise ValueError(f"padded to a square it has {side**2} pixels, more than {limit}")
        image = opened.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas
