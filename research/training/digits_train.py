"""Train the small CTC network that follows spoken digits in what Whisper's encoder heard.

Strings are heard once by the encoder and kept; the network over them is small enough to be trained
in a minute or two of CPU time. What it learns from says digits_material.py.

    python research/training/digits_train.py hear --sentences grid_train.npz --digits digits_en.csv \
        --speakers fsdd_jackson fsdd_lucas fsdd_yweweler --count 400 --out en_real.npz
    python research/training/digits_train.py hear --strings en_flite.npz en_espeak.npz --out en_spoken.npz
    python research/training/digits_train.py train en_real.npz en_spoken.npz --seconds 150 \
        --out models/weights/digits-en.onnx
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from digits_material import (
    Piece,
    of_one_speaker,
    of_sentences,
    read_pieces,
    read_singles,
    spoilt,
)
from torch import Tensor, nn
from torch.nn import functional

from veridical.verification import Settings
from veridical.voiceprint.digits_net import last_layer

BLANK = 10
BATCH = 16
HEARD = 512
RATE, LAST_RATE = 2e-3, 1e-5
Items = list[tuple[np.ndarray, str]]
"""What was heard, (steps, HEARD), and the digits in it."""


class DigitNet(nn.Module):
    """(b, t, HEARD) to (b, t / 2, 11) logits of ten digits and the blank; 40 ms a step."""

    def __init__(self, width: int = 96, hidden: int = 64) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HEARD)
        self.narrow = nn.Linear(HEARD, width)
        self.halve = nn.Conv1d(width, width, 5, 2, 2)
        self.drop = nn.Dropout(0.2)
        self.memory = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, BLANK + 1)

    def forward(self, heard: Tensor) -> Tensor:
        """Logits of every step."""
        steps = torch.relu(self.narrow(self.norm(heard)))
        steps = torch.relu(self.halve(steps.transpose(1, 2)).transpose(1, 2))
        return self.out(self.memory(self.drop(steps))[0])


def strings(args: argparse.Namespace, rng: random.Random) -> Iterator[Piece]:
    """The strings to hear, before they are spoilt."""
    if args.sentences:
        sentences = read_pieces(args.sentences)
        for _ in range(args.count // 2):
            yield of_sentences(sentences, rng.randint(3, 8), rng)
    if args.digits:
        speakers = read_singles(args.digits, args.speakers)
        for _ in range(args.count // 2):
            yield of_one_speaker(rng.choice(speakers), rng.randint(3, 8), rng)
    for path in args.strings:
        for _ in range(args.times):
            yield from read_pieces(path)


def hear(args: argparse.Namespace) -> None:
    """Write one npz: `f_i` (steps, HEARD) float16 and the list `digits`."""
    rng, noise = random.Random(args.seed), np.random.default_rng(args.seed)
    encoder = Settings().model_store().session("whisper-base-encoder")
    heard: dict[str, np.ndarray] = {}
    digits = []
    for piece in strings(args, rng):
        found = last_layer(encoder, spoilt(piece.sound, rng, noise))
        heard[f"f_{len(digits)}"] = found.astype(np.float16)
        digits.append(piece.digits)
    np.savez(args.out, digits=np.array(digits), **heard)
    print(f"{len(digits)} strings")


def read_heard(path: Path) -> Items:
    """What `hear` wrote."""
    data = np.load(path)
    return [
        (data[f"f_{i}"].astype(np.float32), str(digits)) for i, digits in enumerate(data["digits"])
    ]


def batch(sets: Sequence[Items], rng: random.Random) -> tuple[Tensor, Items]:
    """Strings of all sets, each as often as the set is large, filled up to one length."""
    sizes = [len(items) for items in sets]
    chosen = [rng.choice(rng.choices(sets, sizes)[0]) for _ in range(BATCH)]
    longest = max(len(heard) for heard, _ in chosen)
    rows = [np.pad(h, ((0, longest + longest % 2 - len(h)), (0, 0)), "edge") for h, _ in chosen]
    return torch.from_numpy(np.stack(rows)), chosen


def train(args: argparse.Namespace) -> None:
    """Train for so many seconds of CPU time, and export."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    sets = [read_heard(path) for path in args.heard]
    net = DigitNet().train()
    if args.start:
        net.load_state_dict(torch.load(args.start))
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-2)
    start, step = time.process_time(), 0
    while (done := (time.process_time() - start) / args.seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - done) + LAST_RATE
        heard, items = batch(sets, rng)
        logits = net(heard).log_softmax(-1).transpose(0, 1)
        loss = functional.ctc_loss(
            logits,
            torch.tensor([int(digit) for _, said in items for digit in said]),
            torch.tensor([(len(one) + 1) // 2 for one, _ in items]),
            torch.tensor([len(said) for _, said in items]),
            blank=BLANK,
            zero_infinity=True,
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step}, {done:.0%}, loss {loss.item():.3f}", flush=True)
    if args.keep:
        torch.save(net.state_dict(), args.keep)
    export(net.eval(), args.out)


def mix(args: argparse.Namespace) -> None:
    """Weights between those of two kept states: what the second learned, little of what it lost.

    Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    first, second = (torch.load(path) for path in args.states)
    net = DigitNet()
    net.load_state_dict(
        {name: (1 - args.share) * first[name] + args.share * second[name] for name in first}
    )
    export(net.eval(), args.out)


def export(net: DigitNet, out: Path) -> None:
    """Write the ONNX file."""
    torch.onnx.export(
        net,
        (torch.zeros(1, 200, HEARD),),
        str(out),
        input_names=["heard"],
        output_names=["logits"],
        dynamic_axes={"heard": {0: "batch", 1: "frames"}, "logits": {0: "batch", 1: "steps"}},
        opset_version=17,
        dynamo=False,
    )
    print(f"wrote {out}")


def main() -> None:
    """Hear, or train."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("hear")
    first.add_argument("--sentences", type=Path, help="digits cut out of sentences")
    first.add_argument("--digits", type=Path, help="index of single digits of real speakers")
    first.add_argument("--speakers", nargs="*", default=[], help="those of it who train")
    first.add_argument("--count", type=int, default=400, help="strings joined of the two above")
    first.add_argument("--strings", type=Path, nargs="*", default=[], help="whole strings")
    first.add_argument("--times", type=int, default=1, help="how often each whole string is heard")
    first.add_argument("--seed", type=int, default=7)
    first.add_argument("--out", type=Path, required=True)
    first.set_defaults(run=hear)
    second = commands.add_parser("train")
    second.add_argument("heard", type=Path, nargs="+")
    second.add_argument("--seconds", type=float, default=150, help="CPU time")
    second.add_argument("--seed", type=int, default=7)
    second.add_argument("--start", type=Path, help="go on from a state that was kept")
    second.add_argument("--keep", type=Path, help="keep the state, to go on from")
    second.add_argument("--out", type=Path, required=True)
    second.set_defaults(run=train)
    third = commands.add_parser("mix")
    third.add_argument("states", type=Path, nargs=2, help="states that were kept")
    third.add_argument("--share", type=float, default=0.75, help="of the second")
    third.add_argument("--out", type=Path, required=True)
    third.set_defaults(run=mix)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
