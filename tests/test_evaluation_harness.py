"""Indexes, score files, worker processes and figures: what every kind of evaluation rests on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from veridical.calibration.intervals import Rate
from veridical.errors import InputError
from veridical.evaluation.figures import Figures
from veridical.evaluation.harness import (
    ScoreFile,
    Unit,
    available_cores,
    score_units,
    stamp_run,
)
from veridical.evaluation.index import columns_of, hash_data, read_csv, read_json_lines


def index(folder: Path, text: str, name: str = "index.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_with_unknown_columns_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    path = index(tmp_path, "\ufefffile,identity,colour\na.jpg,anna,red\n")
    assert columns_of(path) == ("file", "identity", "colour")
    (row,) = read_csv(path, ["file", "identity"])
    assert (row.number, row.file("file"), row.text("identity")) == (2, tmp_path / "a.jpg", "anna")
    assert row.text("group", "none") == "none"
    assert row.optional_file("audio") is None


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = index(tmp_path, "file\na.jpg\n")
    with pytest.raises(InputError, match=r"index.csv, row 1: no column 'identity'"):
        next(read_csv(path, ["file", "identity"]))


def test_a_missing_file_is_named_with_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    path = index(tmp_path, "file,identity\na.jpg,anna\nb.jpg,bert\n")
    rows = list(read_csv(path, ["file"]))
    with pytest.raises(InputError, match=r"index.csv, row 3, column 'file': no file 'b.jpg'") as e:
        [row.file("file") for row in rows]
    assert e.value.code == "index.missing_file"


def test_an_empty_value_and_a_wrong_one_are_named(tmp_path: Path) -> None:
    (row,) = read_csv(index(tmp_path, "file,label\n,nice\n"), ["file"])
    with pytest.raises(InputError, match="row 2, column 'file': a value is wanted"):
        row.text("file")
    with pytest.raises(InputError, match="one of attack, bona_fide is wanted, got 'nice'"):
        row.one_of("label", ("attack", "bona_fide"))


def test_an_index_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no index file 'none.csv'"):
        next(read_csv(tmp_path / "none.csv", ["file"]))
    (tmp_path / "bad.csv").write_bytes(b"file\n\xff\xfe\n")
    with pytest.raises(InputError, match="not a UTF-8 CSV file"):
        list(read_csv(tmp_path / "bad.csv", ["file"]))


def test_json_lines_say_where_they_are_wrong(tmp_path: Path) -> None:
    good = index(tmp_path, '{"file": "a", "fields": {"x": 1}}\n\n{"file": "b"}\n', "a.jsonl")
    assert [row.number for row in read_json_lines(good, ["file"])] == [1, 3]
    assert [row.number for row in read_json_lines(good, ["file"], limit=1)] == [1]
    with pytest.raises(InputError, match=r"a.jsonl, row 3, column 'fields': this key is wanted"):
        list(read_json_lines(good, ["file", "fields"]))
    for text in ("{no}\n", "[1]\n"):
        with pytest.raises(InputError, match=r"b.jsonl, row 1"):
            list(read_json_lines(index(tmp_path, text, "b.jsonl"), []))


def test_the_limit_cuts_rows(tmp_path: Path) -> None:
    path = index(tmp_path, "file\n" + "x\n" * 9)
    assert len(list(read_csv(path, ["file"], limit=4))) == 4


def test_the_data_hash_minds_content(tmp_path: Path) -> None:
    path, picture = index(tmp_path, "file\na\n"), tmp_path / "a"
    picture.write_bytes(b"1")
    before = hash_data(path, [picture])
    picture.write_bytes(b"2")
    assert hash_data(path, [picture]) != before


class Doubling:
    """What a worker did, and at which unit the run breaks off."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.seen: list[int] = []


class DoublingWorker:
    def __init__(self, maker: Doubling) -> None:
        self.maker = maker

    def __call__(self, work: int) -> Sequence[Mapping[str, object]]:
        if work == self.maker.fails_at:
            raise KeyboardInterrupt
        self.maker.seen.append(work)
        return [{"part": part, "score": work * 2 + part / 3} for part in range(2)]


