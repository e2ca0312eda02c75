"""Train `recapture`: is this face seen directly, or re-captured from paper or a screen?

    python research/training/recapture.py WINDOWS.npz OUT.onnx [--epochs 12]

A small network of depthwise convolutions over a 96 px window. Beside the class it must reproduce
the Fourier spectrum of what it sees, which keeps its features on texture: the auxiliary supervision
of Minivision's silent face anti-spoofing, here over windows that `recapture_data.py` made. It sees
nothing but one studio's people and one simulator's attacks: what it is worth on real ones is for
`research/benchmarks/bench_silent.py` to say, and what it said stands in docs/measurements/silent-liveness.md.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SPECTRUM_SIDE = 12
BATCH = 64
SPECTRUM_WEIGHT = 0.5
HELD_OUT_NOTE = "validation: other people, newly drawn papers and screens"


class Block(nn.Module):
    """Depthwise 3 x 3, pointwise, and the input added where the shapes allow."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False)
        self.first = nn.BatchNorm2d(before)
        self.point = nn.Conv2d(before, after, 1, bias=False)
        self.second = nn.BatchNorm2d(after)
        self.adds = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.first(self.depth(x)))
        y = self.second(self.point(y))
        return functional.relu(x + y if self.adds else y)


class Recapture(nn.Module):
    """(n, 3, 96, 96) RGB, 0..255, to two logits: re-captured, bona fide."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.fine = nn.Sequential(
            Block(16, 32, 1), Block(32, 48, 2), Block(48, 48, 1), Block(48, 64, 2), Block(64, 64, 1)
        )
        self.coarse = nn.Sequential(Block(64, 96, 2), Block(96, 96, 1))
        self.drop = nn.Dropout(0.3)
        self.answer = nn.Linear(96, 2)
        self.spectrum = nn.Conv2d(64, 1, 1)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.fine(self.stem((pixels - 127.5) / 64.0))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pooled = self.coarse(self.features(pixels)).mean(dim=(2, 3))
        return self.answer(self.drop(pooled))

    def both(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and the spectrum that the features let expect."""
        fine = self.features(pixels)
        return self.answer(self.drop(self.coarse(fine).mean(dim=(2, 3)))), self.spectrum(fine)


def log_spectrum(pixels: torch.Tensor) -> torch.Tensor:
    """Centred log spectrum of the luminance, (n, 1, 12, 12), mean 0 and deviation 1."""
    grey = (pixels * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    level = torch.log1p(torch.fft.fftshift(torch.fft.fft2(grey), dim=(1, 2)).abs())
    small = functional.adaptive_avg_pool2d(level[:, None], SPECTRUM_SIDE)
    mean, deviation = small.mean(dim=(2, 3), keepdim=True), small.std(dim=(2, 3), keepdim=True)
    return (small - mean) / deviation


def varied(pixels: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Mirrored, shifted by up to 4 px, in another light."""
    count = len(pixels)
    if torch.rand((), generator=draw) < 0.5:
        pixels = pixels.flip(3)
    x, y = torch.randint(-4, 5, (2,), generator=draw).tolist()
    pixels = torch.roll(pixels, (y, x), (2, 3))
    gain = 1 + 0.15 * torch.randn(count, 3, 1, 1, generator=draw)
    offset = 12 * torch.randn(count, 1, 1, 1, generator=draw)
    return (pixels * gain + offset).clamp(0, 255)


def auc(bona_fide: np.ndarray, attack: np.ndarray) -> float:
    """Share of pairs in which the bona fide window scores above the attack."""
    return float((bona_fide[:, None] > attack[None]).mean())


def main() -> None:
    """Train, validate and export."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("windows", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--epochs", type=int, default=12)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    draw = torch.Generator().manual_seed(5)
    data = np.load(given.windows)
    pixels = torch.from_numpy(data["windows"]).permute(0, 3, 1, 2)
    kinds, held_out = data["kinds"], data["validation"]
    classes = torch.from_numpy((kinds < 0).astype(np.int64))
    learn = np.flatnonzero(~held_out)
    # Both classes weigh the same, however many windows each has.
    share = float((kinds[learn] < 0).mean())
    weight = torch.tensor([0.5 / (1 - share), 0.5 / share], dtype=torch.float32)
    net = Recapture()
    print(f"{sum(p.numel() for p in net.parameters())} parameters, {len(learn)} windows")
    steps = given.epochs * (len(learn) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    start = time.process_time()
    for epoch in range(given.epochs):
        net.train()
        order, losses = torch.randperm(len(learn), generator=draw).numpy(), []
        for batch in range(len(learn) // BATCH):
            which = torch.from_numpy(learn[order[batch * BATCH : (batch + 1) * BATCH]])
            seen = varied(pixels[which].float(), draw)
            logits, spectrum = net.both(seen)
            loss = functional.cross_entropy(logits, classes[which], weight, label_smoothing=0.05)
            loss = loss + SPECTRUM_WEIGHT * functional.mse_loss(spectrum, log_spectrum(seen))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, {time.process_time() - start:.0f} s")
    net.eval()
    with torch.no_grad():
        margins = torch.cat([net(part.float()).diff(dim=1) for part in pixels.split(256)])
    margin = margins.numpy().ravel()
    own = margin[held_out & (kinds < 0)]
    print(f"{HELD_OUT_NOTE}; {len(own)} bona fide windows, {(own > 0).mean():.3f} taken for such")
    for number, name in enumerate(data["names"]):
        theirs = margin[held_out & (kinds == number)]
        print(f"  {name}: n {len(theirs)}, taken for bona fide {(theirs > 0).mean():.3f}, "
              f"AUC {auc(own, theirs):.4f}")  # fmt: skip
    torch.onnx.export(
        net, torch.zeros(1, 3, 96, 96), str(given.out), input_names=["input"],
        output_names=["logits"], opset_version=17, dynamo=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
