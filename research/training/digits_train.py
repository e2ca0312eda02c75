"""Train the small CTC network that follows spoken digits.

The material is whole synthetic strings (see digits_synthesise.py) and single digits of real
speakers, which are run into each other: their edges overlap by up to 0.15 s. Tempo, vocal tract,
level, noise, reverberation and the tilt are drawn anew for every sample, on mel powers.

    python research/training/digits_train.py --strings en_1.npz en_espeak.npz --digits digits_en.csv \
        --leave-out fsdd_george --seconds 300 --out models/weights/digits-en.onnx
"""

import argparse
import csv
import random
import time
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from veridical.voiceprint.digit_features import DIGIT_BANDS, normalise_power
from veridical.voiceprint.fbank import RATE_HZ, filter_banks

BLANK = 10
BATCH = 16
FEWEST_FRAMES = 12
"""Shorter sounds are failures of the synthesiser or of the cut."""
SILENCE = np.float32(1e-6)


@dataclass(frozen=True)
class Item:
    """Mel powers (frames, DIGIT_BANDS) and what is said in them."""

    power: np.ndarray
    digits: tuple[int, ...]


class DigitNet(nn.Module):
    """(b, t, bands) features to (b, t / 4, 11) logits of ten digits and the blank; 40 ms a step."""

    def __init__(self, width: int = 96, hidden: int = 80) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = DIGIT_BANDS
        for kernel, stride in ((5, 2), (5, 2), (3, 1)):
            layers += [
                nn.Conv1d(channels, width, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(),
            ]
            channels = width
        self.front = nn.Sequential(*layers, nn.Dropout(0.15))
        self.memory = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, BLANK + 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of every step."""
        steps = self.front(features.transpose(1, 2)).transpose(1, 2)
        return self.out(self.memory(steps)[0])


def power_of(samples: np.ndarray) -> np.ndarray:
    """Mel powers of a sound, silence at its ends cut."""
    trimmed, _ = librosa.effects.trim(samples, top_db=35)
    return np.exp(filter_banks(trimmed.astype(np.float32))[:, :DIGIT_BANDS])


def load(args: argparse.Namespace) -> tuple[list[Item], dict[str, dict[int, list[Item]]]]:
    """Synthetic strings, and single digits by speaker and digit."""
    strings = []
    for path in args.strings:
        data = np.load(path)
        for i, digits in enumerate(data["digits"]):
            samples = data[f"audio_{i}"].astype(np.float32) / 32768
            item = Item(power_of(samples), tuple(map(int, digits)))
            if len(item.power) >= FEWEST_FRAMES * len(item.digits):
                strings.append(item)
    singles: dict[str, dict[int, list[Item]]] = {}
    if args.digits:
        with args.digits.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if (
                    row["train_ok"] in ("yes", "share-alike")
                    and row["speaker"] not in args.leave_out
                ):
                    samples, _ = librosa.load(args.digits.parent / row["file"], sr=RATE_HZ)
                    item = Item(power_of(samples), (int(row["digits"]),))
                    if len(item.power) >= FEWEST_FRAMES:
                        speaker = singles.setdefault(row["speaker"], {})
                        speaker.setdefault(item.digits[0], []).append(item)
    return strings, singles


def stretch(power: np.ndarray, factor: float) -> np.ndarray:
    """Slower above 1, faster below; pitch stays."""
    at = np.linspace(0, len(power) - 1, max(6, round(len(power) * factor)))
    low = at.astype(int)
    share = (at - low)[:, None].astype(np.float32)
    return power[low] * (1 - share) + power[np.minimum(low + 1, len(power) - 1)] * share


def warp(power: np.ndarray, factor: float) -> np.ndarray:
    """A longer or shorter vocal tract: bands move up or down."""
    at = np.clip(np.arange(DIGIT_BANDS) * factor, 0, DIGIT_BANDS - 1)
    low = at.astype(int)
    share = (at - low).astype(np.float32)
    return power[:, low] * (1 - share) + power[:, np.minimum(low + 1, DIGIT_BANDS - 1)] * share


def join(parts: list[np.ndarray], rng: random.Random) -> np.ndarray:
    """Run parts into each other: overlaps of up to 0.15 s, or pauses of up to half a second."""
    pausing = rng.random()
    out = parts[0]
    for part in parts[1:]:
        gap = rng.randint(0, 50) if rng.random() < pausing else -rng.randint(0, 15)
        overlap = min(-gap, len(out) // 3, len(part) // 3) if gap < 0 else 0
        if overlap:
            fade = np.linspace(1, 0, overlap, dtype=np.float32)[:, None]
            out = np.concatenate(
                (
                    out[:-overlap],
                    out[-overlap:] * fade + part[:overlap] * (1 - fade),
                    part[overlap:],
                )
            )
        else:
            out = np.concatenate((out, np.full((max(gap, 0), DIGIT_BANDS), SILENCE), part))
    return out


def draw(
    strings: list[Item], singles: dict[str, dict[int, list[Item]]], rng: random.Random
) -> Item:
    """One utterance, before noise."""
    tempo, tract = rng.uniform(0.75, 1.35), rng.uniform(0.87, 1.16)
    if singles and rng.random() < 0.45:
        digits = rng.choice(list(singles.values()))
        chosen = [rng.choice(digits[rng.randrange(10)]) for _ in range(rng.randint(2, 7))]
        parts = [
            stretch(item.power, tempo * rng.uniform(0.85, 1.15)) * 10 ** rng.uniform(-0.3, 0.3)
            for item in chosen
        ]
    else:
        chosen = [rng.choice(strings)]
        if len(chosen[0].digits) < 5 and rng.random() < 0.3:
            chosen.append(rng.choice(strings))
        parts = [stretch(item.power, tempo) for item in chosen]
    digits_said = tuple(digit for item in chosen for digit in item.digits)
    return Item(warp(join(parts, rng), tract), digits_said)


def degrade(power: np.ndarray, rng: random.Random, noise: np.random.Generator) -> np.ndarray:
    """Reverberation, noise at 3 to 40 dB, a microphone's tilt, a line's limits; then features."""
    if rng.random() < 0.4:
        decay, share = rng.uniform(0.5, 0.88), rng.uniform(0.05, 0.3)
        tail = np.zeros(DIGIT_BANDS, np.float32)
        power = power.copy()
        for row in power:
            tail = decay * (tail + share * row)
            row += tail
    colour = np.exp(noise.normal(0, 0.8, (1, DIGIT_BANDS)))
    rumble = colour * noise.gamma(1.5, 1 / 1.5, power.shape)
    power = power + rumble * power.mean() * 10 ** (-rng.uniform(0.3, 4))
    power = power * np.exp(np.cumsum(noise.normal(0, 0.12, (1, DIGIT_BANDS)), axis=1))
    features = normalise_power(power.astype(np.float32))
    if rng.random() < 0.4:
        band, width = rng.randrange(DIGIT_BANDS - 6), rng.randint(1, 6)
        features[:, band : band + width] = 0
    if rng.random() < 0.3:
        features[:, : rng.randint(1, 9)] = 0
    return features


def batch(
    strings: list[Item],
    singles: dict[str, dict[int, list[Item]]],
    rng: random.Random,
    noise: np.random.Generator,
) -> tuple[Tensor, list[Item]]:
    """Utterances filled up with silence, before noise, to one length."""
    items = [draw(strings, singles, rng) for _ in range(BATCH)]
    frames = max(len(item.power) for item in items) + rng.randint(10, 60)
    rows = []
    for item in items:
        spare = frames - len(item.power)
        before = rng.randint(0, min(spare, 40))
        silence = ((before, spare - before), (0, 0))
        rows.append(degrade(np.pad(item.power, silence, constant_values=SILENCE), rng, noise))
    return torch.from_numpy(np.stack(rows)), items


def train(args: argparse.Namespace) -> DigitNet:
    """Train for so many seconds of CPU time."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng, noise = random.Random(args.seed), np.random.default_rng(args.seed)
    strings, singles = load(args)
    print(f"{len(strings)} strings, single digits of {sorted(singles)}", flush=True)
    net = DigitNet()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    start, step, running = time.process_time(), 0, 0.0
    while (done := (time.process_time() - start) / args.seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 50) * (1 - done) + 1e-5
        features, items = batch(strings, singles, rng, noise)
        logits = net(features).log_softmax(-1).transpose(0, 1)
        loss = functional.ctc_loss(
            logits,
            torch.tensor([digit for item in items for digit in item.digits]),
            torch.full((BATCH,), logits.shape[0]),
            torch.tensor([len(item.digits) for item in items]),
            blank=BLANK,
            zero_infinity=True,
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        running = 0.95 * running + 0.05 * loss.item() if step > 1 else loss.item()
        if step % 50 == 0:
            print(f"step {step}, {done:.0%}, loss {running:.3f}", flush=True)
    return net.eval()


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strings", type=Path, nargs="+", required=True)
    parser.add_argument("--digits", type=Path, help="index of single digits of real speakers")
    parser.add_argument("--leave-out", nargs="*", default=[], help="speakers kept for testing")
    parser.add_argument("--seconds", type=float, default=300, help="CPU time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.onnx.export(
        train(args),
        (torch.zeros(1, 200, DIGIT_BANDS),),
        str(args.out),
        input_names=["features"],
        output_names=["logits"],
        dynamic_axes={"features": {0: "batch", 1: "frames"}, "logits": {0: "batch", 1: "steps"}},
        opset_version=17,
        dynamo=False,
    )
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
