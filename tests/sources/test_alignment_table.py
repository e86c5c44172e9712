"""Scores that these models and data are known to have, with a literal mutual k-NN."""

import numpy as np
import pytest

pytestmark = [pytest.mark.models, pytest.mark.stamps, pytest.mark.slow]

K = 10


def neighbors(features):
    unit = features.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :K]


@pytest.fixture(scope="module")
def graph_of(stamp_features):
    """A function from a name to the neighbours in its last layer."""

    def graph(name):
        features = stamp_features(name)
        return neighbors(features.array(features.layer_names[-1]))

    return graph


@pytest.fixture(scope="module")
def text_graph(graph_of):
    return graph_of("pip:paraphrase-minilm-l3")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pip:efficientnet-lite0", 0.182),
        ("pip:efficientnet-lite0?init=random&seed=0", 0.057),
        ("pip:opennsfw", 0.160),
        ("control:pixels", 0.060),
        ("control:color-histogram", 0.064),
    ],
)
def test_agreement_with_paraphrase_minilm_on_the_stamps(graph_of, text_graph, name, expected):
    shared = [len(set(a) & set(b)) for a, b in zip(graph_of(name), text_graph, strict=True)]
    assert np.mean(shared) / K == pytest.approx(expected, abs=0.01)
