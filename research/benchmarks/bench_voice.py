"""How well does the voiceprint tell speakers apart, by length and by channel, beside Resemblyzer?

Every utterance is compared with every other; a mated trial never shares a file. The reference is
the clean utterance, the probe the spoilt one; both are cut to the same length from the middle.
Librosa makes Resemblyzer's mel windows; PyAV encodes the channels, sox (with libsox-fmt-all) GSM.

    python research/benchmarks/bench_voice.py ../shared/data/voice/speech.csv --models DIR \
        --resemblyzer pretrained.pt --out figures.json

`--models` is the folder of pulled models (`silero*.onnx`, `campplus-zh-en*.onnx`); Resemblyzer
wants PyTorch, librosa (`pip install veridical[voice-train]`) and the weights of its wheel.
"""

import argparse
import csv
import io
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import onnxruntime as ort
import soxr

from veridical.calibration.intervals import clopper_pearson
from veridical.result import ModelRef
from veridical.types import Audio
from veridical.voiceprint import VoiceEmbedder, analyse_speech

RATE_HZ = 16_000
RUNS = (
    ("2 s", 2.0, "clean"),
    ("3 s", 3.0, "clean"),
    ("5 s", 5.0, "clean"),
    ("full", 0.0, "clean"),
    ("5 s", 5.0, "a-law 8 kHz"),
    ("5 s", 5.0, "gsm"),
    ("5 s", 5.0, "amr 12.2k"),
    ("5 s", 5.0, "mp3 32k"),
    ("5 s", 5.0, "opus 12k"),
    ("5 s", 5.0, "pink noise 10 dB"),
    ("5 s", 5.0, "reverberation 0.6 s"),
)


class Net:
    """A file as a session."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(str(path), options)
        self.ref = ModelRef(path.stem, "0" * 64)
        self.metadata: dict[str, str] = {}
        self.inputs: dict[str, tuple[int | str | None, ...]] = {}

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Run it."""
        return self._session.run(None, feeds)


def coded(samples: np.ndarray, codec: str, container: str, rate_hz: int, bits: int) -> np.ndarray:
    """Through an encoder and back."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout="mono")
        if bits:
            stream.bit_rate = bits
        sound = np.clip(soxr.resample(samples, RATE_HZ, rate_hz), -1, 1)
        pcm = (sound * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.rate = rate_hz
        for part in av.AudioResampler(stream.codec_context.format, "mono", rate_hz).resample(frame):
            for packet in stream.encode(part):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)
    buffer.seek(0)
    with av.open(buffer) as file:
        resampler = av.AudioResampler("flt", "mono", RATE_HZ)
        parts = [p for f in file.decode(audio=0) for p in resampler.resample(f)]
        parts += resampler.resample(None)
    return np.concatenate([part.to_ndarray().ravel() for part in parts]).astype(np.float32)


def gsm(samples: np.ndarray) -> np.ndarray:
    """Through GSM 06.10 full rate and back, by sox: PyAV's libraries have no encoder of it."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    raw = ["-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", str(RATE_HZ), "-"]
    narrow = ["sox", "-D", *raw, "-t", "gsm", "-r", "8000", "-"]
    coded = subprocess.run(narrow, input=pcm, capture_output=True, check=True).stdout
    wide = ["sox", "-D", "-t", "gsm", "-r", "8000", "-", *raw]
    heard = subprocess.run(wide, input=coded, capture_output=True, check=True).stdout
    return (np.frombuffer(heard, "<i2") / 32768).astype(np.float32)


