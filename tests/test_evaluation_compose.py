"""Composed transactions: what they are made of, how they end, and the switch no door has."""

import ast
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from veridical.analysis.engines import Engines
from veridical.errors import InputError
from veridical.evaluation.protocols.cases import Case, read_cases
from veridical.evaluation.protocols.transactions import (
    decided,
    evaluate_transactions,
    transaction_figures,
)
from veridical.evaluation.request import Request
from veridical.evaluation.weakest import WEAKEST
from veridical.face.track import FaceTracker
from veridical.liveness.challenge import PACES, draw_challenge, with_colours
from veridical.media import read_clip
from veridical.models import ModelStore
from veridical.policy import load_policy, parse_policy
from veridical.rehearsal.compose import captures, plan
from veridical.rehearsal.compose.kinds import ATTACKS
from veridical.rehearsal.compose.people import PORTRAIT_FORMS, RENDERED, CardMaker, is_rendered
from veridical.rehearsal.compose.plan import Composer, compose
from veridical.rehearsal.compose.words import Sentences, joined
from veridical.rehearsal.recording import write_image
from veridical.rehearsal.specimens import render_prc_front, system_fonts
from veridical.result import OperatingPoint
from veridical.types import Audio, Clip, Image, View
from veridical.verification.settings import Settings

ROOT = Path(__file__).parent.parent


def clip_of(count: int, value: int = 100, seconds: float = 2.0) -> Clip:
    frames = tuple(Image(np.full((48, 64, 3), (value + at) % 256, np.uint8)) for at in range(count))
    sound = Audio(np.zeros(int(16_000 * seconds), np.float32), 16_000)
    return Clip(frames, np.arange(count, dtype=np.float64) * 40.0, sound)


# --- captures ------------------------------------------------------------------------------------


def test_slices_arrive_after_they_end_and_cover_every_colour() -> None:
    asked = with_colours(draw_challenge("en", source=random.Random(1)), random.Random(2))
    assert asked.colours is not None
    told = captures.arrivals_of(asked.colours)
    assert len(told) == len(asked.colours.shown)
    assert told[-1].until_ms == asked.colours.end_ms
    assert all(one.arrived_ms > one.until_ms for one in told)


def test_places_lie_in_the_clip() -> None:
    assert captures.known_places(200).tolist()[0] == 0
    assert captures.known_places(200).tolist()[-1] == 199
    drawn = captures.random_places(200, random.Random(3))
    assert len(set(drawn.tolist())) == 12
    assert drawn.min() >= 0
    assert drawn.max() < 200


def test_a_loop_repeats_one_second_under_the_whole_sound() -> None:
    clip = captures.looped(clip_of(75), Audio(np.zeros(80_000, np.float32), 16_000))
    assert abs(len(clip.frames) - 125) <= 2
    assert len({frame.pixels[0, 0, 0] for frame in clip.frames}) <= 26


def test_a_dub_lasts_as_long_as_its_sound() -> None:
    clip = captures.dubbed(clip_of(50), Audio(np.zeros(64_000, np.float32), 16_000))
    assert clip.duration_ms == pytest.approx(4000, abs=100)


def test_two_people_stand_side_by_side() -> None:
    made = captures.beside_another(clip_of(10), clip_of(3, 200))
    assert made.frames[0].width == 128
    assert len(made.frames) == 10


# --- joined words --------------------------------------------------------------------------------


def test_joined_digits_follow_the_schedule(shared: Path) -> None:
    sentences = Sentences(shared / "data" / "grid_s1" / "index.csv")
    assert not {one.file for one in sentences.portraits} & {one.file for one in sentences.takes}
    asked = draw_challenge("en", 4, PACES["strict"], random.Random(4))
    clip = joined(sentences, asked.digits, asked.schedule_ms, random.Random(5))
    assert clip.audio is not None
    assert clip.duration_ms > asked.schedule_ms[-1]
    assert len(clip.audio.samples) / clip.audio.rate_hz == pytest.approx(len(clip.frames) / 25)


def test_a_pause_between_words_is_no_word(tmp_path: Path) -> None:
    index = tmp_path / "index.csv"
    index.write_text("file,text,words_ms\na.mp4,set now,set:0-90 sp:90-95 now:95-200\n")
    (take,) = Sentences(index).portraits
    assert [word for word, *_ in take.words] == take.text.split()


