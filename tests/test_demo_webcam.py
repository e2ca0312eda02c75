"""`veridical webcam` tells people where to go, and phones by a picture."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conftest import Run
from tests.test_demo_parts import ABOUT, WEBM
from veridical.cli.webcam import Page, announce
from veridical.service.pages.qa import About, QaFolder


@dataclass
class Listening:
    """A server that listens already."""

    started: bool = True
    should_exit: bool = False
    servers: list[Any] = field(
        default_factory=lambda: [
            SimpleNamespace(sockets=[SimpleNamespace(getsockname=lambda: ("0.0.0.0", 8443))])  # noqa: S104
        ]
    )


def test_a_phone_is_shown_the_address_as_a_picture(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = Page("https://192.168.1.20", "#key=abc", True, "AA:BB")
    announce(cast("Any", Listening()), page)
    said = capsys.readouterr().out
    assert "https://192.168.1.20:8443/demo#key=abc" in said
    assert "https://192.168.1.20:8443/operator#key=abc" in said
    assert "█" in said
    assert "AA:BB" in said
    assert opened == ["https://192.168.1.20:8443/demo#key=abc"]


def test_on_this_machine_there_is_nothing_to_scan(capsys: pytest.CaptureFixture[str]) -> None:
    announce(cast("Any", Listening()), Page("http://127.0.0.1", "", False))
    said = capsys.readouterr().out
    assert "http://127.0.0.1:8443/demo\n" in said
    assert "█" not in said


def test_a_server_that_did_not_start_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = Listening(started=False, should_exit=True)
    announce(cast("Any", stopped), Page("http://127.0.0.1", "", False))
    assert capsys.readouterr().out == ""


def test_an_address_for_the_phone_wants_tls(run: Run) -> None:
    code, _, errors = run("webcam", "--host", "laptop.local", "--no-open")
    assert code == 2
    assert "--tls" in errors


def test_who_withdraws_is_removed(run: Run, tmp_path: Path) -> None:
    kept = QaFolder(tmp_path).keep(About.of(json.dumps(ABOUT)), {"clip": WEBM})
    code, said, _ = run("webcam", "--forget", "p-01", "--qa-dir", tmp_path)
    assert (code, said) == (0, "1 recordings removed\n")
    assert not (tmp_path / kept).exists()
    assert run("webcam", "--forget", "p-01")[0] == 2
