"""Every check is declared once, whole, and all that speaks of checks is derived from it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.catalogue import (
    Bands,
    CheckSpec,
    FromCard,
    Reason,
    SameAs,
    Text,
    Trait,
    all_checks,
    all_reasons,
    checks_with,
)
from veridical.catalogue.common import COMMON_REASONS
from veridical.catalogue.points import own_points
from veridical.catalogue.steps import build_steps
from veridical.policy import parse_policy
from veridical.policy.lint import lint_policy
from veridical.policy.media import unassessable, wanted_media
from veridical.result import Measurement
from veridical.verification import CHECKS, load_policy, shipped_policies

ROOT = Path(__file__).parent.parent
ROOMS = ("face", "liveness", "ocr", "voiceprint", "gallery", "verification", "consent_recording")
TEXT = Text("Hums", "哼唱")
PARTS: dict[str, Any] = {
    "name": "voice.humming",
    "label": TEXT,
    "question": TEXT,
    "needs": (("voice", "clip"),),
    "uses": (),
    "roles": ("speech",),
    "lacking": "model_missing",
    "measure": lambda check, analysis: check(analysis.speech),
    "make": lambda parts: parts.engines.vad,
    "evidence": {"pitch_hz": TEXT},
    "reasons": (Reason("off_key", TEXT, TEXT, mendable=True),),
    "shares": ("no_speech",),
    "point": Bands(0.5, 0.2, "python -m pytest tests/test_humming.py", "by ear"),
}


def policy(*required: str, optional: tuple[str, ...] = (), more: str = "") -> Any:  # noqa: ANN401
    names = [repr(list(group)).replace("'", '"') for group in (required, optional)]
    text = (
        f'id = "p"\nversion = 1\nallow_specimens = true\n{more}\n'
        f"required = {names[0]}\noptional = {names[1]}\n"
    )
    return parse_policy(text.encode(), "p", Path())


def warned(found: Any) -> str:  # noqa: ANN401
    return " / ".join(lint_policy(found))


# --- a spec is whole, or does not load ------------------------------------------------------------


def test_a_whole_spec_loads() -> None:
    assert CheckSpec(**PARTS).can_be_assessed({"clip"})


@pytest.mark.parametrize("part", PARTS)
def test_a_spec_without_one_of_its_parts_does_not_load(part: str) -> None:
    with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{part}'"):
        CheckSpec(**{name: value for name, value in PARTS.items() if name != part})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "humming"}, "wants a name such as face.match"),
        ({"needs": ()}, "needs must say which media"),
        ({"needs": ((),)}, "a need must name a medium"),
        ({"lacking": ""}, "lacking must be the reason"),
        ({"measure": None}, "measure must read an analysis"),
        ({"evidence": {}}, "evidence must name the keys"),
        ({"reasons": (), "shares": ()}, "must name a code"),
        ({"traits": frozenset({Trait.SIGNAL})}, "a signal asks nothing of an applicant"),
        ({"traits": frozenset({Trait.RECORDING})}, "and be None for recordings"),
        ({"traits": frozenset({Trait.RECORDING}), "measure": None, "make": None}, "short must"),
        ({"make": None}, "make must give the room's check"),
    ],
)
def test_a_spec_with_an_empty_part_says_which(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CheckSpec(**PARTS | change)


@pytest.mark.parametrize(("english", "chinese"), [("", "哼唱"), ("Hums", ""), ("Hums", "Hums")])
def test_a_text_wants_both_languages(english: str, chinese: str) -> None:
    with pytest.raises(ValueError, match="wants every language"):
        Text(english, chinese)


def test_nothing_is_declared_twice_or_borrowed_from_nowhere() -> None:
    spec = CheckSpec(**PARTS)
    with pytest.raises(ValueError, match="declared twice"):
        all_checks((spec, spec))
    with pytest.raises(ValueError, match=r"judged as 'face\.none'"):
        all_checks((CheckSpec(**(PARTS | {"point": cast(Any, SameAs("face.none"))})),))
    with pytest.raises(ValueError, match=r"gives .'no_speech'., which no check is the home of"):
        all_reasons(COMMON_REASONS, {spec.name: spec})
    twice = CheckSpec(**PARTS | {"shares": (), "reasons": (*PARTS["reasons"], COMMON_REASONS[0])})
    same = Reason(COMMON_REASONS[0].code, TEXT, TEXT, mendable=True)
    with pytest.raises(ValueError, match="has two homes"):
        all_reasons((same, *COMMON_REASONS[1:]), {twice.name: twice})


# --- what is derived ------------------------------------------------------------------------------


def test_every_check_has_its_step_and_says_what_it_lacks() -> None:
    steps = build_steps({})
    analysis = Analysis(Transaction("t"), Engines.of())
    assert list(steps) == list(CHECKS)
    for name, step in steps.items():
        assert step(analysis).reason == CHECKS[name].lacking


def test_a_check_is_made_when_it_is_first_measured() -> None:
    made = []

    def make() -> Any:  # noqa: ANN401
        made.append(1)
        return lambda front, back, today: Measurement("document.read", 1.0)

    steps = build_steps({"document.read": make, "document.specimen": lambda: None})
    analysis = Analysis(Transaction("t"), Engines.of())
    assert not made
    for _ in range(2):
        assert steps["document.read"](analysis).reason == "missing_input"
    assert made == [1]
    assert steps["document.specimen"](analysis).reason == "model_missing"


def test_every_check_is_judged_by_somebody_s_numbers() -> None:
    points = own_points()
    for name, spec in CHECKS.items():
        assert (name in points) == isinstance(spec.point, Bands)
        assert isinstance(spec.point, Bands | FromCard | SameAs)
        if isinstance(spec.point, Bands):
            assert spec.point.reject_below <= spec.point.accept_at
            assert spec.point.command
            assert spec.point.note


def named_in(scope: ast.ClassDef | ast.FunctionDef) -> str:
    """What a class or function sets as its `name`; empty when it sets none."""
    for node in scope.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "name":
            return ast.literal_eval(node.value) if isinstance(node.value, ast.Constant) else ""
    return ""


def reasons_by_check() -> Iterator[tuple[str, str, str]]:
    """Check, reason and file of every measurement made in code with both written out."""
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.ClassDef | ast.FunctionDef):
                continue
            own = named_in(scope)
            for node in ast.walk(scope):
                if not isinstance(node, ast.Call) or ast.unparse(node.func) != "Measurement":
                    continue
                match node.args:
                    case [ast.Constant(str() as check), _, ast.Constant(str() as code), *_]:
                        yield check, code, str(path.relative_to(ROOT))
                    case [_, _, ast.Constant(str() as code), *_] if own in CHECKS:
                        yield own, code, str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    ("check", "code", "where"), sorted({found for found in reasons_by_check() if found[1]})
)
def test_a_check_names_the_reasons_it_gives(check: str, code: str, where: str) -> None:
    spec = CHECKS[check]
    known = {reason.code for reason in (*spec.reasons, *COMMON_REASONS)} | {*spec.shares}
    assert code in known | {spec.lacking}, f"{where} gives {code!r} for {check}"


# --- what a policy asks of an applicant -----------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "kind", "media"),
    [
        (("document.read",), "onboarding", "document_front | document_back"),
        (("face.match",), "onboarding", "document_front selfie | document_back clip"),
        (("face.match",), "reverify", "selfie | clip"),
        (("face.same_person", "face.quality"), "reverify", "clip | selfie"),
        (("voice.match", "face.match"), "reverify", "selfie voice | clip"),
        (("voice.match", "face.same_person"), "reverify", "clip | selfie"),
        (
            ("voice.digits", "document.read"),
            "onboarding",
            "document_front clip | document_back selfie",
        ),
        (("watchlist.search",), "onboarding", "selfie | clip"),
        # Once asked for no clip at all, so that nobody could ever be accepted.
        (("liveness.injection", "face.match"), "reverify", "clip | selfie"),
        (
            ("document.read", "face.match", "liveness.silent", "liveness.injection"),
            "onboarding",
            "document_front clip | document_back selfie",
        ),
    ],
)
def test_what_checks_need_is_asked_for(required: tuple[str, ...], kind: str, media: str) -> None:
    wanted = wanted_media(policy(*required), kind)
    assert " ".join(wanted.required) + " | " + " ".join(wanted.optional) == media
    assert wanted.challenge == ("voice.digits" in required)


@pytest.mark.parametrize("kind", ["onboarding", "reverify"])
@pytest.mark.parametrize("check", sorted(set(CHECKS) - checks_with(Trait.RECORDING, Trait.SUM)))
def test_an_optional_check_may_be_handed_what_it_needs(check: str, kind: str) -> None:
    """Once a document alone was taken, and a face check beside it was never assessed."""
    found = policy("document.read", optional=(check,) if check != "document.read" else ())
    assert unassessable(found, kind) == ()
    assert wanted_media(found, kind).required == ("document_front",)


def test_a_signal_asks_nothing_of_an_applicant() -> None:
    plain = wanted_media(policy("face.match"), "onboarding")
    around = policy("face.match", optional=tuple(sorted(checks_with(Trait.SIGNAL))))
    assert wanted_media(around, "onboarding") == plain


def test_lint_knows_a_policy_that_can_never_accept() -> None:
    mixed = policy("recording.presence", "recording.liveness", "face.quality")
    assert "can never accept: face.quality can never be assessed" in warned(mixed)
    half = policy("recording.presence", "recording.liveness", optional=("liveness.injection",))
    assert "optional liveness.injection can never be assessed" in warned(half)
    assert "can never accept" not in warned(half)
    fine = policy("recording.liveness", "face.match", optional=("recording.alone",))
    assert "never be assessed" not in warned(fine)


@pytest.mark.parametrize(
    ("required", "told"),
    [
        (("document.read",), True),
        (("document.read", "face.quality"), True),
        (("document.read", "liveness.injection"), True),
        (("document.read", "face.match"), False),
        (("face.quality", "liveness.lips"), False),
        (("recording.presence",), True),
        (("recording.presence", "recording.lips"), False),
    ],
)
def test_lint_warns_where_nobody_looks_at_the_person(required: tuple[str, ...], told: bool) -> None:
    assert ("neither compares a face nor tests liveness" in warned(policy(*required))) == told


def test_every_shipped_policy_can_accept_and_judges_a_person() -> None:
    for name in shipped_policies():
        found = load_policy(name)
        told = warned(found)
        assert "can never be assessed" not in told, name
        assert "neither compares" not in told, name


def test_no_other_file_lists_the_checks() -> None:
    """Whoever needs a list asks the catalogue: files that name more than half of the checks."""
    names = set(CHECKS)
    for room in ("verification", "service", "cli", "client", "batch", "consent_recording"):
        for path in (ROOT / room).rglob("*"):
            place = path.relative_to(ROOT)
            if path.suffix not in {".py", ".toml", ".js"}:
                continue
            if place.parts[1] in {"catalogue", "policies"}:
                continue
            text = path.read_text(encoding="utf-8")
            named = {name for name in names if re.search(rf'["\']{re.escape(name)}["\']', text)}
            assert len(named) <= len(names) / 2, path
