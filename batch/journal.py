"""Results that survive a kill: one line a row, exactly once."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from veridical.errors import InputError, StoreError, VeridicalError

__all__ = ["RESULTS", "RUN", "Journal"]

RESULTS = "results.jsonl"
RUN = "run.json"
SYNC_EVERY = 32
"""Lines between two fsyncs: after a power cut at most so many rows are verified again. A killed
process loses none: what was written is with the kernel."""


class Journal:
    """The output folder of one run.

    A result line is the journal entry: a row is done when its whole line stands in the file. A
    line cut off by a kill is removed when the run goes on, and its row verified again.

    Args:
        folder: Output folder; made when it does not exist.
        run: What identifies the run: hashes of manifest, policy and models. Going on with another
            run's results is refused.
        resume: Whether to go on with what stands in the folder.
        retry_errors: Whether rows that ended with an error are forgotten, to be done again.

    Attributes:
        done: Numbers of the rows that are done.

    Raises:
        InputError: `usage.not_empty`: results stand there and `resume` was not asked for;
            `usage.other_run`: they are of another run.
        StoreError: The folder cannot be written; `store.in_use`: another run writes to it;
            `store.damaged`: a line of the results is none.
    """

    def __init__(
        self, folder: Path, run: Mapping[str, Any], *, resume: bool, retry_errors: bool = False
    ) -> None:
        self.folder = folder
        self.done: set[int] = set()
        self._unsynced = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / RESULTS).open("ab+")
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            self._lock()
            self._begin(dict(run), resume)
            self._recover()
            if retry_errors:
                self._forget_errors()
        except OSError as error:
            self._file.close()
            raise _unwritable(folder, error) from error
        except VeridicalError:
            self._file.close()
            raise

    def _lock(self) -> None:
        """Hold the results alone until they are closed: two writers would double rows."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that forgets errors puts another file in this one's place.
            same = os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.folder / RESULTS))
        except BlockingIOError:
            same = False
        if not same:
            raise StoreError(
                f"another run is writing to {self.folder}: wait for it, or choose another --out",
                "store.in_use",
            )

    def _begin(self, run: dict[str, Any], resume: bool) -> None:
        """Refuse results that must not be added to; write down whose results these are."""
        marker = self.folder / RUN
        if os.fstat(self._file.fileno()).st_size and not resume:
            raise InputError(
                f"{self.folder / RESULTS} holds results already: pass --resume to go on, "
                "or another --out",
                "usage.not_empty",
            )
        if resume and marker.exists() and _run_of(marker) != run:
            raise InputError(
                f"{self.folder} holds results of another manifest, policy or model set; "
                "choose another --out",
                "usage.other_run",
            )
        # Whole or not there: a kill in between must not leave a run that can't be gone on with.
        fresh = marker.with_suffix(".new")
        fresh.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
        fresh.replace(marker)

    def _recover(self) -> None:
        """Learn which rows are done; cut off a line that is not whole."""
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                self.done.add(int(json.loads(line)["row"]))
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{self.folder / RESULTS} holds a line that is no result, at byte {whole}; "
                    "restore the file or choose another --out",
                    "store.damaged",
                ) from error
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)

    def _forget_errors(self) -> None:
        """Put results without those of rows that could not be verified in the file's place."""
        path = self.folder / RESULTS
        fresh = path.with_suffix(".new")
        kept = fresh.open("wb+")
        try:
            # Held before it is the results: no other run may come in between.
            fcntl.flock(kept, fcntl.LOCK_EX)
            self._file.seek(0)
            for line in self._file:
                result = json.loads(line)
                if "error" in result:
                    self.done.discard(int(result["row"]))
                else:
                    kept.write(line)
            kept.flush()
            os.fsync(kept.fileno())
            fresh.replace(path)
        except OSError:
            kept.close()
            raise
        self._file.close()
        self._file = kept

    def results(self) -> Iterator[dict[str, Any]]:
        """What stands in the results, from the first line on."""
        with (self.folder / RESULTS).open("rb") as lines:
            for line in lines:
                yield json.loads(line)

    def write(self, result: Mapping[str, Any]) -> None:
        """Add one row's result; a row that is done already is not written again.

        Raises:
            StoreError: The line could not be written, as on a full disk.
        """
        row = int(result["row"])
        if row in self.done:
            return
        text = json.dumps(dict(result), ensure_ascii=False, allow_nan=False)
        # An id may hold half a surrogate pair, which UTF-8 lacks: it stays the escape it came as.
        line = text.encode(errors="backslashreplace") + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
            self._unsynced += 1
            if self._unsynced >= SYNC_EVERY:
                self._sync()
        except OSError as error:
            raise StoreError(
                f"cannot write results: {error.strerror}; free space and go on with --resume"
            ) from error
        self.done.add(row)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._unsynced = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sync()
        self._file.close()


def _run_of(marker: Path) -> object:
    """What a marker says; None when it says nothing."""
    try:
        return json.loads(marker.read_bytes())
    except ValueError:
        return None


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write to {folder}: {error.strerror}")
