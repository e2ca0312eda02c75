"""The SDK stands on httpx2 and pydantic alone, as a distribution of its own."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import veridical

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "client"
TRIED = """
import sys
sys.path.insert(0, sys.argv[1])
import httpx2, veridical_client
from veridical_client import Client, InputRefused, Session, Started, Transaction
from veridical_client.wire import Problem

missing = httpx2.Response(422, json={"code": "media.missing", "detail": "clip"})
transport = httpx2.MockTransport(lambda request: missing)
try:
    Client("http://s", session=Session(retries=0), transport=transport).get("t_1")
except InputRefused as error:
    assert error.code == "media.missing"
else:
    raise AssertionError("a problem was expected")
heavy = {"numpy", "cv2", "onnxruntime", "fastapi", "sqlalchemy", "veridical"}
print(sorted(heavy & sys.modules.keys()), veridical_client.Client.__module__)
"""


def test_it_is_written_from_the_rooms_and_needs_no_engine(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("client_setup", FOLDER / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    setup.write_package(tmp_path)
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.py")]
    assert len(texts) > 20
    assert not any("from veridical." in text or "import veridical\n" in text for text in texts)
    done = subprocess.run(
        [sys.executable, "-c", TRIED, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("]")[0] == "["
    assert "veridical_client.clients" in done.stdout


def test_both_distributions_are_of_one_release_and_ask_for_the_same() -> None:
    own = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert own["version"] == whole["version"] == veridical.__version__
    assert next(d for d in own["dependencies"] if d.startswith("httpx2")) in whole["dependencies"]
