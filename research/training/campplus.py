"""CAM++, written again from the paper, to make the weight-free ONNX skeleton of the voiceprint net.

The released checkpoint (zh+en, 192 values) fills the skeleton at `veridical models pull`, without
PyTorch. The graph ends at the last batch normalisation: a rectifier after it, as in some released
definitions, would zero half of the embedding and treble the error rate.

Source: H. Wang et al., CAM++: A Fast and Efficient Network for Speaker Verification Using
Context-Aware Masking, 2023 (arXiv 2303.00332).

    python research/training/campplus.py models/convert/skeletons/campplus-zh-en.onnx
"""

import argparse
from pathlib import Path

import torch
from export_skeleton import export_skeleton
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 80
CHANNELS = 32
GROWTH = 32
BOTTLENECK = 128
EMBEDDING = 192
SEGMENT = 100
"""Frames of one segment of the context, at half the frame rate: two seconds."""
BLOCKS = ((12, 1, 256), (24, 2, 512), (16, 2, 512))
"""Layers, dilation and channels after the transition, per dense block."""


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut; `stride` halves the frequency axis only."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, (stride, 1), 1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(CHANNELS)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.Conv2d(CHANNELS, CHANNELS, 1, (stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 32, f, t) to (b, 32, f / stride, t)."""
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + self.shortcut(x)).relu()


class Head(nn.Module):
    """The two-dimensional front: eightfold fewer bands, then channels and bands as one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, CHANNELS, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.layer1 = nn.Sequential(Residual(2), Residual(1))
        self.layer2 = nn.Sequential(Residual(2), Residual(1))
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 80, t) to (b, 320, t)."""
        y = self.bn1(self.conv1(x.unsqueeze(1))).relu()
        y = self.bn2(self.conv2(self.layer2(self.layer1(y)))).relu()
        return y.flatten(1, 2)


def nonlinear(channels: int) -> nn.Sequential:
    """Batch normalisation and a rectifier, named as in the checkpoint."""
    block = nn.Sequential()
    block.add_module("batchnorm", nn.BatchNorm1d(channels))
    block.add_module("relu", nn.ReLU())
    return block


class ContextMask(nn.Module):
    """A local convolution, its channels masked by what the whole and the segment sound like."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(BOTTLENECK, BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(BOTTLENECK // 2, GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 128, t) to (b, 32, t)."""
        segments = functional.avg_pool1d(x, SEGMENT, SEGMENT, ceil_mode=True)
        spread = segments.unsqueeze(-1).expand(-1, -1, -1, SEGMENT).flatten(2)
        context = x.mean(-1, keepdim=True) + spread[..., : x.shape[-1]]
        return self.linear_local(x) * self.linear2(self.linear1(context).relu()).sigmoid()


class DenseLayer(nn.Module):
    """One densely connected layer: 32 more channels."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = nonlinear(channels)
        self.linear1 = nn.Conv1d(channels, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = nonlinear(BOTTLENECK)
        self.cam_layer = ContextMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t) to (b, c + 32, t)."""
        y = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return torch.cat((x, y), 1)


class Transition(nn.Module):
    """Normalise, then mix the channels into fewer."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.nonlinear = nonlinear(channels)
        self.linear = nn.Conv1d(channels, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t) to (b, out, t)."""
        return self.linear(self.nonlinear(x))


class Entry(nn.Module):
    """The first one-dimensional layer; halves the frame rate."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Conv1d(FEATURES // 8 * CHANNELS, 128, 5, 2, 2, bias=False)
        self.nonlinear = nonlinear(128)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 320, t) to (b, 128, t / 2)."""
        return self.nonlinear(self.linear(x))


class Statistics(nn.Module):
    """Mean and unbiased standard deviation over time."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t) to (b, 2 c)."""
        mean = x.mean(-1)
        variance = (x - mean.unsqueeze(-1)).square().sum(-1) / (x.shape[-1] - 1)
        return torch.cat((mean, variance.sqrt()), 1)


class Embedding(nn.Module):
    """The last layer: linear, then batch normalisation without scale, shift or rectifier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, EMBEDDING, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(EMBEDDING, affine=False))

    def forward(self, x: Tensor) -> Tensor:
        """(b, c) to (b, 192)."""
        return self.nonlinear(self.linear(x.unsqueeze(-1))).squeeze(-1)


class CamPlusPlus(nn.Module):
    """(b, t, 80) float32 mean-subtracted log filter banks to (b, 192) float32 embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.head = Head()
        self.xvector = nn.Sequential()
        self.xvector.add_module("tdnn", Entry())
        channels = 128
        for number, (layers, dilation, out) in enumerate(BLOCKS, 1):
            block = nn.Sequential()
            for layer in range(1, layers + 1):
                block.add_module(f"tdnnd{layer}", DenseLayer(channels, dilation))
                channels += GROWTH
            self.xvector.add_module(f"block{number}", block)
            self.xvector.add_module(f"transit{number}", Transition(channels, out))
            channels = out
        self.xvector.add_module("out_nonlinear", nonlinear(channels))
        self.xvector.add_module("stats", Statistics())
        self.xvector.add_module("dense", Embedding(2 * channels))

    def forward(self, features: Tensor) -> Tensor:
        """Embed utterances of one length."""
        return self.xvector(self.head(features.transpose(1, 2)))


def main() -> None:
    """Write the skeleton."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    skeleton = export_skeleton(
        CamPlusPlus(),
        torch.randn(1, 300, FEATURES),
        inputs=("features",),
        outputs=("embedding",),
        dynamic_axes={"features": {0: "n", 1: "frames"}, "embedding": {0: "n"}},
    )
    args.out.write_bytes(skeleton)
    print(f"{args.out}: {len(skeleton)} bytes")


if __name__ == "__main__":
    main()
