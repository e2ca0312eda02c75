"""The protocols on made-up trials: what they count, refuse, and never write down."""

import base64
import json
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from veridical.calibration.calibrate import read_trials
from veridical.cli import app
from veridical.errors import InputError
from veridical.evaluation.comparisons import (
    Comparisons,
    all_pairs,
    differential_figures,
    put_rates,
    read_comparisons,
    write_comparisons,
)
from veridical.evaluation.figures import Figures, JsonValue
from veridical.evaluation.harness import ScoreFile
from veridical.evaluation.protocols.digits import (
    Spoken,
    digit_figures,
    edit_distance,
    evaluate_digits,
    spoken_strings,
    wrong_prompts,
)
from veridical.evaluation.protocols.document import Page, compare_fields, document_figures
from veridical.evaluation.protocols.face import evaluate_face, nearest_the_centre, portrait_of
from veridical.evaluation.protocols.identify import COLUMNS as IDENTIFY_COLUMNS
from veridical.evaluation.protocols.identify import (
    distractors,
    evaluate_identify,
    identify_figures,
    split,
)
from veridical.evaluation.protocols.silent import (
    evaluate_silent,
    read_presentations,
    silent_figures,
)
from veridical.evaluation.protocols.speaker import evaluate_speaker, takes_of
from veridical.evaluation.protocols.transactions import (
    decided,
    evaluate_transactions,
    read_cases,
    transaction_figures,
)
from veridical.evaluation.protocols.voices import degraded, joined
from veridical.evaluation.report import write_json, write_report
from veridical.evaluation.request import Evaluation, Request
from veridical.gallery import FmrCurve
from veridical.models import read_card
from veridical.ocr import Document, Field
from veridical.rehearsal.recording import write_audio, write_image
from veridical.result import OperatingPoint
from veridical.types import Audio, Box, Face, Image
from veridical.verification import load_policy
from veridical.verification.settings import Settings

POINT = OperatingPoint(0.6, 0.4, "card:made-up")


def request(folder: Path, index: Path) -> Request:
    return Request(index, folder / "out", command="veridical evaluate ...")


def pictures(folder: Path, count: int) -> list[str]:
    names = [f"{i}.png" for i in range(count)]
    for name in names:
        (folder / name).write_bytes(name.encode())
    return names


def grouped_vectors(
    people: int, each: int, seed: int = 0, spread: float = 0.6
) -> NDArray[np.float32]:
    """Templates of people: close to their own, nearly orthogonal to others'."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 64))
    vectors = np.repeat(centres, each, axis=0) + spread * rng.normal(size=(people * each, 64))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Embedding:
    """A worker that knows each file's template; those of `blind` files have none."""

    def __init__(self, vectors: NDArray[np.float32], blind: Sequence[int] = ()) -> None:
        self.vectors = vectors
        self.blind = set(blind)
        self.calls = 0

    def __call__(self, work: Path) -> Sequence[Mapping[str, object]]:
        self.calls += 1
        number = int(work.stem)
        if number in self.blind:
            return [{"reason": "no_face", "detect_ms": 1.0}]
        text = base64.b64encode(self.vectors[number].tobytes()).decode()
        times = {"detect_ms": 2.0, "align_ms": 1.0, "embed_ms": 5.0}
        seen = {"portrait_recognisability": 9.0, "probe_recognisability": 10.0 + number}
        return [{"reason": "", "probe": text, "reference": text, **seen, **times}]


def face_index(folder: Path, people: int, each: int, labels: str = "") -> Path:
    names = pictures(folder, people * each)
    head = "file,identity,group,sex" if labels else "file,identity"
    rows = [
        f"{name},secret-name-{i // each}" + (f",{'ab'[i // each % 2]},f" if labels else "")
        for i, name in enumerate(names)
    ]
    path = folder / "index.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_face_counts_all_pairs_and_hides_names_and_templates(tmp_path: Path) -> None:
    index = face_index(tmp_path, people=30, each=3, labels="yes")
    worker = Embedding(grouped_vectors(30, 3), blind=[4])
    asked = request(tmp_path, index)
    found = evaluate_face(asked, Settings(), maker=lambda: worker)
    values = found.figures.values
    # 90 pictures: 30 * 3 mated pairs, of which two lack picture 4.
    assert (values["n_mated"], values["n_mated_not_made"]) == (88, 2)
    assert values["n_non_mated"] == 90 * 89 / 2 - 90 - 87
    assert values["fta"] == pytest.approx(1 / 90)
    assert values["cpu_ms"] == {"detect": 2.0, "align": 1.0, "embed": 5.0, "total": 8.0}
    rates = values["fnmr_at_fmr"], values["fnmr_at_fmr_with_nonresponse"]
    assert isinstance(rates[0], dict)
    assert isinstance(rates[1], dict)
    assert isinstance(rates[0]["1e-2"], float)
    assert rates[1]["1e-2"] == pytest.approx((rates[0]["1e-2"] * 88 + 2) / 90)
    groups = values["groups"]
    assert isinstance(groups, dict)
    assert set(groups) == {"a", "a/f", "b", "b/f"}
    left = {path.name: path.read_text() for path in asked.out.iterdir()}
    assert set(left) == {"run.json", "samples.csv", "scores.csv"}
    assert not any("secret" in text or ".png" in text for text in left.values())


