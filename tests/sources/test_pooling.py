import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platonica.errors import DegenerateInputError, InvalidItemError, ParameterError, ShapeError
from platonica.sources.pooling import check_pooling, pool_positions, pool_tokens
from platonica.sources.texts import check_texts, pad_tokens


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    left=st.integers(0, 3),
    right=st.integers(0, 3),
    pooling=st.sampled_from(["mean", "cls", "last"]),
)
def test_padding_counts_for_nothing_on_either_side(lengths, left, right, pooling):
    draw = np.random.default_rng(sum(lengths))
    width = max(lengths)
    texts = [draw.normal(size=(length, 3)).astype(np.float32) for length in lengths]
    hidden = np.full((len(texts), left + width + right, 3), np.inf, np.float32)
    mask = np.zeros(hidden.shape[:2], bool)
    for row, text in enumerate(texts):
        hidden[row, left : left + len(text)] = text
        mask[row, left : left + len(text)] = True
    expected = {
        "mean": [text.mean(axis=0) for text in texts],
        "cls": [text[0] for text in texts],
        "last": [text[-1] for text in texts],
    }[pooling]
    pooled = pool_tokens(hidden, mask, pooling)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected, rtol=1e-5, atol=1e-6)


def test_bad_input_to_token_pooling():
    hidden, mask = np.ones((2, 3, 4), np.float32), np.ones((2, 3), bool)
    with pytest.raises(ParameterError, match="not 'max'"):
        pool_tokens(hidden, mask, "max")
    with pytest.raises(ShapeError):
        pool_tokens(hidden, mask[:, :2], "mean")
    mask[1] = False
    with pytest.raises(DegenerateInputError, match="text 1 has no tokens"):
        pool_tokens(hidden, mask, "mean")


def test_positions_are_averaged(rng):
    maps = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    naive = [[maps[n, c].sum() / 20 for c in range(3)] for n in range(2)]
    np.testing.assert_allclose(pool_positions(maps), naive, rtol=1e-5)
    with pytest.raises(ShapeError):
        pool_positions(maps[0])


def test_auto_is_the_first_pooling_and_others_are_listed():
    assert check_pooling("auto", ("mean", "cls")) == "mean"
    assert check_pooling("cls", ("mean", "cls")) == "cls"
    with pytest.raises(ParameterError, match="one of mean, cls for this model, not 'last'"):
        check_pooling("last", ("mean", "cls"))


@pytest.mark.parametrize("text", ["", " \n", None, 3, b"bytes"])
def test_only_texts_with_something_in_them_are_texts(text):
    with pytest.raises(InvalidItemError):
        check_texts(["fine", text])


def test_tokens_are_padded_on_the_right():
    ids, mask = pad_tokens([[4], [5, 6, 7], [8, 9]])
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids, [[4, 0, 0], [5, 6, 7], [8, 9, 0]])
    np.testing.assert_array_equal(mask.sum(axis=1), [1, 3, 2])
