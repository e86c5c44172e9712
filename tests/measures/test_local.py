"""CKNNA and second-order cosine against dense evaluations of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from sklearn.metrics.pairwise import cosine_similarity

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import _prh, cka, cknna, local, second_order_cosine


def top(K, k):
    K = K.copy()
    np.fill_diagonal(K, -np.inf)
    mask = np.zeros(K.shape, dtype=bool)
    np.put_along_axis(mask, np.argsort(-K, axis=1)[:, :k], True, axis=1)
    return mask


def dense_cknna(X, Y, k):
    """Appendix A of the paper: sums over pairs that are neighbours in both spaces."""
    K, L = cosine_similarity(X), cosine_similarity(Y)
    in_k, in_l = top(K, k), top(L, k)
    K_bar, L_bar = (M - M.mean(axis=1, keepdims=True) for M in (K, L))

    def align(A, B, mask):
        return (mask * A * B).sum()

    own = align(K_bar, K_bar, in_k) * align(L_bar, L_bar, in_l)
    return align(K_bar, L_bar, in_k & in_l) / np.sqrt(own)


def dense_masked_hsic(K, L):
    """Song et al. (2012), equation 5, written with dense matrices."""
    m = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    value = np.trace(K @ L) + K.sum() * L.sum() / ((m - 1) * (m - 2)) - 2 * (K @ L).sum() / (m - 2)
    return value / (m * (m - 3))


def dense_code_cknna(X, Y, k, epsilon=0.0):
    K, L = cosine_similarity(X), cosine_similarity(Y)
    in_k, in_l = top(K, k), top(L, k)
    both = in_k & in_l
    own = dense_masked_hsic(in_k * K, in_k * K) * dense_masked_hsic(in_l * L, in_l * L)
    return dense_masked_hsic(both * K, both * L) / (np.sqrt(own) + epsilon)


@pytest.mark.parametrize("k", [1, 5, 10, 100])
def test_cknna_equals_the_paper_s_formula(k, golden_pair):
    assert cknna(*golden_pair, k=k) == pytest.approx(dense_cknna(*golden_pair, k), abs=1e-10)


@pytest.mark.parametrize("k", [2, 10, 100])
def test_the_code_s_variant_equals_its_dense_form(k, golden_pair):
    found = cknna(*golden_pair, k=k, variant="prh-code")
    assert found == pytest.approx(dense_code_cknna(*golden_pair, k), abs=1e-10)


def test_the_two_definitions_differ(golden_pair):
    paper, code = (cknna(*golden_pair, variant=v) for v in ("paper", "prh-code"))
    assert abs(paper - code) > 0.02


@pytest.mark.parametrize("compat", ["prh", "prh-script"])
def test_parity_mode_clips_and_adds_the_constant(compat, golden_pair):
    clipped = [_prh.prh_features(X, compat) for X in golden_pair]
    expected = dense_code_cknna(*clipped, 10, epsilon=1e-6)
    assert cknna(*golden_pair, compat=compat) == pytest.approx(expected, abs=1e-10)


def test_all_neighbours_give_cka_of_the_cosine_kernels(golden_pair):
    """With k = n - 2 nearly every pair counts: the number is near that of CKA on unit rows."""
    X, Y = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in golden_pair)
    assert cknna(X, Y, k=198) == pytest.approx(cka(X, Y), abs=0.05)


def test_features_of_any_scale_and_no_constant_in_the_ratio(golden_pair):
    X, Y = golden_pair
    assert cknna(1e-6 * X, 1e6 * Y) == pytest.approx(cknna(X, Y), rel=1e-9)


def test_another_variant_is_refused(golden_pair):
    with pytest.raises(ParameterError, match="variant must be"):
        cknna(*golden_pair, variant="dense")
    with pytest.raises(ParameterError, match="compat must be"):
        cknna(*golden_pair, compat="PRH")


@pytest.mark.parametrize("gather", [1, 32 << 20])
@pytest.mark.parametrize("k", [1, 7])
def test_second_order_cosine_equals_a_loop_over_items(k, gather, golden_pair, monkeypatch):
    monkeypatch.setattr(local, "GATHER_BYTES", gather)
    X, Y = golden_pair
    K, L = cosine_similarity(X), cosine_similarity(Y)
    either = top(K, k) | top(L, k)
    expected = np.mean([1 - cosine(K[i, either[i]], L[i, either[i]]) for i in range(len(X))])
    assert second_order_cosine(X, Y, k=k) == pytest.approx(expected, abs=1e-12)


def test_an_item_orthogonal_to_its_neighbours_is_refused():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [-1.0, -0.5], [-0.9, -0.7]])
    with pytest.raises(DegenerateInputError, match="item 0 is orthogonal"):
        second_order_cosine(X, X, k=1)


def test_only_the_paper_s_form_is_symmetric(golden_pair):
    X, Y = golden_pair
    assert cknna(X, Y, k=40) == pytest.approx(cknna(Y, X, k=40), rel=1e-12)
    there, back = (cknna(*pair, k=40, variant="prh-code") for pair in [(X, Y), (Y, X)])
    assert abs(there - back) > 1e-4
