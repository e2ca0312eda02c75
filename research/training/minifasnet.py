"""MiniFASNet in PyTorch, written from the table of its layers; its skeletons come from here.

    python research/training/minifasnet.py models/convert/skeletons

writes `minifasnet-v2.onnx` and `minifasnet-v1se.onnx`, which hold no weights. The names of the
modules are those of Minivision's state dicts, so that a checkpoint of theirs loads.
Needs `pip install torch==2.13.0 onnx`.
"""

import sys
from pathlib import Path

import torch
from export_skeleton import export_skeleton
from torch import Tensor, nn

WIDTHS_V2 = ((13, 13, 13, 13), (231, 52, 26, 77, 26, 26), (26, 26))
WIDTHS_V1SE = ((13, 26, 13, 52), (154, 52, 26, 52, 26, 26), (26, 26))


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, and a PReLU unless it is linear."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        *,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outside)
        self.prelu = nn.Identity() if linear else nn.PReLU(outside)

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(self.bn(self.conv(x)))


class SqueezeExcite(nn.Module):
    """Channels weighed by what the whole picture says of them; reduction 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = torch.relu(self.bn1(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(self.bn2(self.fc2(squeezed)))


class DepthWise(nn.Module):
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1; stride 2 halves the picture."""

    def __init__(self, inside: int, middle: int, outside: int, stride: int = 2) -> None:
        super().__init__()
        self.conv = ConvNorm(inside, middle)
        self.conv_dw = ConvNorm(middle, middle, 3, stride, 1, groups=middle)
        self.project = ConvNorm(middle, outside, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.conv_dw(self.conv(x)))


class ResidualDepthWise(DepthWise):
    """A depth-wise block beside a shortcut, with or without squeeze and excitation."""

    def __init__(self, channels: int, middle: int, *, excite: bool) -> None:
        super().__init__(channels, middle, channels, stride=1)
        self.se_module = SqueezeExcite(channels) if excite else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.se_module(super().forward(x))


class Residuals(nn.Module):
    """A chain of residual blocks; the last may squeeze and excite."""

    def __init__(self, channels: int, widths: tuple[int, ...], *, excite: bool) -> None:
        super().__init__()
        last = len(widths) - 1
        self.model = nn.Sequential(
            *(
                ResidualDepthWise(channels, width, excite=excite and place == last)
                for place, width in enumerate(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class MiniFasNet(nn.Module):
    """(n, 3, 80, 80) BGR, 0..255, to (n, 3) logits: flat attack, bona fide, other attack."""

    def __init__(self, widths: tuple[tuple[int, ...], ...], *, excite: bool) -> None:
        super().__init__()
        third, fourth, fifth = widths
        self.conv1 = ConvNorm(3, 32, 3, 2, 1)
        self.conv2_dw = ConvNorm(32, 32, 3, 1, 1, groups=32)
        self.conv_23 = DepthWise(32, 103, 64)
        self.conv_3 = Residuals(64, third, excite=excite)
        self.conv_34 = DepthWise(64, 231, 128)
        self.conv_4 = Residuals(128, fourth, excite=excite)
        self.conv_45 = DepthWise(128, 308, 128)
        self.conv_5 = Residuals(128, fifth, excite=excite)
        self.conv_6_sep = ConvNorm(128, 512)
        self.conv_6_dw = ConvNorm(512, 512, 5, groups=512, linear=True)
        self.linear = nn.Linear(512, 128, bias=False)
        self.bn = nn.BatchNorm1d(128)
        self.prob = nn.Linear(128, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        for stage in (
            self.conv1,
            self.conv2_dw,
            self.conv_23,
            self.conv_3,
            self.conv_34,
            self.conv_4,
            self.conv_45,
            self.conv_5,
            self.conv_6_sep,
            self.conv_6_dw,
        ):
            x = stage(x)
        return self.prob(self.bn(self.linear(x.flatten(1))))


NETWORKS = {
    "minifasnet-v2": lambda: MiniFasNet(WIDTHS_V2, excite=False),
    "minifasnet-v1se": lambda: MiniFasNet(WIDTHS_V1SE, excite=True),
}


def main(directory: Path) -> None:
    """Write both skeletons."""
    for name, network in NETWORKS.items():
        skeleton = export_skeleton(
            network(), torch.zeros(1, 3, 80, 80), inputs=("input",), outputs=("logits",)
        )
        (directory / f"{name}.onnx").write_bytes(skeleton)
        print(f"{name}: {len(skeleton)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