UNITS = [Unit(f"u{i}", i) for i in range(6)]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first, second = Doubling(fails_at=3), Doubling()
    path = tmp_path / "scores.csv"
    with pytest.raises(KeyboardInterrupt):
        score_units(
            UNITS,
            lambda: DoublingWorker(first),
            ScoreFile(path, ["part", "score"]),
            title="t",
            workers=1,
        )
    # The machine died in the middle of a row.
    with path.open("a") as file:
        file.write("u3,0,6\nu3,1,6.3")
    score_units(
        UNITS,
        lambda: DoublingWorker(second),
        ScoreFile(path, ["part", "score"]),
        title="t",
        workers=1,
    )
    assert (first.seen, second.seen) == ([0, 1, 2], [3, 4, 5])
    rows = list(ScoreFile(path, ["part", "score"]).rows())
    assert [row["unit"] for row in rows] == [f"u{i}" for i in range(6) for _ in range(2)]
    assert float(rows[-1]["score"]) == pytest.approx(10 + 1 / 3, rel=1e-8)


def test_scores_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    ScoreFile(tmp_path / "scores.csv", ["score"])
    with pytest.raises(InputError, match="of another run"):
        ScoreFile(tmp_path / "scores.csv", ["score", "species"])
    stamp_run(tmp_path, {"data": "a", "profile": "p"})
    stamp_run(tmp_path, {"data": "a", "profile": "p"})
    with pytest.raises(InputError, match=r"differing: data\)"):
        stamp_run(tmp_path, {"data": "b", "profile": "p"})


def test_scores_belong_to_the_code_that_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp_run(tmp_path, {"data": "a"})
    monkeypatch.setattr("veridical.evaluation.harness.code_hash", lambda: "another")
    with pytest.raises(InputError, match=r"differing: code\)"):
        stamp_run(tmp_path, {"data": "a"})


def test_worker_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker lies in a module of its own, for a spawned process imports it anew."""
    (tmp_path / "worker_for_test.py").write_text(
        "import os\n"
        "class Worker:\n"
        "    def __call__(self, work):\n"
        "        return [{'square': work * work, 'threads': os.environ['OMP_NUM_THREADS'],\n"
        "                 'process': os.getpid()}]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import worker_for_test  # pyright: ignore[reportMissingImports]

    scores = ScoreFile(tmp_path / "scores.csv", ["square", "threads", "process"])
    units = [Unit(str(i), i) for i in range(40)]
    cpu_s = score_units(units, worker_for_test.Worker, scores, title="t", workers=2)
    rows = sorted(scores.rows(), key=lambda row: int(row["unit"]))
    assert [int(row["square"]) for row in rows] == [i * i for i in range(40)]
    assert {row["threads"] for row in rows} == {"1"}
    assert cpu_s > 0


def test_cores_are_counted_within_the_quota() -> None:
    assert available_cores() >= 1


def test_figures_are_bare_numbers_with_mirrored_intervals() -> None:
    figures = Figures("face")
    figures.put("eer", float("nan"))
    figures.rate("fnmr_at_fmr|1e-2", Rate(1, 10))
    figures.rate("fnmr_at_fmr|1e-4", None)
    figures.rate("groups|east_asian/f|fmr", Rate(0, 300), (0.0, 0.02))
    figures.rate("fta", Rate(0, 0))
    read = json.loads(json.dumps(figures.as_json({"profile": "registry"})))
    assert read["fnmr_at_fmr"] == {"1e-2": 0.1, "1e-4": None}
    assert read["ci95"]["fnmr_at_fmr"]["1e-2"] == [0.002529, 0.445]
    assert read["n"]["groups"]["east_asian/f"]["fmr"] == 300
    assert read["ci95"]["groups"]["east_asian/f"]["fmr"] == [0.0, 0.02]
    assert read["eer"] is None
    assert read["fta"] is None
    assert read["notes"] == [
        "0 of 300: at 95 % the rate is below 0.01 (rule of three), were the trials independent: "
        "groups east_asian/f fmr"
    ]
    assert read["profile"] == "registry"
    assert ("fnmr_at_fmr 1e-2", "0.1", "[0.002529, 0.445]", "10") in figures.table()
    with pytest.raises(ValueError, match="a number already"):
        figures.put("fta|deeper", 1)
