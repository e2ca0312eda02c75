"""A known customer from the command line: by a file, or as enrolled."""

import json
import sys
from pathlib import Path

import pytest

from veridical.cli import main, verify
from veridical.transactions import customers

INPUTS = Path(__file__).parent.parent.parent / "shared" / "faults" / "inputs"
FACE = INPUTS / "demo_portrait_crop.png"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["veridical", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(str(ended.value.code or 0))


def test_customers_are_sought_where_the_service_keeps_them() -> None:
    assert (verify.FACES, verify.VOICES) == (customers.FACES, customers.VOICES)


def test_a_customer_is_enrolled_or_shown_not_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("verify", "--selfie", "a.jpg", "--subject", "c1", "--reference", "b.jpg")
    assert run(monkeypatch, *words) == 2
    assert "usage.reference" in capsys.readouterr().err


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.skipif(not FACE.is_file(), reason="the shared inputs lie beside the project")
def test_a_known_customer_is_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path))
    selfie = ("verify", "--selfie", str(FACE), "--policy", "withdrawal", "--json")
    facts = ("--facts", '{"amount": 20}')
    assert run(monkeypatch, *selfie, *facts, "--subject", "nobody") == 4
    assert "gallery.unknown_subject" in capsys.readouterr().err
    assert run(monkeypatch, "gallery", "enrol", "c1", str(FACE)) == 0
    capsys.readouterr()
    for known in (("--subject", "c1"), ("--reference", str(FACE))):
        run(monkeypatch, *selfie, *facts, *known)
        checks = json.loads(capsys.readouterr().out)["checks"]
        status = {check["check"]: check["status"] for check in checks}
        assert status["face.match"] == "pass"