def test_a_calibration_of_faces_is_of_the_recogniser_and_finds_its_covariates(
    tmp_path: Path,
) -> None:
    index = face_index(tmp_path, people=8, each=2)
    asked = request(tmp_path, index)
    evaluate_face(asked, Settings(), maker=lambda: Embedding(grouped_vectors(8, 2), blind=[4]))
    models = json.loads((asked.out / "run.json").read_text())["models"]
    # What `face.match` names as its models: a calibration of more would never be believed.
    ref = read_card("sface-2021dec").ref
    assert models == [f"{ref.name}@{ref.sha256}"]
    names = ("portrait_recognisability", "probe_recognisability")
    trial = read_trials(asked.out / "scores.csv", names)
    assert trial.left_out == 15
    assert len(trial.score) == 16 * 15 / 2 - 15
    assert set(trial.covariates[names[0]]) == {9.0}
    # All pairs: the first picture is never the later one's probe.
    assert set(trial.covariates[names[1]]) == {10.0 + i for i in range(1, 16) if i != 4}


def test_face_goes_on_from_its_scores_without_a_model(tmp_path: Path) -> None:
    index = face_index(tmp_path, people=12, each=2)
    worker = Embedding(grouped_vectors(12, 2))
    asked = request(tmp_path, index)
    first = evaluate_face(asked, Settings(), maker=lambda: worker)
    again = evaluate_face(asked, Settings(), maker=lambda: worker)
    assert worker.calls == 24
    assert first.figures.values == again.figures.values


def test_face_takes_lists_of_pairs(tmp_path: Path) -> None:
    pictures(tmp_path, 6)
    index = tmp_path / "pairs.csv"
    index.write_text("reference,probe,mated\n0.png,1.png,1\n2.png,3.png,1\n0.png,3.png,0\n")
    worker = Embedding(grouped_vectors(3, 2))
    found = evaluate_face(request(tmp_path, index), Settings(), maker=lambda: worker)
    assert (found.figures.values["n_mated"], found.figures.values["n_non_mated"]) == (2, 1)
    assert worker.calls == 4
    assert found.rows == 3


def test_face_refuses_an_unknown_degradation(tmp_path: Path) -> None:
    index = face_index(tmp_path, 2, 1)
    with pytest.raises(InputError, match="one of none, portrait"):
        evaluate_face(request(tmp_path, index), Settings(), degrade="mud")


def test_portrait_degradation_compares_both_ways(tmp_path: Path) -> None:
    index = face_index(tmp_path, people=4, each=2)
    worker = Embedding(grouped_vectors(4, 2))
    found = evaluate_face(request(tmp_path, index), Settings(), "portrait", maker=lambda: worker)
    assert (found.figures.values["n_mated"], found.figures.values["n_non_mated"]) == (8, 48)


def test_the_face_nearest_the_centre_counts() -> None:
    points = np.zeros((5, 2), np.float32)
    large = Face(Box(0, 0, 60, 60), 0.9, points)
    central = Face(Box(80, 80, 120, 120), 0.6, points)
    image = Image(np.zeros((200, 200, 3), np.uint8))
    assert nearest_the_centre((large, central), image) is central
    assert nearest_the_centre((), image) is None


def test_a_portrait_is_small_grey_and_lossy() -> None:
    rng = np.random.default_rng(0)
    image = Image(rng.integers(0, 255, (400, 300, 3), dtype=np.uint8))
    face = Face(Box(100, 120, 200, 240), 0.9, np.zeros((5, 2), np.float32))
    made = portrait_of(image, face).pixels
    assert made.shape == (100, 76, 3)
    assert (made[:, :, 0] == made[:, :, 2]).all()


