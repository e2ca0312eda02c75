"""Rehearsal attacks from files: labelled, indexed, and told from real artefacts."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from veridical.cli import app
from veridical.errors import InputError
from veridical.media import read_audio, read_clip, read_image
from veridical.rehearsal.recording import write_audio, write_clip, write_image
from veridical.rehearsal.rehearse import Rehearsal, rehearse_file, rehearse_folder
from veridical.rehearsal.simulate import Attack
from veridical.types import Audio, Clip, Image


def picture() -> Image:
    y, x = np.mgrid[0:96, 0:128]
    return Image(np.asarray(np.stack([x, y, x + y], axis=2) % 256, dtype=np.uint8))


@pytest.fixture
def genuine(tmp_path: Path) -> Path:
    folder = tmp_path / "genuine"
    folder.mkdir()
    tone = Audio(np.sin(np.arange(8000) / 9).astype(np.float32) * np.float32(0.4), 8000)
    write_image(folder / "a.png", picture(), "genuine")
    write_audio(folder / "b.wav", tone, "genuine")
    write_clip(folder / "c.mp4", Clip((picture(),) * 12, np.linspace(0, 440, 12), tone), "genuine")
    (folder / "notes.txt").write_text("not media")
    return folder


def test_a_folder_becomes_an_index_of_attacks(genuine: Path, tmp_path: Path) -> None:
    target = tmp_path / "attacks"
    made = list(rehearse_folder(Rehearsal(Attack.SCREEN_REPLAY, 3), genuine, target))
    assert [path.name for path in made] == ["a_screen_replay.png", "c_screen_replay.mp4"]
    with (target / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["species"] for row in rows} == {"simulated:screen_replay"}
    assert {row["label"] for row in rows} == {"attack"}
    assert read_image(made[0]).width == 128
    assert len(read_clip(made[1]).frames) == 12


def test_sound_goes_through_the_telephone(genuine: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.flac"
    rehearse_file(Rehearsal(Attack.TELEPHONE, 0), genuine / "b.wav", target)
    assert read_audio(target).duration_s == pytest.approx(1.0, abs=0.01)


def test_a_folder_without_fitting_media_is_an_error(genuine: Path, tmp_path: Path) -> None:
    for path in genuine.iterdir():
        if path.suffix != ".wav":
            path.unlink()
    with pytest.raises(InputError) as caught:
        list(rehearse_folder(Rehearsal(Attack.PRINT, 0), genuine, tmp_path / "out"))
    assert caught.value.code == "simulate.unfit"


def test_what_is_not_media_is_refused(genuine: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rehearse_file(Rehearsal(Attack.PRINT, 0), genuine / "notes.txt", tmp_path / "a.png")
    assert caught.value.code == "media.unknown"


def test_the_command_writes_a_labelled_file(genuine: Path, tmp_path: Path) -> None:
    target = tmp_path / "attack.jpg"
    done = CliRunner().invoke(
        app,
        [
            "simulate",
            "mouth_cutout",
            str(genuine / "a.png"),
            str(target),
            "--seed",
            "7",
            "--face",
            "9,9,90,90",
        ],
    )
    assert done.exit_code == 0, done.output
    assert "simulated attack: mouth_cutout, seed 7" in done.output
    with PillowImage.open(target) as file:
        assert b"simulated" in file.info["comment"]


@pytest.mark.parametrize("face", ["1,2,3", "1,2,3,x", "9,9,1,1"])
def test_a_face_that_is_no_box_is_a_usage_error(genuine: Path, tmp_path: Path, face: str) -> None:
    arguments = [
        "simulate",
        "print",
        str(genuine / "a.png"),
        str(tmp_path / "a.png"),
        "--face",
        face,
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 2
