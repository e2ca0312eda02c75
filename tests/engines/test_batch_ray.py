"""A batch on a Ray cluster, and media in an S3-style store: the same lines, exactly once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("ray", reason="the ray extra is not installed")
from veridical.batch import local_workers, run_batch
from veridical.batch.cluster import ray_workers
from veridical.errors import InputError
from veridical.verification import Settings

pytestmark = pytest.mark.filterwarnings("default")  # Ray and botocore warn of their own affairs

ROWS = 300


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation without models: every check says so, which is quick."""
    return Settings(models_dir=tmp_path / "no-models", policy="selfie", allow_missing=True)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(tmp_path / "selfie.png")
    path = tmp_path / "manifest.jsonl"
    rows = [{"id": f"t{i}", "selfie": "selfie.png"} for i in range(ROWS - 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "bad"}]))
    return path


def results(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]


def check_complete(out: Path) -> None:
    assert sorted(line["row"] for line in results(out)) == list(range(1, ROWS + 1))
    assert sum("verdict" in line for line in results(out)) == ROWS - 1


def actors() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"ray::_Worker"):
                yield int(entry.name)


def test_rows_come_out_once_though_actors_are_killed(manifest: Path, settings: Settings) -> None:
    killed: list[int] = []

    def kill(summary: Any) -> None:  # noqa: ANN401
        if summary.done in (20, 120):
            victim = next(actors())
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    out = manifest.parent / "out"
    summary = run_batch(
        manifest, out, settings, start=ray_workers(2, "local"), resume=False, progress=kill
    )
    assert len(set(killed)) == 2
    check_complete(out)
    assert summary.errors == {"manifest.malformed": 1}


def test_a_killed_driver_s_run_goes_on(manifest: Path, settings: Settings) -> None:
    out = manifest.parent / "out"
    command = [
        sys.executable, "-c", "from veridical.cli import main; main()", "batch",
        str(manifest), "--out", str(out), "--workers", "1", "--engine", "ray",
        "--policy", "selfie", "--resume",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "VERIDICAL_MODELS_DIR": str(settings.models_dir),
        "VERIDICAL_ALLOW_MISSING": "1",
    }
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    written = out / "results.jsonl"
    for _ in range(2400):
        if written.exists() and written.read_bytes().count(b"\n") >= 5:
            break
        assert running.poll() is None
        time.sleep(0.05)
    running.kill()
    running.wait()
    assert len(results(out)) < ROWS
    again = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert again.returncode == 4, again.stderr[-500:]  # the bad row
    check_complete(out)


def test_media_lie_in_an_s3_store(
    manifest: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    fsspec = pytest.importorskip("s3fs", reason="the remote extra is not installed")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        store = fsspec.S3FileSystem()
        store.mkdir("onboarding")
        for path in (manifest, manifest.parent / "selfie.png"):
            store.put_file(str(path), f"onboarding/2026/{path.name}")
        out = manifest.parent / "out"
        run_batch(
            "s3://onboarding/2026/manifest.jsonl",
            out,
            settings,
            start=local_workers(2),
            resume=False,
        )
        check_complete(out)
        with pytest.raises(InputError):
            run_batch(
                "s3://onboarding/absent.jsonl",
                manifest.parent / "other",
                settings,
                start=local_workers(1),
                resume=False,
            )
    finally:
        server.stop()
