"""The decoder process: takes jobs and files over a socket, answers with plain numbers.

It is started with a bare environment, holds no keys and no models, caps its own memory and ends
itself when a job takes too long. Frames go into a file that the parent handed over and seals;
nothing that comes back is unpickled.
"""

import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import av.error

from veridical.errors import InputError
from veridical.media.demux import decode
from veridical.media.job import Job
from veridical.media.wire import receive, send

__all__ = ["serve"]

_FILES_PER_JOB = 2
_GRACE_S = 2
_SAMPLE_BYTES = 4


def serve(connection: socket.socket) -> None:
    """Decode one job after another until the parent hangs up."""
    while True:
        try:
            message, files = receive(connection, _FILES_PER_JOB)
        except EOFError:
            return
        job = Job(**json.loads(message))
        # The parent kills first; this holds when the parent itself has died.
        signal.alarm(int(job.timeout_s) + _GRACE_S)
        answer = _answer(files[0], files[1], job)
        signal.alarm(0)
        send(connection, json.dumps(answer).encode())


def _answer(source: int, target: int, job: Job) -> dict[str, object]:
    with os.fdopen(source, "rb") as file, os.fdopen(target, "wb") as output:
        limits = _limit_memory(job.memory_bytes)
        try:
            decoded = decode(file, output, job)
            # Samples want an address that is a multiple of their size.
            output.write(bytes(-output.tell() % _SAMPLE_BYTES))
            offset = output.tell()
            if decoded.audio is not None:
                output.write(decoded.audio.data)
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
    return {
        "width": decoded.width,
        "height": decoded.height,
        "times_ms": decoded.times_ms,
        "audio_offset": offset,
        "audio_samples": -1 if decoded.audio is None else len(decoded.audio),
    }


def _refusal(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message}


def _limit_memory(allowance: int) -> tuple[int, int]:
    """Let the process grow by `allowance` bytes of address space; returns the limits before."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.exists():  # elsewhere the caps on pixels and frames and the timeout must do
        pages = int(statm.read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + allowance
        resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    return before


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
