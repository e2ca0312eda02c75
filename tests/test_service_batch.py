"""Every row of a manifest gets one result line, whatever dies on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.patience import PATIENCE_S, eventually
from veridical import InputError, ModelError, StoreError
from veridical.batch import Journal, local, local_workers, run_batch
from veridical.batch.local import LocalEngine
from veridical.batch.report import write_report
from veridical.batch.rows import verify_row
from veridical.verification import Settings, load_verifier
from veridical.verification.manifest import Row, load_transaction, read_manifest
from veridical.verification.sources import Folder, Remote, source_at


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation without models: every check says so, which is quick."""
    return Settings(models_dir=tmp_path / "no-models", policy="selfie", allow_missing=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PIL.Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(tmp_path / "selfie.png")
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    return tmp_path


def write_manifest(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def good(count: int) -> list[dict[str, Any]]:
    return [{"id": f"t{i}", "selfie": "selfie.png"} for i in range(1, count + 1)]


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]


def test_bad_rows_become_results_and_stop_nothing(folder: Path, settings: Settings) -> None:
    manifest = write_manifest(
        folder,
        {"id": "a", "selfie": "selfie.png"},
        {"id": "b", "selfie": "text.jpg"},
        {"id": "c", "selfie": "absent.png"},
        {"id": "d"},
        {"id": "e", "selfie": "selfie.png", "policy": "absent.toml"},
        {"id": "f", "selfie": "selfie.png", "digits": "12"},
        {"id": "g", "selfie": 3},
        {"id": "h", "selfie": "selfie.png", "expect": {"outcome": "accept"}},
    )
    with manifest.open("a", encoding="utf-8") as stream:
        stream.write("{broken\n")
    summary = run_batch(manifest, folder / "out", settings, start=local_workers(2), resume=False)
    codes = {line["id"]: line.get("error", {}).get("code") for line in lines(folder / "out")}
    assert codes == {
        "a": None, "b": "media.not_an_image", "c": "media.missing", "d": "manifest.malformed",
        "e": "policy.unknown", "f": "challenge.malformed", "g": "manifest.malformed", "h": None,
        "9": "manifest.malformed",
    }  # fmt: skip
    assert (summary.rows, summary.done, summary.unexpected) == (9, 9, 1)
    assert summary.outcomes == {"review": 2}


def test_a_csv_manifest_says_the_same(folder: Path, settings: Settings) -> None:
    path = folder / "manifest.csv"
    path.write_text(
        'id,selfie,digits,language,schedule_ms\na,selfie.png,4711,zh,"[0, 900, 1800, 2700]"\n'
        "b,selfie.png,,,nonsense\n",
        encoding="utf-8",
    )
    first, second = read_manifest(path)
    challenge = load_transaction(first, Folder(folder)).challenge
    assert challenge is not None
    assert (challenge.digits, challenge.language, len(challenge.schedule_ms)) == ("4711", "zh", 4)
    with pytest.raises(InputError, match="row 2"):
        load_transaction(second, Folder(folder))


def test_a_statement_reaches_the_transaction(folder: Path) -> None:
    said = {"id": "a", "selfie": "selfie.png", "statement": "我同意", "language": "zh"}
    more = [
        {**said, "digits": "4711", "language": "en"},
        {**said, "statement": ""},
        {**said, "statement": "x" * 2_001},
        {**said, "statement": 7},
        {**said, "language": "fr"},
    ]
    first, spoken, without, *bad = read_manifest(write_manifest(folder, said, *more))
    found = load_transaction(first, Folder(folder))
    assert (found.statement, found.language, found.challenge) == ("我同意", "zh", None)
    found = load_transaction(spoken, Folder(folder))
    assert (found.statement, found.language) == ("我同意", "en")
    assert load_transaction(without, Folder(folder)).statement == ""
    for row in bad:
        with pytest.raises(InputError, match=f"row {row.number}: "):
            load_transaction(row, Folder(folder))


def test_a_line_without_end_does_not_fill_memory(folder: Path) -> None:
    path = folder / "manifest.jsonl"
    path.write_bytes(b"x" * (3 << 20) + b"\n" + json.dumps(good(1)[0]).encode())
    rows = list(read_manifest(path))
    assert [bool(row.problem) for row in rows] == [True, False]


def test_hostile_rows_stop_no_other_row(folder: Path) -> None:
    path = folder / "manifest.jsonl"
    hostile = '{"id": ' + "[" * 100_000
    path.write_text(f"{hostile}\n{json.dumps(good(1)[0])}\n", encoding="utf-8")
    assert [bool(row.problem) for row in read_manifest(path)] == [True, False]
    path = folder / "manifest.csv"
    path.write_bytes(b"id,selfie\n" + b"a" * 200_000 + b",x\nb,selfie.png\n")
    rows = list(read_manifest(path))
    assert [bool(row.problem) for row in rows] == [True, False]
    assert rows[1].id == "b"


def test_results_are_not_overwritten_unasked(folder: Path, settings: Settings) -> None:
    manifest = write_manifest(folder, *good(1))
    run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=False)
    with pytest.raises(InputError, match="--resume"):
        run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=False)


