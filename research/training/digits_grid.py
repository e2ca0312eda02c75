"""Cut the digits out of read sentences, with what the tongue does before and after them.

GRID sentences ("bin blue at f two now") hold one digit each, said in flow. A digit is cut with a
margin, so that whoever joins digits to strings can leave some of the neighbouring words' sound on:
this is how connected speech sounds, where nobody pauses between digits.

    python training/digits_grid.py ../shared/data/grid_s1/index.csv --hold-out 5 --out grid
writes grid_train.npz and grid_test.npz (every fifth sentence, never in training).
"""

import argparse
import csv
import re
from pathlib import Path

import numpy as np

from veridical.media import read_audio
from veridical.voiceprint.fbank import RATE_HZ

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MARGIN_MS = 120
TIME = re.compile(r"(\w+):(\d+)-(\d+)")


def cut(row: dict[str, str], folder: Path) -> tuple[np.ndarray, int, tuple[int, int]] | None:
    """Sound of a sentence's digit with its margins, the digit, and where it begins and ends."""
    found = [(m[1], int(m[2]), int(m[3])) for m in TIME.finditer(row["words_ms"])]
    digits = [(WORDS.index(word), first, last) for word, first, last in found if word in WORDS]
    if len(digits) != 1:
        return None
    digit, first, last = digits[0]
    samples = read_audio((folder / row["file"]).read_bytes()).samples
    start = max(0, first - MARGIN_MS) * RATE_HZ // 1000
    end = (last + MARGIN_MS) * RATE_HZ // 1000
    piece = (np.clip(samples[start:end], -1, 1) * 32767).astype(np.int16)
    return piece, digit, (first * RATE_HZ // 1000 - start, last * RATE_HZ // 1000 - start)


def main() -> None:
    """Write two npz: `audio_i` int16 at 16 kHz, `digits`, and `bounds` (n, 2) in samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--hold-out", type=int, default=5, metavar="N", help="every Nth sentence")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    with args.index.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for part in ("train", "test"):
        held = [i % args.hold_out == 0 for i in range(len(rows))]
        mine = [row for row, out in zip(rows, held, strict=True) if out == (part == "test")]
        found = [piece for row in mine if (piece := cut(row, args.index.parent)) is not None]
        np.savez(
            f"{args.out}_{part}.npz",
            digits=np.array([str(digit) for _, digit, _ in found]),
            bounds=np.array([bounds for _, _, bounds in found]),
            **{f"audio_{i}": piece for i, (piece, _, _) in enumerate(found)},
        )
        print(f"{part}: {len(found)} digits")


if __name__ == "__main__":
    main()
