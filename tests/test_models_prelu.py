"""PReLU is rewritten in faster operators and computes the same."""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from veridical.models.convert.prelu import expand_prelu

SLOPES = np.array([0.25, -0.5, 1.5], np.float32)
PICTURE = np.linspace(-2, 2, 3 * 4 * 5, dtype=np.float32).reshape(1, 3, 4, 5)


def one_prelu(slope: NDArray[np.float32]) -> bytes:
    nodes = [
        helper.make_node("Identity", ["x"], ["inner"]),
        helper.make_node("PRelu", ["inner", "slope"], ["y"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 4, 5]) for name in ("x", "y")
    ]
    constant = numpy_helper.from_array(slope, "slope")
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def run(data: bytes) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": PICTURE})[0], np.float32)


def test_a_prelu_with_a_slope_per_channel_is_rewritten_and_computes_the_same() -> None:
    before = one_prelu(SLOPES.reshape(3, 1, 1))
    after = expand_prelu(before)
    kinds = [node.op_type for node in onnx.load_model_from_string(after).graph.node]
    assert "PRelu" not in kinds
    expected = np.where(PICTURE >= 0, PICTURE, PICTURE * SLOPES.reshape(1, 3, 1, 1))
    np.testing.assert_allclose(run(after), expected, atol=1e-6)
    np.testing.assert_allclose(run(after), run(before), atol=1e-6)


def test_a_prelu_with_a_slope_per_pixel_is_left_alone() -> None:
    before = one_prelu(np.full((3, 4, 5), 0.1, np.float32))
    assert expand_prelu(before) == before
