"""Do score normalisation by a cohort and calibration by covariates help the voiceprint?

Embeds LibriSpeech (5 speakers with mated trials, in nine lengths and channels; 130 others) and the
isolated words of 26 speakers once, then compares, on speakers that neither cohort nor fit has seen:
the cosine; adaptive symmetric normalisation (AS-norm) against a cohort; the cosine corrected by a
logistic regression on duration and bandwidth. One threshold over all conditions, as in service.

    python research/benchmarks/bench_voice_normalisation.py embed ../shared/data/voice --out vectors.npz
    python research/benchmarks/bench_voice_normalisation.py judge vectors.npz

Source: P. Matejka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition",
    Interspeech 2017.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from bench_voice import RATE_HZ, figures, spoilt
from numpy.typing import NDArray
from scipy.optimize import minimize

from veridical.analysis.engines import Engines
from veridical.media import read_audio
from veridical.types import Audio
from veridical.voiceprint import analyse_speech

CHANNELS = ("a-law 8 kHz", "amr 12.2k", "pink noise 10 dB", "reverberation 0.6 s")
LENGTHS = {"2": 2.0, "3": 3.0, "5": 5.0, "full": 0.0}
TOP = 20
"""Cohort scores kept of each side."""
ENROL_WORDS, PROBE_WORDS = 10, 6


def embed(folder: Path, out: Path) -> None:
    """Write unit vectors with kind, speaker, file, net speech and bandwidth."""
    engines = Engines.open()
    vad, embedder = engines.need(Engines.vad), engines.need(Engines.voice)
    found: list[tuple[str, str, str, float, float]] = []
    vectors: list[NDArray[np.float32]] = []

    def add(kind: str, row: dict[str, str], sound: NDArray[np.float32]) -> None:
        speech = analyse_speech(Audio(sound, RATE_HZ), vad)
        parts = embedder.parts(speech)
        if len(parts):
            mean = parts.mean(axis=0)
            vectors.append(mean / np.linalg.norm(mean))
            found.append(
                (kind, row["speaker"], row["file"], speech.net_speech_s, speech.bandwidth_hz)
            )

    with (folder / "speech.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        sound = read_audio(folder / row["file"]).samples
        mated = "test-other" in row["file"]
        for kind, seconds in LENGTHS.items() if mated else [("5", 5.0)]:
            size = int(seconds * RATE_HZ) or len(sound)
            start = max(0, (len(sound) - size) // 2)
            add(kind, row, sound[start : start + size])
            if kind == "5" and mated:
                rng = np.random.default_rng(number)
                for how in CHANNELS:
                    add(how, row, spoilt(sound[start : start + size], how, rng))
    with (folder / "words_zh.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            add("word", row, read_audio(folder / row["file"]).samples)
    kinds, speakers, files, speech_s, bandwidth = zip(*found, strict=True)
    np.savez(
        out,
        vectors=np.array(vectors),
        kinds=kinds,
        speakers=speakers,
        files=files,
        speech_s=speech_s,
        bandwidth=bandwidth,
    )


def as_norm(
    scores: NDArray[np.float64],
    references: NDArray[np.float32],
    probes: NDArray[np.float32],
    cohort: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Scores, (references, probes), in units of each side's nearest cohort."""

    def near(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        top = np.sort(vectors @ cohort.T, axis=1)[:, -TOP:]
        return top.mean(axis=1), top.std(axis=1)

    (mean_r, std_r), (mean_p, std_p) = near(references), near(probes)
    return np.asarray(((scores - mean_r[:, None]) / std_r[:, None] + (scores - mean_p) / std_p) / 2)


def fit(inputs: NDArray[np.float64], mated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of a logistic regression, both kinds of trial of equal weight."""
    design = np.c_[inputs, np.ones(len(inputs))]
    sign = np.where(mated, 1.0, -1.0)
    weight = np.where(mated, 0.5 / mated.sum(), 0.5 / (~mated).sum())

    def loss(weights: NDArray[np.float64]) -> float:
        return float((weight * np.logaddexp(0, -sign * (design @ weights))).sum()) + 1e-4 * float(
            weights[:-1] @ weights[:-1]
        )

    return np.asarray(minimize(loss, np.zeros(design.shape[1]), method="L-BFGS-B").x)


def judge(path: Path) -> None:
    """Print one JSON line a set and method."""
    data = np.load(path)
    vectors, kinds, speakers = data["vectors"], data["kinds"], data["speakers"]
    files, speech_s, bandwidth = data["files"], data["speech_s"], data["bandwidth"]
    other = np.char.find(files, "test-other") >= 0
    clean = (kinds == "5") & other
    strangers = vectors[(kinds == "5") & ~other]
    rng = np.random.default_rng(1)
    order = rng.permutation(len(strangers))
    cohort, impostors = strangers[order[:65]], strangers[order[65:]]
    words_cohort, words = _words(vectors, kinds, speakers)

    def print_line(
        data: str, method: str, mated: NDArray[np.float64], non: NDArray[np.float64]
    ) -> None:
        print(json.dumps({"data": data, "method": method, **figures(mated, non)}), flush=True)

    pooled: list[tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_]]] = []
    normed: list[NDArray[np.float64]] = []
    for kind in (*LENGTHS, *CHANNELS):
        probe = (kinds == kind) & other
        scores = (vectors[clean] @ vectors[probe].T).astype(np.float64)
        apart = files[clean][:, None] != files[probe][None]
        same = (speakers[clean][:, None] == speakers[probe][None])[apart]
        adjusted = as_norm(scores, vectors[clean], vectors[probe], cohort)
        inputs = np.stack(
            [
                scores[apart],
                np.broadcast_to(np.log(np.minimum(speech_s[probe], 8.0)), apart.shape)[apart],
                np.broadcast_to(bandwidth[probe] < 4200.0, apart.shape)[apart],
            ],
            axis=1,
        )
        pooled.append((inputs, same, np.broadcast_to(speakers[clean][:, None], apart.shape)[apart]))
        normed.append(adjusted[apart])
        if kind in ("5", "a-law 8 kHz", "amr 12.2k"):
            far = vectors[probe] @ impostors.T
            far_normed = as_norm(far, vectors[probe], impostors, cohort)
            print_line(
                kind, "cosine", scores[apart][same], np.r_[scores[apart][~same], far.ravel()]
            )
            print_line(
                kind,
                "AS-norm",
                adjusted[apart][same],
                np.r_[adjusted[apart][~same], far_normed.ravel()],
            )
    inputs, same, owner = (np.concatenate(part) for part in zip(*pooled, strict=True))
    print_line("all, one threshold", "cosine", inputs[same, 0], inputs[~same, 0])
    adjusted = np.concatenate(normed)
    print_line("all, one threshold", "AS-norm", adjusted[same], adjusted[~same])
    calibrated = np.zeros(len(inputs))
    for speaker in np.unique(owner):
        held = owner == speaker
        weights = fit(inputs[~held], same[~held])
        # In units of the cosine, so that folds can be pooled.
        calibrated[held] = (np.c_[inputs[held], np.ones(held.sum())] @ weights) / weights[0]
    print_line(
        "all, one threshold", "calibrated by duration and band", calibrated[same], calibrated[~same]
    )

    for name, own in (
        ("words, Libri cohort", cohort),
        ("words, cohort of other half", words_cohort),
    ):
        mated: dict[str, list[float]] = {"cosine": [], "AS-norm": []}
        non: dict[str, list[float]] = {"cosine": [], "AS-norm": []}
        references, probes, owners = words
        scores = references @ probes.T
        norm = as_norm(scores, references, probes, own)
        equal = owners[:, None] == owners[None]
        for method, table in (("cosine", scores), ("AS-norm", norm)):
            mated[method], non[method] = list(table[equal]), list(table[~equal])
            print_line(name, method, np.array(mated[method]), np.array(non[method]))


def _words(
    vectors: NDArray[np.float32], kinds: NDArray[np.str_], speakers: NDArray[np.str_]
) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.str_]]]:
    """A cohort of half the speakers' words; references and probes of the other half."""
    rng = np.random.default_rng(2)
    own = kinds == "word"
    names = np.unique(speakers[own])
    names = names[rng.permutation(len(names))]

    def mean(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        middle = vectors[rows].mean(axis=0)
        return np.asarray(middle / np.linalg.norm(middle), np.float32)

    cohort = [
        mean(rng.permutation(np.flatnonzero(own & (speakers == name)))[:PROBE_WORDS])
        for name in names[: len(names) // 2]
        for _ in range(3)
    ]
    references, probes, owners = [], [], []
    for name in names[len(names) // 2 :]:
        rows = np.flatnonzero(own & (speakers == name))
        if len(rows) < ENROL_WORDS + PROBE_WORDS:
            continue
        rows = rng.permutation(rows)
        enrol, probe = (
            rows[: len(rows) * 5 // 8],
            rows[len(rows) * 5 // 8 :],
        )  # no file on both sides
        for _ in range(8):
            references.append(mean(rng.permutation(enrol)[:ENROL_WORDS]))
            probes.append(mean(rng.permutation(probe)[:PROBE_WORDS]))
            owners.append(name)
    return np.array(cohort), (np.array(references), np.array(probes), np.array(owners))


def main() -> None:
    """Embed, or judge what was embedded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("embed", "judge"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--out", type=Path, default=Path("vectors.npz"))
    args = parser.parse_args()
    if args.verb == "embed":
        embed(args.path, args.out)
    else:
        judge(args.path)


if __name__ == "__main__":
    main()
