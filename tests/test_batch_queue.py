"""Rows from a folder: each is judged, whoever dies of it, and has one result."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from veridical.batch import queue as queues
from veridical.batch.queue import DirectoryQueue, work
from veridical.errors import StoreError
from veridical.verification.manifest import Row


def put(folder: Path, name: str, text: str) -> None:
    (folder / "inbox").mkdir(exist_ok=True)
    (folder / "inbox" / name).write_text(text, encoding="utf-8")


def result(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "done" / name).read_text(encoding="utf-8"))
    return found


def judged(row: Row) -> Mapping[str, Any]:
    return {"id": row.id, "problem": row.problem}


def left(folder: Path) -> list[str]:
    return [p.name for each in ("inbox", "taken") for p in (folder / each).iterdir()]


def test_every_row_has_one_result_whoever_takes_it(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path, f"{number}.json", json.dumps({"id": f"r{number}", "selfie": "a.jpg"}))
    counts: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: counts.append(
                work(DirectoryQueue(tmp_path), judged, lambda: False, wait=False)
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 40
    assert {result(tmp_path, f"{n}.json")["id"] for n in range(40)} == {f"r{n}" for n in range(40)}
    assert left(tmp_path) == []


def test_what_is_no_row_is_told_and_stops_nothing(tmp_path: Path) -> None:
    put(tmp_path, "a.json", "{")
    put(tmp_path, "b.json", '{"id": "1"}\n{"id": "2"}\n')
    put(tmp_path, "c.json", '{"id": "3"}')
    assert work(DirectoryQueue(tmp_path), judged, lambda: False, wait=False) == 3
    assert result(tmp_path, "a.json")["problem"]
    assert "one row" in result(tmp_path, "b.json")["problem"]
    assert result(tmp_path, "c.json") == {"id": "3", "problem": ""}


def test_a_row_whose_worker_died_is_taken_again_and_given_up_at_last(tmp_path: Path) -> None:
    put(tmp_path, "a.json", '{"id": "1"}')
    for death in range(2):
        taken = DirectoryQueue(tmp_path).take()  # and is never heard of again
        assert taken is not None
        assert taken.deaths == death
        assert DirectoryQueue(tmp_path).take() is None  # it is held
        long_ago = taken.path.stat().st_mtime - queues.LEASE_S - 1
        os.utime(taken.path, (long_ago, long_ago))
    assert work(DirectoryQueue(tmp_path), judged, lambda: False, wait=False) == 1
    assert result(tmp_path, "a.json")["error"]["code"] == "internal.worker_died"
    assert left(tmp_path) == []


def test_a_row_that_is_worked_on_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.json", '{"id": "1"}')
    monkeypatch.setattr(queues, "BEAT_S", 0.001)
    held, queue = threading.Event(), DirectoryQueue(tmp_path)
    hold = queue.hold

    def noted(taken: Any) -> None:  # noqa: ANN401
        hold(taken)
        held.set()

    monkeypatch.setattr(queue, "hold", noted)

    def slow(row: Row) -> Mapping[str, Any]:
        assert held.wait(60)
        return judged(row)

    assert work(queue, slow, lambda: False, wait=False) == 1


def test_a_store_that_fails_costs_no_row(tmp_path: Path) -> None:
    put(tmp_path, "a.json", '{"id": "1"}')

    def failing(row: Row) -> Mapping[str, Any]:
        raise StoreError("away")

    with pytest.raises(StoreError):
        work(DirectoryQueue(tmp_path), failing, lambda: False, wait=False)
    assert left(tmp_path) == ["0.a.json"]
