"""Nothing of what is verified is told to anybody: not by the libraries underneath either."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
import veridical.models.session
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_onnxruntime_starts_no_thread_and_leaves_no_file(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if "TELEMETRY" not in key}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "1"
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]
