"""A skeleton takes exactly the tensors it waits for."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from veridical.errors import ModelError
from veridical.models import ModelStore
from veridical.models.convert.recipes import SKELETONS_DIRECTORY
from veridical.models.convert.skeleton import fill_skeleton, is_hollow

ROOT = Path(__file__).parent.parent


def skeleton() -> bytes:
    """y = x * scale.weight + 1, the first without numbers."""
    hollow = TensorProto(name="scale.weight", data_type=TensorProto.FLOAT, dims=[4])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "scale.weight"], ["m"]),
            helper.make_node("Add", ["m", "one"], ["y"]),
        ],
        "skeleton",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
        [hollow, one],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


WEIGHT = np.arange(4, dtype=np.float32)


def test_a_filled_skeleton_computes_with_the_weights_of_the_checkpoint() -> None:
    state = {"module.scale.weight": WEIGHT, "module.bn.num_batches_tracked": np.array(3)}
    filled = fill_skeleton(skeleton(), state, strip_prefix="module.")
    (y,) = onnxruntime.InferenceSession(filled).run(None, {"x": np.full(4, 2, np.float32)})
    np.testing.assert_array_equal(y, WEIGHT * 2 + 1)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, "1 tensors are missing"),
        ({"scale.weight": WEIGHT, "extra": WEIGHT}, "1 are left over"),
        ({"scale.weight": WEIGHT[:3]}, r"\(3,\), \(4,\) wanted"),
        ({"module.scale.weight": WEIGHT}, "missing"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    state: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], told: str
) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        fill_skeleton(skeleton(), state)
    assert caught.value.code == "model.conversion"


@pytest.mark.parametrize(("name", "tensors"), [("minifasnet-v2", 334), ("minifasnet-v1se", 370)])
def test_the_skeletons_hold_no_weights_and_wait_for_every_tensor(name: str, tensors: int) -> None:
    model = onnx.load(SKELETONS_DIRECTORY / f"{name}.onnx")
    hollow = [entry.name for entry in model.graph.initializer if is_hollow(entry)]
    counters = sum(entry.endswith("running_mean") for entry in hollow)
    assert len(hollow) + counters == tensors  # one step counter per normalisation stays out
    kept = sum(len(e.raw_data) + 4 * len(e.float_data) for e in model.graph.initializer)
    assert kept < 1000
    assert (SKELETONS_DIRECTORY / f"{name}.onnx").stat().st_size < 100_000


@pytest.mark.models
@pytest.mark.parametrize("name", ["minifasnet-v2", "minifasnet-v1se"])
def test_the_filled_network_agrees_with_pytorch(
    store: ModelStore, shared: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    if not store.has(name):
        pytest.skip(f"{name} was not pulled")
    monkeypatch.syspath_prepend(str(ROOT / "research" / "training"))
    import minifasnet  # type: ignore[import-not-found]

    session, network = store.session(name), minifasnet.NETWORKS[name]().eval()
    file = shared / "models" / "minivision" / store.card(name).file.name
    state = torch.load(file, map_location="cpu", weights_only=True)
    network.load_state_dict({key.removeprefix("module."): v for key, v in state.items()})
    x = np.random.RandomState(1).uniform(0, 255, (4, 3, 80, 80)).astype(np.float32)
    expected = network(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(session.run({"input": x})[0], expected, atol=1e-4)
    sys.modules.pop("minifasnet", None)
