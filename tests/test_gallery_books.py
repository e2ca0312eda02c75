"""Templates from a file, and people who are enrolled twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from veridical.cli import gallery as command
from veridical.errors import InputError
from veridical.gallery import FmrCurve, Gallery
from veridical.gallery.bulk import read_templates
from veridical.gallery.duplicates import clusters, doubles
from veridical.store import Database, MasterKeys

KEYS = MasterKeys.from_text("a:" + "A" * 43 + "=")
MODEL = "model@000000000000"
CURVE = FmrCurve([0.2, 0.4], [1e-2, 1e-6])


@pytest.fixture
def vectors() -> np.ndarray:
    """Of 40 people, the last four of whom are the first four again."""
    rng = np.random.default_rng(3)
    made = rng.normal(size=(40, 128)).astype(np.float32)
    made[36:] = made[:4] + 0.2 * rng.normal(size=(4, 128))
    return made


@pytest.fixture
def files(tmp_path: Path, vectors: np.ndarray) -> tuple[Path, Path]:
    np.save(tmp_path / "t.npy", 7 * vectors)
    (tmp_path / "s.txt").write_text("".join(f"s{n}\n" for n in range(40)))
    return tmp_path / "t.npy", tmp_path / "s.txt"


@pytest.fixture
def entries(tmp_path: Path, files: tuple[Path, Path]) -> Gallery:
    database = Database(tmp_path / "v.db")
    database.upgrade()
    made = Gallery(database, KEYS, "g", MODEL)
    for block in read_templates(*files, MODEL):
        made.enrol_many(block)
    return made


def test_templates_come_in_at_unit_length_in_their_order(
    entries: Gallery, vectors: np.ndarray
) -> None:
    assert len(entries.subjects()) == 40
    kept = entries.template("s7").vector
    np.testing.assert_allclose(kept, vectors[7] / np.linalg.norm(vectors[7]), atol=1e-6)


def test_a_table_brings_attributes_with_it(tmp_path: Path, vectors: np.ndarray) -> None:
    pa = pytest.importorskip("pyarrow", reason="veridical[parquet] is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")

    columns = {
        "subject": ["a", "b"],
        "vector": [list(v) for v in vectors[:2].tolist()],
        "birth_year": [1980, None],
        "sex": ["F", ""],
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    ((one, other),) = read_templates(tmp_path / "t.parquet", None, MODEL)
    assert (one.subject, one.attributes.birth_year, one.attributes.sex) == ("a", 1980, "F")
    assert (other.attributes.birth_year, other.attributes.sex) == (None, "")


def test_what_is_no_file_of_templates_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    def refused(file: Path, subjects: Path | None) -> str:
        with pytest.raises(InputError) as caught:
            list(read_templates(file, subjects, MODEL))
        return caught.value.code

    file, subjects = files
    assert refused(file, None) == "gallery.file"
    assert refused(subjects, subjects) == "gallery.file"
    subjects.write_text("s1\n")
    assert refused(file, subjects) == "gallery.file"
    bad = np.ones((1, 4), np.float32)
    for value in (0.0, np.nan, np.inf):
        bad[:] = value
        np.save(file, bad)
        assert refused(file, subjects) == "gallery.template"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert refused(file, subjects) == "gallery.file"


def test_who_is_enrolled_twice_is_told_once(entries: Gallery) -> None:
    found = [one for one in doubles(entries, lambda n: CURVE.threshold(0.001, n)) if one.hits]
    pairs = {(one.subject, hit.subject) for one in found for hit in one.hits}
    assert pairs == {(f"s{36 + n}", f"s{n}") for n in range(4)}
    assert len(clusters(pairs)) == 4


def test_a_walk_goes_on_behind_its_last_whole_line(entries: Gallery, tmp_path: Path) -> None:
    journal = tmp_path / "pairs.jsonl"
    told = [one for one in doubles(entries, lambda n: CURVE.threshold(0.001, n)) if one.hits]
    lines = [
        json.dumps({"entry": o.entry, "subject": o.subject, "hits": [{"subject": h.subject}]})
        for o in told
        for h in o.hits
    ]
    journal.write_text(f"{lines[0]}\n{lines[1]}\n{lines[2][:9]}")
    pairs, after = command._pairs_so_far(journal)
    rest = [one for one in doubles(entries, lambda n: CURVE.threshold(0.001, n), after) if one.hits]
    assert [one.subject for one in rest] == ["s38", "s39"]
    assert len(pairs) == 2
    journal.write_text("[]\n")
    with pytest.raises(InputError) as caught:
        command._pairs_so_far(journal)
    assert caught.value.code == "usage.not_a_walk"


def test_pairs_that_hang_together_are_one_cluster() -> None:
    assert clusters([("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")]) == [
        ("a", "b", "c", "d"),
        ("x", "y"),
    ]
