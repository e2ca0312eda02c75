"""How does an OpenVINO network become ONNX without OpenVINO? Layer by layer.

An intermediate representation is two files: XML that lists layers and the edges between them, and
the bytes of its constants. Only what the networks in the cards use is here; anything else is
refused by name. The leading side is freed, so that pictures may come in batches.

Source: OpenVINO's operation sets, opset1, and IR version 11.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from veridical.errors import ModelError

__all__ = ["convert_openvino"]

OPSET = 17
VERSION = "11"
NUMPY_TYPES: Final = {"f16": "<f2", "f32": "<f4", "i32": "<i4", "i64": "<i8"}
ARITHMETIC: Final = {"Add": "Add", "Multiply": "Mul"}


def convert_openvino(topology: bytes, weights: bytes, *, output: str) -> bytes:
    """Convert a float network of one input and one output.

    Args:
        topology: The XML file; its hash has been checked, so that it is not a stranger's.
        weights: The file of constants beside it.
        output: Name for the graph's output.

    Returns:
        An ONNX file whose `input` is (n, ...) and whose output is (n, values), both float32.

    Raises:
        ModelError: `model.conversion`: it is no such network, or has a layer not known here.
    """
    try:
        root = fromstring(topology)  # noqa: S314
    except ParseError as error:
        raise _refused(f"its topology is no XML: {error}") from error
    if root.tag != "net" or root.get("version") != VERSION:
        raise _refused(f"an IR of version {VERSION} was wanted, got {root.get('version')}")
    return _Converter(root, weights).convert(output)


class _Converter:
    """One conversion: nodes and constants gather here."""

    def __init__(self, root: Element, weights: bytes) -> None:
        self.layers = {layer.get("id", ""): layer for layer in root.iterfind("layers/layer")}
        self.weights = weights
        self.sources: dict[str, list[str]] = {}
        """Layer to the layers it reads, in the order of its ports."""
        edges = sorted(root.iterfind("edges/edge"), key=lambda edge: int(edge.get("to-port", "0")))
        for edge in edges:
            self.sources.setdefault(edge.get("to-layer", ""), []).append(edge.get("from-layer", ""))
        self.constants: dict[str, NDArray[np.generic]] = {}
        self.names: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    def convert(self, output: str) -> bytes:
        result = self._one("Result")
        shape = _shape(self._one("Parameter"), "output")
        for identity in self._in_order(result.get("id", "")):
            self._layer(identity)
        last = self.names[self.sources[result.get("id", "")][0]]
        self.nodes.append(helper.make_node("Flatten", [last], [output], axis=1))
        graph = helper.make_graph(
            self.nodes,
            "openvino",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *shape[1:]])],
            [
                helper.make_tensor_value_info(
                    output, TensorProto.FLOAT, ["n", math.prod(_shape(result, "input")[1:])]
                )
            ],
            list(self.initialisers.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def _one(self, kind: str) -> Element:
        found = [layer for layer in self.layers.values() if layer.get("type") == kind]
        if len(found) != 1:
            raise _refused(f"it has {len(found)} layers {kind}, one was wanted")
        return found[0]

    def _in_order(self, last: str) -> Iterator[str]:
        """Every layer that the last one needs, each after those that it reads."""
        done: set[str] = set()
        waiting = [last]
        while waiting:
            missing = [one for one in self.sources.get(waiting[-1], []) if one not in done]
            if missing:
                waiting += missing
                continue
            identity = waiting.pop()
            if identity not in done:
                done.add(identity)
                yield identity

    def _layer(self, identity: str) -> None:
        layer = self.layers[identity]
        kind = layer.get("type", "")
        if kind not in HANDLERS:
            raise _refused(f"it uses {kind}, which this converter does not know")
        data = layer.find("data")
        HANDLERS[kind](self, identity, {} if data is None else dict(data.attrib))

    def constant(self, identity: str) -> NDArray[np.float32]:
        """The constant that a layer gives."""
        if identity not in self.constants:
            raise _refused(f"layer {identity} was expected to be a constant")
        return np.asarray(self.constants[identity], np.float32)

    def name(self, identity: str) -> str:
        """A layer's tensor in the ONNX graph."""
        if identity in self.constants:
            return self.keep(f"c{identity}", self.constant(identity))
        return self.names[identity]

    def keep(self, name: str, values: NDArray[np.float32]) -> str:
        """Put a constant into the ONNX graph."""
        self.initialisers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def add(
        self, kind: str, identity: str, inputs: list[str], **attributes: int | list[int]
    ) -> None:
        """Add the node that stands for a layer."""
        self.names[identity] = f"t{identity}"
        node = helper.make_node(kind, inputs, [f"t{identity}"])
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self.nodes.append(node)


