"""Rows through worker processes, results into the journal."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from veridical.errors import InputError, VeridicalError
from veridical.result import Outcome
from veridical.service.batch.journal import Journal
from veridical.service.wire import sha256_of
from veridical.verification import Settings, Verifier, load_policy, load_verifier, verdict_to_json
from veridical.verification.manifest import Row, load_transaction, read_manifest

__all__ = ["BatchSummary", "run_batch"]

WINDOW = 4
"""Rows handed out per worker: enough that none waits, few enough that memory stays flat."""
MAX_DEATHS = 2
"""Workers a row may take down before it is given up: two deaths are no accident."""

Progress = Callable[["BatchSummary"], None]


@dataclass(slots=True)
class BatchSummary:
    """How a run stands.

    Attributes:
        rows: Rows of the manifest seen so far.
        done: Rows with a result, those of earlier runs included.
        outcomes: Verdicts of this run by outcome.
        errors: Rows of this run that could not be verified, by error code.
        first_causes: First causes of this run's verdicts.
        unexpected: Rows whose verdict differs from the `expect` of their row.
    """

    rows: int = 0
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    first_causes: Counter[str] = field(default_factory=Counter)
    unexpected: int = 0

    def count(self, result: Mapping[str, Any]) -> None:
        """Count one result line."""
        self.done += 1
        if error := result.get("error"):
            self.errors[error["code"]] += 1
            return
        verdict = result["verdict"]
        self.outcomes[verdict["outcome"]] += 1
        if verdict["first_cause"]:
            self.first_causes[verdict["first_cause"]] += 1
        self.unexpected += result.get("as_expected") is False


def run_batch(
    manifest: Path,
    out: Path,
    settings: Settings,
    *,
    workers: int,
    resume: bool,
    progress: Progress = lambda _: None,
) -> BatchSummary:
    """Verify every row of a manifest.

    A bad row becomes a result line with an error code, `internal.error` when nobody foresaw it. A
    worker that dies is replaced and its rows are handed out again; a row that keeps killing workers
    is given up with `internal.worker_died`.

    Args:
        manifest: CSV or JSON Lines; see `read_manifest`.
        out: Folder of the results.
        settings: The installation; its policy counts for rows that name none.
        workers: Processes, at least 1; each loads the models once.
        resume: Go on with an earlier run's results.
        progress: Told after every row.

    Returns:
        The summary of this run.

    Raises:
        InputError: No such manifest or policy, or results that must not be mixed.
        ModelError: A model is altered.
        StoreError: Results could not be written; nothing written so far is lost.
    """
    if not manifest.is_file():
        raise InputError(f"no manifest {manifest}", "usage.no_file")
    policy = load_policy(settings.policy)
    store = settings.model_store()
    profile = store.profile(settings.profile)
    identity = {
        "manifest_sha256": sha256_of(manifest),
        "policy": policy.id,
        "policy_sha256": policy.sha256,
        "profile": profile.name,
        "models": {name: store.card(name).file.sha256 for name in profile.models},
    }
    with Journal(out, identity, resume=resume) as journal:
        summary = BatchSummary(done=len(journal.done))
        pending = _rows(manifest, journal, summary)
        runner = _Runner(settings, manifest.parent, workers)
        try:
            for result in runner.results(pending):
                journal.write(result)
                summary.count(result)
                progress(summary)
        finally:
            runner.close()
    return summary


def _rows(manifest: Path, journal: Journal, summary: BatchSummary) -> Iterator[Row]:
    for row in read_manifest(manifest):
        summary.rows += 1
        if row.number not in journal.done:
            yield row


class _Runner:
    """A pool that outlives its workers."""

    def __init__(self, settings: Settings, folder: Path, workers: int) -> None:
        self._settings = settings
        self._folder = folder
        self._workers = workers
        self._deaths: Counter[int] = Counter()
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a forked copy of an onnxruntime thread pool does not work.
        return ProcessPoolExecutor(
            self._workers,
            get_context("spawn"),
            initializer=_prepare,
            initargs=(self._settings, self._folder),
        )

    def results(self, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        """Results in the order in which they come."""
        open_: dict[Future[dict[str, Any]], Row] = {}
        again: list[Row] = []
        exhausted = False
        while True:
            while not exhausted and not again and len(open_) < self._workers * WINDOW:
                row = next(rows, None)
                if row is None:
                    exhausted = True
                else:
                    open_[self._pool.submit(_verify, row)] = row
            # After a death, suspects run one at a time: then the next death names its row.
            if again and not open_:
                row = again.pop()
                open_[self._pool.submit(_verify, row)] = row
            if not open_:
                return
            finished, _ = wait(open_, return_when=FIRST_COMPLETED)
            for future in finished:
                row = open_.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects = [row, *open_.values()]
                    open_.clear()
                    self.close()
                    self._pool = self._start()
                    if len(suspects) == 1:
                        self._deaths[row.number] += 1
                    if self._deaths[row.number] >= MAX_DEATHS:
                        yield _failed(row, "internal.worker_died", "the worker died on this row")
                    else:
                        again += suspects
                    break

    def close(self) -> None:
        """Let the workers go."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_verifier: Verifier | None = None
_failure: Exception | None = None
_folder = Path()


def _prepare(settings: Settings, folder: Path) -> None:
    """Load the models once a worker."""
    global _verifier, _failure, _folder
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _folder = folder
    try:
        _verifier = load_verifier(settings)
    except Exception as error:
        # Raised here it would look like a dead worker, and every row would be blamed for it.
        _failure = error


def _end_with_parent() -> None:
    """End this worker when the run is killed: nobody would ever give it work again."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _verify(row: Row) -> dict[str, Any]:
    """One row's result line; runs in a worker."""
    if _failure is not None:
        raise _failure
    if _verifier is None:
        raise RuntimeError("a worker was not prepared")
    try:
        transaction = load_transaction(row, _folder)
        name = row.values.get("policy")
        verdict = _verifier.verify(transaction, load_policy(str(name)) if name else None)
    except VeridicalError as error:
        return _failed(row, error.code, str(error))
    except Exception as error:
        # The text may quote the row: its type is enough to look for it with this row alone.
        return _failed(row, "internal.error", f"an unforeseen {type(error).__name__}")
    result: dict[str, Any] = {"row": row.number, "id": row.id, "verdict": verdict_to_json(verdict)}
    expected = row.values.get("expect")
    if isinstance(expected, dict) and expected.get("outcome") in list(Outcome):
        cause = expected.get("first_cause", verdict.first_cause)
        result["as_expected"] = bool(
            verdict.outcome == expected["outcome"] and verdict.first_cause == cause
        )
    return result


def _failed(row: Row, code: str, message: str) -> dict[str, Any]:
    return {"row": row.number, "id": row.id, "error": {"code": code, "message": message}}
