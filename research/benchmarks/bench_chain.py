"""How much CPU time does the chain take beside the usual libraries, on the same inputs?

    make peers                          # once: their environment, .venv-peers
    python research/benchmarks/bench_chain.py    # also at the end of `make bench`

One core, processor time, after a warm-up, in turns. Inputs: card and selfie of the demo's genuine
sample, the clip of `veridical bench` and six seconds of the demo's synthetic voice; decoded once,
and handed to both as pixels and samples. Each library runs as it comes but for its threads, in a
process of its own. One that is not installed is named and not counted. The two sides do not do
quite the same: rapidocr reads lines and knows no fields, face_recognition measures no quality.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from veridical.cli.demo import make_samples, make_talkers
from veridical.cli.timing import CLIP_S, standard_clip
from veridical.types import Audio, Clip, Image
from veridical.verification import Settings, Transaction, Verifier, load_verifier

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What both sides are given."""

    card: Image
    selfie: Image
    clip: Clip
    sound: Audio

    def write(self, folder: Path) -> None:
        """Leave them for the other side, without loss."""
        for name, image in (("card", self.card), ("selfie", self.selfie)):
            cv2.imwrite(str(folder / f"{name}.png"), image.pixels[..., ::-1])
        np.save(folder / "frames.npy", np.stack([frame.pixels for frame in self.clip.frames]))
        np.save(folder / "sound.npy", self.sound.samples)


def make_inputs(settings: Settings) -> Inputs:
    """The samples of the demo, as `veridical bench` takes them, and a voice."""
    genuine = make_samples(settings)[0].transaction
    talker = make_talkers(settings)[0].transaction.clip
    if (
        genuine.document_front is None
        or genuine.selfie is None
        or talker is None
        or talker.audio is None
    ):
        raise ValueError("the samples have a document, a selfie, a clip and sound")
    voice = talker.audio
    return Inputs(
        genuine.document_front,
        genuine.selfie,
        standard_clip(genuine.selfie),
        Audio(voice.samples[: round(CLIP_S * voice.rate_hz)], voice.rate_hz),
    )


def our_stages(verifier: Verifier, inputs: Inputs) -> Mapping[str, Callable[[], str]]:
    """What stands against each library; each answers what it found."""

    def read() -> str:
        document = verifier.analyse(Transaction("bench", document_front=inputs.card)).front
        return f"{len(document.fields) if document else 0} fields"

    def embed() -> str:
        templates = [
            verifier.analyse(Transaction("bench", selfie=picture)).face_template
            for picture in (inputs.card, inputs.selfie)
        ]
        return f"faces in {sum(t is not None for t in templates)} of 2 pictures"

    def mesh() -> str:
        track = verifier.analyse(Transaction("bench", clip=inputs.clip)).mouth
        seen = 0 if track is None else int(track.seen.sum())
        return f"mouth in {seen} of {len(inputs.clip.frames)} frames"

    def listen() -> str:
        analysis = verifier.analyse(Transaction("bench", voice=inputs.sound))
        if analysis.voice_enrolment is None or analysis.speech is None:
            return "nothing"
        return f"{analysis.speech.net_speech_s:.1f} s of speech"

    return {"rapidocr": read, "face_recognition": embed, "mediapipe": mesh, "resemblyzer": listen}


class Peer:
    """One library, loaded in a process of its own; `ms` stays empty where it is not installed."""

    def __init__(self, python: Path, name: str, folder: Path) -> None:
        self.ms: list[float] = []
        self.found = ""
        self._process: subprocess.Popen[str] | None = None
        test = [python, "-W", "ignore", "-c", f"import {name}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if python.is_file() and subprocess.run(test, check=False, **quiet).returncode == 0:
            self._process = subprocess.Popen(
                [python, Path(__file__).with_name("peer_chain.py"), name, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def run(self) -> None:
        """Once more; nothing where it is not installed."""
        if self._process is None or not self._process.stdin or not self._process.stdout:
            return
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        self.ms.append(answer["ms"])
        self.found = answer["found"]

    def close(self) -> None:
        """End its process."""
        if self._process is not None:
            self._process.communicate()


def compare(python: Path, repeats: int) -> list[dict[str, object]]:
    """Every stage beside its library: medians in milliseconds of processor time."""
    settings = Settings()
    inputs, verifier = make_inputs(settings), load_verifier(settings)
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as folder:
        inputs.write(Path(folder))
        for name, stage in our_stages(verifier, inputs).items():
            peer, ours, found = Peer(python, name, Path(folder)), list[float](), ""
            for _ in range(repeats + 1):
                start = time.process_time()
                found = stage()
                ours.append((time.process_time() - start) * 1e3)
                peer.run()
            peer.close()
            mine, theirs = statistics.median(ours[1:]), statistics.median(peer.ms[1:] or [0.0])
            rows.append(
                {
                    "peer": name,
                    "measured": bool(peer.ms),
                    "veridical_ms": round(mine, 1),
                    "veridical_found": found,
                    "peer_ms": round(theirs, 1) if peer.ms else None,
                    "peer_found": peer.found,
                    "ratio": round(theirs / mine, 2) if peer.ms else None,
                }
            )
    return rows


def print_table(rows: list[dict[str, object]], repeats: int) -> None:
    """For reading; the last row sums what was measured on both sides."""
    table = Table(title=f"CPU ms, one core, warm, median of {repeats}, same inputs")
    table.add_column("peer", no_wrap=True)
    for title in ("veridical", "peer", "ratio"):
        table.add_column(title, justify="right")
    table.add_column("veridical found")
    table.add_column("peer found")
    for row in rows:
        theirs = f"{row['peer_ms']:.0f}" if row["measured"] else "not measured"
        table.add_row(
            str(row["peer"]),
            f"{row['veridical_ms']:.0f}",
            theirs,
            str(row["ratio"] or ""),
            str(row["veridical_found"]),
            str(row["peer_found"] or "not installed: `make peers`"),
        )
    both = [row for row in rows if row["measured"]]
    if both:
        ours = sum(float(str(row["veridical_ms"])) for row in both)
        theirs_ms = sum(float(str(row["peer_ms"])) for row in both)
        table.add_row(
            f"these {len(both)}", f"{ours:.0f}", f"{theirs_ms:.0f}", f"{theirs_ms / ours:.2f}"
        )
    Console(highlight=False).print(table)


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--peers", type=Path, default=ROOT / ".venv-peers/bin/python")
    asked.add_argument("--repeats", type=int, default=3)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    rows = compare(given.peers, given.repeats)
    if given.json:
        json.dump(rows, sys.stdout, indent=1)
    else:
        print_table(rows, given.repeats)


if __name__ == "__main__":
    main()
