"""From a folder of QA recordings to thresholds, and to refusals that say how many are missing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from veridical.evaluation.harness import Worker
from veridical.evaluation.protocols.cases import Case
from veridical.evaluation.protocols.qa import Part, _moved, calibrate_qa
from veridical.evaluation.qa_protocol import ATTACKS, PROTOCOL, SETTINGS
from veridical.evaluation.request import Request
from veridical.liveness.lips import Heard
from veridical.models.calibration import Calibration
from veridical.service.pages.qa import About, QaFolder
from veridical.types import Audio
from veridical.verification.settings import Settings

WEBM = b"\x1a\x45\xdf\xa3" + bytes(300)
ASKED = {
    "digits": "4029",
    "language": "en",
    "schedule_ms": [700, 1450, 2250, 3000],
    "colours": {"shown": ["#ff84ff", "#00d000"], "starts_ms": [0, 700], "end_ms": 4000, "draw": 1},
    "nonce": "dropped",
}


def about(participant: str, attack: str = "", setting: str = "", **more: object) -> About:
    told = {"transaction": "t", "policy": "spoken", "attack": attack, "setting": setting,
            "participant": participant, "consent": "v1", "challenge": ASKED, **more}  # fmt: skip
    return About.of(json.dumps(told))


def record(folder: Path, people: int, takes: int = 1) -> None:
    """The protocol's `talking` and `print` of so many people."""
    qa = QaFolder(folder)
    for number in range(people):
        for _ in range(takes):
            qa.keep(about(f"p-{number}", setting="talking"), {"clip": WEBM})
            qa.keep(about(f"p-{number}", "print"), {"clip": WEBM})


@dataclass(frozen=True)
class Scores:
    """Stands in for the checks: people score high, prints low, no other draw fits."""

    def __call__(self) -> Worker[Case]:
        """Build the worker."""

        def measure(work: Case) -> Sequence[Mapping[str, object]]:
            whose = work.manifest.values["metadata"]["participant"]
            near = int(whose.partition("-")[2]) / 1000
            row = {"reference": whose, "species": work.attack, "models": "net@abc"}
            row["label"] = "attack" if work.attack else "genuine"
            rows: list[Mapping[str, object]] = [
                {**row, "kind": "silent", "score": (0.2 if work.attack else 0.9) + near}
            ]
            # Paper answers the light as skin does.
            rows.append({**row, "kind": "light", "score": 3.7 - near})
            if not work.attack:
                other = {**row, "kind": "light", "label": "attack", "species": "other_draw"}
                rows += [{**other, "reason": "light_too_weak"}] * 19 + [
                    {**other, "score": 1.5 + near}
                ]
            return rows

        return measure


def fitted(tmp_path: Path, people: int, takes: int = 1) -> dict[str, Part]:
    record(tmp_path / "qa", people, takes)
    request = Request(tmp_path / "qa" / "transactions.jsonl", tmp_path / "out", workers=1)
    parts = calibrate_qa(request, Settings(profile="registry"), 0.06, 0.06, Scores())
    return {part.kind: part for part in parts}


def test_fifty_people_set_a_threshold(tmp_path: Path) -> None:
    parts = fitted(tmp_path, 50)
    silent = parts["silent"]
    assert (silent.people, silent.independent, silent.refused) == (50, {"print": 50}, "")
    assert silent.file is not None
    made = Calibration.load(silent.file)
    assert made.check == "liveness.silent"
    assert 0.2 < made.accept_at < 0.9
    assert made.models == ("net@abc",)
    assert parts["digits"].file is None
    assert "trials of both kinds" in parts["lips"].refused or "0" in parts["lips"].refused


def test_takes_of_the_same_people_are_no_further_people(tmp_path: Path) -> None:
    silent = fitted(tmp_path, 10, takes=6)["silent"]
    assert silent.file is None
    assert silent.passing.n == 60
    assert "it takes 50 people" in silent.refused
    assert "there are 10" in silent.refused


def test_a_rank_among_draws_is_never_lowered(tmp_path: Path) -> None:
    """Other draws score below 1.6, but the false accept rate follows from the draw, at 3."""
    light = fitted(tmp_path, 50)["light"]
    assert light.file is not None
    made = Calibration.load(light.file)
    assert made.accept_at == 3.0
    assert made.reject_below < made.accept_at, "a weak light refuses nobody"
    assert (light.attacks["other_draw"].errors, light.attacks["other_draw"].n) == (0, 1000)
    assert light.attacks["print"].errors == 50, "told, and no reason to refuse people"


def test_the_protocol_says_who_lacks_what(tmp_path: Path) -> None:
    qa = QaFolder(tmp_path)
    assert qa.lacking() == {}
    for setting in SETTINGS:
        qa.keep(about("p-1", setting=setting), {"clip": WEBM})
    for attack in ATTACKS[:-1]:
        qa.keep(about("p-1", attack), {"clip": WEBM})
    qa.keep(about("p-2"), {"clip": WEBM})
    assert qa.lacking() == {"p-1": ("laptop",), "p-2": tuple(one.name for one in PROTOCOL)}
    row = json.loads((tmp_path / "transactions.jsonl").read_text().splitlines()[0])
    assert row["challenge"]["colours"]["shown"] == ["#ff84ff", "#00d000"]
    assert "nonce" not in row["challenge"]


@pytest.mark.parametrize("moved_s", [-0.5, 0.5])
def test_a_moved_sound_keeps_its_length(moved_s: float) -> None:
    heard = Heard(Audio(np.arange(16_000, dtype=np.float32), 16_000), ((0.2, 0.9),), (600.0,))
    moved = _moved(heard, moved_s)
    assert len(moved.audio.samples) == 16_000
    assert moved.onsets_ms == (600.0 + moved_s * 1000,)
    first = 8_000 if moved_s < 0 else 0.0
    assert moved.audio.samples[0] == first
    ((start, end),) = moved.segments_s
    assert 0 <= start < end <= 1
