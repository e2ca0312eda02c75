"""The weight-free graph of CAM++ computes what the network in PyTorch does."""

from pathlib import Path

import numpy as np
import pytest

from veridical.models.convert.skeleton import fill_skeleton

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("frames", [40, 199, 200, 517])
def test_the_filled_skeleton_agrees_with_torch(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ort = pytest.importorskip("onnxruntime")
    monkeypatch.syspath_prepend(str(ROOT / "research" / "training"))
    import campplus  # type: ignore[import-not-found]

    torch.manual_seed(3)
    network = campplus.CamPlusPlus().eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    skeleton = (ROOT / "models" / "convert" / "skeletons" / "campplus-zh-en.onnx").read_bytes()
    session = ort.InferenceSession(fill_skeleton(skeleton, state))
    features = np.random.default_rng(1).normal(0, 2, (2, frames, 80)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(features)).numpy()
    (found,) = session.run(None, {"features": features})
    assert np.abs(found - wanted).max() <= 1e-4
