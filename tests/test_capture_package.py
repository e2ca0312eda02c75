"""The capture element is an npm package, packed without any network."""

import importlib.util
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import veridical

FOLDER = Path(__file__).parent.parent / "deploy" / "capture"
NPM = shutil.which("npm")


def built(target: Path) -> Path:
    spec = importlib.util.spec_from_file_location("capture_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_package(target)
    return target


def test_every_module_and_file_that_is_named_is_in_the_package(tmp_path: Path) -> None:
    package = built(tmp_path / "capture")
    told = json.loads((package / "package.json").read_text("utf-8"))
    assert told["version"] == veridical.__version__
    named = {told["main"], told["types"]}
    named |= {
        path.removeprefix("./") for entry in told["exports"].values() for path in entry.values()
    }
    for script in package.glob("*.js"):
        named |= set(re.findall(r'(?:from|import) "\./([\w.-]+)"', script.read_text("utf-8")))
    assert {name for name in named if not (package / name).is_file()} == set()
    assert len(list((package / "languages").iterdir())) >= 3


@pytest.mark.skipif(NPM is None, reason="npm is not installed")
def test_it_is_packed_offline(tmp_path: Path) -> None:
    package = built(tmp_path / "capture")
    subprocess.run(
        [str(NPM), "pack", "--offline", "--silent", str(package)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (packed,) = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    assert {"veridical-capture.js", "react.js", "index.d.ts", "capture.css", "LICENSE"} <= names
    assert {"languages/ar.json", "voice/en.json", "voice/zh/hold_still.mp3"} <= names
