"""How does a TFLite network become ONNX without TensorFlow? Operator by operator.

TFLite keeps pictures as (n, h, w, c), ONNX as (n, c, h, w). Every picture inside the graph is kept
the ONNX way: it is turned once where it enters and once before a reshape or an output, rather
than around every convolution. The leading side is free, so that pictures may come in batches.

Only what the networks in the cards use is here; anything else is refused by name.
Source: the TFLite schema and the reference kernels' definitions of padding and activation.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
import onnx
import tflite
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from veridical.errors import ModelError

__all__ = ["convert_tflite"]

OPSET = 17
NUMPY_TYPES = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT32: "<i4",
    tflite.TensorType.INT64: "<i8",
}
OPERATORS = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}


class _Options(Protocol):
    def Init(self, buf: bytearray, pos: int) -> None: ...


_AnyOptions = TypeVar("_AnyOptions", bound=_Options)
_T = TypeVar("_T")


def convert_tflite(data: bytes, *, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Convert a float TFLite network.

    Args:
        data: The file.
        inputs: Names for the graph's inputs, in the file's order.
        outputs: Names for its outputs, in the file's order.

    Returns:
        An ONNX file with the same inputs and outputs, pictures still (n, h, w, c).

    Raises:
        ModelError: `model.conversion`: it is no TFLite file, uses an operator that is not known
            here, or has other inputs and outputs than named.
    """
    if data[4:8] != b"TFL3":
        raise _refused("it does not begin as a TFLite file")
    network = tflite.Model.GetRootAsModel(data, 0)
    if network.SubgraphsLength() != 1:
        raise _refused(f"it has {network.SubgraphsLength()} graphs, one was wanted")
    return _Converter(network).convert(inputs, outputs)