def spoilt(samples: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """A clean utterance as a channel would carry it."""
    match how:
        case "a-law 8 kHz":
            return coded(samples, "pcm_alaw", "wav", 8_000, 0)
        case "gsm":
            return gsm(samples)
        case "amr 12.2k":
            return coded(samples, "libopencore_amrnb", "amr", 8_000, 12_200)
        case "mp3 32k":
            return coded(samples, "libmp3lame", "mp3", 16_000, 32_000)
        case "opus 12k":
            return coded(samples, "libopus", "ogg", 16_000, 12_000)
        case "pink noise 10 dB":
            spectrum = np.fft.rfft(rng.normal(size=len(samples)))
            spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
            noise = np.fft.irfft(spectrum, len(samples))
            noise *= np.sqrt(np.square(samples).mean() / np.square(noise).mean() / 10)
            return (samples + noise).astype(np.float32)
        case "reverberation 0.6 s":
            count = int(0.6 * RATE_HZ)
            tail = rng.normal(size=count) * np.exp(-6.9 * np.arange(count) / count) * 0.05
            tail[0] = 1.0
            size = len(samples) + count
            wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
            return wet[: len(samples)].astype(np.float32)
        case _:
            return samples


def resemblyzer(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The other embedder: three LSTM layers over 1.6 s windows of 40 mel bands."""
    import librosa
    import torch

    torch.set_num_threads(1)
    state = torch.load(path, map_location="cpu", weights_only=False)["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    for net, prefix in ((lstm, "lstm."), (linear, "linear.")):
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        net.load_state_dict(own)

    def embed(samples: np.ndarray) -> np.ndarray:
        gain = 10 ** (-1.5) / (np.sqrt(np.square(samples).mean()) + 1e-9)
        mel = librosa.feature.melspectrogram(
            y=samples * max(gain, 1.0), sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=40
        ).T.astype(np.float32)
        # As the package cuts: a last window counts when three quarters of it are sound.
        starts = range(0, max(1, len(mel) - 120 + 1), 77)
        padded = np.pad(mel, ((0, 160), (0, 0)))
        windows = [padded[a : a + 160] for a in starts]
        with torch.no_grad():
            _, (hidden, _) = lstm(torch.from_numpy(np.stack(windows)))
            vectors = torch.relu(linear(hidden[-1])).numpy()
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        return mean / np.linalg.norm(mean)

    return embed


def figures(mated: np.ndarray, other: np.ndarray) -> dict[str, object]:
    """Rates of one set of scores, with counts and 95 % intervals."""
    ranked = np.sort(other)
    thresholds = np.unique(np.concatenate((mated, other)))
    misses = np.searchsorted(np.sort(mated), thresholds) / len(mated)
    alarms = 1 - np.searchsorted(ranked, thresholds) / len(ranked)
    at = int(np.abs(misses - alarms).argmin())
    found: dict[str, object] = {
        "n_mated": len(mated),
        "n_non_mated": len(other),
        "eer": round(float(misses[at] + alarms[at]) / 2, 5),
        "eer_threshold": round(float(thresholds[at]), 3),
        "mean_mated": round(float(mated.mean()), 3),
        "mean_non_mated": round(float(other.mean()), 3),
    }
    for name, rate in (("1e-2", 0.01), ("1e-3", 0.001)):
        threshold = float(ranked[-max(1, int(rate * len(ranked)))]) + 1e-6
        missed = int((mated < threshold).sum())
        found[f"fnmr_at_fmr_{name}"] = round(missed / len(mated), 5)
        found[f"fnmr_at_fmr_{name}_ci95"] = [
            round(bound, 4) for bound in clopper_pearson(missed, len(mated))
        ]
        found[f"threshold_at_fmr_{name}"] = round(threshold, 3)
    return found


def main() -> None:
    """Measure, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--resemblyzer", type=Path)
    parser.add_argument("--most", type=int, default=0, help="utterances; 0 takes all")
    parser.add_argument("--only", nargs="*", help="conditions; clean ones of their length run too")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    vad = Net(next(args.models.glob("silero*")))
    embedder = VoiceEmbedder(Net(next(args.models.glob("campplus*"))))
    methods: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "campplus": lambda x: embedder(analyse_speech(Audio(x, RATE_HZ), vad)).vector
    }
    if args.resemblyzer:
        methods["resemblyzer"] = resemblyzer(args.resemblyzer)
    with args.index.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[: args.most or None]
    speakers = np.array([row["speaker"] for row in rows])
    counted = np.array([(speakers == speaker).sum() for speaker in speakers])
    sounds = []
    for row in rows:
        with av.open(str(args.index.parent / row["file"])) as file:
            resampler = av.AudioResampler("flt", "mono", RATE_HZ)
            parts = [p for f in file.decode(audio=0) for p in resampler.resample(f)]
        sounds.append(np.concatenate([part.to_ndarray().ravel() for part in parts]))
    report = []
    clean: dict[tuple[str, str], np.ndarray] = {}
    lengths = {length for length, _, how in RUNS if how in (args.only or ())}
    for length, seconds, how in RUNS:
        if args.only and how not in args.only and not (how == "clean" and length in lengths):
            continue
        # Impostors with one utterance only take part in the main run, to save time.
        everyone = (length, how) == ("5 s", "clean") and not args.only
        chosen = np.arange(len(rows)) if everyone else np.flatnonzero(counted > 1)
        cut = []
        for i in chosen:
            size = int(seconds * RATE_HZ) or len(sounds[i])
            start = max(0, (len(sounds[i]) - size) // 2)
            rng = np.random.default_rng(int(i))
            cut.append(spoilt(sounds[i][start : start + size], how, rng))
        for name, embed in methods.items():
            began = time.process_time()
            vectors = np.array([embed(sound) for sound in cut])
            spent = time.process_time() - began
            if how == "clean":
                clean[name, length] = vectors[np.isin(chosen, np.flatnonzero(counted > 1))]
                reference = vectors
            else:
                reference = clean[name, length]
            scores = reference @ vectors.T
            own = speakers[chosen]
            same = own[:, None] == own
            once = np.triu(np.ones_like(same), 1)
            pairs = once if how == "clean" else ~np.eye(len(own), dtype=bool)
            result = figures(scores[same & pairs], scores[~same & pairs])
            total = sum(map(len, cut)) / RATE_HZ
            line = {"method": name, "length": length, "condition": how, **result}
            line["cpu_ms_per_s"] = round(spent * 1000 / total, 1)
            report.append(line)
            print(json.dumps(line), flush=True)
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
