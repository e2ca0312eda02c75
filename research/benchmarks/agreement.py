"""How far is every converted model from its origin's own interpreter? One JSON line a model.

    pip install ai-edge-litert torch==2.13.0
    VERIDICAL_MODELS_MIRROR=FOLDER python research/benchmarks/agreement.py

Each net answers the same random inputs in the origin's interpreter (LiteRT for TFLite, PyTorch for
checkpoints, onnxruntime on the quantised file with nothing folded) and, as `veridical models pull`
converted it, in onnxruntime. The source weights come from the mirror or their registry.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from veridical.models import Card, list_cards
from veridical.models.fetch import Fetcher
from veridical.verification.settings import Settings

INPUTS = 20
Run = Callable[[dict[str, NDArray[np.generic]]], list[NDArray[np.generic]]]


def litert(card: Card, data: bytes) -> tuple[Run, str]:
    """LiteRT."""
    import importlib.metadata

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()

    def run(feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[np.generic]]:
        (x,) = feeds.values()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        return [interpreter.get_tensor(out["index"]) for out in interpreter.get_output_details()]

    return run, f"LiteRT {importlib.metadata.version('ai-edge-litert')}"


def pytorch(card: Card, data: bytes) -> tuple[Run, str]:
    """PyTorch, on the network that the skeleton was exported from."""
    import io

    import torch

    sys.path.insert(0, str(Path(__file__).parent.parent / "training"))
    if card.name.startswith("minifasnet"):
        from minifasnet import NETWORKS

        network = NETWORKS[card.name]()
    else:
        from campplus import CamPlusPlus

        network = CamPlusPlus()
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    prefix = card.options.text("strip_prefix", "")
    network.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
    network.eval()

    def run(feeds: dict[str, NDArray[np.generic]]) -> list[NDArray[np.generic]]:
        (x,) = feeds.values()
        with torch.no_grad():
            return [network(torch.from_numpy(x)).numpy()]

    return run, f"PyTorch {torch.__version__.split('+')[0]}"


def unfolded(card: Card, data: bytes) -> tuple[Run, str]:
    """The quantised file in onnxruntime, its optimiser off.

    Two repairs let it load, neither touching a number: inputs that nothing reads go, and a
    `block_size` beside a single scale goes.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    read = {name for node in graph.node for name in node.input}
    made = {name for node in graph.node for name in node.output}
    made |= {entry.name for entry in graph.initializer}
    real = [port for port in graph.input if port.name in read - made]
    del graph.input[:]
    graph.input.extend(real)
    stored = {entry.name: entry for entry in graph.initializer}
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        if np.prod(stored[node.input[1]].dims, dtype=int) == 1:
            for name in node.input[1:]:
                scalar = onnx.numpy_helper.to_array(stored[name]).reshape(())
                stored[name].CopyFrom(onnx.numpy_helper.from_array(scalar, name))
            for attribute in [a for a in node.attribute if a.name == "block_size"]:
                node.attribute.remove(attribute)
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return lambda feeds: session.run(None, feeds), f"onnxruntime {onnxruntime.__version__}"


ORIGINS = {"tflite": litert, "fill-skeleton": pytorch, "fold-blockquant": unfolded}


def main() -> None:
    """Measure every converted model that is here."""
    settings = Settings()
    store = settings.model_store()
    with tempfile.TemporaryDirectory() as cache:
        fetcher = Fetcher(Path(cache), settings.models_mirror)
        for card in list_cards():
            if card.recipe not in ORIGINS or not store.has(card.name):
                continue
            run, origin = ORIGINS[card.recipe](card, fetcher.fetch(card.file).data)
            session, (spec,) = store.session(card.name), card.known_answer.inputs
            apart, largest = [0.0] * len(session.outputs), [0.0] * len(session.outputs)
            for seed in range(INPUTS):
                random = np.random.RandomState(seed).uniform(spec.low, spec.high, spec.shape)
                feeds = {spec.name: random.astype(np.float32)}
                for k, (a, b) in enumerate(zip(run(feeds), session.run(feeds), strict=True)):
                    apart[k] = max(apart[k], float(np.abs(a.reshape(-1) - b.reshape(-1)).max()))
                    largest[k] = max(largest[k], float(np.abs(a).max()))
            worst = int(np.argmax(apart))
            row = {
                "bench": "agreement",
                "model": card.name,
                "origin": origin,
                "inputs": INPUTS,
                "max_abs_diff": float(f"{apart[worst]:.2g}"),
                "of": float(f"{largest[worst]:.3g}"),
                "output": session.outputs[worst],
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
