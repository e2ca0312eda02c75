"""Scripts and the times of their segments are read, or refused with what is wrong."""

import json
from pathlib import Path

import pytest

from veridical.consent_recording import (
    load_script,
    load_times,
    parse_script,
    parse_times,
    shipped_scripts,
)
from veridical.consent_recording.script import DigitsSegment, Question, Script, Statement
from veridical.consent_recording.times import Span, widened
from veridical.errors import InputError

GOOD = """
id = "mine"
version = 2
language = "en"
title = "Mine"
[[segments]]
id = "risk"
kind = "statement"
text = "I may lose money."
[[segments]]
id = "agree"
kind = "question"
text = "Do you agree?"
accept = ["yes I agree"]
refuse = ["no"]
[[segments]]
id = "code"
kind = "digits"
length = 4
"""


def script(text: str = GOOD) -> Script:
    return parse_script(text.encode(), "test")


def test_the_shipped_scripts_load_and_ask_for_everything() -> None:
    assert shipped_scripts() == ("consent-en", "consent-zh")
    for name in shipped_scripts():
        found = load_script(name)
        assert found.id == name
        assert found.language == name[-2:]
        assert found.kinds == {"statement", "question", "digits"}


def test_a_script_is_read() -> None:
    found = script()
    assert [type(s) for s in found.segments] == [Statement, Question, DigitsSegment]
    assert found.digits is not None
    assert found.digits.length == 4
    assert found.sha256 == parse_script(GOOD.encode(), "again").sha256


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "mine"', 'id = "My script"', "id must be"),
        ("version = 2", "version = 0", "version must be"),
        ('language = "en"', 'language = "fr"', "language must be"),
        ('kind = "digits"', 'kind = "song"', "kind must be"),
        ("length = 4", "length = 12", "length must be"),
        ('text = "I may lose money."', 'text = "!!"', "no words"),
        ('accept = ["yes I agree"]', "accept = []", "accept must be"),
        ('refuse = ["no"]', "", "refuse must be"),
        ('refuse = ["no"]', 'refuse = ["Yes, I agree!"]', "agree and refuse at once"),
        ('id = "agree"', 'id = "risk"', "given twice"),
        ('kind = "statement"', 'kind = "statement"\nextra = 1', "unknown keys"),
        ('text = "I may lose money."', f'text = "{"word " * 1500}"', "several scripts"),
        ('title = "Mine"', 'title = "', "not a TOML file"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=said) as refused:
        script(GOOD.replace(old, new, 1))
    assert refused.value.code == "script.malformed"


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as refused:
        script(GOOD.replace("version = 2", "version = 0").replace("length = 4", "length = 1"))
    assert "version must be" in str(refused.value)
    assert "length must be" in str(refused.value)


def test_digits_alone_are_no_consent() -> None:
    with pytest.raises(InputError, match="no consent"):
        script(GOOD[: GOOD.index("[[segments]]")] + '[[segments]]\nid="c"\nkind="digits"\nlength=4')


def test_an_unknown_script_is_named() -> None:
    with pytest.raises(InputError, match="consent-en, consent-zh") as refused:
        load_script("nothing")
    assert refused.value.code == "script.unknown"


TIMES = {
    "digits": "4029",
    "segments": [
        {"id": "risk", "start_s": 0.0, "end_s": 4.0},
        {"id": "agree", "start_s": 4.5, "end_s": 6.0},
        {"id": "code", "start_s": 6.0, "end_s": 9.0},
    ],
}


def test_times_are_read(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps(TIMES), encoding="utf-8")
    times = load_times(path, script())
    assert times.digits == "4029"
    assert times.spans["agree"] == Span(4.5, 6.0)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"segments": TIMES["segments"][:2]},  # type: ignore[index]
        {"segments": list(reversed(TIMES["segments"]))},  # type: ignore[arg-type]
        {"segments": [{"id": "risk", "start_s": 0.0}]},
        {"segments": [{**TIMES["segments"][0], "end_s": float("nan")}]},  # type: ignore[index,dict-item]
        {"digits": "four"},
        {"other": 1},
    ],
)
def test_other_times_are_refused(wrong: object) -> None:
    with pytest.raises(InputError) as refused:
        parse_times(wrong, script())
    assert refused.value.code == "script.times"


def test_sound_around_a_segment_never_reaches_into_the_next() -> None:
    spans = {"a": Span(1.0, 2.0), "b": Span(2.2, 3.0), "c": Span(5.0, 6.0)}
    wide = widened(spans, 0.3)
    assert wide["a"].start_s == pytest.approx(0.7)
    assert wide["a"].end_s == pytest.approx(2.1)
    assert wide["b"].start_s == pytest.approx(2.1)
    assert wide["b"].end_s == pytest.approx(3.3)
    assert wide["c"].end_s == pytest.approx(6.3)
