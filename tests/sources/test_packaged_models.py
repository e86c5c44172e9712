"""Each packaged model against the plain recipe for it, written out with its own library."""

import os

import numpy as np
import pytest

from platonica.errors import InvalidItemError, ParameterError, UnknownNameError
from platonica.sources.images import read_square
from platonica.sources.models import resolve_model
from platonica.sources.models._torch import tapped
from platonica.sources.models.catalog import catalog

pytestmark = pytest.mark.models

IMAGE_MODELS = [
    "pip:efficientnet-lite0",
    "pip:efficientnet-lite1",
    "pip:efficientnet-lite2",
    "pip:efficientnet-lite0?init=random&seed=0",
    "pip:opennsfw",
]
TEXT_MODELS = [
    "pip:wordllama-256",
    "pip:paraphrase-minilm-l3",
    "pip:all-minilm-l6-v2",
    "pip:smollm2-135m",
]
SMOLLM2 = "pip:smollm2-135m"


def encode(model, payloads, *, batch_size=32, layers=None, pooling="auto"):
    """Features of all payloads, layer by layer, and side results."""
    names = layers or [layer.name for layer in model.layers]
    parts = [
        model.encode(payloads[first : first + batch_size], names, pooling=pooling)
        for first in range(0, len(payloads), batch_size)
    ]
    features = {name: np.concatenate([part.layers[name] for part in parts]) for name in names}
    side = {name: np.concatenate([part.side[name] for part in parts]) for name in parts[0].side}
    return features, side


def last(model):
    return model.layers[-1].name


