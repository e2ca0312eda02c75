"""How much processor time does a verification take, stage by stage?"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.media import read_clip, read_image
from veridical.models.session import OnnxSession
from veridical.rehearsal.recording import write_clip
from veridical.rehearsal.samples import Sample
from veridical.types import Audio, Challenge, Clip, Image
from veridical.verification import Policy, Settings, Transaction, Verifier, load_policy
from veridical.verification.pictures import to_jpeg

__all__ = ["measure", "standard_clip"]

CLIP_S, FPS, WIDTH, HEIGHT = 6.0, 30, 640, 480
SECONDS_A_DAY = 86_400
PER_DAY = 1_000_000


@dataclass(slots=True)
class Stopwatch:
    """Processor time of this process and of the decoders it started, in milliseconds."""

    samples: dict[str, list[float]]

    def run(self, stage: str, work: Callable[[], object]) -> None:
        """Time one stage."""
        start = _cpu_ms()
        work()
        self.samples.setdefault(stage, []).append(_cpu_ms() - start)


@contextmanager
def _networks_timed() -> Iterator[list[float]]:
    """Collects the processor milliseconds of every call of onnxruntime by this thread."""
    spent: list[float] = []
    untimed = OnnxSession.run

    def run(
        session: OnnxSession, feeds: Mapping[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float32]]:
        start = time.thread_time()
        try:
            return untimed(session, feeds)
        finally:
            spent.append((time.thread_time() - start) * 1000)

    setattr(OnnxSession, "run", run)  # noqa: B010  a method is not assigned in plain sight
    try:
        yield spent
    finally:
        setattr(OnnxSession, "run", untimed)  # noqa: B010


def _cpu_ms() -> float:
    own, helpers = os.times(), _helpers_ms()
    return (own.user + own.system) * 1000 + helpers


def _helpers_ms() -> float:
    """Processor time of the living children: clips are decoded in a process of their own."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in _children():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) * 1000 / ticks
    return total


def _children() -> Iterator[str]:
    for task in Path("/proc/self/task").glob("*/children"):
        yield from task.read_text().split()


def standard_clip(portrait: Image) -> Clip:
    """Six seconds of 640 x 480 at 30 frames a second, with sound, made from one photograph.

    The picture sways a little and the sound is a buzz with pauses: as much work as a real clip,
    and no presentation that any figure but a timing could rest on.
    """
    height = HEIGHT + 40
    width = min(WIDTH, round(portrait.width * height * 1.2 / portrait.height))
    size = (width, round(portrait.height * width / portrait.width))
    person = np.asarray(cv2.resize(portrait.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    wall = cv2.GaussianBlur(cv2.resize(person, (WIDTH, HEIGHT)), (0, 0), 25)
    frames = []
    for i in range(round(CLIP_S * FPS)):
        x = round((WIDTH - width) / 2 + 8 * np.sin(i / 11))
        y = round(20 + 6 * np.sin(i / 17))
        frame = np.asarray(wall, np.uint8).copy()
        x, stop = max(x, 0), min(x + width, WIDTH)
        frame[:, x:stop] = person[y : y + HEIGHT, : stop - x]
        frames.append(Image(frame))
    t = np.arange(round(CLIP_S * 16_000)) / 16_000
    buzz = 0.2 * np.sign(np.sin(2 * np.pi * 120 * t)) * (np.sin(2 * np.pi * t / 0.9) > 0)
    times = np.arange(len(frames), dtype=np.float64) * (1000.0 / FPS)
    return Clip(tuple(frames), times, Audio(buzz.astype(np.float32), 16_000))


def measure(verifier: Verifier, sample: Sample, repeats: int) -> dict[str, Any]:
    """Verify the standard transaction again and again and account for its processor time.

    Args:
        verifier: Loaded and so warm.
        sample: The genuine sample of the demo: its document and its photograph.
        repeats: Counted runs, after one that is not.

    Returns:
        Figures as plain values; times are medians with the smallest beside them.
    """
    document, selfie = sample.transaction.document_front, sample.transaction.selfie
    if document is None or selfie is None:
        raise ValueError("the sample has a document and a selfie")
    policy = load_policy("spoken")
    with TemporaryDirectory() as folder:
        clip_path = Path(folder) / "clip.mp4"
        write_clip(clip_path, standard_clip(selfie), "timing only")
        card = to_jpeg(document)
        watch = Stopwatch({})
        for i in range(repeats + 1):
            if i == 1:
                watch.samples.clear()
            _once(watch, verifier, policy, card, clip_path)
    stages = {
        stage: {"median": round(statistics.median(ms), 1), "min": round(min(ms), 1)}
        for stage, ms in watch.samples.items()
    }
    total_ms = stages["total"]["median"]
    return {
        "standard_transaction": {
            "document_px": [document.width, document.height],
            "clip": f"{CLIP_S:g} s, {WIDTH}x{HEIGHT}, {FPS} frames a second",
            "policy": policy.id,
            "profile": verifier.profile,
            "repeats": repeats,
        },
        "cpu_ms": stages,
        "verdicts_per_core_second": round(1000 / total_ms, 3),
        "cores_for_a_million_a_day": round(PER_DAY / SECONDS_A_DAY * total_ms / 1000, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _once(watch: Stopwatch, verifier: Verifier, policy: Policy, card: bytes, clip: Path) -> None:
    start = _cpu_ms()
    with _networks_timed() as networks:
        _verify(watch, verifier, policy, card, clip)
    total = _cpu_ms() - start
    watch.samples.setdefault("total", []).append(total)
    watch.samples.setdefault("of it networks", []).append(sum(networks))
    watch.samples.setdefault("of it the rest", []).append(total - sum(networks))


def _verify(watch: Stopwatch, verifier: Verifier, policy: Policy, card: bytes, clip: Path) -> None:
    media: dict[str, Any] = {}
    watch.run("decode picture", lambda: media.update(card=read_image(card)))
    watch.run("decode clip", lambda: media.update(clip=read_clip(clip)))
    transaction = Transaction(
        "bench",
        document_front=media["card"],
        clip=media["clip"],
        challenge=Challenge("839217"),
    )
    analysis = verifier.analyse(transaction)
    watch.run("document", lambda: analysis.front)
    watch.run("portrait", lambda: analysis.portrait)
    watch.run("faces", lambda: analysis.views)
    watch.run("speech", lambda: analysis.speech)
    watch.run("mouth", lambda: analysis.mouth)
    watch.run("checks", lambda: verifier.judge(analysis, policy))


def cold(settings: Settings, document: Path, selfie: Path) -> Mapping[str, float]:
    """Processor and wall seconds of a whole `veridical verify`, and of `import veridical`."""
    words = [
        "verify", "--document-front", str(document), "--selfie", str(selfie), "--policy", "demo",
    ]  # fmt: skip
    program = "import sys; from veridical.cli import main; main()"
    environment = {**os.environ, "VERIDICAL_MODELS_DIR": str(settings.models_dir)}
    wall, cpu = _process([sys.executable, "-c", program, *words], environment)
    import_wall, import_cpu = _process([sys.executable, "-c", "import veridical"], environment)
    bare_wall, bare_cpu = _process([sys.executable, "-c", "pass"], environment)
    return {
        "verify_wall_s": wall,
        "verify_cpu_s": cpu,
        "import_wall_s": round(import_wall - bare_wall, 3),
        "import_cpu_s": round(import_cpu - bare_cpu, 3),
    }


def _process(words: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of one process, the better of two runs."""
    runs = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run(words, env=dict(environment), capture_output=True, check=False)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append((round(wall, 3), round(used, 3)))
    return min(runs, key=lambda run: run[1])
