"""The table of commands: complete, cheap to read, and true to the modules."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from veridical.cli import app, main
from veridical.cli.table import COMMANDS, load_command

ROOT = Path(__file__).parent.parent
HELPERS = {
    "__init__",
    "capture",
    "console",
    "exits",
    "extras",
    "main",
    "measured",
    "missing",
    "table",
    "timing",
}


def test_every_module_is_a_command_or_a_helper() -> None:
    modules = {path.stem for path in (ROOT / "cli").glob("*.py")}
    assert modules - HELPERS == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_and_says_what_it_does(name: str) -> None:
    assert load_command(name).help
    assert 10 < len(COMMANDS[name]) <= 64
    assert COMMANDS[name].endswith(".")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command_and_cuts_none(flag: str) -> None:
    shown = CliRunner().invoke(app, [flag]).stdout
    assert all(f"{name} " in shown for name in COMMANDS)
    assert "..." not in shown.split("Commands:")[1]


def test_help_imports_no_room() -> None:
    program = (
        "import sys; from veridical.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'pydantic', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=ROOT)


def test_a_mistyped_command_is_a_matter_of_usage() -> None:
    result = CliRunner().invoke(app, ["verfy"])
    assert result.exit_code == 2
    assert "verify" in result.output


def test_a_fault_of_our_own_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("veridical.cli.keys.Settings", fail)
    monkeypatch.setattr("sys.argv", ["veridical", "keys", "list"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 70
    assert "[internal]" in capsys.readouterr().err


def test_what_an_installation_does_without_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking() -> None:
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx.helper")

    # By the table of modules: the package's own `main` is the function.
    monkeypatch.setattr(sys.modules["veridical.cli.main"], "app", lacking)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "veridical[pull]" in capsys.readouterr().err


def test_windows_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "Linux and macOS" in capsys.readouterr().err


def test_verifying_wants_no_extra() -> None:
    program = (
        "import sys, importlib\n"
        "for name in ('verify', 'batch', 'doctor', 'models', 'gallery', 'policy'):\n"
        "    importlib.import_module(f'veridical.cli.{name}')\n"
        "    extras = {'scipy', 'matplotlib', 'onnx', 'tflite', 'fastapi', 'uvicorn'}\n"
        "    if extras & {*sys.modules}: print(name, *extras & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_verifying_without_a_list_loads_no_database() -> None:
    program = "import sys, veridical.cli.verify; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