class _Converter:
    """One conversion: nodes and constants gather here."""

    def __init__(self, network: tflite.Model) -> None:
        self.network = network
        self.graph = _there(network.Subgraphs(0))
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.names: dict[int, str] = {}
        """Tensor index to its name in the ONNX graph, pictures the ONNX way."""
        self.widened: dict[int, NDArray[np.generic]] = {}
        """Constants that a DEQUANTIZE makes out of float16."""

    def convert(self, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        ports_in = self._ports(np.asarray(self.graph.InputsAsNumpy()), inputs, "input")
        ports_out = self._ports(np.asarray(self.graph.OutputsAsNumpy()), outputs, "output")
        for index, name in ports_in.items():
            self.names[index] = name
            if self._is_picture(index):
                self.names[index] = self.add("Transpose", [name], perm=[0, 3, 1, 2])
        for k in range(self.graph.OperatorsLength()):
            self._operator(_there(self.graph.Operators(k)))
        for index, name in ports_out.items():
            if self._is_picture(index):
                self.add("Transpose", [self.names[index]], name, perm=[0, 2, 3, 1])
            else:
                self.add("Identity", [self.names[index]], name)
        graph = helper.make_graph(
            self.nodes,
            "tflite",
            [self._value(index, name) for index, name in ports_in.items()],
            [self._value(index, name) for index, name in ports_out.items()],
            self.weights,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def _operator(self, operator: tflite.Operator) -> None:
        entry = _there(self.network.OperatorCodes(operator.OpcodeIndex()))
        # Codes above 126 did not fit the older of the two fields.
        name = OPERATORS[max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())]
        if name not in HANDLERS:
            raise _refused(f"it uses {name}, which this converter does not know")
        if operator.OutputsLength() != 1:
            raise _refused(f"{name} has {operator.OutputsLength()} outputs, one was wanted")
        HANDLERS[name](self, operator, int(operator.Outputs(0)))

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str | None = None,
        **attributes: int | str | list[int],
    ) -> str:
        """Add a node with one output; its name."""
        output = output or f"t{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [output])
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in attributes.items()
        )
        self.nodes.append(node)
        return output

    def weight(self, values: NDArray[np.generic]) -> str:
        """Add a constant; its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def constant(self, index: int) -> NDArray[np.generic]:
        """The numbers of a constant tensor."""
        values = self.stored(index)
        if values is None:
            raise _refused(f"tensor {index} should be a constant")
        return values

    def stored(self, index: int) -> NDArray[np.generic] | None:
        """The numbers of a tensor when the file holds them."""
        if index in self.widened:
            return self.widened[index]
        tensor = _there(self.graph.Tensors(index))
        buffer = _there(self.network.Buffers(tensor.Buffer()))
        if not buffer.DataLength():
            return None
        if tensor.Type() not in NUMPY_TYPES:
            raise _refused(f"tensor {index} is of type {tensor.Type()}, which is not float")
        values = np.asarray(buffer.DataAsNumpy()).view(NUMPY_TYPES[tensor.Type()])
        return values.reshape(self.shape(index))

    def name(self, index: int) -> str:
        """Name of a tensor, constants included, pictures the ONNX way."""
        if index not in self.names:
            values = self.constant(index).astype(np.float32)
            if values.ndim in (3, 4):  # (…, h, w, c) or, for a slope, (h, w, c)
                values = np.moveaxis(values, -1, -3)
            self.names[index] = self.weight(values)
        return self.names[index]

    def shape(self, index: int) -> list[int]:
        """Sides of a tensor, the TFLite way."""
        tensor = _there(self.graph.Tensors(index))
        return [int(tensor.Shape(k)) for k in range(tensor.ShapeLength())]

    def options(self, operator: tflite.Operator, options: _AnyOptions) -> _AnyOptions:
        """What the file says of one operator."""
        table = _there(operator.BuiltinOptions())
        options.Init(table.Bytes, table.Pos)
        return options

    def finish(self, name: str, activation: int, index: int) -> None:
        """Apply the activation fused into an operator and note the result."""
        if activation == tflite.ActivationFunctionType.RELU:
            name = self.add("Relu", [name])
        elif activation == tflite.ActivationFunctionType.RELU6:
            bounds = [self.weight(np.array(bound, np.float32)) for bound in (0, 6)]
            name = self.add("Clip", [name, *bounds])
        elif activation != tflite.ActivationFunctionType.NONE:
            raise _refused(f"it uses activation {activation}, which is not known")
        self.names[index] = name

    def _is_picture(self, index: int) -> bool:
        return len(self.shape(index)) == 4

    def _ports(
        self, indices: NDArray[np.generic], names: Sequence[str], what: str
    ) -> dict[int, str]:
        if len(indices) != len(names):
            raise _refused(f"it has {len(indices)} {what}s, {len(names)} are named")
        return dict(zip(indices.astype(int).tolist(), names, strict=True))

    def _value(self, index: int, name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *self.shape(index)[1:]])


def _there(value: _T | None) -> _T:
    """What the parser hands out, which is None where a file is cut short."""
    if value is None:
        raise _refused("it is cut short")
    return value


def _padding(padding: int) -> str:
    return "SAME_UPPER" if padding == tflite.Padding.SAME else "VALID"


def _convolution(c: _Converter, operator: tflite.Operator, out: int) -> None:
    options = c.options(operator, tflite.Conv2DOptions())
    kernel = c.constant(operator.Inputs(1)).transpose(0, 3, 1, 2)
    _convolve(c, operator, out, options, kernel, 1)


def _depthwise(c: _Converter, operator: tflite.Operator, out: int) -> None:
    options = c.options(operator, tflite.DepthwiseConv2DOptions())
    kernel = c.constant(operator.Inputs(1)).transpose(3, 0, 1, 2)
    _convolve(c, operator, out, options, kernel, len(kernel) // options.DepthMultiplier())


def _convolve(
    c: _Converter,
    operator: tflite.Operator,
    out: int,
    options: tflite.Conv2DOptions | tflite.DepthwiseConv2DOptions,
    kernel: NDArray[np.generic],
    groups: int,
) -> None:
    bias = c.constant(operator.Inputs(2))
    name = c.add(
        "Conv",
        [
            c.name(operator.Inputs(0)),
            c.weight(kernel.astype(np.float32)),
            c.weight(bias.astype(np.float32)),
        ],
        strides=[options.StrideH(), options.StrideW()],
        dilations=[options.DilationHFactor(), options.DilationWFactor()],
        auto_pad=_padding(options.Padding()),
        group=groups,
    )
    c.finish(name, options.FusedActivationFunction(), out)


def _max_pool(c: _Converter, operator: tflite.Operator, out: int) -> None:
    options = c.options(operator, tflite.Pool2DOptions())
    name = c.add(
        "MaxPool",
        [c.name(operator.Inputs(0))],
        kernel_shape=[options.FilterHeight(), options.FilterWidth()],
        strides=[options.StrideH(), options.StrideW()],
        auto_pad=_padding(options.Padding()),
    )
    c.finish(name, options.FusedActivationFunction(), out)


def _sum(c: _Converter, operator: tflite.Operator, out: int) -> None:
    options = c.options(operator, tflite.AddOptions())
    name = c.add("Add", [c.name(operator.Inputs(0)), c.name(operator.Inputs(1))])
    c.finish(name, options.FusedActivationFunction(), out)


def _slope(c: _Converter, operator: tflite.Operator, out: int) -> None:
    c.names[out] = c.add("PRelu", [c.name(operator.Inputs(0)), c.name(operator.Inputs(1))])


def _pad(c: _Converter, operator: tflite.Operator, out: int) -> None:
    before_after = c.constant(operator.Inputs(1)).astype(np.int64)  # (4, 2), sides n h w c
    turned = before_after[[0, 3, 1, 2]]
    c.names[out] = c.add("Pad", [c.name(operator.Inputs(0)), c.weight(turned.T.reshape(-1))])


def _reshape(c: _Converter, operator: tflite.Operator, out: int) -> None:
    source = int(operator.Inputs(0))
    name = c.name(source)
    if len(c.shape(source)) == 4:
        name = c.add("Transpose", [name], perm=[0, 2, 3, 1])
    shape = c.shape(out)
    if len(shape) == 4 or shape[0] != c.shape(source)[0]:
        raise _refused("a reshape makes a picture or mixes the pictures of a batch")
    # 0 keeps the leading side as it comes, so that a batch stays one.
    c.names[out] = c.add("Reshape", [name, c.weight(np.array([0, *shape[1:]], np.int64))])


def _logistic(c: _Converter, operator: tflite.Operator, out: int) -> None:
    c.names[out] = c.add("Sigmoid", [c.name(operator.Inputs(0))])


def _widen(c: _Converter, operator: tflite.Operator, out: int) -> None:
    c.widened[out] = c.constant(operator.Inputs(0)).astype(np.float32)


HANDLERS: dict[str, Callable[[_Converter, tflite.Operator, int], None]] = {
    "ADD": _sum,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _widen,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "PAD": _pad,
    "PRELU": _slope,
    "RESHAPE": _reshape,
}


def _refused(why: str) -> ModelError:
    return ModelError(f"the TFLite file is not converted: {why}", "model.conversion")