def test_another_run_s_results_are_not_gone_on_with(folder: Path, settings: Settings) -> None:
    run_batch(
        write_manifest(folder, *good(1)),
        folder / "out",
        settings,
        start=local_workers(1),
        resume=False,
    )
    changed = write_manifest(folder, *good(2))
    with pytest.raises(InputError, match="another manifest"):
        run_batch(changed, folder / "out", settings, start=local_workers(1), resume=True)


def test_a_line_cut_off_is_written_again(tmp_path: Path) -> None:
    with Journal(tmp_path, {"run": 1}, resume=False) as journal:
        for row in (1, 2, 3):
            journal.write({"row": row, "id": str(row)})
    whole = (tmp_path / "results.jsonl").read_bytes()
    for cut in range(1, len(whole)):
        (tmp_path / "results.jsonl").write_bytes(whole[:cut])
        with Journal(tmp_path, {"run": 1}, resume=True) as journal:
            assert journal.done == set(range(1, whole[:cut].count(b"\n") + 1))
            for row in (1, 2, 3):
                journal.write({"row": row, "id": str(row)})
        assert (tmp_path / "results.jsonl").read_bytes() == whole


def test_two_runs_never_write_the_same_results(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, {"run": 1}, resume=False) as journal,
        pytest.raises(StoreError, match="another run"),
    ):
        Journal(tmp_path, {"run": 1}, resume=True)
    journal = Journal(tmp_path, {"run": 1}, resume=True)
    journal.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [("run.json", "", InputError), ("results.jsonl", "\0\0\n", StoreError)],
)
def test_a_damaged_folder_is_said_to_be_one(
    tmp_path: Path, name: str, content: str, error: type[Exception]
) -> None:
    with Journal(tmp_path, {"run": 1}, resume=False) as journal:
        journal.write({"row": 1, "id": "1"})
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(error):
        Journal(tmp_path, {"run": 1}, resume=True)


def test_a_missing_manifest_leaves_no_folder(folder: Path, settings: Settings) -> None:
    with pytest.raises(InputError, match="no manifest"):
        run_batch(
            folder / "absent.jsonl", folder / "out", settings, start=local_workers(1), resume=False
        )
    assert not (folder / "out").exists()


def test_an_installation_that_cannot_start_is_not_blamed_on_rows(
    folder: Path, settings: Settings
) -> None:
    settings.models_dir.mkdir()
    (settings.models_dir / "models.lock.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"models\.lock"):
        run_batch(
            write_manifest(folder, *good(2)),
            folder / "out",
            settings,
            start=local_workers(1),
            resume=False,
        )
    assert not (folder / "out").exists()


def test_what_nobody_foresaw_ends_one_row_only(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("4711")

    monkeypatch.setattr("veridical.batch.rows.load_transaction", fail)
    (row,) = read_manifest(write_manifest(folder, *good(1)))
    error = verify_row(load_verifier(settings), Folder(folder), row)["error"]
    assert error == {"code": "internal.error", "message": "row 1: an unforeseen ZeroDivisionError"}


def test_an_id_that_is_no_text_stops_nothing(folder: Path, settings: Settings) -> None:
    manifest = write_manifest(folder, {"id": "\ud800", "selfie": "text.jpg"}, *good(1))
    run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=False)
    assert sorted(line["id"] for line in lines(folder / "out")) == ["1", "t1"]


def command(manifest: Path, out: Path) -> list[str]:
    program = "from veridical.cli import main; main()"
    return [
        sys.executable, "-c", program, "batch", str(manifest), "--out", str(out),
        "--workers", "2", "--policy", "selfie", "--resume",
    ]  # fmt: skip


def written(out: Path) -> int:
    path = out / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(process: "subprocess.Popen[bytes]", out: Path, count: int) -> None:
    eventually(lambda: written(out) >= count or process.poll() is not None, "a row")


def children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes through /proc")
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_kill_loses_no_row_and_doubles_none(
    folder: Path, settings: Settings, victim: str
) -> None:
    rows = 600
    manifest, out = write_manifest(folder, *good(rows)), folder / "out"
    environment = {
        **os.environ,
        "VERIDICAL_MODELS_DIR": str(settings.models_dir),
        "VERIDICAL_ALLOW_MISSING": "1",
    }
    running = subprocess.Popen(command(manifest, out), env=environment, stderr=subprocess.PIPE)
    wait_for(running, out, 5)
    if victim == "driver":
        running.kill()
        # Ends only when the workers, which hold the pipe too, have ended with their parent.
        running.communicate(timeout=PATIENCE_S)
        assert written(out) < rows
        again = subprocess.run(
            command(manifest, out),
            env=environment,
            capture_output=True,
            check=False,
            timeout=2 * PATIENCE_S,
        )
        assert again.returncode == 0, again.stderr.decode()[-500:]
    else:
        spawned = [pid for pid in children(running.pid) if b"spawn_main" in cmdline(pid)]
        os.kill(spawned[0], signal.SIGKILL)
        _, error = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0, error.decode()[-500:]
    assert sorted(line["row"] for line in lines(out)) == list(range(1, rows + 1))
    assert all("verdict" in line for line in lines(out))


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_report_counts_what_the_lines_say(folder: Path, settings: Settings) -> None:
    manifest = write_manifest(folder, *good(3), {"id": "<b>", "selfie": "text.jpg"})
    out = folder / "out"
    summary = run_batch(manifest, out, settings, start=local_workers(1), resume=False)
    page = write_report(out, manifest.name, summary).read_text(encoding="utf-8")
    assert "4 of 4 rows" in page
    assert "row 4: selfie: " in page
    assert "policy selfie@" in page
    assert "review 3" in page
    assert "media.not_an_image" in page
    assert "<b>" not in page


def test_results_of_other_models_are_not_gone_on_with(folder: Path, settings: Settings) -> None:
    manifest = write_manifest(folder, *good(1))
    run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=False)
    run = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    run["models"]["sface-2021dec"] = "0" * 64
    (folder / "out" / "run.json").write_text(json.dumps(run), encoding="utf-8")
    with pytest.raises(InputError, match="model set"):
        run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=True)


