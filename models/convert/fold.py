"""How does a block-quantised ONNX file become plain fp32? By working out its constants once.

The OpenCV Zoo's `int8bq` files hold weights as int8 with one scale per block (ONNX opset 21,
DequantizeLinear with `block_size`). They are small, but onnxruntime asks for their constants as
inputs, and OpenCV 5 does not load them. Folded, they run anywhere, on 4 bytes per weight.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from veridical.errors import ModelError

__all__ = ["fold_block_quantised"]

Constants = dict[str, NDArray[np.generic]]
Side = int | str


def fold_block_quantised(
    data: bytes,
    *,
    inputs: Mapping[str, Sequence[Side]],
    outputs: Mapping[str, Sequence[Side]],
) -> bytes:
    """Replace quantised constants by fp32 ones and free the sides that may vary.

    Args:
        data: The quantised ONNX file.
        inputs: Shape of each real input; a side that may vary is a name. Every other graph input
            of the file is a constant in disguise and goes.
        outputs: Shape of each output.

    Returns:
        An ONNX file of float32.

    Raises:
        ModelError: `model.conversion`: the file has other inputs or outputs, or something
            quantised is left that is no constant.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    constants: Constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    _expect(inputs, [port.name for port in graph.input], "input")
    _expect(outputs, [port.name for port in graph.output], "output")

    nodes = [node for node in graph.node if not _folded(node, constants)]
    for node in nodes:
        if node.op_type == "Dropout":  # does nothing but in training
            node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output[:1]))
        elif node.op_type == "DequantizeLinear":
            raise ModelError(f"{node.name} dequantises what is no constant", "model.conversion")
    if any(isinstance(shape[1], str) for shape in outputs.values()):
        for node in nodes:
            if node.op_type == "Reshape":
                _free_rows(node, constants)

    used = {name for node in nodes for name in node.input}
    folded = helper.make_graph(
        nodes,
        graph.name,
        [_port(name, shape) for name, shape in inputs.items()],
        [_port(port.name, outputs[port.name]) for port in graph.output if port.name in outputs],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
            if name in used
        ],
    )
    result = helper.make_model(
        folded, opset_imports=model.opset_import, ir_version=min(model.ir_version, 10)
    )
    onnx.checker.check_model(result, full_check=True)
    return bytes(result.SerializeToString(deterministic=True))


def _folded(node: NodeProto, constants: Constants) -> bool:
    """Work a node out if everything it reads is known; whether it was."""
    known = [name in constants for name in node.input]
    if node.op_type == "Constant":
        constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    elif node.op_type == "DequantizeLinear" and all(known):
        constants[node.output[0]] = _dequantise(node, constants)
    elif node.op_type == "Reshape" and all(known):
        values, shape = (constants[name] for name in node.input)
        constants[node.output[0]] = values.reshape(shape.astype(np.int64))
    else:
        return False
    return True


def _dequantise(node: NodeProto, constants: Constants) -> NDArray[np.float32]:
    """ONNX DequantizeLinear, opset 21: (x - zero_point) * scale, by tensor, axis or block."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    values = constants[node.input[0]].astype(np.float32)
    zero_or_none = constants[node.input[2]] if len(node.input) > 2 else np.zeros(())

    def spread(stored: NDArray[np.generic]) -> NDArray[np.float32]:
        parameter: NDArray[np.float32] = stored.astype(np.float32)
        if block and parameter.ndim:
            return np.repeat(parameter, block, axis).take(range(values.shape[axis]), axis)
        if parameter.ndim == 1:
            return parameter.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
        return parameter

    scale = spread(constants[node.input[1]])
    return ((values - spread(zero_or_none)) * scale).astype(np.float32)


def _free_rows(node: NodeProto, constants: Constants) -> None:
    """Let a reshape take any picture size and number; the file fixes both."""
    shape = constants[node.input[1]].copy()
    shape[:2] = 0, -1  # 0 keeps the leading side as it comes
    node.input[1] = f"{node.output[0]}/shape"  # the old one may be shared
    constants[node.input[1]] = shape


def _port(name: str, shape: Sequence[Side]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _expect(wanted: Mapping[str, object], found: Sequence[str], what: str) -> None:
    absent = wanted.keys() - set(found)
    if absent:
        raise ModelError(f"the file has no {what} {sorted(absent)}", "model.conversion")
