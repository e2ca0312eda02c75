"""Fifty kills of a batch's workers and drivers: its results stay complete and unique.

`VERIDICAL_SOAK_BATCH_KILLS` sets how many, `VERIDICAL_SOAK_BATCH_ENGINE=ray` kills actors.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from veridical.calibration.intervals import clopper_pearson

KILLS = int(os.environ.get("VERIDICAL_SOAK_BATCH_KILLS", "50"))
ENGINE = os.environ.get("VERIDICAL_SOAK_BATCH_ENGINE", "local")
WORKER_MARK = {"local": b"spawn_main", "ray": b"ray::_Worker"}[ENGINE]
ROWS_A_KILL = 6
"""On average a kill comes after three rows: enough of them stay for all kills."""
LARGE_PX = (4_000, 3_000)
"""No models are at hand, so that workers start quickly; decoding this is what a row costs."""


def test_kills_of_workers_and_drivers(tmp_path: Path) -> None:
    rng = random.Random(0)
    manifest, out = write_manifest(tmp_path, KILLS * ROWS_A_KILL), tmp_path / "out"
    command = [
        sys.executable, "-c", "from veridical.cli import main; main()", "batch",
        str(manifest), "--out", str(out), "--workers", "2", "--policy", "selfie",
        "--engine", ENGINE, "--resume",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "VERIDICAL_MODELS_DIR": str(tmp_path / "no-models"),
        "VERIDICAL_ALLOW_MISSING": "1",
    }
    kills: Counter[str] = Counter()
    running = None
    while kills.total() < KILLS:
        running = running or subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        victim = ("worker", "driver")[kills.total() % 2]
        if not progressed(running, out, len(written(out)) + rng.randint(1, ROWS_A_KILL - 1)):
            break
        # At any moment of a row, not only after one was written.
        time.sleep(rng.uniform(0, 0.3))
        if victim == "driver":
            running.kill()
            running.wait()
            running = None
        elif alive := sorted(workers(running.pid)):
            with suppress(ProcessLookupError):
                os.kill(rng.choice(alive), signal.SIGKILL)
        else:  # all are being replaced since the last kill
            continue
        kills[victim] += 1
    if running is not None:
        running.wait()
    killed = len(written(out))
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False)

    lines = written(out)
    kinds = Counter(line["error"]["code"] if "error" in line else "verdict" for line in lines)
    low, high = clopper_pearson(0, len(lines))
    sys.stdout.write(
        f"{ENGINE}: kills {dict(kills)}, rows {KILLS * ROWS_A_KILL}, lines {len(lines)} "
        f"({killed} before the last run), {dict(kinds)}, lost or doubled 0 of {len(lines)} "
        f"[{low:.4f}, {high:.4f}]\n"
    )
    assert kills.total() == KILLS
    assert sorted(line["row"] for line in lines) == list(range(1, KILLS * ROWS_A_KILL + 1))
    assert killed < len(lines)
    # A row is given up when its worker died twice while no other row was in work.
    assert kinds["internal.worker_died"] <= KILLS // 10
    assert set(kinds) <= {"verdict", "media.not_an_image", "internal.worker_died"}


def write_manifest(folder: Path, rows: int) -> Path:
    """Rows that cost something, and every fifth a bad one."""
    slope = np.linspace(0, 255, LARGE_PX[0]).astype(np.uint8)
    pixels = np.broadcast_to(slope[None, :, None], (LARGE_PX[1], LARGE_PX[0], 3))
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(folder / "selfie.jpg")
    (folder / "text.jpg").write_text("no picture")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(
        "".join(
            json.dumps({"id": f"t{i}", "selfie": "text.jpg" if i % 5 == 4 else "selfie.jpg"}) + "\n"
            for i in range(rows)
        )
    )
    return manifest


def written(out: Path) -> list[dict[str, Any]]:
    """Whole lines of the results."""
    path = out / "results.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def progressed(process: "subprocess.Popen[bytes]", out: Path, count: int) -> bool:
    """Whether a run came so far before it ended."""
    while len(written(out)) < count:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def workers(pid: int) -> Iterator[int]:
    """The processes under a driver that verify rows."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            with suppress(OSError):  # it has ended meanwhile
                if WORKER_MARK in Path(f"/proc/{child}/cmdline").read_bytes():
                    yield child
                yield from workers(child)
