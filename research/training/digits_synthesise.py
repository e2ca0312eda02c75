"""Speak random digit strings, for the training of the digit networks.

Isolated digits glued together flatter a digit recogniser: nobody pauses between all of them. Here a
text-to-speech network says whole strings, so that sounds run into each other as in real speech.
Every string has a voice of its own, one of 54 or a mixture of two; tempo and pauses are drawn too.
The network (Kokoro-82M) and its voices are Apache-2.0; both are given as files. Phonemes follow
misaki. espeak-ng and flite add rougher voices at next to no cost.

    python research/training/digits_synthesise.py kokoro --model kokoro-v1.0.int8.onnx --voices voices/ \
        --vocabulary vocab.json --language en --count 150 --seed 11 --out en_1.npz
    python research/training/digits_synthesise.py espeak --language en --count 150 --out en_espeak.npz
    python research/training/digits_synthesise.py flite --language en --count 120 --out en_flite.npz
"""

import argparse
import json
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import onnxruntime as ort

RATE_HZ = 24_000
TARGET_HZ = 16_000
HELD_OUT = ("af_sky", "am_echo", "bf_lily", "bm_lewis", "zf_xiaoni", "zm_yunxi")
"""Voices that never train: they show how far the nets carry to a new synthetic speaker."""

READINGS = {
    "en": {
        "0": ("zˈɪɹO", "zˈiɹO", "ˈO"),
        "1": ("wˈʌn",),
        "2": ("tˈu",),
        "3": ("θɹˈi",),
        "4": ("fˈɔɹ", "fˈɔː"),
        "5": ("fˈIv",),
        "6": ("sˈɪks",),
        "7": ("sˈɛvᵊn",),
        "8": ("ˈAt",),
        "9": ("nˈIn",),
    },
    "zh": {
        "0": ("li↗ŋ",),
        "1": ("i→", "jau→"),
        "2": ("ɚ↘",),
        "3": ("sa→n",),
        "4": ("sɨ↘",),
        "5": ("u↓",),
        "6": ("ljou↘",),
        "7": ("ʨʰi→",),
        "8": ("pa→",),
        "9": ("ʨjou↓",),
    },
}


def reading(digits: str, language: str, rng: random.Random) -> str:
    """One way to say a digit string: readings, grouping and pauses are drawn."""
    gap = rng.choice((" ", " ", " ", "", ", ", " , "))
    grouped = rng.random() < 0.4
    out = []
    for i, digit in enumerate(digits):
        choices = READINGS[language][digit]
        out.append(choices[0] if rng.random() < 0.7 else rng.choice(choices))
        out.append(", " if grouped and i % 3 == 2 else gap or (" " if language == "en" else ""))
    return "".join(out).strip(" ,") + rng.choice((".", ".", ",", "?", ""))


def draw_style(names: list[str], folder: Path, rng: random.Random) -> tuple[str, np.ndarray]:
    """A voice or a mixture of two: its name and (510, 256) float32 style vectors."""

    def load(name: str) -> np.ndarray:
        return np.fromfile(folder / f"{name}.bin", dtype=np.float32).reshape(-1, 256)

    first = rng.choice(names)
    if rng.random() < 0.4:
        return first, load(first)
    second = rng.choice(names)
    share = rng.uniform(0.25, 0.75)
    return f"{first}+{second}", share * load(first) + (1 - share) * load(second)


def speak_kokoro(
    args: argparse.Namespace, rng: random.Random
) -> Iterator[tuple[np.ndarray, str, str]]:
    """Sound at 16 kHz, digits and voice of each string."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(args.model), options, providers=["CPUExecutionProvider"])
    vocabulary = json.loads(args.vocabulary.read_text(encoding="utf-8"))["vocab"]
    names = sorted(path.stem for path in args.voices.glob("*.bin"))
    names = [name for name in names if name not in HELD_OUT]
    for _ in range(args.count):
        digits = draw_digits(args, rng)
        voice, style = draw_style(names, args.voices, rng)
        phonemes = reading(digits, args.language, rng)
        tokens = [vocabulary[symbol] for symbol in phonemes if symbol in vocabulary]
        wave = session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": style[len(tokens)][None].astype(np.float32),
                "speed": np.array([rng.uniform(0.6, 1.25)], np.float32),
            },
        )[0].ravel()
        yield librosa.resample(wave, orig_sr=RATE_HZ, target_sr=TARGET_HZ), digits, voice


WORDS = {
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "zh": list("零一二三四五六七八九"),
}
VOICES = {
    "espeak": {
        "en": [
            f"en-{a}+{v}"
            for a in ("us", "gb", "gb-scotland")
            for v in ("m1", "m3", "m5", "m7", "f1", "f2", "f4")
        ],
        "zh": [f"cmn+{v}" for v in ("m1", "m3", "m5", "m7", "f1", "f2", "f4")],
    },
    "flite": {"en": ["kal16", "awb", "rms", "slt"]},
}


def speak_program(
    args: argparse.Namespace, rng: random.Random
) -> Iterator[tuple[np.ndarray, str, str]]:
    """The same, by a program of the system."""
    for _ in range(args.count):
        digits = draw_digits(args, rng)
        voice = rng.choice(VOICES[args.engine][args.language])
        text = rng.choice((" ", " ", ", ")).join(WORDS[args.language][int(d)] for d in digits)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            if args.engine == "espeak":
                speed, pitch = str(rng.randint(110, 200)), str(rng.randint(25, 75))
                command = [
                    "espeak-ng",
                    "-v",
                    voice,
                    "-s",
                    speed,
                    "-p",
                    pitch,
                    "-w",
                    file.name,
                    text,
                ]
            else:
                stretch = f"duration_stretch={rng.uniform(0.8, 1.4):.2f}"
                command = ["flite", "-voice", voice, "--seti", stretch, "-t", text, "-o", file.name]
            subprocess.run(command, check=True)
            yield librosa.load(file.name, sr=TARGET_HZ)[0], digits, voice


def draw_digits(args: argparse.Namespace, rng: random.Random) -> str:
    """A string of one of the wanted lengths."""
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(*args.lengths)))


def main() -> None:
    """Write one npz: `audio_i` int16 at 16 kHz, and the lists `digits` and `voices`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["kokoro", "espeak", "flite"])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--voices", type=Path)
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--language", choices=sorted(READINGS), required=True)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--lengths", type=int, nargs=2, default=(3, 7), metavar=("LEAST", "MOST"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    speak = speak_kokoro if args.engine == "kokoro" else speak_program
    audio: dict[str, np.ndarray] = {}
    texts: list[str] = []
    voices: list[str] = []
    for wave, digits, voice in speak(args, random.Random(args.seed)):
        wave, _ = librosa.effects.trim(wave, top_db=45)
        audio[f"audio_{len(texts)}"] = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
        texts.append(digits)
        voices.append(voice)
        if len(texts) % 50 == 0:
            print(f"{len(texts)} strings", flush=True)
    np.savez(args.out, digits=np.array(texts), voices=np.array(voices), **audio)


if __name__ == "__main__":
    main()
