"""The figures of `evaluate lips`, from scores alone."""

import csv
from pathlib import Path

import numpy as np
import pytest

from veridical.calibration.calibrate import read_trials
from veridical.evaluation.protocols.lips import (
    Speaking,
    _packed,
    _unpacked,
    lips_figures,
    write_trials,
)
from veridical.liveness.lips.fusion import Fusion
from veridical.liveness.lips.sync import Codes
from veridical.models import read_card
from veridical.result import OperatingPoint

FUSION = Fusion.from_card(read_card("lips-sync"))


def codes(seed: int, agreement: float, places: int = 75) -> Codes:
    """A stretch whose lips and sound agree as far as asked."""
    random = np.random.default_rng(seed)
    lips = random.normal(size=(places, 12)).astype(np.float32)
    lip_code = random.normal(size=(places, 48)).astype(np.float32)
    lip_code /= np.linalg.norm(lip_code, axis=1, keepdims=True)
    noise = random.normal(size=(places, 60)).astype(np.float32)
    share = np.float32(agreement)
    expected = share * lips + (1 - share) * noise[:, :12]
    sound = share * lip_code + (1 - share) * noise[:, 12:] / 7
    as_float = (one.astype(np.float32) for one in (lips, expected, lip_code, sound))
    return Codes(*as_float)


def rows_of(
    agreements: list[float], label: str = ""
) -> tuple[list[dict[str, str]], list[Speaking]]:
    rows, clips, given = [], [], label
    for number, agreement in enumerate(agreements):
        label = given or ("genuine" if agreement > 0.5 else "generated")
        clips.append(Speaking(number + 2, Path("clip.mp4"), "", f"person{number}", label, "all"))
        blank = dict.fromkeys(("lag_frames", "text_z", "wrong_z", "codes", "cpu_ms"), "")
        score = "" if number == 0 else "3.0"
        rows.append({"unit": str(number), "window_s": "0", "score": score, "reason": "", **blank})
        window = {**blank, "lag_frames": "1", "codes": _packed(codes(number, agreement))}
        rows.append({"unit": str(number), "window_s": "3", "score": "", "reason": "", **window})
    return rows, clips


def test_codes_survive_the_score_file() -> None:
    before = codes(1, 0.5)
    after = _unpacked(_packed(before))
    for name in ("lips", "expected", "lip_code", "sound_code"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=4e-3)


def test_agreeing_windows_beat_moved_and_foreign_sound() -> None:
    rows, clips = rows_of([0.8, 0.7, 0.9, 0.8])
    found = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
    sync = found.values["windows"]["3"]["all"]["sync"]  # type: ignore[index,call-overload]
    assert sync["shift"]["auc"] == 1.0  # type: ignore[index,call-overload]
    assert sync["dub"]["auc"] == 1.0  # type: ignore[index,call-overload]


def test_windows_without_agreement_are_no_better_than_chance() -> None:
    rows, clips = rows_of([0.0] * 12, "genuine")
    found = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
    sync = found.values["windows"]["3"]["all"]["sync"]  # type: ignore[index,call-overload]
    assert 0.2 < sync["dub"]["auc"] < 0.8  # type: ignore[index,call-overload,operator]


def test_generated_heads_do_not_count_as_genuine_lips() -> None:
    """They are driven by their sound: among the genuine they made every rate look better."""
    living = rows_of([0.0] * 12, "genuine")
    made = rows_of([0.95] * 12, "generated")
    found = []
    both = (living[0] + made[0], living[1] + made[1])
    for rows, clips in (living, both):
        for number, row in enumerate(rows):
            row["unit"] = str(number // 2)
        figures = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
        found.append(figures.values["windows"]["3"]["all"])  # type: ignore[index,call-overload]
    alone, beside = found
    assert alone["sync"] == beside["sync"]  # type: ignore[index,call-overload]
    assert beside["n_windows"] == 12  # type: ignore[index,call-overload]
    assert beside["accepted_at_90_genuine"] == {"generated": 1.0}  # type: ignore[index,call-overload]


def test_attacks_are_counted_where_nine_in_ten_genuine_pass() -> None:
    rows, clips = rows_of([0.8] * 20 + [0.0] * 5)
    found = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
    windows = found.values["windows"]["3"]["all"]  # type: ignore[index,call-overload]
    assert windows["accepted_at_90_genuine"] == {"generated": 0.0}  # type: ignore[index,call-overload]
    rows, clips = rows_of([0.8] * 20 + [0.0] * 5)
    for row in rows[-10:]:
        row["codes"] = _packed(codes(3, 0.95)) if row["codes"] else ""
    found = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
    windows = found.values["windows"]["3"]["all"]  # type: ignore[index,call-overload]
    assert windows["accepted_at_90_genuine"] == {"generated": 1.0}  # type: ignore[index,call-overload]


def test_not_answering_counts_against_the_genuine() -> None:
    rows, clips = rows_of([0.8, 0.7, 0.9, 0.8])
    figures = lips_figures(rows, clips, FUSION, OperatingPoint(1.5, -2.0), 0).figures
    assert figures.values["genuine_accepted"] == 0.75
    assert figures.values["not_assessed"] == 0.25


def test_trials_can_be_calibrated(tmp_path: Path) -> None:
    rows, clips = rows_of([0.8, 0.7, 0.9, 0.1])
    path = tmp_path / "trials.csv"
    write_trials(path, rows, clips, FUSION, 0)
    with path.open(encoding="utf-8", newline="") as file:
        kinds = [row["species"] or row["label"] for row in csv.DictReader(file)]
    # Three living windows, each moved eight times and dubbed with the two others.
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    assert counts == {"genuine": 3, "generated": 1, "moved": 24, "dubbed": 6}
    assert read_trials(path).genuine.sum() == 3
