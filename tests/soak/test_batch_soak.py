"""Fifty kills of a batch's workers and drivers: its results stay complete and unique."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL.Image

KILLS = int(os.environ.get("VERIDICAL_SOAK_BATCH_KILLS", "50"))
ROWS_A_KILL = 2_000


def test_kills_of_workers_and_drivers(tmp_path: Path) -> None:
    random.seed(0)
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(tmp_path / "selfie.png")
    rows = KILLS * ROWS_A_KILL
    manifest, out = tmp_path / "manifest.jsonl", tmp_path / "out"
    manifest.write_text(
        "".join(json.dumps({"id": f"t{i}", "selfie": "selfie.png"}) + "\n" for i in range(rows))
    )
    environment = {**os.environ, "VERIDICAL_MODELS_DIR": str(tmp_path / "no-models")}
    command = [
        sys.executable, "-c", "from veridical.service.cli import main; main()", "batch",
        str(manifest), "--out", str(out), "--workers", "2", "--policy", "selfie", "--resume",
    ]  # fmt: skip

    kills = {"driver": 0, "worker": 0}
    running = None
    while sum(kills.values()) < KILLS:
        if running is None:
            running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        before = written(out)
        if not progressed(running, out, before + random.randrange(1, ROWS_A_KILL // 2)):
            break
        victim = random.choice(("driver", "worker"))
        if victim == "driver":
            running.kill()
            running.wait()
            running = None
        elif alive := list(workers(running.pid)):
            os.kill(random.choice(alive), signal.SIGKILL)
        else:  # all are being replaced since the last kill
            continue
        kills[victim] += 1
    if running is not None:
        running.wait()
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=True)

    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    sys.stdout.write(f"kills {kills}, rows {rows}, lines {len(lines)}\n")
    assert sum(kills.values()) == KILLS
    assert sorted(line["row"] for line in lines) == list(range(1, rows + 1))
    assert all("verdict" in line for line in lines)


def written(out: Path) -> int:
    path = out / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def progressed(process: "subprocess.Popen[bytes]", out: Path, count: int) -> bool:
    """Whether a run came so far before it ended."""
    while written(out) < count:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def workers(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            with suppress(OSError):  # it has ended meanwhile
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    yield child
