"""The decoder process: takes jobs and files over a socket, answers with plain numbers.

It is started with a bare environment, holds no keys and no models, caps its own memory and its
processor time, and ends itself when a job takes too long. Frames go into a file that the parent
handed over and seals; nothing that comes back is unpickled.
"""

import base64
import json
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Generator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

import av.error
import numpy as np

from veridical.errors import InputError
from veridical.media.demux import Decoded, decode, decode_windows
from veridical.media.job import Job, PictureJob, SymbolJob
from veridical.media.still import decode_picture
from veridical.media.wire import receive, send

__all__ = ["serve"]

_FILES_PER_JOB = 2
_GRACE_S = 2
_SAMPLE_BYTES = 4


def serve(connection: socket.socket) -> None:
    """Decode one job after another until the parent hangs up."""
    _idle_bytes()
    while True:
        try:
            message, files = receive(connection, _FILES_PER_JOB)
        except EOFError:
            return
        asked = json.loads(message)
        with os.fdopen(files[0], "rb") as file:
            if "picture" in asked:
                picture = PictureJob(**asked["picture"])
                _reply(connection, picture, partial(_pictured, file, files[1], picture))
                continue
            if "symbol" in asked:
                os.close(files[1])  # what is told fits the answer
                symbol = SymbolJob(**asked["symbol"])
                _reply(connection, symbol, partial(_symbols, file, symbol))
                continue
            job = Job(**asked["recording"])
            if job.window_s:
                _serve_windows(connection, file, files[1], job)
            else:
                _reply(connection, job, partial(_decoded, file, files[1], job))


def _serve_windows(connection: socket.socket, file: BinaryIO, target: int, job: Job) -> None:
    """Decode a file a window at a time, each into a file that the parent sends for it.

    A window without frames ends it.
    """
    windows: Generator[Decoded, BinaryIO, None] | None = None

    def following() -> dict[str, object]:
        nonlocal windows
        with os.fdopen(target, "wb") as output:
            try:
                if windows is None:
                    windows = decode_windows(file, output, job)
                    return _told(next(windows), output.tell())
                return _told(windows.send(output), output.tell())
            except StopIteration:
                return _told(Decoded(), output.tell())

    while _reply(connection, job, following).get("times_ms"):
        try:
            _, (target,) = receive(connection, 1)
        except EOFError:
            return


def _reply(
    connection: socket.socket,
    job: Job | PictureJob | SymbolJob,
    decoding: Callable[[], dict[str, object]],
) -> dict[str, object]:
    """Decode under the job's limits, and answer with what came of it."""
    # The parent kills first; this holds when the parent itself has died.
    signal.alarm(int(job.timeout_s) + _GRACE_S)
    answer = _answer(decoding, job)
    signal.alarm(0)
    send(connection, json.dumps(answer).encode())
    return answer


def _answer(
    decoding: Callable[[], dict[str, object]], job: Job | PictureJob | SymbolJob
) -> dict[str, object]:
    limits = _limit_memory(job.memory_bytes)
    cpu_limits = _limit_processor(job.cpu_s)
    try:
        return decoding()
    except InputError as error:
        return {"code": error.code, "message": str(error)}
    except (MemoryError, av.error.MemoryError):
        return _refusal("media.too_large", "decoding takes too much memory; send less")
    except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError):
        return _refusal("media.unsupported", "the file uses a codec that is not decoded here")
    except Exception:  # libav's bindings raise half of the built-in exceptions
        return _refusal("media.undecodable", "the file is damaged and cannot be decoded")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        resource.setrlimit(resource.RLIMIT_CPU, cpu_limits)


def _pictured(file: BinaryIO, target: int, job: PictureJob) -> dict[str, object]:
    """Decode a picture."""
    with os.fdopen(target, "wb", buffering=0) as output:
        return decode_picture(file, output, job)


def _symbols(file: BinaryIO, job: SymbolJob) -> dict[str, object]:
    """Decode the PDF417 symbols in a picture; the library is loaded by the first one that comes."""
    import zxingcpp

    file.seek(0)
    grey = np.frombuffer(file.read(), np.uint8).reshape(job.height, job.width)
    formats = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.PDF417])
    told = []
    for code in zxingcpp.read_barcodes(
        grey, formats=formats, try_rotate=False, try_downscale=False, try_invert=False
    ):
        at = code.position
        corners = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
        told.append(
            {
                "data": base64.b64encode(bytes(code.bytes)).decode(),
                "corners": [(point.x, point.y) for point in corners],
            }
        )
    return {"symbols": told}


def _decoded(file: BinaryIO, target: int, job: Job) -> dict[str, object]:
    """Decode a whole file; its sound follows its frames."""
    with os.fdopen(target, "wb") as output:
        decoded = decode(file, output, job)
        # Samples want an address that is a multiple of their size.
        output.write(bytes(-output.tell() % _SAMPLE_BYTES))
        offset = output.tell()
        if decoded.audio is not None:
            output.write(decoded.audio.data)
    return _told(decoded, offset)


def _told(decoded: Decoded, offset: int) -> dict[str, object]:
    """What was decoded, in numbers."""
    return {
        "width": decoded.width,
        "height": decoded.height,
        "times_ms": decoded.times_ms,
        "ends": decoded.ends,
        "layout": asdict(decoded.layout),
        "audio_offset": offset,
        "audio_samples": -1 if decoded.audio is None else len(decoded.audio),
    }


def _refusal(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message}


@cache
def _idle_bytes() -> int:
    """Address space of the process before its first job; 0 where nobody tells."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # there the caps on pixels and frames and the timeout must do
        return 0
    return int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _limit_memory(allowance: int) -> tuple[int, int]:
    """Let the process have `allowance` bytes of address space beyond those it had when idle.

    Whatever files before this one left behind counts: no file is given more for their sake.

    Returns:
        The limits before.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    if idle := _idle_bytes():
        resource.setrlimit(resource.RLIMIT_AS, (idle + allowance, before[1]))
    return before


def _limit_processor(allowance_s: float) -> tuple[int, int]:
    """Let the process run for so many more seconds; returns the limits before."""
    before = resource.getrlimit(resource.RLIMIT_CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + allowance_s)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, before[1]))
    return before


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold media in plain
    serve(socket.socket(fileno=int(sys.argv[1])))
