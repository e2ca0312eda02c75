"""What Schemathesis makes of the description of the API: no answer of ours is an error of ours.

pip install schemathesis     # in any environment; its command must be on the PATH
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.service_kills import prepare

EXAMPLES = os.environ.get("VERIDICAL_SOAK_EXAMPLES", "50")
UNARMED = "model.missing"
"""The stand-in has no recogniser: routes of galleries say so."""


def test_no_generated_request_meets_an_error_of_ours(tmp_path: Path) -> None:
    command = shutil.which("schemathesis")
    if command is None:
        pytest.skip("schemathesis is not installed")
    prepare(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.service_server", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    server.stdin.write(f"{port}\n")
    server.stdin.flush()
    address = f"http://127.0.0.1:{port}"
    for _ in range(3_000):
        try:
            if httpx2.get(f"{address}/readyz").status_code == 200:
                break
        except httpx2.HTTPError:
            time.sleep(0.02)
    report = tmp_path / "report.ndjson"
    subprocess.run(
        [command, "run", f"{address}/openapi.json", "--max-examples", EXAMPLES,
         "--checks", "not_a_server_error", "--report", "har", "--report-har-path", str(report),
         "--request-timeout", "60"],
        check=False,
    )  # fmt: skip
    server.communicate()
    entries = json.loads(report.read_text(encoding="utf-8"))["log"]["entries"]
    answers = [(e["response"]["status"], e["response"]["content"].get("text", "")) for e in entries]
    assert len(answers) > 500
    assert [answer for answer in answers if answer[0] >= 500 and UNARMED not in answer[1]] == []
