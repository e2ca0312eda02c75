"""A TFLite network small enough to make in a test, with every operator the converter knows."""

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

TYPES = {
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
    np.dtype(np.float16): tflite.TensorType.FLOAT16,
    np.dtype(np.int32): tflite.TensorType.INT32,
}


@dataclass
class Network:
    """Tensors and operators, numbered in the order they are added."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    constants: dict[int, NDArray[np.generic]] = field(default_factory=dict)
    operators: list[tuple[str, list[int], int, dict[str, int]]] = field(default_factory=list)

    def tensor(self, *shape: int) -> int:
        """A float tensor that is computed."""
        self.shapes.append(shape)
        self.types.append(tflite.TensorType.FLOAT32)
        return len(self.shapes) - 1

    def constant(self, values: NDArray[np.generic]) -> int:
        """A tensor that the file holds."""
        self.shapes.append(values.shape)
        self.types.append(TYPES[values.dtype])
        self.constants[len(self.shapes) - 1] = values
        return len(self.shapes) - 1

    def add(self, kind: str, inputs: list[int], *shape: int, **options: int) -> int:
        """An operator; the tensor it makes."""
        output = self.tensor(*shape)
        self.operators.append((kind, inputs, output, options))
        return output

    def save(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file."""
        b = flatbuffers.Builder(4096)
        kinds = sorted({kind for kind, *_ in self.operators})
        data = [b.CreateByteVector(b"")]
        where = {}
        for index, values in self.constants.items():
            where[index] = len(data)
            data.append(b.CreateByteVector(values.tobytes()))
        buffers = []
        for vector in data:
            tflite.BufferStart(b)
            tflite.BufferAddData(b, vector)
            buffers.append(tflite.BufferEnd(b))
        tensors = []
        for index, shape in enumerate(self.shapes):
            name, sides = b.CreateString(f"t{index}"), numbers(b, shape)
            tflite.TensorStart(b)
            tflite.TensorAddShape(b, sides)
            tflite.TensorAddType(b, self.types[index])
            tflite.TensorAddBuffer(b, where.get(index, 0))
            tflite.TensorAddName(b, name)
            tensors.append(tflite.TensorEnd(b))
        operators = [
            operator(b, kinds.index(kind), kind, taken, made, options)
            for kind, taken, made, options in self.operators
        ]
        codes = []
        for kind in kinds:
            code = getattr(tflite.BuiltinOperator, kind)
            tflite.OperatorCodeStart(b)
            tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
            tflite.OperatorCodeAddBuiltinCode(b, code)
            tflite.OperatorCodeAddVersion(b, 1)
            codes.append(tflite.OperatorCodeEnd(b))
        parts = [offsets(b, tensors), numbers(b, inputs), numbers(b, outputs)]
        parts.append(offsets(b, operators))
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, parts[0])
        tflite.SubGraphAddInputs(b, parts[1])
        tflite.SubGraphAddOutputs(b, parts[2])
        tflite.SubGraphAddOperators(b, parts[3])
        graphs = offsets(b, [tflite.SubGraphEnd(b)])
        all_codes, all_buffers = offsets(b, codes), offsets(b, buffers)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, all_codes)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddBuffers(b, all_buffers)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())


OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "RESHAPE": "ReshapeOptions",
    "PAD": "PadOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "LOGISTIC": "",
    "TANH": "",
    "PRELU": "",
}


def operator(
    b: flatbuffers.Builder,
    code: int,
    kind: str,
    inputs: list[int],
    output: int,
    options: dict[str, int],
) -> int:
    taken, made, name, table = numbers(b, inputs), numbers(b, [output]), OPTIONS[kind], 0
    if name:
        getattr(tflite, f"{name}Start")(b)
        for key, value in options.items():
            getattr(tflite, f"{name}Add{key}")(b, value)
        table = getattr(tflite, f"{name}End")(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, taken)
    tflite.OperatorAddOutputs(b, made)
    if name:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, name))
        tflite.OperatorAddBuiltinOptions(b, table)
    return int(tflite.OperatorEnd(b))


def numbers(b: flatbuffers.Builder, values: tuple[int, ...] | list[int]) -> int:
    return int(b.CreateNumpyVector(np.array(values, np.int32)))


def offsets(b: flatbuffers.Builder, values: list[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def every_operator() -> bytes:
    """(1, 9, 7, 2) through padding, convolution, slopes, pooling, a shortcut; two outputs."""
    random = np.random.RandomState(11)

    def weights(*shape: int, kind: type = np.float32) -> NDArray[np.generic]:
        return random.uniform(-0.5, 0.5, shape).astype(kind)

    n = Network()
    x = n.tensor(1, 9, 7, 2)
    sides = n.constant(np.array([[0, 0], [1, 0], [0, 2], [0, 1]], np.int32))
    padded = n.add("PAD", [x, sides], 1, 10, 9, 3)
    half = n.constant(weights(4, 3, 3, 3, kind=np.float16))
    kernel = n.add("DEQUANTIZE", [half], 4, 3, 3, 3)
    same = tflite.Padding.SAME
    stride = {"StrideH": 2, "StrideW": 2, "DilationHFactor": 1, "DilationWFactor": 1}
    first = n.add("CONV_2D", [padded, kernel, n.constant(weights(4))], 1, 5, 5, 4,
                  Padding=same, FusedActivationFunction=1, **stride)  # fmt: skip
    deep = n.constant(weights(1, 3, 3, 4))
    once = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    second = n.add("DEPTHWISE_CONV_2D", [first, deep, n.constant(weights(4))], 1, 5, 5, 4,
                   Padding=same, DepthMultiplier=1, FusedActivationFunction=0, **once)  # fmt: skip
    third = n.add("PRELU", [second, n.constant(weights(1, 1, 4))], 1, 5, 5, 4)
    fourth = n.add("ADD", [first, third], 1, 5, 5, 4, FusedActivationFunction=3)
    pooled = n.add("MAX_POOL_2D", [fourth], 1, 3, 3, 4, Padding=same,
                   FilterHeight=2, FilterWidth=2, StrideH=2, StrideW=2,
                   FusedActivationFunction=0)  # fmt: skip
    last = n.constant(weights(2, 3, 3, 4))
    valid = n.add("CONV_2D", [pooled, last, n.constant(weights(2))], 1, 1, 1, 2,
                  Padding=tflite.Padding.VALID, FusedActivationFunction=0, **once)  # fmt: skip
    line = n.add("RESHAPE", [fourth, n.constant(np.array([1, 100], np.int32))], 1, 100)
    likely = n.add("LOGISTIC", [line], 1, 100)
    return n.save([x], [line, valid, likely])


def unknown_operator() -> bytes:
    """A network that uses a TANH."""
    n = Network()
    x = n.tensor(1, 4)
    return n.save([x], [n.add("TANH", [x], 1, 4)])
