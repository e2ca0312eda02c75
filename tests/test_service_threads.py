"""Threads of a service in a small container on a large host."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.patience import PATIENCE_S, eventually
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.types import Image
from veridical.verification.pictures import to_jpeg

CORES, HOST_CORES = 4, 64
# One a core for verifications, whoever asks for them, and 8 beside. It must not be 64: the pool of
# OpenCV alone would be.
MOST_THREADS = CORES + 8

# What a container with a quota of 4 cores sees on a host of 64: all of them, but in its control
# group. OpenCV makes a pool of as many threads as it sees when it first works.
SERVER = f"""
import functools, os, sys
from pathlib import Path
import cv2
os.sched_getaffinity = lambda _: set(range({HOST_CORES}))
os.cpu_count = lambda: {HOST_CORES}
cv2.setNumThreads({HOST_CORES})
from veridical.models import quota
from veridical.service import serving
from veridical.service.settings import ServiceSettings
serving.cpu_quota = functools.partial(quota.cpu_quota, Path(sys.argv[1]))
app = serving.app_of(ServiceSettings(), "127.0.0.1", dev=True)
serving.server_of(app, "127.0.0.1", int(sys.argv[2]), "error").run()
"""


@dataclass
class Server:
    address: str
    pid: int

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@pytest.fixture
def server(tmp_path: Path, store: ModelStore) -> Iterator[Server]:
    (tmp_path / "cpu.max").write_text(f"{CORES}00000 100000\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",  # as in the image
        "VERIDICAL_POLICY": "demo",
        "VERIDICAL_DATA_DIR": str(tmp_path / "data"),
        "VERIDICAL_MODELS_DIR": str(store.directory),
    }
    command = [sys.executable, "-c", SERVER, str(tmp_path), str(port)]
    with subprocess.Popen(command, env=environment) as process:
        yield Server(f"http://127.0.0.1:{port}", process.pid)
        process.terminate()


def is_ready(server: Server) -> bool:
    try:
        return httpx2.get(f"{server.address}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def test_threads_follow_the_quota_and_not_the_host(
    server: Server, samples: dict[str, Sample]
) -> None:
    genuine = samples["genuine"].transaction
    assert isinstance(genuine.document_front, Image)
    assert isinstance(genuine.selfie, Image)
    files = {"document_front": to_jpeg(genuine.document_front), "selfie": to_jpeg(genuine.selfie)}
    waiting = threading.Event()
    eventually(lambda: is_ready(server), "readiness")

    def verify(_: int) -> int:
        return httpx2.post(
            f"{server.address}/v1/verify", files=files, timeout=PATIENCE_S
        ).status_code

    most = 0
    with ThreadPoolExecutor(CORES) as clients:
        answers = [clients.submit(verify, i) for i in range(CORES)]
        while not all(answer.done() for answer in answers):
            most = max(most, server.threads())
            waiting.wait(0.005)
    assert [answer.result() for answer in answers] == [200] * CORES
    sys.stdout.write(f"threads: at most {most}\n")
    assert CORES < most <= MOST_THREADS
