"""A larger recogniser whose file somebody drops in: AuraFace's card, proven on a small stand-in.

The real file (261 MB) is in no package and was never run. The stand-in has its interface and its
kind of layers (an improved ResNet: BatchNorm, 3 x 3, BatchNorm, PReLU, 3 x 3, BatchNorm, shortcut;
a flat layer to 512) with few, random weights of our own: it shows that such a file goes through
pull, session, template and list, and nothing about how well AuraFace compares faces.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.face_standins import face_at
from tests.models_tiny import silent
from veridical.errors import InputError, ModelError
from veridical.face import FaceEmbedder, FaceQualityCheck, compare
from veridical.face.align import align
from veridical.gallery import Gallery
from veridical.models import Card, ModelStore, read_card
from veridical.models.pull import pull
from veridical.store import Database, MasterKeys
from veridical.store.keys import new_key
from veridical.types import Image, Template, View
from veridical.verification import Settings
from veridical.verification.galleries import open_watchlist

FACE = face_at(100, 100, 100)


class Layers:
    """Collects nodes and random weights."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._dice = np.random.default_rng(3)

    def constant(self, values: NDArray[np.float32]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], **settings: int | Sequence[int]) -> str:
        out = f"t{len(self.nodes)}"
        made = helper.make_node(kind, list(inputs), [out])
        made.attribute.extend(helper.make_attribute(key, value) for key, value in settings.items())
        self.nodes.append(made)
        return out

    def norm(self, x: str, channels: int) -> str:
        level = [np.ones(channels), np.zeros(channels), np.zeros(channels), np.ones(channels)]
        return self.node(
            "BatchNormalization", [x, *(self.constant(np.asarray(v, np.float32)) for v in level)]
        )

    def conv(self, x: str, ins: int, outs: int, side: int, stride: int) -> str:
        values = self._dice.normal(0, (2 / (ins * side * side)) ** 0.5, (outs, ins, side, side))
        pad = side // 2
        return self.node(
            "Conv",
            [x, self.constant(values.astype(np.float32))],
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[pad] * 4,
        )

    def prelu(self, x: str, channels: int) -> str:
        return self.node("PRelu", [x, self.constant(np.full((channels, 1, 1), 0.25, np.float32))])

    def block(self, x: str, ins: int, outs: int) -> str:
        inner = self.conv(self.norm(x, ins), ins, outs, 3, 1)
        inner = self.conv(self.prelu(self.norm(inner, outs), outs), outs, outs, 3, 2)
        shortcut = self.norm(self.conv(x, ins, outs, 1, 2), outs)
        return self.node("Add", [self.norm(inner, outs), shortcut])

    def flat(self, x: str, ins: int, outs: int) -> str:
        values = self._dice.normal(0, ins**-0.5, (ins, outs)).astype(np.float32)
        return self.node("Gemm", [self.node("Flatten", [x]), self.constant(values)])


def small_resnet(batch: str | int) -> bytes:
    """The stand-in, for any number of pictures or for a fixed one."""
    layers, widths = Layers(), (4, 8, 8, 16, 16)
    x = layers.prelu(layers.conv("input.1", 3, widths[0], 3, 1), widths[0])
    for ins, outs in itertools.pairwise(widths):
        x = layers.block(x, ins, outs)
    x = layers.flat(layers.norm(x, widths[-1]), widths[-1] * 7 * 7, 512)
    layers.nodes[-1].output[0] = "683"
    graph = helper.make_graph(
        layers.nodes,
        "stand-in",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [batch, 3, 112, 112])],
        [helper.make_tensor_value_info("683", TensorProto.FLOAT, [batch, 512])],
        layers.weights,
    )
    opset = [helper.make_opsetid("", 14)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def dropped_in(folder: Path, data: bytes) -> tuple[ModelStore, Card]:
    """AuraFace's own card but for the hash, and the file in a folder of the operator's."""
    card = read_card("auraface-v1")
    digest = hashlib.sha256(data).hexdigest()
    card = replace(card, file=replace(card.file, sha256=digest, size_bytes=len(data)))
    (folder / "mirror").mkdir(parents=True)
    (folder / "mirror" / card.file.name).write_bytes(data)
    results = pull([card], folder / "models", mirror=folder / "mirror", note=silent)
    assert [result.ready for result in results] == [True]
    return ModelStore(folder / "models", cards=[card]), card


def picture(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (300, 300, 3)).astype(np.uint8))


def test_a_dropped_in_recogniser_is_fed_as_its_card_says(tmp_path: Path) -> None:
    data = small_resnet("n")
    store, card = dropped_in(tmp_path, data)
    embedder = FaceEmbedder.from_card(store.session(card.name), card)
    made = embedder(picture(1), FACE)
    assert made.vector.shape == (512,)
    assert made.model == f"auraface-v1@{card.file.sha256[:12]}"
    plain = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    centre = FACE.points.mean(0)
    looks = [
        align(picture(1), centre + (FACE.points - centre) / np.float32(1.06)),
        align(picture(1), FACE.points)[:, ::-1],
    ]
    fed = ((np.stack(looks) - np.float32(127.5)) / np.float32(127.5)).transpose(0, 3, 1, 2)
    mean = np.asarray(plain.run(None, {"input.1": fed.astype(np.float32)})[0]).mean(0)
    np.testing.assert_allclose(made.vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_file_for_one_picture_at_a_time_gives_the_same_template(tmp_path: Path) -> None:
    made = []
    for batch in ("n", 1):
        store, card = dropped_in(tmp_path / str(batch), small_resnet(batch))
        made.append(FaceEmbedder.from_card(store.session(card.name), card)(picture(1), FACE))
    np.testing.assert_allclose(made[0].vector, made[1].vector, atol=1e-5)


def test_its_templates_are_listed_and_never_meet_those_of_another_model(tmp_path: Path) -> None:
    store, card = dropped_in(tmp_path, small_resnet("n"))
    embedder = FaceEmbedder.from_card(store.session(card.name), card)
    made = [embedder(picture(i), FACE) for i in range(3)]
    other = Template(np.eye(1, 128, dtype=np.float32)[0], "sface-2021dec@fb143eea0783")
    with pytest.raises(InputError) as caught:
        compare(other, made[0])
    assert caught.value.code == "face.template_model"
    database = Database(tmp_path / "list.db")
    database.upgrade()
    gallery = Gallery(database, MasterKeys({"a": new_key()}), "list", embedder.template_model)
    for i, template in enumerate(made):
        gallery.enrol(f"s{i}", template)
    assert gallery.search(made[2], 1)[0].subject == "s2"
    with pytest.raises(InputError) as caught:
        gallery.search(other)
    assert caught.value.code == "gallery.other_model"
    database.close()


def test_what_was_not_measured_is_not_claimed(tmp_path: Path) -> None:
    store, card = dropped_in(tmp_path, small_resnet("n"))
    embedder = FaceEmbedder.from_card(store.session(card.name), card)
    view = View(picture(1), (FACE,), FACE)
    assert FaceQualityCheck(embedder)(view).evidence["recognisability"] is None
    profile = store.profile("auraface")
    assert profile.roles["recogniser"] == ("auraface-v1",)
    assert "face.match" not in ModelStore(tmp_path).operating_points(profile)
    assert ModelStore(tmp_path).profile("auto").name != "auraface"
    settings = Settings(data_dir=tmp_path, profile="auraface", watchlist="fraudsters")
    with pytest.raises(ModelError) as caught:
        open_watchlist(settings)
    assert caught.value.code == "model.no_curve"
