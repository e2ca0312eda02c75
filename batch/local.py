"""Rows through the processes of one machine."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any

from veridical.batch.rows import MAX_DEATHS, RowVerifier, StartEngine, worker_died
from veridical.verification import Settings
from veridical.verification.manifest import Row

__all__ = ["LocalEngine", "local_workers"]

WINDOW = 4
"""Rows handed out per worker: enough that none waits, few enough that memory stays flat."""


def local_workers(count: int) -> StartEngine:
    """Work in this many processes of this machine."""
    return lambda settings, media, _: LocalEngine(settings, media, count)


class LocalEngine:
    """A pool of processes that outlives its workers.

    Args:
        settings: The installation.
        media: The folder, as a path or URL, that media are named relative to.
        workers: Processes, at least 1; each loads the models once.
    """

    def __init__(self, settings: Settings, media: str, workers: int) -> None:
        self._settings = settings
        self._media = media
        self._workers = workers
        self._deaths: Counter[int] = Counter()
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a forked copy of an onnxruntime thread pool does not work.
        return ProcessPoolExecutor(
            self._workers,
            get_context("spawn"),
            initializer=_prepare,
            initargs=(self._settings, self._media),
        )

    def results(self, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        """See `Engine.results`."""
        open_: dict[Future[dict[str, Any]], Row] = {}
        again: list[Row] = []
        while True:
            self._hand_out(rows, open_, again)
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
                    self._restart()
                    if len(suspects) == 1:
                        self._deaths[row.number] += 1
                    if self._deaths[row.number] >= MAX_DEATHS:
                        yield worker_died(row)
                    else:
                        again += suspects
                    break

    def _hand_out(
        self, rows: Iterator[Row], open_: dict[Future[dict[str, Any]], Row], again: list[Row]
    ) -> None:
        """Give the pool as much work as it should have."""
        # After a death, suspects run one at a time: then the next death names its row.
        most = 1 if again else self._workers * WINDOW
        while len(open_) < most:
            row = again.pop() if again else next(rows, None)
            if row is None:
                return
            try:
                open_[self._pool.submit(_verify, row)] = row
            except BrokenProcessPool:  # a worker died since: of no row's fault that is known yet
                again.append(row)
                if open_:
                    return  # the rows it had tell of the death
                self._restart()

    def _restart(self) -> None:
        self.close()
        self._pool = self._start()

    def close(self) -> None:
        """See `Engine.close`."""
        self._pool.shutdown(wait=True, cancel_futures=True)


_verifier: RowVerifier | None = None
_failure: Exception | None = None


def _prepare(settings: Settings, media: str) -> None:
    """Load the models once a worker."""
    global _verifier, _failure
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        _verifier = RowVerifier(settings, media)
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
    return _verifier(row)
