"""Train `lips-read`: which visemes do these lips show?

    python research/training/lips_read.py INDEX.csv FEATURES OUT.onnx [--speaker grid_s1] [--epochs 45]

A convolution over the lip traits, a bidirectional GRU, and a CTC loss on the visemes of the
sentence. To train a reader on recordings of your own, give them the columns that
`lips_features.py` names: `text` holds digits or GRID words parted by blanks.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from lips_data import TRAITS, Sample, change_speed, load, standardise, vary_lips
from lips_sync import Stream, with_speed
from torch import nn
from torch.nn import functional

from veridical.liveness.lips.visemes import VISEMES, pronounce

BATCH, HIDDEN, DROP = 16, 64, 0.3


class Reader(nn.Module):
    """Visemes and the blank (class 0), every 40 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.c = Stream(2 * TRAITS, HIDDEN, HIDDEN, DROP)
        self.g = nn.GRU(HIDDEN, HIDDEN, batch_first=True, bidirectional=True)
        self.o = nn.Linear(2 * HIDDEN, len(VISEMES) + 1)
        self.d = nn.Dropout(DROP)

    def forward(self, lips: torch.Tensor) -> torch.Tensor:
        seen, _ = self.g(self.d(functional.relu(self.c(with_speed(lips)))))
        return self.o(self.d(seen)).log_softmax(-1)


def train(samples: list[Sample], epochs: int, seed: int = 0) -> Reader:
    """Train the reader."""
    torch.manual_seed(seed)
    chance, random = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    net = Reader()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * (len(samples) // BATCH)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(steps):
        chosen = [samples[i] for i in random.choice(len(samples), BATCH, replace=False)]
        lips = [change_speed(sample, random.uniform(0.8, 1.1))[0] for sample in chosen]
        codes = [_code(sample.text) for sample in chosen]
        batch = torch.zeros(BATCH, max(map(len, lips)), TRAITS)
        for row, one in zip(batch, lips, strict=True):
            row[: len(one)] = standardise(torch.tensor(one)[None])[0]
        loss = functional.ctc_loss(
            net(vary_lips(batch, chance)).transpose(0, 1),
            torch.tensor([viseme for code in codes for viseme in code]),
            torch.tensor([len(one) for one in lips]),
            torch.tensor([len(code) for code in codes]),
            zero_infinity=True,
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        plan.step()
    return net.eval()


def _code(text: str) -> list[int]:
    return [VISEMES.index(v) + 1 for word in text.split() for v in pronounce(word)]


def export(net: Reader, out: Path) -> None:
    """Write the ONNX file."""
    torch.onnx.export(
        net,
        (torch.zeros(1, 75, TRAITS),),
        str(out),
        input_names=["lips"],
        output_names=["visemes"],
        dynamic_axes={"lips": {1: "places"}, "visemes": {1: "places"}},
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description="Train lips-read.")
    parser.add_argument("index", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--speaker", default="grid_s1", help="only this speaker; empty for all")
    parser.add_argument("--epochs", type=int, default=45)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    samples = [
        sample
        for sample in load(asked.index, asked.features)
        if sample.text and asked.speaker in ("", sample.speaker)
    ]
    export(train(samples, asked.epochs), asked.out)


if __name__ == "__main__":
    main()
