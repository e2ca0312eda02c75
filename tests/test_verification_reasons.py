"""Every reason a check can give has its texts, and every text its reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from veridical.catalogue.reasons import is_mendable
from veridical.verification import explain, reasons

ROOT = Path(__file__).parent.parent
ROOMS = ("face", "liveness", "ocr", "voiceprint", "gallery", "verification")


def test_every_reason_has_all_texts() -> None:
    for reason in reasons().values():
        for texts in (reason.applicant, reason.operator):
            assert texts.en.strip(), reason.code
            assert re.search("[\u4e00-\u9fff]", texts.zh), reason.code


def test_an_unknown_code_is_not_mendable_and_explains_itself() -> None:
    assert not is_mendable("no_such_reason")
    assert explain("no_such_reason") == "no_such_reason"


def test_the_applicant_is_never_told_what_gave_an_attack_away() -> None:
    telling = re.compile(
        r"attack|screen|print|replay|fake|moire|spoof|score|match|攻击|翻拍|分数", re.I
    )
    for reason in reasons().values():
        assert not any(
            telling.search(text) for text in (reason.applicant.en, reason.applicant.zh)
        ), reason.code


def given_reasons() -> Iterator[tuple[str, str]]:
    """Reason codes in the rooms' code: third argument of Measurement, or `reason=`."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Measurement":
                    values = [
                        *node.args[2:3],
                        *(k.value for k in node.keywords if k.arg == "reason"),
                    ]
                    for value in values:
                        for part in ast.walk(value):
                            if isinstance(part, ast.Subscript | ast.Call):
                                break  # a value looked up, not a code written here
                            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                                yield part.value, str(path.relative_to(ROOT))


def test_no_reason_speaks_of_a_version_without_the_check() -> None:
    assert "not_built" not in reasons()


@pytest.mark.parametrize(("code", "where"), sorted(set(given_reasons())))
def test_reasons_given_in_code_are_in_the_catalogue(code: str, where: str) -> None:
    assert code in reasons() or code == "", f"{where} gives {code!r}"
