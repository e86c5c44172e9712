"""ONNX graphs whose inner tensors are layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import StoreError
from platonica.sources._contracts import Encoded, Layer
from platonica.sources._libraries import library
from platonica.sources.images import read_square
from platonica.sources.models._taps import check_layers, tap_points
from platonica.sources.models.catalog import Entry
from platonica.sources.pooling import check_pooling, pool_positions, pool_tokens
from platonica.sources.texts import check_texts, load_tokenizer, pad_tokens

__all__ = ["Graph", "OnnxImageModel", "OnnxTextModel", "load_image", "load_text"]


def load_image(entry: Entry) -> OnnxImageModel:
    """Load a graph that reads images."""
    return OnnxImageModel(Graph(entry), entry)


def load_text(entry: Entry) -> OnnxTextModel:
    """Load a graph that reads texts."""
    return OnnxTextModel(Graph(entry), entry)


class Graph:
    """A session that returns inner tensors of its graph.

    Parameters
    ----------
    entry : Entry
        Its option ``taps`` maps names of layers to names of tensors.

    Raises
    ------
    MissingExtraError
        onnx or onnxruntime is not installed.
    StoreError
        The graph lacks one of the tensors.
    """

    def __init__(self, entry: Entry) -> None:
        onnx = library("onnx", "onnx")
        runtime = library("onnxruntime", "onnx")
        self.taps: Mapping[str, str] = entry.options["taps"]
        model = onnx.load(str(entry.locate("weights")))
        inner = {tensor for node in model.graph.node for tensor in node.output}
        declared = {output.name for output in model.graph.output}
        for name, tensor in self.taps.items():
            if tensor not in inner:
                raise StoreError(f"pip:{entry.name}: the graph has no tensor {tensor!r} ({name})")
            if tensor not in declared:
                # A session returns only declared outputs; their shape may stay open.
                model.graph.output.append(
                    onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)
                )
        self.n_parameters = sum(
            int(np.prod(weights.dims))
            for weights in model.graph.initializer
            if weights.data_type == onnx.TensorProto.FLOAT
        )
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors; it warns of every declared inner tensor
        self._session = runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [given.name for given in self._session.get_inputs()]

    def run(
        self, names: Sequence[str], feed: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[np.float32]]:
        """Values of some layers for one batch."""
        values = self._session.run([self.taps[name] for name in names], dict(feed))
        return dict(zip(names, values, strict=True))


class OnnxImageModel:
    """A graph that reads images channels last, blue first.

    Parameters
    ----------
    graph : Graph
    entry : Entry
    """

    def __init__(self, graph: Graph, entry: Entry) -> None:
        self._graph = graph
        self._size = entry.options["image_size"]
        self._offset = np.array(entry.options["bgr_offset"], np.float32)
        self.poolings = entry.poolings
        self.n_parameters = graph.n_parameters
        self.layers: tuple[Layer, ...] = tap_points(dict.fromkeys(graph.taps), first=1)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of image paths; see `Model.encode`."""
        names = check_layers(layers, self.layers)
        check_pooling(pooling, self.poolings)
        rgb = np.stack([read_square(path, self._size) for path in payloads])
        bgr = np.ascontiguousarray(rgb[..., ::-1]) - self._offset
        maps = self._graph.run(names, {self._graph.inputs[0]: bgr})
        return Encoded({name: pool_positions(maps[name]) for name in names})


class OnnxTextModel:
    """A graph that reads token ids and a mask.

    Parameters
    ----------
    graph : Graph
    entry : Entry
    """

    def __init__(self, graph: Graph, entry: Entry) -> None:
        self._graph = graph
        self._tokenizer = load_tokenizer(entry.locate("tokenizer"), entry.options["max_length"])
        self.poolings = entry.poolings
        self.n_parameters = graph.n_parameters
        self.layers: tuple[Layer, ...] = tap_points(dict.fromkeys(graph.taps), first=0)

    def encode(self, payloads: Sequence[Any], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Features of a batch of texts; see `Model.encode`."""
        names = check_layers(layers, self.layers)
        pooling = check_pooling(pooling, self.poolings)
        encodings = self._tokenizer.encode_batch(check_texts(payloads))
        ids, mask = pad_tokens([encoding.ids for encoding in encodings])
        hidden = self._graph.run(names, {"input_ids": ids, "attention_mask": mask.astype(np.int64)})
        return Encoded({name: pool_tokens(hidden[name], mask, pooling) for name in names})