def test_six_thousand_pictures_keep_memory_flat(tmp_path: Path) -> None:
    """18 million comparisons are made in blocks: the peak is that of one block, not of all."""
    vectors = grouped_vectors(3000, 2)
    subjects = np.repeat(np.arange(3000, dtype=np.int32), 2)
    tracemalloc.start()
    count = mated = 0
    for block in all_pairs(vectors, None, subjects):
        count += len(block.score)
        mated += int(block.mated.sum())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, mated) == (6000 * 5999 // 2, 3000)
    # All scores alone would take 72 MB, the matrix of them 144 MB.
    assert peak_bytes < 120e6 < 6000 * 6000 * 4


def test_score_files_come_back_as_they_went(tmp_path: Path) -> None:
    vectors = grouped_vectors(5, 3)
    vectors[7] = np.nan
    subjects = np.repeat(np.arange(5, dtype=np.int32), 3)
    path = tmp_path / "scores.csv"
    write_comparisons(path, all_pairs(vectors, None, subjects))
    (made,) = all_pairs(vectors, None, subjects)
    read = read_comparisons(path)
    assert (read.reference == made.reference).all()
    assert (read.mated == made.mated).all()
    np.testing.assert_allclose(read.score, made.score, atol=1e-5, equal_nan=True)
    assert np.isnan(read.score).sum() == 14


def test_rates_by_hand() -> None:
    """Two people, two pictures each: one mated pair lost, one stranger above the point."""
    made = Comparisons(
        np.array([0, 2, 0, 0, 1, 1], np.int32),
        np.array([1, 3, 2, 3, 2, 3], np.int32),
        np.array([True, True, False, False, False, False]),
        np.array([0.9, 0.3, 0.7, 0.1, 0.5, np.nan], np.float32),
    )
    figures = Figures("face")
    put_rates(figures, made, np.array([0, 0, 1, 1], np.int32), POINT, seed=0)
    point = figures.values["operating_point"]
    assert isinstance(point, dict)
    assert (point["fmr"], point["fnmr"]) == (pytest.approx(1 / 3), 0.5)
    assert (point["review_mated"], point["review_non_mated"]) == (0.0, pytest.approx(1 / 3))
    assert figures.values["threshold_at_fmr"] == dict.fromkeys(("1e-2", "1e-3", "1e-4"))


def test_differentials_name_who_fares_more_than_a_quarter_worse() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], 60)
    i, j = np.triu_indices(120, 1)
    same = (group[i] == "b") & (group[j] == "b")
    scores = rng.normal(0, 0.1, len(i)) + 0.15 * same
    made = Comparisons(
        i.astype(np.int32), j.astype(np.int32), np.zeros(len(i), bool), scores.astype(np.float32)
    )
    figures = Figures("face")
    labels = {"group": group.tolist()}
    differential_figures(figures, made, np.arange(120, dtype=np.int32), labels, (0.3, 0.3), seed=0)
    assert any("Measured above that ratio here: b fmr" in note for note in figures.notes)


def test_differentials_say_which_groups_are_too_small_to_support_a_rate() -> None:
    """80 people of two pictures make 3,160 pairs of people; 20 of ten pictures only 190."""
    subjects = np.concatenate([np.repeat(np.arange(80), 2), np.repeat(80 + np.arange(20), 10)])
    i, j = np.triu_indices(len(subjects), 1)
    scores = np.random.default_rng(0).normal(0, 0.1, len(i)).astype(np.float32)
    mated = subjects[i] == subjects[j]
    made = Comparisons(i.astype(np.int32), j.astype(np.int32), mated, scores)
    labels = {"group": ["many"] * 160 + ["few"] * 200}
    figures = Figures("face")
    differential_figures(figures, made, subjects.astype(np.int32), labels, (0.3, 0.3), seed=0)
    assert under(figures.values, "groups", "many", "n_pairs_of_people") == 3160
    assert under(figures.values, "groups", "few", "n_non_mated") == 190 * 100
    assert any("too few in: few (190)." in note for note in figures.notes)


# --- silent --------------------------------------------------------------------------------------


def silent_index(folder: Path) -> Path:
    pictures(folder, 5)
    path = folder / "index.csv"
    path.write_text(
        "file,label,species,presentation\n0.png,bona_fide,,p\n1.png,bona_fide,,p\n"
        "2.png,bona_fide,,q\n3.png,attack,print,r\n4.png,attack,simulated:print,s\n"
    )
    return path