def test_media_and_manifest_may_lie_behind_a_url(folder: Path, settings: Settings) -> None:
    write_manifest(folder, *good(2), {"id": "gone", "selfie": "absent.png"})
    summary = run_batch(
        f"file://{folder}/manifest.jsonl",
        folder / "out",
        settings,
        start=local_workers(1),
        resume=False,
    )
    assert summary.outcomes == {"review": 2}
    assert summary.errors == {"media.missing": 1}
    with pytest.raises(InputError, match="no manifest"):
        run_batch(
            f"file://{folder}/absent.jsonl",
            folder / "other",
            settings,
            start=local_workers(1),
            resume=False,
        )


@pytest.mark.parametrize(
    "name", ["../selfie.png", "/etc/passwd", "file:///etc/passwd", "a/../../b.png", "..\\b.png"]
)
def test_a_remote_row_leads_nowhere_else(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="relative"):
        source_at(f"file://{folder}").medium(name, 1 << 20)


def test_a_remote_medium_is_read_up_to_its_limit(folder: Path) -> None:
    source = Remote(f"file://{folder}")
    size = (folder / "selfie.png").stat().st_size
    assert source.medium("selfie.png", size) == (folder / "selfie.png").read_bytes()
    with pytest.raises(InputError) as caught:
        source.medium("selfie.png", size - 1)
    assert caught.value.code == "media.too_large"


def test_a_url_nobody_reads_is_refused(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        source_at("gopher://somewhere")
    assert caught.value.code == "usage.url"


def test_a_place_that_does_not_answer_ends_the_run_and_blames_no_row(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    class Silent:
        def has(self, name: str) -> bool:
            raise AssertionError(name)

        def medium(self, name: str, max_bytes: int) -> bytes:
            nonlocal asked
            asked += 1
            raise StoreError(f"{name} of {max_bytes}", "store.unreachable")

    monkeypatch.setattr("veridical.batch.rows.PAUSE_S", 0.0)
    (row,) = read_manifest(write_manifest(folder, *good(1)))
    with pytest.raises(StoreError):
        verify_row(load_verifier(settings), Silent(), row)
    assert asked == 3


def test_results_go_into_a_table(folder: Path, settings: Settings) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the parquet extra is not installed")
    from veridical.batch.parquet import write_parquet

    manifest = write_manifest(
        folder, *good(3), {"id": "b", "selfie": "text.jpg"}, {"id": "\ud800", "selfie": "x"}
    )
    run_batch(manifest, folder / "out", settings, start=local_workers(1), resume=False)
    table = parquet.read_table(write_parquet(folder / "out", piece=2))
    assert sorted(table.column("row").to_pylist()) == [1, 2, 3, 4, 5]
    by_row = {line["row"]: line for line in table.to_pylist()}
    assert by_row[4]["error_code"] == "media.not_an_image"
    assert by_row[1]["outcome"] == "review"
    written = {line["row"]: line for line in lines(folder / "out")}[1]["verdict"]["checks"]
    assert [check["check"] for check in by_row[1]["checks"]] == [c["check"] for c in written]


def test_a_worker_that_dies_between_two_rows_costs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that lost a worker says so at the next row handed in, before any result does."""
    engine = LocalEngine(Settings(), ".", 1)
    failing = [True, False, True, True, False, False]

    class Pool:
        def submit(self, _: object, row: Row) -> Future[dict[str, int]]:
            if failing.pop(0):
                raise BrokenProcessPool
            done: Future[dict[str, int]] = Future()
            done.set_result({"row": row.number})
            return done

        def shutdown(self, **_: object) -> None:
            pass

    engine.close()
    monkeypatch.setattr(engine, "_pool", Pool())
    monkeypatch.setattr(engine, "_start", Pool)
    monkeypatch.setattr(local, "WINDOW", 1)
    rows = iter([Row(1, "a", {}), Row(2, "b", {}), Row(3, "c", {})])
    assert sorted(result["row"] for result in engine.results(rows)) == [1, 2, 3]
