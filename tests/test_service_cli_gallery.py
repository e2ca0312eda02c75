"""`veridical gallery`: its verbs, their exit codes, and going on after a break."""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from veridical.gallery import Attributes, Enrolment, Gallery
from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.types import Template
from veridical.verification import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run: Run, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `veridical gallery` over a data folder of its own."""
    assert store
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    return partial(run, "gallery")


@pytest.fixture
def pictures(tmp_path: Path, samples: dict[str, Sample]) -> Path:
    """A folder of two persons and one file that is no picture."""
    folder = tmp_path / "pictures"
    (folder / "b-2").mkdir(parents=True)
    for name, path in (("genuine", "a-1.png"), ("impostor", "b-2/one.png")):
        selfie = samples[name].transaction.selfie
        assert selfie is not None
        PIL.Image.fromarray(selfie.pixels).save(folder / path)
    dark = PIL.Image.open(folder / "b-2/one.png")
    PIL.Image.fromarray((np.asarray(dark) * 0.8).astype(np.uint8)).save(folder / "b-2/two.png")
    (folder / "c-3.jpg").write_text("no picture", encoding="utf-8")
    return folder


def hits(run: Run, picture: Path, *words: str) -> list[str]:
    code, output, _ = run("search", picture, "--json", *words)
    assert code == 0
    return [hit["subject"] for hit in json.loads(output)["hits"]]


def test_a_person_is_enrolled_found_and_deleted(run: Run, pictures: Path) -> None:
    selfie = pictures / "a-1.png"
    assert run("enrol", "a-1", selfie, "--birth-year", "1980", "--sex", "M")[0] == 0
    code, output, _ = run("search", selfie, "--json")
    found = json.loads(output)
    assert (code, found["entries"]) == (0, 1)
    best = found["hits"][0]
    assert (best["subject"], best["birth_year"], best["sex"]) == ("a-1", 1980, "M")
    assert best["similarity"] == pytest.approx(1, abs=1e-3)
    assert best["fpir"] < 1e-3
    code, _, errors = run("enrol", "a-1", selfie)
    assert (code, "gallery.exists" in errors) == (4, True)
    assert run("enrol", "a-1", selfie, "--replace")[0] == 0
    assert run("delete", "a-1")[0] == 0
    assert run("delete", "a-1")[0] == 1
    assert hits(run, selfie) == []


def test_a_folder_is_imported_once_and_said_what_was_not_usable(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    code, output, _ = run("import", pictures, "--gallery", "list", "--rejects", rejects)
    assert (code, output.strip()) == (4, "2 enrolled, 0 were there, 1 not usable")
    with rejects.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [["c-3", "media.not_an_image"]]
    code, output, _ = run("import", pictures, "--gallery", "list")
    assert (code, output.strip()) == (4, "0 enrolled, 2 were there, 1 not usable")
    assert hits(run, pictures / "b-2" / "two.png", "--gallery", "list")[0] == "b-2"
    code, output, _ = run("stats", "--gallery", "list", "--json")
    assert (code, json.loads(output)["entries"]) == (0, 2)
    assert run("delete", "b-2", "--everywhere")[0] == 0
    assert "b-2" not in hits(run, pictures / "b-2" / "two.png", "--gallery", "list")


def test_a_table_is_imported_with_its_attributes(run: Run, pictures: Path) -> None:
    table = pictures / "people.csv"
    table.write_text(
        "subject,file,birth_year,sex\nx,a-1.png,1970,F\ny,b-2/one.png,,\ny,b-2/two.png,,\n",
        encoding="utf-8",
    )
    assert run("import", table)[0] == 0
    _, output, _ = run("search", pictures / "a-1.png", "--json")
    best = json.loads(output)["hits"][0]
    assert (best["subject"], best["birth_year"], best["sex"]) == ("x", 1970, "F")


@pytest.mark.parametrize(
    "text",
    [
        "subject,picture\nx,a.png\n",
        "subject,file,sex\nx,a-1.png,male\n",
        "subject,file,birth_year\nx,a-1.png,eighty\n",
        "subject,file,sex\nx,a-1.png,F\nx,b-2/one.png,M\n",
    ],
)
def test_a_malformed_table_is_refused_before_anything_is_enrolled(
    run: Run, pictures: Path, text: str
) -> None:
    table = pictures / "people.csv"
    table.write_text(text, encoding="utf-8")
    assert run("import", table)[0] == 2
    assert json.loads(run("stats", "--json")[1])["entries"] == 0


def test_a_picture_without_exactly_one_face_is_not_enrolled(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    PIL.Image.new("RGB", (300, 300)).save(tmp_path / "dark.png")
    code, _, errors = run("enrol", "z", tmp_path / "dark.png")
    assert (code, "face.no_face" in errors) == (4, True)
    code, _, errors = run("enrol", "z", tmp_path / "none.png")
    assert (code, "media.missing" in errors) == (4, True)


def test_a_list_of_an_older_model_is_made_anew_from_pictures_and_the_rest_is_named(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    settings = Settings()
    older = "sface-of-old@0123456789ab"
    vector = np.zeros(64, np.float32)
    vector[0] = 1
    database = settings.open_database()
    Gallery(database, settings.keys(), "list", older).enrol_many(
        [
            Enrolment(subject, Template(vector, older), Attributes(1980, "F"))
            for subject in ("a-1", "b-2", "c-3", "d-4")
        ]
    )
    database.close()
    assert hits(run, pictures / "a-1.png", "--gallery", "list") == []
    code, output, _ = run("migrate", "--gallery", "list")
    assert (code, output.strip()) == (4, "0 made anew, 4 stay outdated")
    left = tmp_path / "left.csv"
    code, output, _ = run("migrate", pictures, "--gallery", "list", "--left", left)
    assert (code, output.strip()) == (4, "2 made anew, 2 stay outdated")
    with left.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["c-3", "media.not_an_image"],
            ["d-4", "gallery.no_picture"],
        ]
    _, output, _ = run("search", pictures / "a-1.png", "--gallery", "list", "--json")
    best = json.loads(output)["hits"][0]
    assert (best["subject"], best["birth_year"], best["sex"]) == ("a-1", 1980, "F")
    for subject in ("c-3", "d-4"):
        assert run("delete", subject, "--gallery", "list")[0] == 0
    code, output, _ = run("migrate", pictures, "--gallery", "list")
    assert (code, output.strip()) == (0, "0 made anew, 0 stay outdated")


def test_a_snapshot_of_an_older_model_does_not_stay_on_the_disk(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    assert run("import", pictures, "--gallery", "list")[0] == 4
    folder = tmp_path / "data" / "galleries"
    (current,) = folder.glob("*.index")
    gallery, _ = current.stem.split("-")
    (folder / f"{gallery}-{'0' * 32}.index").write_bytes(b"templates of an older model")
    (folder / f"{'1' * 32}-{'0' * 32}.index").write_bytes(b"another gallery")
    assert run("stats", "--gallery", "list")[0] == 0
    assert sorted(path.name for path in folder.glob("*.index")) == sorted(
        [current.name, f"{'1' * 32}-{'0' * 32}.index"]
    )
