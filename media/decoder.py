"""How is an untrusted clip decoded without risking the process that asked?"""

import atexit
import fcntl
import json
import math
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from veridical.errors import DecoderError, InputError, VeridicalError
from veridical.media.forensics import ImageInfo
from veridical.media.job import RGB, Job, Layout, PictureJob, SymbolJob, fits_planes
from veridical.media.limits import check_size, open_source
from veridical.media.planes import planar_images
from veridical.media.sniff import HEAD_BYTES
from veridical.media.wire import receive, send
from veridical.reading import TextLimits, read_json
from veridical.types import Image

__all__ = ["DecoderPool", "Pixels", "default_pool", "head_of", "memory_file", "opened"]

_CHANNELS = 3
_LAST_BREATH_S = 0.2
_ANSWER = TextLimits(1 << 20, values=200_000)
_SAMPLE_BYTES = 4
AnyJob = Job | PictureJob | SymbolJob
_KINDS: Mapping[type[AnyJob], str] = {
    Job: "recording",
    PictureJob: "picture",
    SymbolJob: "symbol",
}


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What the decoder process made of one file.

    Attributes:
        frames: All of one size; none when only sound was wanted.
        times_ms: (n,) float64.
        ends: (n,) int64, byte of the file by which each frame was whole, 0 where unknown; (0,)
            where that was not looked for.
        audio: (m,) float32, or None without a sound track.
    """

    frames: tuple[Image, ...]
    times_ms: NDArray[np.float64]
    ends: NDArray[np.int64]
    audio: NDArray[np.float32] | None


class _Worker:
    """One decoder process and the socket to it."""

    def __init__(self) -> None:
        self._connection, child = socket.socketpair()
        with child:
            # Neither secrets from the environment nor modules from the working folder get in.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "veridical.media.worker", str(child.fileno())],
                pass_fds=[child.fileno()],
                env={
                    "PYTHONPATH": os.pathsep.join(
                        str(Path(entry).absolute()) for entry in sys.path
                    ),
                    "OPENBLAS_NUM_THREADS": "1",
                    # What a file needed goes back when it is done: the next one's bound is its own.
                    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
                    # Nor does it find room in what a library's thread has put by.
                    "MALLOC_ARENA_MAX": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def ask(self, job: AnyJob, *files: int) -> dict[str, object]:
        """Have one file decoded, or its next window.

        Args:
            job: What is wanted.
            files: The file to read and the one to write; for a next window the latter alone.

        Raises:
            OSError: The process hung (`TimeoutError`) or went away.
            EOFError: The process went away.
            ValueError: The answer is no JSON object.
        """
        deadline = time.monotonic() + job.timeout_s
        self._connection.settimeout(job.timeout_s)
        send(self._connection, json.dumps({_KINDS[type(job)]: asdict(job)}).encode(), files)
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        answer = read_json(receive(self._connection)[0], _ANSWER)
        if not isinstance(answer, dict):
            raise ValueError("the decoder answered with something else than an object")
        return answer

    def kill(self) -> int | None:
        """End the process; answers what it ended of by itself, negative for a signal, or None."""
        self._connection.close()
        try:
            return self._process.wait(_LAST_BREATH_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None


_Told = dict[str, object]
_Decoded = TypeVar("_Decoded")


class _Died(Exception):
    """A process went away before it answered, or answered nonsense.

    Args:
        by_hand: Whether it was killed from outside: by whoever needed its memory.
    """

    def __init__(self, *, by_hand: bool) -> None:
        super().__init__()
        self.told: VeridicalError = (
            DecoderError("two decoders were killed over one file; try again")
            if by_hand
            else InputError("the file broke its decoder; record it again", "media.undecodable")
        )


class DecoderPool:
    """Warm decoder processes, at most `size` at work; a process that misbehaves is replaced.

    A process serves one file at a time. It is killed when it exceeds its time, dies, or answers
    with anything that does not fit its output; the caller sees an `InputError`.

    Args:
        size: Most processes at work at once; further callers wait.
    """

    def __init__(self, size: int) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        atexit.register(self.close)

    def decode(self, source: FileIO, job: Job) -> Pixels:
        """Decode one open file.

        Raises:
            InputError: As the decoder says, `media.timeout` when it was killed for its time, or
                `media.undecodable` when two of them broke over the file.
            DecoderError: `media.decoder_lost`: two of them were killed from outside.
        """
        return self._twice(job, source, _collect)

    def picture(self, source: FileIO, job: PictureJob) -> tuple[NDArray[np.uint8], ImageInfo]:
        """Decode one open picture.

        Returns:
            Pixels as stored, (height, width, 3) uint8 RGB, and what the header tells.

        Raises:
            InputError: As `decode`.
            DecoderError: As `decode`.
        """
        return self._twice(job, source, _collect_picture)

    def symbols(
        self, source: FileIO, job: SymbolJob, collect: "Callable[[_Told, FileIO], _Decoded]"
    ) -> _Decoded:
        """Decode the barcodes of an open file of grey pixels.

        Args:
            source: The pixels.
            job: Their size.
            collect: Makes something of the answer; raises ValueError where it is none.

        Raises:
            InputError: As `decode`.
            DecoderError: As `decode`.
        """
        return self._twice(job, source, collect)

    def _twice(
        self, job: AnyJob, source: FileIO, collect: Callable[[_Told, FileIO], _Decoded]
    ) -> _Decoded:
        """Have a file decoded; by a second process where the first one died over it."""
        for last in (False, True):
            with self._free:
                worker = self._take()
                try:
                    decoded = self._exchange(worker, job, collect, source.fileno())
                except _Died as death:
                    if last:
                        raise death.told from death
                    continue
                self._give_back(worker)
            if isinstance(decoded, InputError):
                raise decoded
            return decoded
        raise AssertionError

    def windows(self, source: FileIO, job: Job) -> Generator[Pixels, None, None]:
        """Decode the frames of one open file a window at a time.

        One process goes through the file from beginning to end; between two windows it is idle,
        and others decode.

        Yields:
            Windows of `job.window_s`, at least one, in order.

        Raises:
            InputError: As `decode`.
        """
        with self._free:
            worker = self._take()
        files: tuple[int, ...] = (source.fileno(),)
        done = False
        try:
            while not done:
                with self._free:
                    try:
                        pixels = self._exchange(worker, job, _collect, *files)
                    except _Died as death:
                        raise death.told from death
                files = ()
                done = isinstance(pixels, InputError) or not len(pixels.times_ms)
                if isinstance(pixels, InputError):
                    raise pixels
                if not done:
                    yield pixels
        finally:
            if done:
                self._give_back(worker)
            else:  # nobody wants the rest
                worker.kill()

    def _exchange(
        self,
        worker: _Worker,
        job: AnyJob,
        collect: Callable[[_Told, FileIO], _Decoded],
        *source: int,
    ) -> _Decoded | InputError:
        """Ask a worker; what it decoded, or why it refused. One that misbehaves is killed.

        Raises:
            InputError: `media.timeout`.
            _Died: It went away, or answered nonsense.
        """
        try:
            with memory_file() as output:
                answer = worker.ask(job, *source, output.fileno())
                if "code" in answer:
                    return InputError(str(answer.get("message")), str(answer["code"]))
                return collect(answer, output)
        except TimeoutError as error:
            worker.kill()
            raise _too_slow(f"{job.timeout_s:g} s") from error
        except (OSError, EOFError, ValueError, KeyError, TypeError, InputError) as error:
            ended = worker.kill()
            if ended in (-signal.SIGXCPU, -signal.SIGALRM):
                raise _too_slow(f"{job.cpu_s:g} s of processor time") from error
            raise _Died(by_hand=ended == -signal.SIGKILL) from error
        except BaseException:
            worker.kill()
            raise

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """End the idle processes; the pool stays usable."""
        if os.getpid() != self._pid:
            return  # a forked copy of the pool does not own the processes
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Worker()


def _too_slow(bound: str) -> InputError:
    return InputError(f"decoding took longer than {bound}; send a smaller file", "media.timeout")


def default_pool() -> DecoderPool:
    """The pool of this process: as many decoders as it may use processors."""
    return _pool_of(os.getpid())


@lru_cache
def _pool_of(pid: int) -> DecoderPool:  # a fork must not talk over its parent's sockets
    affinity = getattr(os, "sched_getaffinity", None)
    return DecoderPool(len(affinity(0)) if affinity else os.cpu_count() or 1)


def _collect(answer: dict[str, object], output: FileIO) -> Pixels:
    """Lay arrays over what the decoder wrote, after checking that it fits."""
    _seal(output)
    size = os.fstat(output.fileno()).st_size
    times = np.asarray(answer["times_ms"], np.float64)
    ends = np.asarray(answer["ends"], np.int64)
    width, height = int(str(answer["width"])), int(str(answer["height"]))
    offset, samples = int(str(answer["audio_offset"])), int(str(answer["audio_samples"]))
    layout = Layout(**_numbers_and_texts(answer["layout"]))
    if min(width, height, offset, samples + 1) < 0 or times.ndim != 1:
        raise ValueError("the decoder answered with negative sizes")
    if ends.shape not in (times.shape, (0,)):
        raise ValueError("the decoder did not answer with one end a frame")
    shape = _shape(layout, len(times), width, height)
    pixel_bytes = math.prod(shape)
    if not pixel_bytes <= offset <= size or offset + max(samples, 0) * _SAMPLE_BYTES > size:
        raise ValueError("the decoder answered with sizes beyond its output")
    # A private mapping: the pages are shared until somebody writes to an array.
    mapped = mmap.mmap(output.fileno(), size, access=mmap.ACCESS_COPY) if size else b""
    data = np.frombuffer(mapped, np.uint8, pixel_bytes).reshape(shape)
    audio = np.frombuffer(mapped, np.float32, samples, offset) if samples >= 0 else None
    if layout.pixel_format == RGB:
        return Pixels(tuple(Image(frame) for frame in data), times, ends, audio)
    return Pixels(planar_images(data, layout), times, ends, audio)


def _collect_picture(
    answer: dict[str, object], output: FileIO
) -> tuple[NDArray[np.uint8], ImageInfo]:
    """Lay an array over the picture that the decoder wrote, after checking that it fits."""
    _seal(output)
    size = os.fstat(output.fileno()).st_size
    width, height = int(str(answer["width"])), int(str(answer["height"]))
    if min(width, height) < 1 or width * height * _CHANNELS != size:
        raise ValueError("the decoder answered with sizes that are not those of its output")
    info = ImageInfo.of(_numbers_and_texts(answer["info"]))
    mapped = mmap.mmap(output.fileno(), size, access=mmap.ACCESS_COPY)
    return np.frombuffer(mapped, np.uint8).reshape(height, width, _CHANNELS), info


def _shape(layout: Layout, frames: int, width: int, height: int) -> tuple[int, ...]:
    """Shape of the frames as they lie in the output, from their size upright."""
    if layout.pixel_format == RGB:
        return frames, height, width, _CHANNELS
    if layout.quarter_turns % 2:
        width, height = height, width
    if not fits_planes(width, height):
        raise ValueError("the decoder answered with planes of a size that no planes have")
    return frames, height * 3 // 2, width


def _numbers_and_texts(told: object) -> dict[str, Any]:
    """An object of the answer, as the words of its type."""
    if not isinstance(told, dict):
        raise ValueError("the decoder did not tell how its frames lie")
    return told


@contextmanager
def memory_file() -> Iterator[FileIO]:
    """A nameless file that vanishes with its last user.

    Unbuffered, because the decoder process moves the position that both share.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with os.fdopen(descriptor, "w+b", buffering=0) as file:
            yield file
    else:
        with tempfile.TemporaryFile(buffering=0) as file:
            yield file


@contextmanager
def opened(source: bytes | Path, max_bytes: int) -> Iterator[FileIO]:
    """An upload as an open file that can be handed to another process.

    Raises:
        InputError: `media.missing`, `media.too_large`.
    """
    if isinstance(source, bytes):
        check_size(len(source), max_bytes)
        with memory_file() as file:
            file.write(source)
            yield file
    else:
        with open_source(source) as file:
            check_size(os.fstat(file.fileno()).st_size, max_bytes)
            yield file


def head_of(file: FileIO) -> bytes:
    """The bytes of an open file that tell its type."""
    file.seek(0)
    return file.read(HEAD_BYTES)


def _seal(file: FileIO) -> None:
    """Forbid the decoder to change or cut what the parent is about to map."""
    if sys.platform == "linux":
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
        fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals)
