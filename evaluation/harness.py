"""How are thousands of trials measured once, on every core, and not lost when a run breaks off?

Scoring writes rows to a score file as it goes; deciding reads the file. A run that was interrupted
goes on where it stopped, and figures can be worked out anew without any model.
"""

import csv
import hashlib
import io
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import veridical
from veridical.errors import InputError

__all__ = [
    "Maker",
    "ScoreFile",
    "Unit",
    "Worker",
    "available_cores",
    "code_hash",
    "score_units",
    "stamp_run",
]

U = TypeVar("U")
U_contra = TypeVar("U_contra", contravariant=True)

UNIT = "unit"
MEASURING_ROOMS = ("models", "media", "face", "liveness", "ocr", "voiceprint", "gallery")
QUEUED_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class Unit(Generic[U]):
    """A piece of work that is measured as a whole.

    Attributes:
        key: Names it in the score file; unique and the same at every run.
        work: What the worker gets.
    """

    key: str
    work: U


class Worker(Protocol[U_contra]):
    """Measures one unit; lives in one process and keeps its models loaded."""

    def __call__(self, work: U_contra) -> Sequence[Mapping[str, object]]:
        """Measure one unit and answer its rows of the score file."""
        ...


class Maker(Protocol[U_contra]):
    """Builds a worker in its own process; travels there by pickling."""

    def __call__(self) -> Worker[U_contra]:
        """Build the worker."""
        ...


class ScoreFile:
    """A CSV of measured rows that survives an interruption.

    The rows of a unit are written at once; a torn end is cut off when the file is opened again.

    Args:
        path: The file.
        columns: Its columns besides `unit`.

    Raises:
        InputError: `evaluation.other_run`: there is a file with other columns.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self.columns = (UNIT, *columns)
        self._head = ",".join(self.columns) + "\n"
        if not path.exists() or not path.stat().st_size:
            path.write_text(self._head, encoding="utf-8")
        else:
            self._mend()
        self.done = frozenset(row[UNIT] for row in self.rows())

    def rows(self) -> Iterator[dict[str, str]]:
        """Every row, as text."""
        with self.path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)

    def add(self, key: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Append the rows of one unit."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            cells = [row.get(column) for column in self.columns[1:]]
            writer.writerow([key, *("" if cell is None else _cell(cell) for cell in cells)])
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())

    def _mend(self) -> None:
        content = self.path.read_bytes()
        if not content.startswith(self._head.encode()):
            raise InputError(
                f"{self.path.name} in that folder has other columns: it is of another run; "
                "choose another --out",
                "evaluation.other_run",
            )
        if not content.endswith(b"\n"):
            # The torn unit is measured again as a whole, its complete rows included.
            lines = content.decode(errors="replace").splitlines(keepends=True)
            torn = lines[-1].split(",")[0]
            kept = [line for line in lines[:-1] if line.split(",")[0] != torn]
            self.path.write_text("".join(kept), encoding="utf-8")


def _cell(value: object) -> object:
    """Floats with as many digits as a float32 needs."""
    return f"{value:.9g}" if isinstance(value, float) else value


def stamp_run(out: Path, stamp: Mapping[str, object]) -> None:
    """Make sure that a folder holds this run or none.

    The code that measures is stamped too: a score belongs to the code that made it.

    Args:
        out: The folder; made when it is not there.
        stamp: What decides the scores besides: data, models and options.

    Raises:
        InputError: `evaluation.other_run`: the folder holds scores of other data, models or
            options, which must not be mixed with these.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "run.json"
    stamp = {**stamp, "code": code_hash()}
    text = json.dumps(stamp, indent=1, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(key for key in {*stamp, *earlier} if stamp.get(key) != earlier.get(key))
        raise InputError(
            f"the folder {out.name!r} holds scores of another run (differing: "
            f"{', '.join(changed)}); choose another --out or empty it",
            "evaluation.other_run",
        )
    path.write_text(text, encoding="utf-8")


@cache
def code_hash() -> str:
    """One sha256 over the source of every room that measures."""
    package = Path(veridical.__file__).parent
    total = hashlib.sha256()
    for room in MEASURING_ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()


def available_cores() -> int:
    """Cores this process may use: of its affinity, and of its cgroup's quota."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        limit, period = quota.read_text().split()
        if limit != "max":
            cores = min(cores, int(limit) // int(period))
    return max(1, cores)


def score_units(
    units: Sequence[Unit[U]],
    make: Maker[U],
    scores: ScoreFile,
    *,
    title: str,
    workers: int,
) -> float:
    """Measure every unit that the score file does not hold yet.

    With more than one worker each runs in a process of its own with single-threaded engines, so
    that the cores are used and not fought over. At most a few units a worker are under way,
    whatever their number.

    Args:
        units: All of them, those done included.
        make: Builds a worker.
        scores: Where the rows go.
        title: Beside the progress bar.
        workers: Processes; 1 measures in this one.

    Returns:
        CPU time this call took in all its processes, in seconds.
    """
    todo = [unit for unit in units if unit.key not in scores.done]
    with _progress() as progress:
        task = progress.add_task(title, total=len(units), completed=len(units) - len(todo))
        if not todo:
            return 0.0
        if workers == 1:
            start = time.process_time()
            worker = make()
            for unit in todo:
                scores.add(unit.key, worker(unit.work))
                progress.advance(task)
            return time.process_time() - start
        return _in_processes(todo, make, scores, workers, lambda: progress.advance(task))


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _in_processes(
    todo: Sequence[Unit[U]],
    make: Maker[U],
    scores: ScoreFile,
    workers: int,
    advance: Callable[[], None],
) -> float:
    # Spawned, not forked: a fork copies the locks of engines that have threads.
    pool = ProcessPoolExecutor(
        min(workers, len(todo)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(make,),
    )
    cpu_s: dict[int, float] = {}
    waiting = iter(todo)
    running: dict[Future[tuple[int, float, Sequence[Mapping[str, object]]]], str] = {}
    try:
        exhausted = False
        while running or not exhausted:
            while not exhausted and len(running) < workers * QUEUED_PER_WORKER:
                unit = next(waiting, None)
                if unit is None:
                    exhausted = True
                else:
                    running[pool.submit(_measure, unit.work)] = unit.key
            if running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    process, spent, rows = future.result()
                    cpu_s[process] = spent
                    scores.add(running.pop(future), rows)
                    advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return sum(cpu_s.values())


_worker: Worker[Any] | None = None


def _start(make: Maker[Any]) -> None:
    """Build this process's worker; engines that read these names stay single-threaded."""
    global _worker
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2

    cv2.setNumThreads(1)
    _worker = make()


def _measure(work: object) -> tuple[int, float, Sequence[Mapping[str, object]]]:
    """Measure in a worker process; says which process and its CPU seconds so far."""
    if _worker is None:
        raise RuntimeError("a worker process was not started")
    rows = _worker(work)
    return os.getpid(), time.process_time(), rows