def test_silent_judges_presentations_and_keeps_simulations_apart(tmp_path: Path) -> None:
    scores = {"p": 0.9, "q": None, "r": 0.7, "s": 0.8}

    class Judge:
        def __call__(self, work: object) -> Sequence[Mapping[str, object]]:
            name = work.name  # type: ignore[attr-defined]
            return [
                {
                    "label": work.label,  # type: ignore[attr-defined]
                    "species": work.species,  # type: ignore[attr-defined]
                    "score": scores[name],
                    "reason": "" if scores[name] else "too_dark",
                    "ensemble": "standard",
                    "cpu_ms": 3.0,
                }
            ]

    found = evaluate_silent(
        request(tmp_path, silent_index(tmp_path)), Settings(profile="standard"), maker=Judge
    )
    values = found.figures.values
    assert (values["n_bona_fide"], values["n_attack"]) == (2, 1)
    assert values["apcer"] == {"print": 1.0}
    assert (values["bpcer"], values["bpcer_with_nonresponse"], values["bpnrr"]) == (0.0, 0.5, 0.5)
    assert values["simulated_accepted"] == {"print": 1.0}
    assert any("no APCER" in note for note in found.figures.notes)


def test_silent_has_no_rates_without_an_operating_point(tmp_path: Path) -> None:
    presentations = read_presentations(request(tmp_path, silent_index(tmp_path)))
    row = {"unit": "0", "label": "bona_fide", "species": "", "group": "", "reason": ""}
    found = silent_figures(
        [{**row, "score": "0.9", "ensemble": "x", "cpu_ms": "1"}], presentations, None
    )
    assert found.figures.values["bpcer"] is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0.png,attack,,x", "an attack has a PAI species"),
        ("0.png,nice,,x", "one of bona_fide, attack is wanted"),
        ("0.png,attack,print,p", "is of another label or species in row 2"),
    ],
)
def test_silent_indexes_that_contradict_themselves(tmp_path: Path, line: str, words: str) -> None:
    pictures(tmp_path, 1)
    path = tmp_path / "index.csv"
    path.write_text(f"file,label,species,presentation\n0.png,bona_fide,,p\n{line}\n")
    with pytest.raises(InputError, match=words):
        read_presentations(request(tmp_path, path))


# --- documents -----------------------------------------------------------------------------------


def test_fields_are_compared_exactly_after_nfkc_and_without_spaces() -> None:
    document = Document(
        "prc_id_front",
        {"name": Field("欧 文博", 0.9, None), "number": Field("11010119900307001X", 0.9, None)},
    )
    wanted = {"name": "欧文博", "number": "11010119900307001Ｘ", "birth": "1990-03-07"}
    assert compare_fields(document, wanted) == [
        ("name", True, True),
        ("number", True, True),
        ("birth", False, False),
    ]
    assert compare_fields(document, {"lines": ("A", "B")}) == [("lines", False, False)]


def test_a_wrong_number_counts_as_accepted_only_when_the_reading_passes() -> None:
    def row(unit: int, field: str, exact: int, reason: str, found: str = "td3") -> dict[str, str]:
        times = {"detect_ms": "1", "recognise_ms": "2", "total_ms": "4"}
        about = {"unit": str(unit), "kind": "td3", "profile": "", "found": found, "read": "1"}
        return {
            **about,
            **times,
            "field": field,
            "exact": str(exact),
            "reason": reason,
            "score": "1",
        }

    pages = [Page(i, Path("x"), "td3", "clean") for i in (2, 3, 4, 5)]
    rows = [
        row(3, "document_number", 1, ""),
        row(3, "surname", 0, ""),
        row(0, "document_number", 1, ""),
        row(0, "sex", 1, ""),
        row(1, "document_number", 0, ""),
        row(1, "sex", 1, ""),
        row(2, "document_number", 0, "mrz_check_digit"),
        row(2, "sex", 1, "mrz_check_digit"),
    ]
    found = document_figures(rows, pages)
    values = found.figures.values
    assert values["exact"] == {"td3": {"document_number": 0.5, "sex": 1.0, "surname": 0.0}}
    assert values["all_fields"] == {"td3": 0.25}
    assert values["wrong_accepted"] == {"td3": 0.25}
    assert values["wrong_accepted_any_field"] == {"td3": 0.5}
    assert values["rejected"] == {"td3": 0.25}
    assert values["cpu_ms"] == {"locate": 1.0, "detect": 1.0, "recognise": 2.0, "total": 4.0}


