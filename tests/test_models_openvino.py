"""The converted network computes what its layers say, and what is not known is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.models.convert.openvino import HANDLERS, convert_openvino
from veridical.models.convert.prelu import expand_prelu


class Network:
    """An intermediate representation small enough to write in a test."""

    def __init__(self) -> None:
        self.layers: list[str] = []
        self.edges: list[str] = []
        self.weights = b""

    def layer(self, kind: str, inputs: list[int], sides: tuple[int, ...], **data: object) -> int:
        """Add a layer; its number."""
        number = len(self.layers)
        dims = "".join(f"<dim>{side}</dim>" for side in sides)
        ports = "".join(f'<port id="{i}">{dims}</port>' for i in range(len(inputs)))
        given = " ".join(f'{key}="{value}"' for key, value in data.items())
        self.layers.append(
            f'<layer id="{number}" type="{kind}"><data {given}/><input>{ports}</input>'
            f'<output><port id="9">{dims}</port></output></layer>'
        )
        self.edges += [
            f'<edge from-layer="{source}" from-port="9" to-layer="{number}" to-port="{port}"/>'
            for port, source in enumerate(inputs)
        ]
        return number

    def constant(self, values: NDArray[np.float16]) -> int:
        """A constant in half precision, made single."""
        data = values.astype("<f2").tobytes()
        held = self.layer(
            "Const",
            [],
            values.shape,
            element_type="f16",
            shape=", ".join(map(str, values.shape)),
            offset=len(self.weights),
            size=len(data),
        )
        self.weights += data
        return self.layer("Convert", [held], values.shape, destination_type="f32")

    def topology(self, version: str = "11") -> bytes:
        """The XML, edges in no order."""
        return (
            f'<net version="{version}"><layers>{"".join(self.layers)}</layers>'
            f"<edges>{''.join(reversed(self.edges))}</edges></net>"
        ).encode()


WEIGHTS = np.random.default_rng(4).normal(0, 0.4, (3, 2, 3, 3)).astype(np.float16)
DEPTHWISE = np.random.default_rng(5).normal(0, 0.4, (3, 1, 1, 3, 3)).astype(np.float16)
SLOPE, SHIFT, SCALE = np.float16(0.25), np.float16(0.5), np.float16(2.0)
CONVOLVED = {"strides": "1, 1", "dilations": "1, 1", "pads_begin": "1, 1", "pads_end": "1, 1"}


def every_layer() -> Network:
    """A network that uses everything the converter knows; the sums differ by order of ports."""
    net = Network()
    x = net.layer("Parameter", [], (1, 2, 6, 6), shape="1,2,6,6", element_type="f32")
    wide = net.layer("Convolution", [x, net.constant(WEIGHTS)], (1, 3, 6, 6), **CONVOLVED)
    deep = net.layer("GroupConvolution", [wide, net.constant(DEPTHWISE)], (1, 3, 6, 6), **CONVOLVED)
    bent = net.layer("PReLU", [deep, net.constant(np.full(1, SLOPE))], (1, 3, 6, 6))
    shifted = net.layer("Add", [bent, net.constant(np.full((1, 3, 1, 1), SHIFT))], (1, 3, 6, 6))
    scaled = net.layer(
        "Multiply", [shifted, net.constant(np.full((1, 1, 1, 1), SCALE))], (1, 3, 6, 6)
    )
    gate = net.layer("Sigmoid", [scaled], (1, 3, 6, 6))
    pool = {"kernel": "6, 6", "strides": "6, 6", "pads_begin": "0, 0", "pads_end": "0, 0"}
    pool["exclude-pad"] = "true"
    net.layer("Result", [net.layer("AvgPool", [gate], (1, 3, 1, 1), **pool)], (1, 3, 1, 1))
    return net


def convolved(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Plain arithmetic, padded by one: (in, h, w) and (out, in, 3, 3) to (out, h, w)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("ihwab,oiab->ohw", windows, weights)


def expected(x: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = convolved(x[0].astype(np.float64), WEIGHTS.astype(np.float64))
    deep = np.concatenate(
        [convolved(wide[i : i + 1], DEPTHWISE[i].astype(np.float64)) for i in range(3)]
    )
    bent = np.where(deep > 0, deep, float(SLOPE) * deep)
    gate = 1 / (1 + np.exp(-(bent + float(SHIFT)) * float(SCALE)))
    return gate.mean(axis=(1, 2))


@pytest.mark.parametrize("rewritten", [False, True])
def test_every_layer_agrees_with_plain_arithmetic(rewritten: bool) -> None:
    net = every_layer()
    data = convert_openvino(net.topology(), net.weights, output="y")
    session = onnxruntime.InferenceSession(expand_prelu(data) if rewritten else data)
    x = np.random.default_rng(1).normal(0, 1, (3, 2, 6, 6)).astype(np.float32)
    y = np.asarray(session.run(["y"], {"input": x})[0])
    assert y.shape == (3, 3)
    np.testing.assert_allclose(y, np.stack([expected(one[None]) for one in x]), atol=1e-5)


def test_the_test_network_uses_every_layer_that_is_known() -> None:
    kinds = {layer.split('type="')[1].split('"')[0] for layer in every_layer().layers}
    assert kinds == set(HANDLERS)


def test_a_prelu_of_one_shared_slope_is_left_as_it_is() -> None:
    node = onnx.helper.make_node("PRelu", ["x", "slope"], ["y"])
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, 2, 2])
        for name in ("x", "y")
    ]
    slope = onnx.numpy_helper.from_array(np.full((1, 1, 1), 0.5, np.float32), "slope")
    graph = onnx.helper.make_graph([node], "shared", ports[:1], ports[1:], [slope])
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    session = onnxruntime.InferenceSession(expand_prelu(model.SerializeToString()))
    x = np.array([-2.0, 4.0, 1.0, -1.0] * 3, np.float32).reshape(1, 3, 2, 2)
    np.testing.assert_allclose(
        np.asarray(session.run(None, {"x": x})[0]), np.where(x > 0, x, 0.5 * x)
    )


@pytest.mark.parametrize(
    ("topology", "said"),
    [
        (b"no xml", "no XML"),
        (Network().topology("10"), "version 11"),
        (Network().topology(), "0 layers Result"),
        (every_layer().topology().replace(b"Sigmoid", b"Softmax"), "Softmax"),
        (every_layer().topology().replace(b'"f16"', b'"u1"'), "u1"),
    ],
)
def test_what_is_not_known_is_refused_by_name(topology: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        convert_openvino(topology, every_layer().weights, output="y")
    assert caught.value.code == "model.conversion"


def test_weights_that_end_early_are_refused() -> None:
    net = every_layer()
    with pytest.raises(ModelError, match="weights end"):
        convert_openvino(net.topology(), net.weights[:-4], output="y")