def test_another_voice_is_laid_from_where_it_is_heard(shared: Path) -> None:
    sentences = Sentences(shared / "data" / "grid_s1" / "index.csv")
    late = np.concatenate([np.zeros(12_000), np.full(4_000, 0.5)]).astype(np.float32)
    voices = {digit: Audio(late, 16_000) for digit in "0123456789"}
    asked = draw_challenge("en", 4, PACES["strict"], random.Random(4))
    clip = joined(sentences, asked.digits, asked.schedule_ms, random.Random(5), voices)
    assert clip.audio is not None
    assert (clip.audio.samples == 0.5).sum() > 4 * 1_500


# --- the switch ----------------------------------------------------------------------------------


def card(folder: Path) -> Path:
    fonts = system_fonts()
    if not fonts:
        pytest.skip("the machine has no Chinese font")
    drawn, _ = render_prc_front(None, None, 3, fonts=fonts[0])
    write_image(folder / "card.jpg", drawn, RENDERED)
    write_image(folder / "other.jpg", drawn, "a photograph")
    return folder / "card.jpg"


def row_of(policy: str, **marked: list[object]) -> dict[str, str]:
    checks = {check: [1.0, ""] for check in load_policy(policy).checks}
    checks |= {name.replace("__", "."): value for name, value in marked.items()}
    return {"id": "a", "attempt": "1", "unit": "0", "error": "", "measured": json.dumps(checks)}


def ended(cases: list[Case], row: Mapping[str, str], own: bool) -> str:
    policies = {case.policy: load_policy(case.policy) for case in cases}
    points = {check: OperatingPoint(0.5, 0.2) for one in policies.values() for check in one.checks}
    (got,) = decided([row], cases, policies, points, own_specimens=own)
    return got["got"]


def cases_of(folder: Path, **values: object) -> list[Case]:
    row = {"id": "a", "expect": {"outcome": "accept"}, "policy": "selfie", **values}
    path = folder / "manifest.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return read_cases(Request(path, folder))


def test_only_the_switch_lets_our_own_specimens_through(tmp_path: Path) -> None:
    drawn = card(tmp_path)
    assert is_rendered(drawn)
    cases = cases_of(tmp_path, document_front="card.jpg")
    row = row_of("selfie", document__specimen=[0.0, "specimen_mark"])
    assert ended(cases, row, own=False) == "reject"
    assert ended(cases, row, own=True) == "accept"


def test_the_switch_minds_cards_of_others(tmp_path: Path) -> None:
    card(tmp_path)
    cases = cases_of(tmp_path, document_front="other.jpg")
    row = row_of("selfie", document__specimen=[0.0, "specimen_mark"])
    assert ended(cases, row, own=True) == "reject"