# --- voices --------------------------------------------------------------------------------------


def sounds(folder: Path, count: int, seconds: float = 1.0) -> list[Path]:
    rng = np.random.default_rng(0)
    made: list[Path] = []
    for i in range(count):
        samples = (0.1 * rng.normal(size=int(seconds * 16000))).astype(np.float32)
        made.append(folder / f"{i}.wav")
        write_audio(made[-1], Audio(samples, 16000), "noise")
    return made


def test_takes_join_recordings_of_one_visit_until_long_enough(tmp_path: Path) -> None:
    files = sounds(tmp_path, 5)
    singles = [(2 + i, path, 0, "a" if i < 3 else "b") for i, path in enumerate(files)]
    takes = takes_of(singles, 2.0, "none", limits=False)
    assert [take.files for take in takes] == [tuple(files[:2]), tuple(files[3:])]
    assert [take.visit for take in takes] == ["a", "b"]
    (only,) = takes_of(singles[:1], 2.0, "none", limits=True)
    assert only.files == (files[0],)


def test_speakers_never_meet_their_own_file(tmp_path: Path) -> None:
    files = sounds(tmp_path, 4)
    index = tmp_path / "index.csv"
    lines = [f"{path.name},{'xy'[i // 2]}" for i, path in enumerate(files)]
    index.write_text("file,speaker\n" + "\n".join(lines) + "\n")

    class Voice:
        def __call__(self, work: object) -> Sequence[Mapping[str, object]]:
            (path,) = work.files  # type: ignore[attr-defined]
            vector = np.eye(4, dtype=np.float32)[int(path.stem)]
            text = base64.b64encode(vector.tobytes()).decode()
            return [{"reason": "", "template": text, "speech_s": 1.0, "cpu_ms": 4.0}]

    found = evaluate_speaker(request(tmp_path, index), Settings(), 0.5, 0.5, maker=Voice)
    # A file against itself would score one; the four mated pairs are of different files.
    values = found.figures.values
    assert (values["n_mated"], values["n_non_mated"]) == (4, 8)
    assert values["eer"] == pytest.approx(0.5, abs=0.51)
    assert read_comparisons(tmp_path / "out" / "scores.csv").score.max() == 0
    assert values["cpu_ms_per_s"] == 4.0


def test_joined_sounds_keep_their_order_and_pauses() -> None:
    first, second = np.ones(1600, np.float32), np.full(800, 0.5, np.float32)
    made = joined([first, second], [0.05, 0.0])
    assert len(made.samples) == 1600 + 800 + 800
    assert made.samples[800] == 1
    assert (made.samples[1600:2400] == 0).all()
    assert made.samples[2800] == 0.5


def test_noise_lies_ten_decibels_below_the_speech() -> None:
    rng = np.random.default_rng(0)
    clean = Audio((0.1 * rng.normal(size=32000)).astype(np.float32), 16000)
    noisy = degraded(clean, "noise", np.random.default_rng(1))
    ratio = np.mean(clean.samples**2) / np.mean((noisy.samples - clean.samples) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.2)
    assert degraded(clean, "none", rng) is clean
    with pytest.raises(InputError, match="none, telephone, noise"):
        degraded(clean, "mud", rng)


# --- digits --------------------------------------------------------------------------------------


def test_wrong_prompts_are_as_wrong_as_they_say() -> None:
    for seed in range(50):
        made = dict(wrong_prompts("839217", np.random.default_rng(seed)))
        differing = {
            label: sum(a != b for a, b in zip(prompt, "839217", strict=True))
            for label, prompt in made.items()
        }
        assert differing["one_digit_off"] == 1
        assert differing["two_digits_off"] == 2
        assert differing["random"] > 0


@pytest.mark.parametrize(
    ("heard", "said", "wrong"),
    [("123", "123", 0), ("13", "123", 1), ("1243", "123", 1), ("", "12", 2)],
)
def test_digit_errors_by_hand(heard: str, said: str, wrong: int) -> None:
    assert edit_distance(heard, said) == wrong


