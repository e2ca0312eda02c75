"""Calibration: fits that mean what they say, and targets the data cannot carry are refused."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from veridical.calibration.calibrate import (
    Fit,
    Target,
    Trial,
    calibrate,
    fit_isotonic,
    fit_logistic,
    parse_target,
    read_trials,
    write_calibration,
)
from veridical.cli import app
from veridical.errors import InputError
from veridical.models.calibration import Calibration, load_calibrations


def normal_trials(genuine: int, others: int, seed: int = 0) -> Trial:
    """Two normal distributions two apart: the true ratio of a score s is 2 s."""
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(1, 1, genuine), rng.normal(-1, 1, others)])
    label = np.arange(genuine + others) < genuine
    return Trial(scores, label, np.full(len(label), ""), {"": others})


def written(tmp_path: Path, trial: Trial, name: str = "cal.toml", method: str = "isotonic") -> Path:
    scores = tmp_path / "scores.csv"
    scores.write_text("score,mated\n")
    content = calibrate("face", trial, Target("fmr", 1e-2), Target("fnmr", 1e-2), method)
    write_calibration(tmp_path / name, content, scores, "made-up", "veridical calibrate ...")
    return tmp_path / name


@pytest.mark.parametrize(("fit", "within"), [(fit_logistic, 0.15), (fit_isotonic, 0.6)])
def test_both_fits_find_the_true_ratio(fit: Callable[[Trial], Fit], within: float) -> None:
    found = fit(normal_trials(4000, 8000))
    for score in (-1.0, 0.0, 1.0):
        assert np.interp(score, found.scores, found.llr) == pytest.approx(2 * score, abs=within)


def test_the_ratio_does_not_depend_on_how_many_there_are_of_each() -> None:
    few, many = fit_logistic(normal_trials(3000, 3000)), fit_logistic(normal_trials(3000, 60000))
    at = [np.interp(0.5, fit.scores, fit.llr) for fit in (few, many)]
    assert at[0] == pytest.approx(at[1], abs=0.15)


def test_isotonic_by_hand() -> None:
    """Ten strangers at 0, five strangers and five genuine at 1, ten genuine at 2."""
    scores = np.array([0.0] * 10 + [1.0] * 10 + [2.0] * 10)
    genuine = np.array([False] * 10 + [True, False] * 5 + [True] * 10)
    fit = fit_isotonic(Trial(scores, genuine, np.full(30, ""), {"": 15}))
    # The top holds no stranger and the bottom no genuine one: all three pool into one block.
    assert fit.llr == pytest.approx([0.0, 0.0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_isotonic_ratios_never_fall_and_stay_finite(seed: int) -> None:
    fit = fit_isotonic(normal_trials(60, 90, seed))
    assert (np.diff(fit.scores) > 0).all()
    assert (np.diff(fit.llr) >= 0).all()
    assert np.isfinite(fit.llr).all()


def test_a_covariate_shifts_the_ratio() -> None:
    """Noise that quality explains: of two equal scores the one of poor quality says less."""
    rng = np.random.default_rng(1)
    quality = rng.uniform(0, 1, 6000)
    genuine = np.arange(6000) < 3000
    scores = np.where(genuine, quality, -quality) * 2 + 2 * quality + rng.normal(0, 0.5, 6000)
    trial = Trial(scores, genuine, np.full(6000, ""), {"": 3000}, {"quality": quality})
    fit = fit_logistic(trial)
    weight, mean = fit.covariates["quality"]
    assert mean == pytest.approx(0.5, abs=0.02)
    assert weight < -1


@pytest.mark.parametrize("name", ["cal.toml", "cal.json"])
def test_a_file_is_read_back_and_quotes_rates(tmp_path: Path, name: str) -> None:
    trial = normal_trials(2000, 5000)
    made = Calibration.load(written(tmp_path, trial, name))
    assert (made.check, made.rate_kind, made.n, made.data) == ("face.match", "fmr", 5000, "made-up")
    others = trial.score[~trial.genuine]
    point = made.point()
    assert np.mean(others >= point.accept_at) == pytest.approx(1e-2, abs=2e-4)
    assert np.mean(trial.score[trial.genuine] < point.reject_below) <= 1e-2
    assert point.source.startswith("calibration:")
    for score in (-1.0, 0.5, 1.9, 2.5):
        rate = made.error_rate(score)
        assert rate is not None
        truth = float(np.mean(others >= score))
        # Never better than measured, and no worse than one knot further down.
        assert truth <= rate.value <= truth + 0.02
        assert rate.ci95[0] <= rate.value <= rate.ci95[1]
    above = made.error_rate(99.0)
    below = made.error_rate(-99.0)
    assert above is not None
    assert below is not None
    assert above.value == 0
    assert above.ci95[1] == pytest.approx(1 - 0.025 ** (1 / 5000), rel=1e-6)
    assert below.value == 1
    assert made.error_rate(math.nan) is None
    assert math.isnan(made.llr(math.nan))
    assert made.llr(-99.0) < -2 < 2 < made.llr(99.0)


def test_a_set_answers_by_check(tmp_path: Path) -> None:
    path = written(tmp_path, normal_trials(500, 3000))
    found = load_calibrations({"face.match": path})
    point = found.operating_point("face.match")
    assert point is not None
    rate = found.error_rate("face.match", point.accept_at)
    assert rate is not None
    assert rate.kind == "fmr"
    assert found.error_rate("face.match", None) is None
    assert found.operating_point("voice.match") is None
    with pytest.raises(InputError, match=r"of face\.match, wanted for voice\.match"):
        load_calibrations({"voice.match": path})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('format = "veridical.calibration/1"', 'format = "another/1"'),
        ('check = "face.match"', ""),
        ("accept_at = ", "accept_at = -9"),
        ("rates = [", "rates = [1.0, "),
        ("scores = [", "scores = [9.0, "),
        ("[llr]", "[llr"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = written(tmp_path, normal_trials(500, 3000))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        Calibration.load(path)
    assert caught.value.code == "calibration.malformed"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="veridical calibrate"):
        Calibration.load(tmp_path / "none.toml")


def test_unsupported_targets_are_refused_with_the_count() -> None:
    trial = normal_trials(500, 20_000)
    with pytest.raises(InputError, match=r"takes 30000 independent trials.*there are 20000") as e:
        calibrate("face", trial, Target("fmr", 1e-4), None, "isotonic")
    assert e.value.code == "calibration.support"
    with pytest.raises(InputError, match="takes 3000 genuine trials, there are 500"):
        calibrate("face", trial, Target("fmr", 1e-2), Target("fnmr", 1e-3), "isotonic")
    with pytest.raises(InputError, match="is a rate of fmr, got 'apcer'"):
        calibrate("face", trial, Target("apcer", 1e-2), None, "isotonic")
    with pytest.raises(InputError, match="both kinds"):
        calibrate("face", normal_trials(0, 3000), Target("fmr", 1e-2), None, "isotonic")


def test_the_worst_species_sets_the_threshold() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([rng.normal(3, 1, 300), rng.normal(-2, 1, 400), rng.normal(0, 1, 200)])
    species = np.array([""] * 300 + ["print"] * 400 + ["replay"] * 200)
    trial = Trial(scores, species == "", species, {"print": 400, "replay": 200})
    content = calibrate("silent", trial, Target("apcer", 0.02), None, "isotonic")
    point = content["operating_point"]
    assert isinstance(point, dict)
    assert point["apcer_by_species"]["replay"] == pytest.approx(0.02)
    assert point["apcer_by_species"]["print"] < 0.01
    few = Trial(scores, species == "", species, {"print": 400, "replay": 90})
    with pytest.raises(InputError, match=r"of species replay; lowest supported is 0\.033"):
        calibrate("silent", few, Target("apcer", 0.02), None, "isotonic")


def test_three_attacks_support_no_rate_at_all() -> None:
    scores, label = np.array([0.9, 0.8, 0.1, 0.2, 0.3]), np.array([True, True, False, False, False])
    trial = Trial(scores, label, np.where(label, "", "print"), {"print": 3})
    with pytest.raises(InputError, match="they support no rate"):
        calibrate("silent", trial, Target("apcer", 0.07), None, "logistic")


def test_pictures_of_the_same_two_people_count_once(tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("sample,row,subject\n0,2,0\n1,3,0\n2,4,1\n3,5,1\n4,6,2\n")
    (tmp_path / "scores.csv").write_text(
        "reference,probe,mated,score\n0,1,1,0.9\n0,2,0,0.1\n1,2,0,0.2\n3,0,0,0.1\n0,4,0,nan\n"
        "1,4,0,0.3\n"
    )
    trial = read_trials(tmp_path / "scores.csv")
    assert trial.independent == {"": 2}
    assert (len(trial.score), int(trial.genuine.sum()), trial.left_out) == (5, 1, 1)


def test_score_files_that_cannot_be_read_say_where(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("score\n1\n")
    with pytest.raises(InputError, match="no column 'mated or label or genuine'"):
        read_trials(path)
    path.write_text("score,mated\nx,1\n")
    with pytest.raises(InputError, match="row 2: a number is wanted"):
        read_trials(path)
    with pytest.raises(InputError, match="no column 'quality'"):
        read_trials(path, ["quality"])
    with pytest.raises(InputError, match="no score file"):
        read_trials(tmp_path / "none.csv")


@pytest.mark.parametrize("text", ["fmr", "fmr=0", "fmr=1", "fmr=x", "=0.1"])
def test_targets_that_are_none(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_target(text)
    assert caught.value.code == "usage.target"


def test_the_command_fits_and_writes(tmp_path: Path) -> None:
    trial = normal_trials(400, 4000)
    scores = tmp_path / "scores.csv"
    rows = [f"{s:.6f},{int(g)}" for s, g in zip(trial.score, trial.genuine, strict=True)]
    scores.write_text("score,mated\n" + "\n".join(rows) + "\n")
    out = tmp_path / "face.toml"
    arguments = ["calibrate", "face", str(scores), "--target", "fmr=1e-2", "--out", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--data", "two normal distributions"])
    assert done.exit_code == 0, done.output
    assert "4000 scores, 4000 of them independent" in done.output
    made = Calibration.load(out)
    assert made.data == "two normal distributions"
    assert made.accept_at == made.reject_below


def test_applying_a_calibration_pulls_in_no_scipy() -> None:
    code = "import sys, veridical.models.calibration; sys.exit('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
