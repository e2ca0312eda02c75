"""Speak numbers and digits mixed, for the digit net to learn which of them are digits.

"Thirty-nine" is no 3 and 9 but a number and a 9; "oh" is a zero. espeak-ng and flite speak.

    python research/training/digits_numbers.py --count 150 --out en_numbers.npz
"""

import argparse
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from veridical.errors import InputError
from veridical.media import read_audio

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
VOICES = (
    "flite:kal16",
    *(
        f"en-{accent}+{variant}"
        for accent in ("us", "gb", "gb-scotland")
        for variant in ("m1", "m5", "m7", "f1", "f4")
    ),
)
"""Voices that train; flite's rms and slt and espeak's m3 and f2 are kept for testing."""


def draw(rng: random.Random) -> tuple[str, str]:
    """Words, and the digits that are said in them one by one."""
    words, digits = [], ""
    for _ in range(rng.randint(2, 4)):
        kind, digit = rng.random(), rng.randint(0, 9)
        if kind < 0.45:
            digit = max(1, digit)
            words.append(f"{rng.choice(TENS)} {DIGITS[digit]}")
            digits += str(digit)
        elif kind < 0.6:
            words.append(rng.choice(TENS))
        elif kind < 0.72:
            words.append(rng.choice(TEENS))
        elif kind < 0.87:
            words.append(DIGITS[digit])
            digits += str(digit)
        else:
            words.append("oh")
            digits += "0"
    return rng.choice((" ", ", ")).join(words), digits


def speak(text: str, voice: str, rng: random.Random) -> np.ndarray:
    """Sound at 16 kHz, int16.

    Raises:
        InputError: The program spoke nothing.
    """
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        if voice.startswith("flite:"):
            stretch = f"duration_stretch={rng.uniform(0.8, 1.4):.2f}"
            command = ["flite", "-voice", voice[6:], "--seti", stretch, "-t", text]
            command += ["-o", file.name]
        else:
            speed, pitch = str(rng.randint(110, 190)), str(rng.randint(25, 75))
            command = ["espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-w", file.name, text]
        subprocess.run(command, check=True)
        samples = read_audio(Path(file.name).read_bytes()).samples
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def main() -> None:
    """Write one npz as `digits_synthesise.py` does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    audio: dict[str, np.ndarray] = {}
    digits = []
    for _ in range(args.count):
        text, said = draw(rng)
        try:
            audio[f"audio_{len(digits)}"] = speak(text, rng.choice(VOICES), rng)
        except InputError:
            continue
        digits.append(said)
    np.savez(args.out, digits=np.array(digits), **audio)


if __name__ == "__main__":
    main()
