"""The converted network computes what TensorFlow Lite computes."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.models_tflite import Network, every_operator, unknown_operator
from veridical.errors import ModelError
from veridical.models import ModelStore
from veridical.models.convert.tflite import HANDLERS, convert_tflite

GOLDEN = Path(__file__).parent / "golden" / "tflite_every_operator.json"


class Converted:
    """The network with every operator, after its conversion."""

    def __init__(self) -> None:
        data = convert_tflite(every_operator(), inputs=["x"], outputs=["line", "last", "likely"])
        self.session = onnxruntime.InferenceSession(data)

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.asarray(output) for output in self.session.run(None, {"x": x})]


def test_every_operator_agrees_with_what_litert_once_answered() -> None:
    line, last = json.loads(GOLDEN.read_text(encoding="utf-8"))["outputs"]
    golden = [line, last, 1 / (1 + np.exp(-np.array(line)))]
    x = np.random.RandomState(3).uniform(-1, 1, (1, 9, 7, 2)).astype(np.float32)
    outputs = Converted()(x)
    assert [output.shape for output in outputs] == [(1, 100), (1, 1, 1, 2), (1, 100)]
    for output, expected in zip(outputs, golden, strict=True):
        np.testing.assert_allclose(output.reshape(-1), expected, atol=2e-6)


def test_every_operator_agrees_with_litert() -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(
        model_content=every_operator(), num_threads=1
    )
    interpreter.allocate_tensors()
    network = Converted()
    for seed in range(5):
        x = np.random.RandomState(seed).normal(0, 2, (1, 9, 7, 2)).astype(np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        expected = [interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()]
        for output, wanted in zip(network(x), expected, strict=True):
            np.testing.assert_allclose(output, wanted, atol=1e-5)


def test_the_test_network_uses_every_operator_that_is_known() -> None:
    used = {kind for kind, *_ in _operators()}
    assert used == set(HANDLERS)


def _operators() -> list[tuple[str, list[int], int, dict[str, int]]]:
    seen: list[Network] = []
    original = Network.save

    def save(self: Network, inputs: list[int], outputs: list[int]) -> bytes:
        seen.append(self)
        return original(self, inputs, outputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "save", save)
        every_operator()
    return seen[0].operators


def test_a_batch_is_its_pictures_one_by_one() -> None:
    network = Converted()
    x = np.random.RandomState(4).uniform(-1, 1, (3, 9, 7, 2)).astype(np.float32)
    together = network(x)
    for k in range(3):
        for whole, alone in zip(together, network(x[k : k + 1]), strict=True):
            np.testing.assert_allclose(whole[k : k + 1], alone, atol=1e-6)


def test_pictures_are_turned_only_at_the_doors() -> None:
    data = convert_tflite(every_operator(), inputs=["x"], outputs=["line", "last", "likely"])
    nodes = onnx.load_model_from_string(data).graph.node
    assert sum(node.op_type == "Transpose" for node in nodes) == 3  # in, reshape, out


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(ModelError, match="TANH") as caught:
        convert_tflite(unknown_operator(), inputs=["x"], outputs=["y"])
    assert caught.value.code == "model.conversion"


@pytest.mark.parametrize(
    "names", [([], ["line", "last", "likely"]), (["x"], ["line"]), (["x", "y"], [])]
)
def test_other_ports_than_named_are_refused(names: tuple[list[str], list[str]]) -> None:
    with pytest.raises(ModelError, match="named"):
        convert_tflite(every_operator(), inputs=names[0], outputs=names[1])


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0TFL2\0\0\0\0", b"PK\x03\x04 a zip, not a net"])
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="TFLite"):
        convert_tflite(data, inputs=["x"], outputs=["y"])


@pytest.mark.models
@pytest.mark.parametrize(("name", "side"), [("facemesh-468", 192), ("iris-64", 64)])
def test_the_converted_networks_take_batches(store: ModelStore, name: str, side: int) -> None:
    # That they agree with LiteRT is their known answer, which the store proves as it opens them.
    session = store.session(name)
    x = np.random.RandomState(2).uniform(0, 1, (2, side, side, 3)).astype(np.float32)
    together = session.run({"input": x})
    for k in range(2):
        for whole, alone in zip(together, session.run({"input": x[k : k + 1]}), strict=True):
            np.testing.assert_allclose(whole[k : k + 1], alone, atol=1e-3)