def test_no_door_of_production_has_the_switch() -> None:
    """It is a parameter of the evaluation and an option of its command, and nothing else."""
    allowed = {
        Path("cli/evaluate.py"),
        Path("evaluation/protocols/transactions.py"),
    }
    judging = {Path("cli/demo.py"), Path("evaluation/protocols/transactions.py")}
    found, waiving = set(), set()
    for path in ROOT.glob("*/**/*.py"):
        name = path.relative_to(ROOT)
        if name.parts[0] in {".venv", "tests", "veridical", "docs"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {getattr(node, "arg", getattr(node, "id", "")) for node in ast.walk(tree)}
        if "own_specimens" in words:
            found.add(name)
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if "veridical.evaluation.waive" in modules:
            waiving.add(name)
    assert found == allowed
    assert waiving == judging
    assert not [name for name in Settings.model_fields if "specimen" in name]
    for key in ("own_specimens", "waived"):
        with pytest.raises(InputError):
            parse_policy(
                f'id = "a"\nversion = 1\nrequired = ["face.quality"]\n{key} = true\n'.encode(),
                "a.toml",
                Path(),
            )


# --- rows ----------------------------------------------------------------------------------------


def test_a_row_is_judged_by_each_policy_it_names(tmp_path: Path) -> None:
    cases = cases_of(tmp_path, policy=["spoken", "onboarding"], waived=["capture.continuity"])
    assert [case.policy for case in cases] == ["spoken", "onboarding"]
    assert {case.unit for case in cases} == {0}
    assert cases[0].waived == ("capture.continuity",)


@pytest.mark.parametrize("told", [[1], "x", [[1, "a"]], 3])
def test_arrivals_are_pairs_of_times(tmp_path: Path, told: object) -> None:
    with pytest.raises(InputError, match="arrivals"):
        cases_of(tmp_path, arrivals=told)


def test_a_row_judged_without_a_check_does_not_mind_it(tmp_path: Path) -> None:
    row = row_of("selfie", face__copy=[0.0, "same_picture"])
    assert ended(cases_of(tmp_path), row, own=False) == "reject"
    assert ended(cases_of(tmp_path, waived=["face.copy"]), row, own=False) == "accept"


def test_the_page_speaks_of_policies_groups_and_attacks(tmp_path: Path) -> None:
    base = {"policy": "selfie", "cpu_ms": "1", "first_cause": "", "attempt": "1"}
    genuine = {**base, "attack": "", "group": "two photographs", "expected": "accept"}
    attack = {**base, "attack": "portrait_crop", "group": "", "expected": "reject"}
    rows = [
        {**genuine, "id": "g", "got": "accept", "case": "0", "unit": "0"},
        {**attack, "id": "x", "got": "reject", "case": "0", "unit": "1"},
    ]
    found = transaction_figures(rows, cases_of(tmp_path, person="p"))
    tables = {section.title: section.rows for section in found.sections}
    assert tables["Genuine customers"][0][:3] == (
        "selfie",
        "two photographs",
        "1 of 1 [3 to 100 %]",
    )
    assert ATTACKS["portrait_crop"] in tables["Attacks, one by one"][0]
    by_policy = found.figures.values["by_policy"]
    assert isinstance(by_policy, dict)
    assert "selfie" in by_policy


@pytest.mark.parametrize("choice", sorted(WEAKEST))
def test_a_weaker_answer_is_judged_without_what_it_takes_away(tmp_path: Path, choice: str) -> None:
    blind = WEAKEST[choice]
    (case,) = cases_of(tmp_path, policy="reverify", person="p")
    stepwise: list[object] = [1.0, "", {"revealed": "stepwise"}]
    row = row_of("reverify", liveness__light=stepwise, liveness__lips=[1.0, "", {"text_llr": 0}])
    policies = {"reverify": load_policy("reverify")}
    points = {check: OperatingPoint(0.5, 0.2) for check in policies["reverify"].checks}
    points["capture.present"] = OperatingPoint(4.6, -5.7)
    (whole,) = decided([row], [case], policies, points)
    (weak,) = decided([row], [case], policies, points, blind=blind)
    assert whole["got"] == "accept"
    assert (weak["got"] == "accept") == (
        "liveness.light" not in blind and "voice.digits" not in blind
    )
    found = transaction_figures([{**whole, "cpu_ms": ""}], [case], {choice: [weak]})
    assert "The weakest answer" in {section.title for section in found.sections}
    assert {check.partition(".")[0] for check in blind} <= {"voice", "liveness", "capture"}


def test_a_recording_under_several_policies_is_one_trial(tmp_path: Path) -> None:
    base = {"cpu_ms": "1", "first_cause": "", "attempt": "1", "group": "", "case": "0"}
    attack = {**base, "attack": "dub", "expected": "reject", "id": "x", "unit": "0"}
    genuine = {**base, "attack": "", "expected": "accept", "id": "g", "unit": "1"}
    rows = [
        {**attack, "policy": "spoken", "got": "reject"},
        {**attack, "policy": "reverify", "got": "accept"},
        {**genuine, "policy": "spoken", "got": "accept"},
        {**genuine, "policy": "reverify", "got": "retry"},
    ]
    found = transaction_figures(rows, cases_of(tmp_path, person="p"))
    assert found.figures.values["attack_accepted"] == {"dub": 1.0}
    outcomes = cast("Mapping[str, Mapping[str, int]]", found.figures.values["outcomes"])
    assert sum(outcomes["reject"].values()) == 1
    within = cast("Mapping[str, object]", found.figures.values["genuine_accepted_within"])
    assert within["1"] == 0.0
    alike = [{**row, "got": "reject"} for row in rows]
    (table,) = (
        section.rows
        for section in transaction_figures(alike, cases_of(tmp_path)).sections
        if section.title == "Attacks, one by one"
    )
    assert [row[0] for row in table] == ["reverify, spoken"]


def test_people_count_once_and_second_attempts_only_where_all_who_were_asked_again_had_one(
    tmp_path: Path,
) -> None:
    base = {"cpu_ms": "1", "first_cause": "", "attack": "", "expected": "accept", "case": "0"}
    base |= {"policy": "spoken", "group": "wild", "attempt": "1"}
    rows = [
        {**base, "id": "a", "unit": "0", "got": "accept"},
        {**base, "id": "b", "unit": "1", "got": "retry"},
    ]
    cases = cases_of(tmp_path, person="one speaker")

    def of_group(rows: Sequence[Mapping[str, str]]) -> Mapping[str, object]:
        values = transaction_figures(rows, cases).figures.values
        policies = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", values["by_policy"])
        return cast("Mapping[str, object]", policies["spoken"]["groups"]["wild"])

    assert of_group(rows) == {"genuine_accepted_within": {"1": 0.5}, "people": 1}
    again = {**base, "id": "b", "unit": "2", "attempt": "2", "got": "accept"}
    assert of_group([*rows, again])["genuine_accepted_within"] == {"1": 0.5, "2": 1.0}


# --- a short run ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def composer(store: ModelStore, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """Of the shared data."""
    fonts = system_fonts()
    if not fonts:
        pytest.skip("the machine has no Chinese font")
    engines = Engines.open()
    detector = engines.need(Engines.detector)
    return Composer(
        shared / "data",
        tmp_path_factory.mktemp("composed"),
        0,
        FaceTracker(detector, engines.need(Engines.mesher)),
        CardMaker(detector, fonts[0]),
    )


def test_a_short_run_of_selfies(composer: Composer) -> None:
    """Two photographs of one person are accepted by a production policy, the portrait is not."""
    rows = [*composer.genuine_selfie(0)][:1]
    rows += [row for row in composer.selfies(0) if row["attack"] in ("portrait_crop", "stranger")]
    path = composer.out / "short.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    request = Request(path, composer.out / "run", workers=1)
    found = evaluate_transactions(request, Settings(), own_specimens=True)
    attacks = found.figures.values["attack_accepted"]
    assert attacks == {"portrait_crop": 0.0, "stranger": 0.0}
    refused = evaluate_transactions(request, Settings())  # nothing is measured anew
    outcomes = refused.figures.values["outcomes"]
    assert isinstance(outcomes, dict)
    accept = outcomes["accept"]
    assert isinstance(accept, dict)
    assert accept["accept"] == 0  # the mark is there, and every production policy minds it


def test_composing_goes_on_where_it_stopped(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Composer, "kinds", property(lambda self: (self.genuine_selfie, self.selfies))
    )
    (path,) = compose(composer, 1)
    first = path.read_bytes()
    times = {one: one.stat().st_mtime_ns for one in composer.out.glob("*.*g")}
    (again,) = compose(composer, 1)
    assert again.read_bytes() == first
    assert {one: one.stat().st_mtime_ns for one in composer.out.glob("*.*g")} == times


class NoFaces:
    """Stands in for face tracking: what is composed follows from chance and data alone."""

    def __call__(self, clip: Clip) -> tuple[View, ...]:
        return tuple(View(frame, (), None, "no_face") for frame in clip.frames)


def test_every_kind_composes_rows_of_other_sessions(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, Clip] = {}

    def write(path: Path, clip: Clip, label: str) -> None:
        path.write_bytes(b"")
        written[path.name.removeprefix("begun_")] = clip

    card = Image(np.full((90, 140, 3), 90, np.uint8))
    monkeypatch.setattr(plan, "write_clip", write)
    monkeypatch.setattr(
        plan, "read_clip", lambda path, **size: written.get(path.name) or read_clip(path, **size)
    )
    monkeypatch.setattr(captures, "relight", lambda clip, *_: clip)
    monkeypatch.setattr(CardMaker, "card", lambda *_: card)
    monkeypatch.setattr(CardMaker, "cropped", lambda *_: card)
    monkeypatch.setitem(PORTRAIT_FORMS, "portrait_before_wall", lambda *_: card)
    tracker = cast("FaceTracker", NoFaces())
    made = Composer(shared / "data", tmp_path, 0, tracker, cast("CardMaker", CardMaker))
    made.cards = object.__new__(CardMaker)
    (manifest,) = compose(made, 1)
    cases = read_cases(Request(manifest, tmp_path))
    assert {case.attack for case in cases} - {""} == set(ATTACKS)
    assert {case.group for case in cases if not case.attack} >= {"in the wild", "two photographs"}
    for case in cases:
        assert (case.expected == "accept") is not bool(case.attack)
        if case.attack in ("generated_head", "splice_own_words", "dub"):
            assert case.arrivals  # the attacker sends in time, and lights nothing
    portraits = {one.file.stem for one in made.sentences.portraits}
    used = {path.stem.removeprefix("portrait_") for path in tmp_path.glob("portrait_bb*.png")}
    assert used <= portraits
