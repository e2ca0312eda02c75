"""What applicants read is there in every language, and nothing is there that nobody reads."""

import ast
import json
import re
from pathlib import Path

import pytest

from veridical.catalogue.reasons import ADVICE
from veridical.transactions.views import ENDINGS

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "service" / "pages" / "static"
FILES = sorted((STATIC / "capture" / "languages").glob("*.json"))
TEXTS = {path.stem: json.loads(path.read_text("utf-8")) for path in FILES}
SCRIPTS = [*(STATIC / "capture").glob("*.js"), STATIC / "verify.js", STATIC / "verify.html"]
CODE = re.compile(r"[a-z_]+\.[a-z_]+")
MET = ["service/api", "transactions", "media", "store"]
"""Rooms whose problems an applicant's device may be told."""
NEVER_MET = {
    "callback", "drift", "evidence", "gallery", "idempotency", "key", "return_url", "review",
    "script", "usage", "webhook",
}  # fmt: skip
"""Of these, what only callers with keys are told."""


def words(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_has_every_text_with_its_places(language: str) -> None:
    texts, english = TEXTS[language], TEXTS["en"]
    assert texts.keys() == english.keys()
    for key, text in texts.items():
        assert text.strip(), key
        assert words(text) == words(english[key]), key
    # A text that stayed English was not translated.
    same = {key for key in texts if texts[key] == english[key]}
    assert language == "en" or not same


def test_a_page_offers_the_languages_there_are() -> None:
    script = (STATIC / "capture" / "texts.js").read_text("utf-8")
    offered = re.search(r"LANGUAGES = \{(.*?)\}", script)
    assert offered is not None
    assert set(re.findall(r"(\w+):", offered[1])) == TEXTS.keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_the_service_says_the_page_says_too(language: str) -> None:
    told = {f"advice.{name}": text[language] for name, text in ADVICE.items()}  # type: ignore[index]
    told |= {f"ending.{name}": text[language] for name, text in ENDINGS.items()}  # type: ignore[index]
    assert {key: TEXTS[language][key] for key in told} == told


def test_advice_is_there_in_every_language() -> None:
    for texts in TEXTS.values():
        assert {key for key in texts if key.startswith("advice.")} == {
            f"advice.{n}" for n in ADVICE
        }


def raised() -> set[str]:
    found: set[str] = set()
    for room in MET:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                    values = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                    found |= {v for v in values if isinstance(v, str) and CODE.fullmatch(v)}
    return found


def test_every_problem_has_a_text_for_applicants() -> None:
    codes = raised()
    assert len(codes) > 60
    for code in codes:
        kind = code.split(".")[0]
        if kind not in NEVER_MET:
            assert {f"problem.{code}", f"problem.{kind}"} & TEXTS["en"].keys(), code


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_spoken_is_a_file_for_a_text(language: str) -> None:
    folder = STATIC / "capture" / "voice"
    keys = json.loads((folder / f"{language}.json").read_text("utf-8"))
    assert set(keys) <= TEXTS[language].keys()
    assert {path.stem for path in (folder / language).iterdir()} == set(keys)
    assert {key for key in TEXTS[language] if key.startswith("advice.")} <= set(keys)


def test_every_text_is_shown_somewhere_and_every_shown_one_is_there() -> None:
    scripts = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
    shown = set(re.findall(r"text\(\"([a-z_.]+)\"", scripts))
    shown |= set(re.findall(r"data-text=\"([a-z_]+)\"", scripts))
    assert shown <= TEXTS["en"].keys()
    families = set(re.findall(r"`([a-z]+[_.])\$\{", scripts)) | {"advice.", "ending.", "problem."}
    for key in TEXTS["en"]:
        names = {key, key.removesuffix("_help"), key.removesuffix("_hint")}
        named = any(re.search(rf"[\"`.]{re.escape(name)}\b", scripts) for name in names)
        assert named or key.startswith(tuple(families)), key
