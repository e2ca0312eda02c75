"""One run over several sittings, retries and machines: exit code and summary are the run's own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from veridical import InputError, StoreError, VeridicalError
from veridical.batch import Journal, Shard, local, merge_shards
from veridical.batch.rows import verify_row
from veridical.cli import main
from veridical.verification import Settings, load_verifier
from veridical.verification.manifest import Row
from veridical.verification.manifest_text import PLAIN
from veridical.verification.sources import Folder


class Here:
    """Works in this process: what is tested is the run, not its workers."""

    def __init__(self, settings: Settings, media: str, _: int) -> None:
        self._verifier, self._source = load_verifier(settings), Folder(Path(media))

    def results(self, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        return (verify_row(self._verifier, self._source, row) for row in rows)

    def close(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "no-models"))
    monkeypatch.setenv("VERIDICAL_ALLOW_MISSING", "1")
    monkeypatch.setattr(local, "LocalEngine", Here)
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(tmp_path / "selfie.png")
    return tmp_path


def manifest_of(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def batch(manifest: Path, *options: str | Path) -> int:
    words = ["veridical", "batch", str(manifest), "--policy", "selfie", *map(str, options)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
    return int(str(ended.value.code or 0))


def results(out: Path) -> dict[int, dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    assert len({line["row"] for line in lines}) == len(lines)
    return {line["row"]: line for line in lines}


def test_the_exit_code_counts_the_whole_run(folder: Path) -> None:
    bad = [{"selfie": "selfie.png"}, {"selfie": "gone.png"}]
    path, out = manifest_of(folder, *bad), folder / "out"
    assert batch(path, "--out", out) == 4
    assert batch(path, "--out", out, "--resume") == 4
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert (summary["rows"], summary["done"], summary["earlier"]) == (2, 2, 2)
    assert summary["errors"] == {"media.missing": 1}
    path = manifest_of(folder, {"selfie": "selfie.png", "expect": {"outcome": "accept"}})
    assert [batch(path, "--out", folder / "x", "--resume") for _ in range(2)] == [1, 1]


def test_rows_that_failed_are_tried_again(folder: Path) -> None:
    path = manifest_of(folder, {"selfie": "selfie.png"}, {"selfie": "late.png"})
    out = folder / "out"
    assert batch(path, "--out", out) == 4
    assert results(out)[2]["error"]["field"] == "selfie"
    assert results(out)[2]["error"]["message"].startswith("row 2: selfie: ")
    (folder / "late.png").write_bytes((folder / "selfie.png").read_bytes())
    assert batch(path, "--out", out, "--retry-errors") == 0
    assert all("verdict" in line for line in results(out).values())


def test_a_folder_whose_errors_are_forgotten_is_still_held_alone(tmp_path: Path) -> None:
    with Journal(tmp_path, {"run": 1}, resume=False) as journal:
        journal.write({"row": 1, "id": "1", "error": {"code": "x"}})
        journal.write({"row": 2, "id": "2"})
    with Journal(tmp_path, {"run": 1}, resume=True, retry_errors=True) as journal:
        assert journal.done == {2}
        with pytest.raises(StoreError, match="another run"):
            Journal(tmp_path, {"run": 1}, resume=True)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_hold_each_row_once(count: int) -> None:
    shards = [Shard(index, count) for index in range(1, count + 1)]
    assert all(sum(shard.has(row) for shard in shards) == 1 for row in range(1, 50))


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Shard.from_text(text)
    assert caught.value.code == "usage.shard"


def test_shards_become_one_run_again(folder: Path) -> None:
    path = manifest_of(folder, *({"selfie": "selfie.png"} for _ in range(5)), {"selfie": "no.png"})
    parts = [folder / str(index) for index in (1, 2, 3)]
    codes = [
        batch(path, "--out", part, "--shard", f"{index}/3") for index, part in enumerate(parts, 1)
    ]
    assert codes == [0, 0, 4]
    with pytest.raises(InputError, match="all shards"):
        merge_shards(path, PLAIN, folder / "all", parts[:2])
    merged = [word for part in parts for word in ("--merge", str(part))]
    assert batch(path, "--out", folder / "all", *merged) == 4
    assert sorted(results(folder / "all")) == [1, 2, 3, 4, 5, 6]
    # What a shard did not come to is missing from the whole, and done by going on with it.
    file = parts[0] / "results.jsonl"
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0] + b'{"row": 4')
    summary = merge_shards(path, PLAIN, folder / "less", parts)
    assert summary.rows - summary.done == 1
    assert batch(path, "--out", folder / "less", "--resume") == 4
    assert sorted(results(folder / "less")) == [1, 2, 3, 4, 5, 6]
    manifest_of(folder, {"selfie": "selfie.png"})
    with pytest.raises(InputError) as caught:
        merge_shards(path, PLAIN, folder / "other", parts)
    assert caught.value.code == "usage.other_run"


def test_the_summary_is_told_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest_of(folder, {"selfie": "selfie.png"})
    assert batch(path, "--out", folder / "out", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((folder / "out" / "summary.json").read_text("utf-8"))
    assert list(told["policies"].values()) == [1]


def test_a_check_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest_of(folder, {"selfie": "selfie.png"}, {"id": "b", "selfie": "gone.png"})
    assert batch(path, "--check", "--json") == 4
    told = json.loads(capsys.readouterr().out)
    assert told["faults"][0]["field"] == "selfie"
    assert not list(folder.glob("*out*"))


def test_a_run_says_what_it_lacks_before_it_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise VeridicalError("pip install 'veridical[parquet]'", "environment.extra")

    monkeypatch.setattr("veridical.cli.batch._table_writer", absent)
    path = manifest_of(folder, {"selfie": "selfie.png"})
    assert batch(path, "--out", folder / "out", "--parquet") == 3
    assert not (folder / "out").exists()
    assert batch(path) == 2


def test_a_header_nobody_reads_loads_no_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("models were asked for")

    monkeypatch.setattr(local, "LocalEngine", loaded)
    monkeypatch.setattr("veridical.batch.run.Engines", loaded)
    path = manifest_of(folder, {"selfie": "selfie.png"}, {"document": "c.png", "selfie": "s.png"})
    assert batch(path, "--out", folder / "out") == 4
    assert not (folder / "out").exists()


def test_a_row_may_name_a_known_customer_s_picture(folder: Path) -> None:
    values = {"selfie": "selfie.png", "reference_face": "selfie.png"}
    verifier = load_verifier(Settings(policy="selfie"))
    error = verify_row(verifier, Folder(folder), Row(1, "1", values))["error"]
    assert (error["code"], error["field"]) == ("face.no_face", "reference_face")