_Attributes = dict[str, str]


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")] if text.strip() else []


def _shape(layer: Element, side: str) -> list[int]:
    """Shape of a layer's first input or output."""
    port = layer.find(f"{side}/port")
    return [] if port is None else [int(part.text or "") for part in port.iterfind("dim")]


def _parameter(converter: _Converter, identity: str, _: _Attributes) -> None:
    converter.names[identity] = "input"


def _result(_converter: _Converter, _identity: str, _: _Attributes) -> None:
    """Nothing: the converter ends the graph itself."""


def _const(converter: _Converter, identity: str, given: _Attributes) -> None:
    kind = given["element_type"]
    if kind not in NUMPY_TYPES:
        raise _refused(f"it holds constants of type {kind}, which this converter does not know")
    start, size = int(given["offset"]), int(given["size"])
    held = converter.weights[start : start + size]
    if len(held) != size:
        raise _refused("its weights end before its constants do")
    shape = _whole(given["shape"])
    converter.constants[identity] = np.frombuffer(held, NUMPY_TYPES[kind]).reshape(shape)


def _convert(converter: _Converter, identity: str, _: _Attributes) -> None:
    """Half precision, made single."""
    (source,) = converter.sources[identity]
    converter.constants[identity] = converter.constant(source)


def _convolution(converter: _Converter, identity: str, given: _Attributes) -> None:
    if given.get("auto_pad", "explicit") != "explicit":
        raise _refused(f"a convolution is padded by {given['auto_pad']}, explicit was wanted")
    source, weights = converter.sources[identity]
    kernel, groups = converter.constant(weights), 1
    if converter.layers[identity].get("type") == "GroupConvolution":
        groups, kernel = kernel.shape[0], kernel.reshape(-1, *kernel.shape[2:])
    converter.add(
        "Conv",
        identity,
        [converter.name(source), converter.keep(f"w{identity}", kernel)],
        kernel_shape=list(kernel.shape[2:]),
        strides=_whole(given["strides"]),
        dilations=_whole(given["dilations"]),
        pads=_whole(given["pads_begin"]) + _whole(given["pads_end"]),
        group=groups,
    )


def _pool(converter: _Converter, identity: str, given: _Attributes) -> None:
    (source,) = converter.sources[identity]
    converter.add(
        "AveragePool",
        identity,
        [converter.name(source)],
        kernel_shape=_whole(given["kernel"]),
        strides=_whole(given["strides"]),
        pads=_whole(given["pads_begin"]) + _whole(given["pads_end"]),
        count_include_pad=int(given["exclude-pad"] == "false"),
    )


def _prelu(converter: _Converter, identity: str, _: _Attributes) -> None:
    source, slopes = converter.sources[identity]
    channels = _shape(converter.layers[identity], "output")[1]
    # One slope may stand for all channels; written out, `expand_prelu` can make it cheap.
    slope = np.broadcast_to(converter.constant(slopes).reshape(-1, 1, 1), (channels, 1, 1))
    kept = converter.keep(f"s{identity}", slope)
    converter.add("PRelu", identity, [converter.name(source), kept])


def _sigmoid(converter: _Converter, identity: str, _: _Attributes) -> None:
    converter.add("Sigmoid", identity, [converter.name(converter.sources[identity][0])])


def _arithmetic(converter: _Converter, identity: str, given: _Attributes) -> None:
    if given.get("auto_broadcast", "numpy") != "numpy":
        raise _refused(f"it broadcasts by {given['auto_broadcast']}, numpy was wanted")
    kind = ARITHMETIC[converter.layers[identity].get("type", "")]
    converter.add(kind, identity, [converter.name(one) for one in converter.sources[identity]])


HANDLERS: Final[dict[str, Callable[[_Converter, str, _Attributes], None]]] = {
    "Add": _arithmetic,
    "AvgPool": _pool,
    "Const": _const,
    "Convert": _convert,
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "Multiply": _arithmetic,
    "PReLU": _prelu,
    "Parameter": _parameter,
    "Result": _result,
    "Sigmoid": _sigmoid,
}


def _refused(why: str) -> ModelError:
    return ModelError(f"this OpenVINO network cannot be converted: {why}", "model.conversion")