def test_isolated_digits_become_strings_of_their_speaker(tmp_path: Path) -> None:
    sounds(tmp_path, 6, 0.3)
    index = tmp_path / "index.csv"
    index.write_text(
        "file,digits,language,speaker\n0.wav,1,en,a\n1.wav,2,en,a\n2.wav,3,en,b\n3.wav,4,en,b\n"
        "4.wav,123456,en,b\n"
    )
    made = spoken_strings(request(tmp_path, index), length=4, strings=3, degrade="none")
    assert len(made) == 1 + 2 * 3
    assert made[0].digits == "123456"
    for one in made[1:]:
        assert set(one.digits) <= set("12" if one.speaker == 0 else "34")
        assert len(one.files) == len(one.pauses_s) == 4

    class Hearing:
        def __call__(self, work: Spoken) -> Sequence[Mapping[str, object]]:
            return [
                {
                    "language": work.language,
                    "speaker": work.speaker,
                    "label": label,
                    "prompt": prompt,
                    "said": work.digits,
                    "heard": work.digits,
                    "score": 9.0 if prompt == work.digits else -9.0,
                    "reason": "",
                    "cpu_ms": 1.0,
                }
                for label, prompt in work.prompts
            ]

    found = evaluate_digits(request(tmp_path, index), Settings(), 4, 3, maker=Hearing)
    values = found.figures.values
    assert values["prompt_accept"] == 1.0
    assert values["wrong_prompt_accept"] == dict.fromkeys(
        ("random", "one_digit_off", "two_digits_off"), 0.0
    )


def test_prompts_without_an_answer_count_against_us() -> None:
    row = {"unit": "0", "language": "en", "speaker": "0", "said": "12", "cpu_ms": ""}
    rows = [
        {**row, "label": "genuine", "heard": "12", "score": "3", "reason": ""},
        {**row, "label": "genuine", "heard": "", "score": "", "reason": "too_short"},
        {**row, "label": "genuine", "heard": "13", "score": "-2", "reason": ""},
    ]
    spoken = [Spoken(2, "12", "en", 0, (), (), "none", (), 0)]
    values = digit_figures(rows, spoken, None).figures.values
    assert values["prompt_accept"] == 0.5
    assert values["prompt_accept_with_nonresponse"] == pytest.approx(1 / 3)
    assert values["string_exact"] == 0.5
    assert values["digit_error_rate"] == 0.25


# --- identification ------------------------------------------------------------------------------


