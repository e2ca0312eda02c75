"""Folding changes how a network is stored, never what it computes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from veridical.errors import ModelError
from veridical.models import ModelStore
from veridical.models.convert.fold import fold_block_quantised

RANDOM = np.random.RandomState(5)


def quantised(*, loose: bool = False, axis: int = 1, block: int = 4) -> bytes:
    """x (1, 8) times a block-quantised (8, 6) matrix, and a Dropout; one stale graph input."""
    shape = (8, 6)
    scales = tuple(-(-side // block) if k == axis else side for k, side in enumerate(shape))
    constants = {
        "q": RANDOM.randint(-128, 128, shape).astype(np.int8),
        "scale": RANDOM.uniform(0.01, 0.1, scales).astype(np.float32),
        "zero": RANDOM.randint(-5, 5, scales).astype(np.int8),
        "flat": np.array([48], np.int64),
        "square": np.array(shape, np.int64),
        "rows": np.array([1, 3, 2], np.int64),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear", ["q", "scale", "zero"], ["wide"], axis=axis, block_size=block
        ),
        helper.make_node("Reshape", ["wide", "flat"], ["line"]),
        helper.make_node("Reshape", ["line", "square"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Dropout", ["m"], ["d"]),
        helper.make_node("Reshape", ["d", "rows"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])]
    if loose:
        inputs.append(helper.make_tensor_value_info("stale", TensorProto.FLOAT, [8, 6]))
    graph = helper.make_graph(
        nodes,
        "quantised",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def answer(data: bytes, x: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return np.asarray(onnxruntime.InferenceSession(data, options).run(None, {"x": x})[0])


def fold(data: bytes, rows: int | str = 3) -> bytes:
    return fold_block_quantised(data, inputs={"x": ["n", 8]}, outputs={"y": ["n", rows, 2]})


@pytest.mark.parametrize(("axis", "block"), [(0, 4), (1, 4), (1, 6), (0, 2), (1, 3)])
def test_folding_agrees_with_the_quantised_file(axis: int, block: int) -> None:
    data = quantised(axis=axis, block=block)
    x = RANDOM.uniform(-1, 1, (1, 8)).astype(np.float32)
    np.testing.assert_allclose(answer(fold(data), x), answer(data, x), atol=1e-5)


def test_a_stale_input_is_no_input_any_more() -> None:
    session = onnxruntime.InferenceSession(fold(quantised(loose=True)))
    assert [port.name for port in session.get_inputs()] == ["x"]


def test_nothing_quantised_is_left() -> None:
    graph = onnx.load_model_from_string(fold(quantised())).graph
    assert {node.op_type for node in graph.node} == {"MatMul", "Identity", "Reshape"}
    assert {entry.data_type for entry in graph.initializer} == {
        TensorProto.FLOAT,
        TensorProto.INT64,
    }


def test_a_freed_side_lets_a_batch_through() -> None:
    x = RANDOM.uniform(-1, 1, (5, 8)).astype(np.float32)
    data = quantised()
    together = answer(fold(data, "rows"), x)
    assert together.shape == (5, 3, 2)
    np.testing.assert_allclose(together[4], answer(data, x[4:])[0], atol=1e-5)


def test_folding_twice_gives_equal_bytes() -> None:
    data = quantised()
    assert fold(data) == fold(data)


def test_a_file_without_the_named_ports_is_refused() -> None:
    with pytest.raises(ModelError, match="no input") as caught:
        fold_block_quantised(quantised(), inputs={"picture": [1]}, outputs={"y": [1, 3, 2]})
    assert caught.value.code == "model.conversion"


@pytest.mark.models
@pytest.mark.parametrize(("name", "port"), [("yunet-2023mar", "input"), ("sface-2021dec", "data")])
def test_the_folded_networks_take_batches(store: ModelStore, name: str, port: str) -> None:
    session = store.session(name)
    sides = (96, 64) if port == "input" else (112, 112)
    x = np.random.RandomState(2).uniform(0, 255, (3, 3, *sides)).astype(np.float32)
    together = session.run({port: x})
    for k in range(3):
        for whole, alone in zip(together, session.run({port: x[k : k + 1]}), strict=True):
            np.testing.assert_allclose(whole[k : k + 1], alone, atol=1e-4)
