"""Train `lips-sync`: do these lips make this sound?

    python research/training/lips_sync.py INDEX.csv FEATURES OUT.onnx [--speaker grid_s1] [--epochs 60]
        [--seed 0]

Two parts go into one graph. The codes of lips and sound come from two small convolutional streams,
trained so that a clip's own sound, with the camera's lag allowed for, wins against the sounds of
the other clips of the batch and against its own sound moved by 0.3 to 0.8 s. The expected lips
come from a ridge regression of the lip traits on 0.3 s of sound, every speaker counted as at most
60 s. The shipped streams saw one speaker alone: adding the 21 clips of the seventeen others, whose
lags differ, made them worse on speakers never seen (docs/measurements/lips.md, also on what the seed does).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from lips_data import (
    BANDS,
    FRAMES,
    TRAITS,
    Sample,
    change_speed,
    load,
    standardise,
    vary_lips,
    vary_sound,
)
from torch import nn
from torch.nn import functional

CODE = 48
LAG = 4
SHIFTS = (-20, -16, -13, -10, -8, 8, 10, 13, 16, 20)
PLACES, BATCH = 64, 32
RIDGE, RIDGE_BEFORE, RIDGE_AFTER = 500.0, 3, 4
SPEAKER_PLACES = 1500


class Stream(nn.Module):
    """Three convolutions over about 0.7 s, and a projection."""

    def __init__(self, channels: int, out: int, hidden: int = 64, drop: float = 0.2) -> None:
        super().__init__()
        self.a = nn.Conv1d(channels, hidden, 5, padding=2)
        self.b = nn.Conv1d(hidden, hidden, 5, padding=2)
        self.c = nn.Conv1d(hidden, hidden, 5, padding=4, dilation=2)
        self.o = nn.Conv1d(hidden, out, 1)
        self.d = nn.Dropout(drop)
        self.na, self.nb, self.nc = (nn.BatchNorm1d(hidden) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.na(self.a(x.transpose(1, 2))))
        x = self.d(x)
        x = x + functional.relu(self.nb(self.b(x)))
        x = self.d(x)
        x = x + functional.relu(self.nc(self.c(x)))
        return self.o(self.d(x)).transpose(1, 2)


def with_speed(lips: torch.Tensor) -> torch.Tensor:
    """The traits and their change from place to place."""
    change = functional.pad(lips[:, 1:] - lips[:, :-1], (0, 0, 1, 0))
    return torch.cat([lips, change], -1)


class Streams(nn.Module):
    """The two streams; the sound's also foretells the lips, which steadies its training."""

    def __init__(self) -> None:
        super().__init__()
        self.v = Stream(2 * TRAITS, CODE)
        self.a = Stream(FRAMES * BANDS, CODE + TRAITS)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(
        self, lips: torch.Tensor, sound: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        heard = self.a(sound)
        lip_code = functional.normalize(self.v(with_speed(lips)), dim=-1)
        return lip_code, functional.normalize(heard[..., :CODE], dim=-1), heard[..., CODE:]


def similarity(lips: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
    """Every clip of lips against every clip of sound, softly at the best lag: (b, c)."""
    places = lips.shape[1]
    by_lag = []
    for lag in range(-LAG, LAG + 1):
        count = places - abs(lag)
        x = lips[:, max(0, -lag) : max(0, -lag) + count]
        y = sound[:, max(0, lag) : max(0, lag) + count]
        by_lag.append(torch.einsum("btd,ctd->bc", x, y) / count)
    return torch.logsumexp(20 * torch.stack(by_lag, -1), -1) / 20


def train(samples: list[Sample], epochs: int, seed: int = 0) -> Streams:
    """Train the streams."""
    torch.manual_seed(seed)
    chance, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    net = Streams()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = epochs * max(1, len(samples) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(steps):
        lips, sound = _batch(samples, random)
        lips = standardise(vary_lips(standardise(lips), chance))
        lip_code, sound_code, expected = net(lips, standardise(vary_sound(sound, chance)))
        square = similarity(lip_code, sound_code)
        moved = [
            similarity(lip_code, torch.roll(sound_code, int(shift), 1)).diagonal()[:, None]
            for shift in random.choice(SHIFTS, 4, replace=False)
        ]
        scale, own = net.scale.abs(), torch.arange(BATCH)
        loss = functional.cross_entropy(torch.cat([square, *moved], 1) * scale, own)
        loss = loss + functional.cross_entropy(square.T * scale, own)
        loss = loss - 0.9 * (standardise(expected) * lips).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        plan.step()
    return net.eval()


def _batch(samples: list[Sample], random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = random.choice(len(samples), BATCH, replace=False)
    lips, sound = [], []
    for sample in (samples[i] for i in chosen):
        factor = random.uniform(0.85, 1.15) if random.random() < 0.7 else 1.0
        v, a = change_speed(sample, factor)
        start = random.integers(0, max(1, len(v) - PLACES + 1))
        short = ((0, max(0, PLACES - len(v))), (0, 0))
        lips.append(np.pad(v[start : start + PLACES], short, "edge"))
        sound.append(np.pad(a[start : start + PLACES], short, "edge"))
    return torch.tensor(np.stack(lips)), torch.tensor(np.stack(sound))


def _halves(sound: torch.Tensor) -> torch.Tensor:
    """Two mel frames a place instead of four."""
    one, places, _ = sound.shape
    return sound.reshape(one, places, 2, 2, BANDS).mean(3).reshape(one, places, 2 * BANDS)


def ridge(samples: list[Sample]) -> torch.Tensor:
    """Weights (12, 64, 8) of a convolution that foretells the lips from the sound."""
    width = RIDGE_BEFORE + RIDGE_AFTER + 1
    places: dict[str, int] = {}
    for sample in samples:
        places[sample.speaker] = places.get(sample.speaker, 0) + len(sample.lips)
    own = RIDGE * np.eye(width * 2 * BANDS)
    cross = np.zeros((width * 2 * BANDS, TRAITS))
    for sample in samples:
        share = min(1.0, SPEAKER_PLACES / places[sample.speaker])
        heard = _halves(standardise(torch.tensor(sample.sound)[None]))[0].numpy()
        padded = np.pad(heard, ((RIDGE_BEFORE, RIDGE_AFTER), (0, 0)))
        around = np.concatenate([padded[k : k + len(heard)] for k in range(width)], 1)
        lips = standardise(torch.tensor(sample.lips)[None])[0].numpy()
        own += share * around.T @ around
        cross += share * around.T @ lips
    solved = np.linalg.solve(own, cross).reshape(width, 2 * BANDS, TRAITS)
    return torch.tensor(solved.transpose(2, 1, 0).copy(), dtype=torch.float32)


class Shipped(nn.Module):
    """What goes into the file: the streams' codes and the ridge's lips."""

    def __init__(self, streams: Streams, weights: torch.Tensor) -> None:
        super().__init__()
        self.streams = streams
        self.register_buffer("weights", weights)

    def forward(
        self, lips: torch.Tensor, sound: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        lip_code, sound_code, _ = self.streams(lips, sound)
        heard = functional.pad(_halves(sound).transpose(1, 2), (RIDGE_BEFORE, RIDGE_AFTER))
        return lip_code, sound_code, functional.conv1d(heard, self.weights).transpose(1, 2)


def export(streams: Streams, weights: torch.Tensor, out: Path) -> None:
    """Write the ONNX file."""
    places = {1: "places"}
    torch.onnx.export(
        Shipped(streams, weights).eval(),
        (torch.zeros(1, 75, TRAITS), torch.zeros(1, 75, FRAMES * BANDS)),
        str(out),
        input_names=["lips", "sound"],
        output_names=["lip_code", "sound_code", "expected_lips"],
        dynamic_axes=dict.fromkeys(
            ("lips", "sound", "lip_code", "sound_code", "expected_lips"), places
        ),
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description="Train lips-sync.")
    parser.add_argument("index", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--speaker", default="grid_s1", help="the streams' one speaker")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    samples = load(asked.index, asked.features)
    own = [sample for sample in samples if sample.speaker == asked.speaker]
    streams = train(own, asked.epochs, asked.seed)
    export(streams, ridge(samples), asked.out)


if __name__ == "__main__":
    main()