def test_identification_counts_misses_and_innocent_hits(tmp_path: Path) -> None:
    names = pictures(tmp_path, 60)
    owner = [i // 2 if i < 40 else i for i in range(60)]
    index = tmp_path / "index.csv"
    lines = [f"{name},p{person}" for name, person in zip(names, owner, strict=True)]
    index.write_text("file,identity\n" + "\n".join(lines) + "\n")
    vectors = np.concatenate([grouped_vectors(20, 2, 0, 0.2), grouped_vectors(20, 1, 5)])
    worker = Embedding(vectors, blind=[1])
    asked = request(tmp_path, index)
    found = evaluate_identify(asked, Settings(), [300, 600], maker=lambda: worker)
    values = found.figures.values
    assert values["n_mated"] == 20
    fnir = values["fnir"]
    assert isinstance(fnir, dict)
    # The picture without a template is a miss; everybody else is found first.
    assert fnir["rank1"] == pytest.approx(1 / 20)
    assert values["gallery_size"] == 600
    # Every probe is a stranger to all entries but its own; the one without a template to none.
    assert values["n_non_mated"] == len(probes_of(asked)) - 1
    lists = values["lists"]
    assert isinstance(lists, dict)
    assert list(lists)[1:] == ["300", "600"]
    assert len(set(probes_of(asked))) == len(probes_of(asked)) > 20


def probes_of(asked: Request) -> list[str]:
    rows = ScoreFile(asked.out / "scores.csv", IDENTIFY_COLUMNS).rows()
    return [row["row"] for row in rows if row["entries"] == "600"]


def under(value: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        assert isinstance(value, dict)
        value = value[key]
    return value


def searches(path: Path, own: Sequence[float | None], others: Sequence[float]) -> ScoreFile:
    """What probes found in one list of 1,000; without an own score somebody was not enrolled."""
    scores = ScoreFile(path, IDENTIFY_COLUMNS)
    for i, (mate, other) in enumerate(zip(own, others, strict=True)):
        row: dict[str, object] = {"entries": 1000, "row": i, "best_other_score": other}
        row |= {"enrolled": int(mate is not None), "query_ms": 1.0}
        if mate is not None:
            row |= {"own_score": mate, "rank": 1 if mate > other else 2}
        scores.add(str(i), [row])
    return scores


def test_the_threshold_of_a_list_is_set_by_its_size_and_not_by_one_comparison(
    tmp_path: Path,
) -> None:
    curve = FmrCurve([0.3, 0.5], [1e-2, 1e-6])
    strangers = [0.3 + 0.3 * i / 1000 for i in range(1000)]
    own = [0.35, 0.45, 0.55, 0.65] + [None] * 996
    found = identify_figures(searches(tmp_path / "s.csv", own, strangers), curve).figures.values
    threshold = found["threshold"]
    assert threshold == pytest.approx(curve.threshold(0.01, 1000))
    assert isinstance(threshold, float)
    # At one comparison's FMR of 0.01 every innocent person would meet a hit.
    assert threshold > 0.44 > 0.3
    assert found["fpir"] == pytest.approx(np.mean(np.array(strangers) >= threshold))
    assert found["fnir"] == {"rank1": 0.0, "threshold": 0.25}
    counted = ("lists", "1000", "at_fpir", "1e-1", "counted")
    assert under(found, *counted, "threshold") == pytest.approx(0.57, abs=1e-3)
    assert under(found, *counted, "fnir") == 0.75


def test_a_list_too_short_of_probes_claims_no_counted_threshold(tmp_path: Path) -> None:
    scores = searches(tmp_path / "s.csv", [0.6] + [None] * 49, [0.2] * 50)
    found = identify_figures(scores, None).figures
    assert found.values["threshold"] is None
    assert found.values["fpir"] is None
    only = under(found.values, "lists", "1000")
    assert isinstance(only, dict)
    assert "at_fpir" not in only


def test_an_index_of_single_pictures_identifies_nobody() -> None:
    with pytest.raises(InputError, match="two pictures"):
        split([], 0)


def test_distractors_follow_the_templates() -> None:
    known = grouped_vectors(200, 1)
    made = np.concatenate(list(distractors(known, 30_000, 0)))
    assert len(made) == 30_000
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert np.abs(made.mean(axis=0) - known.mean(axis=0)).max() < 0.03
    assert made.dtype == np.float32


# --- whole transactions --------------------------------------------------------------------------


def manifest(folder: Path) -> Path:
    write_image(folder / "a.png", Image(np.zeros((8, 8, 3), np.uint8)), "x")
    accept = {"outcome": "accept"}
    base = {"policy": "demo", "selfie": "a.png"}
    rows = [
        {"id": "g1", **base, "expect": accept},
        {"id": "g2", "attempt": 1, **base, "expect": accept},
        {"id": "g2", "attempt": 2, **base, "expect": accept},
        {"id": "g3", **base, "expect": accept},
        {"id": "x1", **base, "attack": "impostor", "expect": {"outcome": "reject"}},
        {"id": "x2", **base, "attack": "impostor", "expect": {"outcome": "reject"}},
    ]
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def measured(**scores: float) -> str:
    return json.dumps({check.replace("__", "."): [s, "low"] for check, s in scores.items()})


def test_transactions_count_attempts_and_attacks(tmp_path: Path) -> None:
    cases = read_cases(request(tmp_path, manifest(tmp_path)))
    policy = load_policy("demo")
    points = {check: OperatingPoint(0.5, 0.2) for check in policy.checks}

    def row(unit: int, score: float) -> dict[str, str]:
        case = cases[unit]
        scores = {check.replace(".", "__"): score for check in policy.checks}
        about = {"unit": str(unit), "id": case.id, "attempt": str(case.attempt)}
        return {**about, "measured": measured(**scores), "error": "", "cpu_ms": "7"}

    rows = [row(0, 0.9), row(1, 0.3), row(2, 0.8), row(3, 0.1), row(4, 0.9), row(5, 0.0)]
    ended = decided(rows, cases, {"demo": policy}, points)
    assert [r["got"] for r in ended] == ["accept", "review", "accept", "reject", "accept", "reject"]
    values = transaction_figures(ended, cases).figures.values
    within = values["genuine_accepted_within"]
    assert isinstance(within, dict)
    assert within["1"] == pytest.approx(1 / 3)
    assert within["2"] == pytest.approx(2 / 3)
    assert values["attack_accepted"] == {"impostor": 0.5}
    assert values["outcomes"] == {
        "accept": {"accept": 2, "review": 1, "retry": 0, "reject": 1},
        "reject": {"accept": 1, "review": 0, "retry": 0, "reject": 1},
    }


def test_a_rejection_ends_a_transaction(tmp_path: Path) -> None:
    cases = read_cases(request(tmp_path, manifest(tmp_path)))
    about = {"attack": "", "expected": "accept", "first_cause": "", "cpu_ms": ""}
    about |= {"policy": "demo", "group": "", "case": "0"}
    ended = [
        {**about, "unit": "1", "id": "g2", "attempt": "1", "got": "reject"},
        {**about, "unit": "2", "id": "g2", "attempt": "2", "got": "accept"},
    ]
    values = transaction_figures(ended, cases).figures.values
    assert values["genuine_accepted_within"] == {"1": 0.0, "2": 0.0}


def test_transactions_run_through_the_harness(tmp_path: Path) -> None:
    class Nothing:
        def __call__(self, work: object) -> Sequence[Mapping[str, object]]:
            return [{"id": "g", "attempt": 1, "error": "media.undecodable"}]

    found = evaluate_transactions(request(tmp_path, manifest(tmp_path)), Settings(), maker=Nothing)
    outcomes = found.figures.values["outcomes"]
    assert isinstance(outcomes, dict)
    accept = outcomes["accept"]
    assert isinstance(accept, dict)
    assert accept["error"] == 4


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "a", "policy": "demo", "expect": {"outcome": "joy"}}, "'expect': an outcome of"),
        ({"id": "a", "policy": "demo"}, "'expect': this key is wanted"),
        (
            {"id": "a", "policy": "demo", "selfie": "b.png", "expect": {"outcome": "accept"}},
            "no file",
        ),
        (
            {"id": "a", "policy": "demo", "attempt": "0", "expect": {"outcome": "accept"}},
            "'attempt': a whole number",
        ),
        (
            {"id": "a", "policy": "demo", "today": "May", "expect": {"outcome": "accept"}},
            "'today': a day",
        ),
    ],
)
def test_manifests_say_what_is_wrong(tmp_path: Path, row: dict[str, object], words: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=words):
        read_cases(request(tmp_path, path))


