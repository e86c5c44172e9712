import numpy as np
import pytest
from PIL import Image

from platonica.errors import InvalidItemError
from platonica.sources.images import read_square


def test_transparent_pixels_are_white_whatever_lies_under_them(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:2, :, 3] = 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / "half.png")
    square = read_square(tmp_path / "half.png", 4)
    assert square.dtype == np.float32
    assert square.shape == (4, 4, 3)
    np.testing.assert_array_equal(square[0, 0], [200, 0, 0])
    np.testing.assert_array_equal(square[3, 0], [255, 255, 255])


def test_a_wide_image_is_padded_and_not_stretched(tmp_path):
    Image.new("RGB", (6, 2), (0, 0, 0)).save(tmp_path / "wide.png")
    square = read_square(tmp_path / "wide.png", 6)
    np.testing.assert_array_equal(square[2:4], 0)
    np.testing.assert_array_equal(square[[0, 1, 4, 5]], 255)


def test_every_mode_is_read(pictures):
    for path in pictures:
        square = read_square(path, 8)
        assert square.shape == (8, 8, 3)
        assert square.min() >= 0
        assert square.max() <= 255


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_image_is_named(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    for share in (0.0, 0.01, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InvalidItemError, match=f"cut{suffix}"):
            read_square(path, 8)


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    for name in ("text.png", "missing.png", ""):
        with pytest.raises(InvalidItemError, match="cannot be read"):
            read_square(tmp_path / name, 8)


@pytest.mark.parametrize("size", [(150, 100), (25, 40), (1, 120)])
def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch, size):
    # Above twice the limit, above it, and above it only once it is padded.
    limit = {(150, 100): 5000, (25, 40): 900, (1, 120): 9000}[size]
    Image.new("RGB", size).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InvalidItemError, match=r"bomb\.png"):
        read_square(tmp_path / "bomb.png", 8)
