import math
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from platonica.errors import InvalidItemError, ParameterError, UnknownNameError
from platonica.sources.models import resolve_model


def encode(name, payloads, fitted_on=None):
    model = resolve_model(name).load()
    if fitted_on is not None:
        model.fit(fitted_on)
    (layer,) = model.layers
    features = model.encode(payloads, [layer.name], pooling="auto").layers[layer.name]
    assert features.dtype == np.float32
    assert features.shape == (len(payloads), layer.n_features)
    return features


def test_pixels_are_those_of_a_small_image(tmp_path):
    draw = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(draw).save(tmp_path / "small.png")
    features = encode("control:pixels", [tmp_path / "small.png"])
    np.testing.assert_allclose(features[0], draw.reshape(-1) / 255, atol=1e-6)


def test_a_histogram_counts_colours(tmp_path):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:16] = [255, 32, 100]
    Image.fromarray(pixels).save(tmp_path / "two.png")
    features = encode("control:color-histogram", [tmp_path / "two.png"])[0]
    expected = np.zeros((8, 8, 8))
    expected[7, 1, 3], expected[0, 0, 0] = 0.5, math.sqrt(0.75)
    np.testing.assert_allclose(features, expected.reshape(-1), atol=1e-6)


def test_histograms_have_unit_length(pictures):
    features = encode("control:color-histogram", pictures)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def test_tfidf_is_the_weight_it_says():
    texts = ["a cat", "A dog and a cat", "the dog"]
    features = encode("control:tfidf", texts, texts)
    words = [text.lower().split() for text in texts]
    vocabulary = sorted({word for row in words for word in row})
    share = {word: sum(word in row for row in words) for word in vocabulary}
    rarity = {word: math.log((1 + 3) / (1 + share[word])) + 1 for word in vocabulary}
    expected = np.array(
        [[Counter(row)[word] * rarity[word] for word in vocabulary] for row in words]
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, rtol=1e-5)


def test_tfidf_depends_on_all_texts_and_on_no_batch():
    texts = ["a red apple", "a green apple", "the I", "snow"]
    whole = encode("control:tfidf", texts, texts)
    np.testing.assert_array_equal(encode("control:tfidf", texts[1:2], texts), whole[1:2])
    assert (np.linalg.norm(whole, axis=1) > 0).all()
    assert encode("control:tfidf", texts[:2], texts[:2]).shape != whole[:2].shape


def test_tfidf_refuses_what_it_cannot_know():
    model = resolve_model("control:tfidf").load()
    with pytest.raises(ParameterError, match="must be fitted"):
        model.encode(["a"], ["tfidf"], pooling="auto")
    with pytest.raises(InvalidItemError, match="no word"):
        model.fit(["...", "!"])
    model.fit(["a word", "another"])
    with pytest.raises(InvalidItemError, match="'unseen'"):
        model.encode(["word", "unseen"], ["tfidf"], pooling="auto")
    with pytest.raises(InvalidItemError, match="must not be blank"):
        model.fit(["a", " "])


def test_controls_check_layers_and_pooling(pictures):
    model = resolve_model("control:pixels").load()
    with pytest.raises(UnknownNameError, match="unknown layer 'pixel'; did you mean pixels"):
        model.encode(pictures[:1], ["pixel"], pooling="auto")
    with pytest.raises(ParameterError, match="at least one layer"):
        model.encode(pictures[:1], [], pooling="auto")
    with pytest.raises(ParameterError, match="not 'cls'"):
        model.encode(pictures[:1], ["pixels"], pooling="cls")
    with pytest.raises(InvalidItemError, match="missing"):
        model.encode(["missing.png"], ["pixels"], pooling="auto")