def assert_close(found, expected, relative=1e-4):
    """Rows differ by less than a share of their length."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    error = np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert error.max() < relative


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGE_MODELS + TEXT_MODELS)
def test_features_do_not_depend_on_the_batch(load_model, pictures, sentences, name):
    model = load_model(name)
    payloads = pictures if resolve_model(name).modality == "image" else sentences
    alone, side_alone = encode(model, payloads, batch_size=1)
    for batch_size in (7, 32):
        together, side = encode(model, payloads, batch_size=batch_size)
        for layer in alone:
            assert alone[layer].dtype == np.float32
            assert_close(together[layer], alone[layer])
        for key in side_alone:
            np.testing.assert_allclose(side[key], side_alone[key], rtol=1e-4)


@pytest.mark.parametrize("name", IMAGE_MODELS + TEXT_MODELS)
def test_layers_are_as_declared(load_model, pictures, sentences, name):
    model = load_model(name)
    card = resolve_model(name)
    assert model.n_parameters == card.n_parameters
    payloads = pictures[:1] if card.modality == "image" else sentences[:1]
    features, _ = encode(model, payloads)
    depths = [layer.depth for layer in model.layers]
    assert depths == sorted(set(depths))
    assert depths[-1] == 1
    assert depths[0] >= 0
    for layer in model.layers:
        assert layer.n_features in (None, features[layer.name].shape[1])
    some = [model.layers[-1].name, model.layers[0].name]
    chosen, _ = encode(model, payloads, layers=some)
    assert list(chosen) == list(dict.fromkeys(some))
    for layer in some:
        assert_close(chosen[layer], features[layer])
    with pytest.raises(UnknownNameError, match="unknown layer"):
        model.encode(payloads, ["no such layer"], pooling="auto")
    with pytest.raises(ParameterError, match="not 'max'"):
        model.encode(payloads, some, pooling="max")


@pytest.mark.parametrize("name", IMAGE_MODELS[:1] + IMAGE_MODELS[-1:])
def test_unreadable_images_are_named(load_model, pictures, tmp_path, name):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    model = load_model(name)
    with pytest.raises(InvalidItemError, match=r"broken\.png"):
        model.encode([pictures[0], str(tmp_path / "broken.png")], [last(model)], pooling="auto")


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_blank_texts_are_refused(load_model, name):
    model = load_model(name)
    for blank in ("", "  "):
        with pytest.raises(InvalidItemError, match="must not be blank"):
            model.encode(["a cat", blank], [last(model)], pooling="auto")


@pytest.mark.parametrize("name", TEXT_MODELS[1:])
def test_texts_are_truncated_to_128_tokens(load_model, name):
    model = load_model(name)
    long, longer = "cat " * 200, "cat " * 200 + "dog " * 50
    features, side = encode(model, [long, longer, "cat " * 20])
    assert_close(features[last(model)][1], features[last(model)][0])
    assert not np.allclose(features[last(model)][2], features[last(model)][0], rtol=1e-3)
    for values in side.values():
        np.testing.assert_allclose(values[1], values[0], rtol=1e-4)


def test_the_head_is_extract_features(load_model, pictures):
    import torch

    model = load_model("pip:efficientnet-lite0")
    names = [layer.name for layer in model.layers]
    assert names == ["stem", *(f"blocks.{i}" for i in range(16)), "head"]
    pictures = pictures[:4]  # as many as we take at once: other runs round differently
    x = np.stack([(read_square(path, 224) - 127) / 128 for path in pictures])
    batch = torch.from_numpy(x).permute(0, 3, 1, 2)
    net = model.network
    with torch.no_grad():
        head = net.extract_features(batch).mean((2, 3))
        stem = net._swish(net._bn0(net._conv_stem(batch)))
        first = net._blocks[0](stem)
    features, _ = encode(model, pictures)
    assert_close(features["head"], head.numpy(), 1e-6)
    assert_close(features["stem"], stem.mean((2, 3)).numpy(), 1e-6)
    assert_close(features["blocks.0"], first.mean((2, 3)).numpy(), 1e-6)
    assert sum(p.numel() for p in net.parameters()) == 4_652_008


def test_trained_weights_are_in_the_network(load_model):
    import torch

    model = load_model("pip:efficientnet-lite0")
    path = catalog()["efficientnet-lite0"].locate("weights")
    stored = torch.load(path, weights_only=True)
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, stored[key])


def n_hooks(network):
    return sum(len(module._forward_hooks) for module in network.modules())


def test_hooks_are_gone_after_use_and_after_an_exception(load_model, pictures):
    network = load_model("pip:efficientnet-lite0").network
    load_model("pip:efficientnet-lite0").encode(pictures[:1], ["head"], pooling="auto")
    assert n_hooks(network) == 0
    block = network._blocks[0]

    def fail():
        with tapped({"block": block}, {"block": lambda maps: maps}):
            assert n_hooks(network) == 1
            raise RuntimeError("in the forward pass")

    with pytest.raises(RuntimeError, match="forward pass"):
        fail()
    assert n_hooks(network) == 0


@pytest.mark.parametrize(
    "name",
    [
        "pip:efficientnet-lite0",
        "pip:all-minilm-l6-v2",
        pytest.param(SMOLLM2, marks=pytest.mark.slow),
    ],
)
def test_the_untrained_twin(load_model, pictures, sentences, name):
    import torch

    trained = load_model(name)
    payloads = pictures[:2] if "efficientnet" in name else sentences[:2]
    state = torch.random.get_rng_state()
    queries = ("?init=random", "?init=random&seed=0", "?init=random&seed=1")
    twins = [resolve_model(name + query).load() for query in queries]
    assert torch.equal(torch.random.get_rng_state(), state)
    layer = last(trained)
    features = [encode(model, payloads, layers=[layer])[0][layer] for model in (*twins, trained)]
    np.testing.assert_array_equal(features[1], features[0])
    for other in features[2:]:
        assert not np.allclose(other, features[0], rtol=1e-2)
    assert twins[0].n_parameters == trained.n_parameters
    assert [each.name for each in twins[0].layers] == [each.name for each in trained.layers]
    cards = [resolve_model(name + query) for query in ("", "?init=random", "?init=random&seed=1")]
    assert len({card.revision for card in cards}) == 3


@pytest.mark.parametrize("name", ["pip:efficientnet-lite0", "pip:all-minilm-l6-v2"])
def test_loading_leaves_the_process_as_it_was(load_model, name, capfd, monkeypatch):
    import torch

    load_model(name)
    import huggingface_hub.constants as hub
    import transformers

    before = (
        hub.HF_HUB_OFFLINE,
        transformers.utils.logging.is_progress_bar_enabled(),
        transformers.utils.logging.get_verbosity(),
    )
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    state = torch.random.get_rng_state()
    capfd.readouterr()
    resolve_model(name).load()
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert "HF_HUB_OFFLINE" not in os.environ
    after = (
        hub.HF_HUB_OFFLINE,
        transformers.utils.logging.is_progress_bar_enabled(),
        transformers.utils.logging.get_verbosity(),
    )
    assert after == before


def test_opennsfw_is_its_own_average_pool(load_model, pictures):
    import onnx
    import onnxruntime

    model = load_model("pip:opennsfw")
    graph = onnx.load(str(catalog()["opennsfw"].locate("weights")))
    pool = [node for node in graph.graph.node if "Pool" in node.op_type][-1].output[0]
    value = onnx.helper.make_tensor_value_info(pool, onnx.TensorProto.FLOAT, None)
    graph.graph.output.append(value)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = []
    for path in pictures:
        bgr = read_square(path, 224)[:, :, ::-1] - np.array([104, 117, 123], np.float32)
        feed = {session.get_inputs()[0].name: bgr[None].copy()}
        expected.append(session.run([pool], feed)[0].reshape(-1))
    features, _ = encode(model, pictures)
    assert_close(features["pool"], expected)
    widths = [features[layer.name].shape[1] for layer in model.layers]
    assert widths == [128] * 3 + [256] * 4 + [512] * 6 + [1024] * 4
    # The pool averages what the last block returns.
    assert_close(features["stage3_block2"], features["pool"])


def test_minilm_l6_is_the_masked_mean_of_its_own_library(load_model, sentences):
    import torch
    from transformers import AutoTokenizer

    model = load_model("pip:all-minilm-l6-v2")
    folder = catalog()["all-minilm-l6-v2"].locate("weights").parent
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    batch = tokenizer(sentences, padding=True, truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        states = model.network(**batch, output_hidden_states=True).hidden_states
    weights = batch["attention_mask"][..., None]
    features, _ = encode(model, sentences)
    assert list(features) == ["embeddings", *(f"encoder.layer.{i}" for i in range(6))]
    for hidden, layer in zip(states, features, strict=True):
        expected = (hidden * weights).sum(1) / weights.sum(1)
        assert_close(features[layer], expected.numpy())
    first, _ = encode(model, sentences, pooling="cls")
    assert_close(first["encoder.layer.5"], states[-1][:, 0].numpy())


def test_minilm_l3_is_the_mean_of_its_output(load_model, sentences):
    import onnxruntime
    from tokenizers import Tokenizer

    model = load_model("pip:paraphrase-minilm-l3")
    entry = catalog()["paraphrase-minilm-l3"]
    session = onnxruntime.InferenceSession(
        str(entry.locate("weights")), providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(str(entry.locate("tokenizer")))
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    expected = []
    for text in sentences:
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        outputs = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        (hidden,) = [each for each in outputs if each.ndim == 3 and each.shape[-1] == 384]
        expected.append(hidden[0].mean(0))
    features, _ = encode(model, sentences)
    assert list(features) == ["embeddings", *(f"encoder.layer.{i}" for i in range(3))]
    assert_close(features["encoder.layer.2"], expected)


def test_wordllama_is_the_mean_of_its_vectors(load_model, sentences):
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    entry = catalog()["wordllama-256"]
    vectors = load_file(entry.locate("weights"))["embedding.weight"].astype(np.float32)
    tokenizer = Tokenizer.from_file(str(entry.locate("tokenizer")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    expected = [
        vectors[tokenizer.encode(text, add_special_tokens=False).ids].mean(0) for text in sentences
    ]
    features, _ = encode(load_model("pip:wordllama-256"), sentences)
    assert_close(features["embeddings"], expected, 1e-6)


def test_smollm2_has_31_hidden_states_without_the_prefix(load_model, sentences):
    import torch

    model = load_model(SMOLLM2)
    assert len(model.layers) == 31
    text = sentences[0]
    ids = torch.tensor([[0, *model._tokenizer(text)["input_ids"]]])
    with torch.no_grad():
        states = model.network(ids, output_hidden_states=True).hidden_states
    features, _ = encode(model, [text])
    ends, _ = encode(model, [text], pooling="last")
    for hidden, layer in zip(states, features, strict=True):
        assert hidden.shape[-1] == 576
        assert_close(features[layer][0], hidden[0, 1:].mean(0).numpy())
        assert_close(ends[layer][0], hidden[0, -1].numpy())


def test_smollm2_bits_per_byte(load_model, sentences):
    import torch

    model = load_model(SMOLLM2)
    _, side = encode(model, ["A black dog and a spotted dog are fighting", sentences[-1]])
    assert side["bits_per_byte"][0] == pytest.approx(1.776, abs=0.02)
    for row, text in enumerate(["A black dog and a spotted dog are fighting", sentences[-1]]):
        ids = torch.tensor([[0, *model._tokenizer(text)["input_ids"]]])
        with torch.no_grad():
            chances = model.network(ids).logits.float().log_softmax(-1)
        loss = -chances[0, :-1].gather(1, ids[0, 1:, None]).sum().item()
        assert side["loss"][row] == pytest.approx(loss, rel=1e-4)
        expected = loss / np.log(2) / len(text.encode())
        assert side["bits_per_byte"][row] == pytest.approx(expected, rel=1e-4)
