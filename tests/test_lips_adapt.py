"""Fitting lips to recordings of one's own: what is learned, what is kept, what a file must hold."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.calibration.adapt import (
    Recording,
    Scored,
    align,
    fit_consistency,
    fit_lips,
    fit_reader,
)
from veridical.calibration.calibrate import Target
from veridical.errors import InputError
from veridical.evaluation.protocols.adapt import adapt_lips, read_answers
from veridical.evaluation.request import Request
from veridical.liveness.lips import Adaptation, LipsCheck, Reader
from veridical.liveness.lips.adaptation import Correction, Targets, around, with_speed
from veridical.liveness.lips.fusion import Fusion
from veridical.liveness.lips.read import log_likelihoods
from veridical.liveness.lips.sync import standardise
from veridical.models import ModelStore, read_card
from veridical.result import ModelRef
from veridical.verification.settings import Settings

FUSION = Fusion.from_card(read_card("lips-sync"))
PLACES = 80


def smooth(random: np.random.Generator, places: int, width: int) -> NDArray[np.float32]:
    noise = random.normal(size=(places + 4, width))
    return np.lib.stride_tricks.sliding_window_view(noise, 5, axis=0).mean(-1).astype(np.float32)


MIXING = np.random.default_rng(0).normal(size=(128, 12)).astype(np.float32)


def recording(speaker: str, seed: int, told: float = 0.2) -> Recording:
    """Lips that follow their sound by a rule of which the network knows a part."""
    random = np.random.default_rng(seed)
    sound = standardise(smooth(random, PLACES, 128))
    truth = standardise(np.asarray(sound @ MIXING, np.float32))
    lips = standardise(np.asarray(truth + 0.5 * smooth(random, PLACES, 12), np.float32))
    noise = random.normal(size=(PLACES, 12)).astype(np.float32)
    codes = [smooth(random, PLACES, 8) for _ in range(2)]
    unit = [code / np.linalg.norm(code, axis=1, keepdims=True) for code in codes]
    expected = (told * truth + (1 - told) * noise).astype(np.float32)
    return Recording(speaker, (), "en", lips, sound, unit[0], unit[1], expected)


def people(count: int, told: float = 0.2) -> list[Recording]:
    return [recording(f"p{n}", 10 * n + k, told) for n in range(count) for k in range(3)]


def test_what_the_network_misses_about_the_sound_is_learned() -> None:
    fitted = fit_lips(people(8), FUSION)
    assert fitted.correction is not None
    assert fitted.adapted.auc("dubbed") > fitted.shipped.auc("dubbed") + 0.05
    assert fitted.adapted.cost() < fitted.shipped.cost()


def test_a_correction_that_only_learns_its_own_speakers_is_left_out() -> None:
    random = np.random.default_rng(4)
    # Sound that has nothing to do with the lips, while the codes tell all.
    deaf = [
        replace(
            one,
            sound=standardise(smooth(random, PLACES, 128)),
            sound_code=one.lip_code,
            expected=one.lips,
        )
        for one in people(6)
    ]
    assert fit_lips(deaf, FUSION).correction is None


def test_no_speaker_stands_in_the_fit_that_scores_it() -> None:
    """Otherwise lips of pure chance would look predictable."""
    random = np.random.default_rng(6)
    chance = [
        replace(one, lips=standardise(smooth(random, PLACES, 12)), expected=one.lips)
        for one in people(6)
    ]
    fitted = fit_lips(chance, FUSION)
    assert fitted.adapted.auc("dubbed") == pytest.approx(0.5, abs=0.2)


def test_four_speakers_are_too_few() -> None:
    with pytest.raises(InputError) as caught:
        fit_lips(people(4), FUSION)
    assert caught.value.code == "adapt.too_few_speakers"


def test_a_little_data_moves_the_weights_a_little_and_much_data_finds_them() -> None:
    random = np.random.default_rng(1)
    shipped = (-4.0, 11.0, 8.0)
    truth = np.array([-1.0, 6.0, 2.0])
    inputs = np.column_stack([np.ones(4000), random.uniform(-0.5, 1, (4000, 2))])
    genuine = random.random(4000) < 1 / (1 + np.exp(-inputs @ truth))
    found = fit_consistency(inputs, genuine, shipped)
    # Weighing both kinds alike moves the bias, not the slopes.
    assert found[1] == pytest.approx(truth[1], abs=1.0)
    assert found[2] == pytest.approx(truth[2], abs=1.0)
    silent = fit_consistency(np.zeros((4, 3)), np.array([True, False, True, False]), shipped)
    assert silent == pytest.approx(shipped)


def test_alignment_agrees_with_the_likelihood_of_the_words() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(12, 13)).astype(np.float32)
    visemes = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    code = (3, 3, 7)
    shares = align(visemes, code)
    assert shares.sum(1) == pytest.approx(np.ones(12))
    assert shares[:, [1, 2, 4]].max() == 0
    # The posterior is the slope of the log likelihood by each log probability.
    step = 1e-3
    for place, viseme in ((0, 3), (5, 0), (11, 7)):
        moved = visemes.astype(np.float64)
        moved[place, viseme] += step
        slope = (log_likelihoods(moved, [code]) - log_likelihoods(visemes, [code]))[0] / step
        assert slope == pytest.approx(shares[place, viseme], abs=2e-3)


def test_words_that_do_not_fit_are_not_aligned() -> None:
    visemes = np.full((3, 13), -np.log(13), np.float32)
    assert not align(visemes, (1, 1, 1)).any()


def test_reading_habits_are_found_again() -> None:
    random = np.random.default_rng(3)
    delays = {
        f"p{n}": [500 * np.exp(0.3 * random.normal(size=6)) + offset for _ in range(6)]
        for n, offset in enumerate(random.normal(0, 100, 80))
    }
    found = fit_reader({name: [tuple(one) for one in some] for name, some in delays.items()})
    assert found is not None
    assert found.median_ms == pytest.approx(500, abs=40)
    assert found.sigma == pytest.approx(0.3, abs=0.05)
    assert found.person_sd_ms == pytest.approx(105, abs=30)
    assert fit_reader({"a": [(400.0,)], "b": [()]}) is None


def test_errors_of_scores_are_told_with_their_interval() -> None:
    names = np.repeat([f"p{n}" for n in range(10)], 2)
    scored = Scored(np.tile([2.0, -2.0], 10), np.tile(["genuine", "moved"], 10), names, names)
    assert scored.eer("moved") == 0
    assert scored.eer_interval("moved", 0) == (0, 0)
    assert scored.auc("moved") == 1
    assert 0 < scored.cost() < 0.2


# --- the file -------------------------------------------------------------------------------------


def adaptation(models: tuple[str, ...]) -> Adaptation:
    random = np.random.default_rng(0)
    return Adaptation(
        "",
        models,
        Correction(random.normal(0, 0.01, (512, 12)).astype(np.float32)),
        Targets(
            random.normal(0, 0.01, (24, 13)).astype(np.float32), np.zeros(13, dtype=np.float32)
        ),
        (-4.0, 10.0, 8.0),
        Reader(500.0, 0.3, 90.0),
        1.25,
        -1.5,
    )


def test_a_file_holds_what_was_fitted(tmp_path: Path) -> None:
    made = adaptation(("a@1", "b@2"))
    path = tmp_path / "adaptation.json"
    path.write_text(made.to_json({"speakers": 5}), encoding="utf-8")
    read = Adaptation.load(path)
    assert read.models == made.models
    assert read.reader == made.reader
    assert read.consistency == made.consistency
    assert read.correction is not None
    assert made.correction is not None
    assert np.abs(read.correction.weights - made.correction.weights).max() < 1e-5
    assert read.point.accept_at == 1.25
    assert read.point.source == f"adaptation:{read.sha256[:12]}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "other"),
        ("consistency", [1, 2]),
        ("operating_point", {"accept_at": 0, "reject_below": 1}),
        ("correction", {"weights": [[1.0]]}),
        ("reader", {"median_ms": "fast"}),
        ("reader", {"unknown": 1}),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, key: str, value: object) -> None:
    raw = json.loads(adaptation(("a@1",)).to_json({}))
    raw[key] = value
    path = tmp_path / "adaptation.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Adaptation.load(path)
    assert caught.value.code == "adaptation.malformed"
    with pytest.raises(InputError) as caught:
        Adaptation.load(tmp_path / "none.json")
    assert caught.value.code == "adaptation.missing"


def test_a_file_fitted_over_other_networks_is_refused(store: ModelStore) -> None:
    with pytest.raises(InputError) as caught:
        LipsCheck.load(store, store.profile(), adaptation(("lips-sync@0",)))
    assert caught.value.code == "adaptation.other_model"


def test_a_correction_and_targets_change_what_they_lie_over() -> None:
    one = adaptation(())
    assert one.correction is not None
    assert one.targets is not None
    random = np.random.default_rng(9)
    sound, lips = smooth(random, 40, 128), smooth(random, 40, 12)
    assert around(sound).shape == (40, 512)
    assert with_speed(lips)[0, 12:].max() == 0
    assert np.abs(one.correction(sound, lips) - lips).max() > 1e-4
    read = np.full((40, 13), -np.log(13), np.float32)
    mixed = one.targets(lips, read)
    assert np.exp(mixed).sum(1) == pytest.approx(np.ones(40), abs=1e-5)


# --- the whole, on real recordings ----------------------------------------------------------------


def test_rows_without_leave_and_attacks_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    index = tmp_path / "index.csv"
    index.write_text(
        "file,text,speaker,label,train_ok,shown_ms\n"
        "a.mp4,8 3 9 2,p1,genuine,yes,900 1700 2500 3300\n"
        "a.mp4,,p2,genuine,no,\n"
        "a.mp4,some words nobody knows,p3,bona_fide,yes,\n"
        "a.mp4,,p4,generated,yes,\n"
    )
    found = read_answers(Request(index, tmp_path))
    assert [answer.speaker for answer in found] == ["p1", "p3"]
    assert found[0].challenge is not None
    assert found[0].challenge.digits == "8392"
    assert found[0].challenge.schedule_ms == (900, 1700, 2500, 3300)
    assert found[1].challenge is None
    index.write_text("file,text,speaker,label,shown_ms\na.mp4,8392,p1,genuine,soon\n")
    with pytest.raises(InputError):
        read_answers(Request(index, tmp_path))


def test_recordings_become_an_adaptation_the_check_takes(
    store: ModelStore, shared: Path, tmp_path: Path
) -> None:
    import csv

    with (shared / "data/lips/index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "grid"]
    speakers: dict[str, dict[str, str]] = {row["speaker"]: row for row in rows}
    chosen = [row for name, row in sorted(speakers.items()) if name != "grid_s1"][:7]
    index = tmp_path / "index.csv"
    with index.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "text", "speaker", "label", "train_ok"])
        writer.writeheader()
        for row in chosen:
            path = str(shared / "data/lips" / row["file"])
            writer.writerow({**{k: row[k] for k in writer.fieldnames}, "file": path})
    settings = Settings(models_dir=store.directory)
    targets = Target("apcer", 0.5), Target("bpcer", 0.6)
    told = adapt_lips(Request(index, tmp_path / "out"), settings, *targets)
    assert "speakers left out" in told
    made = Adaptation.load(tmp_path / "out/adaptation.json")
    data = json.loads((tmp_path / "out/adaptation.json").read_text())["data"]
    assert data["speakers"] >= 5
    assert data["leave_one_speaker_out"]["adapted"]["moved"]["auc"] > 0.8
    check = LipsCheck.load(store, store.profile(), made)
    assert ModelRef("lips-adaptation", made.sha256) in check._models
