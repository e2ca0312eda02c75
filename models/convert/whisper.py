"""How does Whisper become ONNX? Two graphs of our own writing, filled from a CTranslate2 file.

The encoder answers the keys and values that every layer of the decoder attends to, so that they
are computed once per sound. The decoder takes new tokens and what it remembers of earlier ones.

Source: A. Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from veridical.errors import ModelError
from veridical.models.convert.ctranslate2 import read_ctranslate2

__all__ = ["convert_whisper"]

OPSET = 20
IR_VERSION = 9
HEAD = 64
"""Values of one attention head, in every size of Whisper."""
EPSILON = 1e-5
HIDDEN = float(np.finfo(np.float32).min) / 2


def convert_whisper(
    data: bytes, part: str, vocabulary: bytes, alignment_heads: Sequence[int]
) -> bytes:
    """Make the encoder or the decoder.

    The weights stay in half precision, as the file has them; the session computes in float32.

    Args:
        data: A CTranslate2 `model.bin` of Whisper.
        part: `encoder` or `decoder`.
        vocabulary: The file's `vocabulary.txt`: one token a line; the decoder carries it along.
        alignment_heads: Layer and head, layer and head, ... whose attention follows the sound.

    Raises:
        ModelError: `model.checkpoint`: the file is of another kind or lacks a layer.
    """
    weights = read_ctranslate2(data, "WhisperSpec")
    try:
        graph = _encoder(weights) if part == "encoder" else _decoder(weights, alignment_heads)
    except KeyError as error:
        raise ModelError(
            f"the Whisper file lacks {error}; another conversion of it is wanted",
            "model.checkpoint",
        ) from error
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    if part == "decoder":
        helper.set_model_props(model, {"vocabulary": vocabulary.decode()})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Collects nodes and weights; values are known by name."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def op(self, kind: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        """Add a node with one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(
        self, kind: str, outputs: int, *inputs: str, **attributes: int | float | list[int]
    ) -> list[str]:
        """Add a node with several outputs."""
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        node = helper.make_node(kind, list(inputs), names)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.nodes.append(node)
        return names

    def constant(self, value: NDArray[np.generic] | list[int] | float) -> str:
        """Add a small constant."""
        dtype = np.float32 if isinstance(value, float) else None
        array = np.asarray(value, dtype)
        name = f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str) -> str:
        """A weight of the file, in float32."""
        return self.array(name, np.asarray(self.weights[name]))

    def array(self, name: str, value: NDArray[np.generic]) -> str:
        """A weight as given, stored in half precision, in float32."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(value.astype(np.float16), name)
            self.nodes.append(
                helper.make_node("Cast", [name], [f"{name}:f32"], to=TensorProto.FLOAT)
            )
        return f"{name}:f32"

    def linear(self, value: str, name: str, start: int = 0, stop: int | None = None) -> str:
        """A dense layer, or some of its outputs."""
        rows = np.asarray(self.weights[f"{name}/weight"])[start:stop]
        bias = np.asarray(self.weights[f"{name}/bias"])[start:stop]
        own = f"{name}/{start}"
        product = self.op("MatMul", value, self.array(f"{own}/weight", rows.T))
        return self.op("Add", product, self.array(f"{own}/bias", bias))

    def norm(self, value: str, name: str) -> str:
        """Layer normalisation."""
        gamma, beta = self.weight(f"{name}/gamma"), self.weight(f"{name}/beta")
        return self.op("LayerNormalization", value, gamma, beta, axis=-1, epsilon=EPSILON)

    def heads(self, value: str, count: int) -> str:
        """(n, t, width) to (n, heads, t, 64)."""
        split = self.op("Reshape", value, self.constant([0, 0, count, HEAD]))
        return self.op("Transpose", split, perm=[0, 2, 1, 3])

    def attend(self, query: str, key: str, value: str, mask: str = "") -> tuple[str, str]:
        """Attention over heads; the result (n, t, width) and the weights (n, heads, t, s)."""
        turned = self.op("Transpose", key, perm=[0, 1, 3, 2])
        scaled = self.op("Mul", query, self.constant(HEAD**-0.5))
        scores = self.op("MatMul", scaled, turned)
        if mask:
            scores = self.op("Add", scores, mask)
        weights = self.op("Softmax", scores, axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self.op("Reshape", mixed, self.constant([0, 0, -1])), weights

    def feed_forward(self, value: str, name: str) -> str:
        """The two dense layers of a block, with what they are added to."""
        inner = self.norm(value, f"{name}/layer_norm")
        inner = self.op("Gelu", self.linear(inner, f"{name}/linear_0"))
        return self.op("Add", value, self.linear(inner, f"{name}/linear_1"))

    def made(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: dict[str, tuple[str, str]]
    ) -> onnx.GraphProto:
        """The graph; outputs are given by name: the value and its shape in words."""
        infos = []
        for output, (value, shape) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [value], [output]))
            infos.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, _sides(shape)))
        return helper.make_graph(
            self.nodes, name, inputs, infos, initializer=list(self.constants.values())
        )


def _sides(shape: str) -> list[int | str]:
    return [int(side) if side.isdigit() else side for side in shape.split()]


def _layers(weights: Mapping[str, NDArray[np.generic]], part: str) -> int:
    return sum(
        name.startswith(f"{part}/layer_") and name.endswith("/ffn/linear_0/bias")
        for name in weights
    )


def _encoder(weights: Mapping[str, NDArray[np.generic]]) -> onnx.GraphProto:
    graph = _Graph(weights)
    width = int(np.asarray(weights["encoder/conv1/bias"]).shape[0])
    bands = int(np.asarray(weights["encoder/conv1/weight"]).shape[1])
    heads = width // HEAD
    value = "mel"
    for i, stride in ((1, 1), (2, 2)):
        kernel, bias = (graph.weight(f"encoder/conv{i}/{key}") for key in ("weight", "bias"))
        value = graph.op("Conv", value, kernel, bias, strides=[stride], pads=[1, 1])
        value = graph.op("Gelu", value)
    value = graph.op("Transpose", value, perm=[0, 2, 1])
    length = graph.op("Shape", value, start=1, end=2)
    positions = graph.weight("encoder/position_encodings/encodings")
    zero = graph.constant([0])
    value = graph.op("Add", value, graph.op("Slice", positions, zero, length, zero))
    for i in range(_layers(weights, "encoder")):
        own = f"encoder/layer_{i}/self_attention"
        normed = graph.norm(value, f"{own}/layer_norm")
        query, key, content = (
            graph.heads(graph.linear(normed, f"{own}/linear_0", at, at + width), heads)
            for at in (0, width, 2 * width)
        )
        mixed, _ = graph.attend(query, key, content)
        value = graph.op("Add", value, graph.linear(mixed, f"{own}/linear_1"))
        value = graph.feed_forward(value, f"encoder/layer_{i}/ffn")
    value = graph.norm(value, "encoder/layer_norm")
    cross = []
    for i in range(_layers(weights, "decoder")):
        own = f"decoder/layer_{i}/attention/linear_1"
        for at in (0, width):
            part = graph.heads(graph.linear(value, own, at, at + width), heads)
            cross.append(graph.op("Unsqueeze", part, zero))
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["n", bands, "frames"])
    outputs = {
        "cross": (graph.op("Concat", *cross, axis=0), f"{len(cross)} n {heads} steps {HEAD}")
    }
    return graph.made("whisper-encoder", [mel], outputs)


def _decoder(
    weights: Mapping[str, NDArray[np.generic]], alignment_heads: Sequence[int]
) -> onnx.GraphProto:
    graph = _Graph(weights)
    embeddings = np.asarray(weights["decoder/embeddings/weight"])
    words, width = embeddings.shape
    heads, layers = width // HEAD, _layers(weights, "decoder")
    pairs = tuple(zip(alignment_heads[::2], alignment_heads[1::2], strict=True))
    zero, one = graph.constant([0]), graph.constant([1])
    past = graph.op("Shape", "past", start=3, end=4)
    total = graph.op("Add", past, graph.op("Shape", "tokens", start=1, end=2))
    axis = graph.constant([0])
    embedding = graph.array("decoder/embeddings/weight", embeddings)
    value = graph.op("Gather", embedding, "tokens", axis=0)
    positions = graph.weight("decoder/position_encodings/encodings")
    value = graph.op("Add", value, graph.op("Slice", positions, past, total, axis))
    # A token sees itself and what came before it: column <= row + past.
    scalar = graph.constant(np.array([], np.int64))
    first, last = graph.op("Reshape", past, scalar), graph.op("Reshape", total, scalar)
    nought, step = graph.constant(np.array(0, np.int64)), graph.constant(np.array(1, np.int64))
    rows = graph.op("Unsqueeze", graph.op("Range", first, last, step), one)
    later = graph.op("Greater", graph.op("Range", nought, last, step), rows)
    mask = graph.op("Where", later, graph.constant(HIDDEN), graph.constant(0.0))
    split = graph.constant(np.ones(2 * layers, np.int64))
    remembered = graph.ops("Split", 2 * layers, "past", split, axis=0)
    crossed = graph.ops("Split", 2 * layers, "cross", split, axis=0)
    present: list[str] = []
    followed: list[str] = []
    for i in range(layers):
        own = f"decoder/layer_{i}/self_attention"
        normed = graph.norm(value, f"{own}/layer_norm")
        query = graph.heads(graph.linear(normed, f"{own}/linear_0", 0, width), heads)
        known = []
        for k in (0, 1):
            at = width * (k + 1)
            new = graph.heads(graph.linear(normed, f"{own}/linear_0", at, at + width), heads)
            old = graph.op("Squeeze", remembered[2 * i + k], zero)
            known.append(graph.op("Concat", old, new, axis=2))
            present.append(graph.op("Unsqueeze", known[k], zero))
        mixed, _ = graph.attend(query, known[0], known[1], mask)
        value = graph.op("Add", value, graph.linear(mixed, f"{own}/linear_1"))
        own = f"decoder/layer_{i}/attention"
        normed = graph.norm(value, f"{own}/layer_norm")
        query = graph.heads(graph.linear(normed, f"{own}/linear_0"), heads)
        key, content = (graph.op("Squeeze", crossed[2 * i + k], zero) for k in (0, 1))
        mixed, followed_by = graph.attend(query, key, content)
        value = graph.op("Add", value, graph.linear(mixed, f"{own}/linear_2"))
        value = graph.feed_forward(value, f"decoder/layer_{i}/ffn")
        chosen = [head for layer, head in pairs if layer == i]
        if chosen:
            followed.append(graph.op("Gather", followed_by, graph.constant(chosen), axis=1))
    value = graph.norm(value, "decoder/layer_norm")
    logits = graph.op("MatMul", value, graph.op("Transpose", embedding, perm=[1, 0]))
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "t"]),
        helper.make_tensor_value_info(
            "past", TensorProto.FLOAT, [2 * layers, "n", heads, "p", HEAD]
        ),
        helper.make_tensor_value_info(
            "cross", TensorProto.FLOAT, [2 * layers, "m", heads, "steps", HEAD]
        ),
    ]
    outputs = {
        "logits": (logits, f"n t {words}"),
        "present": (graph.op("Concat", *present, axis=0), f"{2 * layers} n {heads} all {HEAD}"),
        "attention": (
            graph.op("Concat", *followed, axis=1),
            f"n {len(pairs)} t steps",
        ),
    }
    return graph.made("whisper-decoder", inputs, outputs)