# --- reports -------------------------------------------------------------------------------------


def evaluated(folder: Path) -> tuple[Evaluation, Request]:
    index = face_index(folder, people=20, each=2, labels="yes")
    worker = Embedding(grouped_vectors(20, 2))
    asked = request(folder, index)
    return evaluate_face(asked, Settings(), maker=lambda: worker), asked


def test_a_report_needs_nothing_else_and_shows_nobody(tmp_path: Path) -> None:
    evaluation, asked = evaluated(tmp_path)
    write_report(tmp_path / "report.html", evaluation, asked)
    html = (tmp_path / "report.html").read_text()
    assert html.count("<svg") >= 2
    assert "<script" not in html
    assert 'src="http' not in html
    assert "<img" not in html
    assert "secret-name" not in html
    assert evaluation.data_sha256 in html
    assert "veridical evaluate ..." in html


def test_thumbnails_come_only_when_asked_for(tmp_path: Path) -> None:
    evaluation, asked = evaluated(tmp_path)
    for number in range(40):
        write_image(tmp_path / f"{number}.png", Image(np.full((60, 40, 3), 9, np.uint8)), "x")
    shown = Request(asked.index, asked.out, thumbnails=True)
    write_report(tmp_path / "report.html", evaluation, shown)
    html = (tmp_path / "report.html").read_text()
    assert html.count("data:image/jpeg;base64,") == 24
    assert "personal data" in html


def test_the_json_holds_figures_and_where_they_come_from(tmp_path: Path) -> None:
    evaluation, asked = evaluated(tmp_path)
    write_json(tmp_path / "f.json", evaluation, asked)
    read = json.loads((tmp_path / "f.json").read_text())
    assert read["kind"] == "face"
    assert read["data"]["rows"] == 40
    assert read["data"]["sha256"] == evaluation.data_sha256
    assert len(read["models"]) == 3
    assert len(read["models"][0]["sha256"]) == 64
    assert read["n"]["fnmr_at_fmr"]["1e-2"] == read["n_mated"] == 20


@pytest.mark.parametrize("kind", ["face", "silent", "document", "speaker", "identify"])
def test_a_missing_index_is_unusable_input(tmp_path: Path, kind: str) -> None:
    done = CliRunner().invoke(app, ["evaluate", kind, str(tmp_path / "none.csv")])
    assert isinstance(done.exception, InputError)
