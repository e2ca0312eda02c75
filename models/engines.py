"""What if a good package cannot live in this environment? It gets one of its own, and a pipe.

An engine is a second way to do what a model of ours does. MediaPipe 0.10.21, the last version that
ships its own networks, wants numpy < 2: it is installed into an environment under the models
directory and runs as a subprocess that answers arrays with arrays. Nothing here is needed by the
default path.

For the face room: `MediapipeMesh(engine)(pixels)` gives (faces, 478, 3) points of a whole picture;
the first 468 are numbered as those of `facemesh-468`. It finds its faces itself, so a wrapper picks
the one whose points lie in the face box that is asked for.

For the document room: `PaddleText(engine, detector, recogniser)` finds lines of text and reads them
as PaddleOCR 3.7 does, over the two networks that were pulled; paddlepaddle is not needed.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.models.lock_file import write_atomically
from veridical.models.workers.frames import FrameError, pack_arrays, unpack_arrays

__all__ = [
    "ENGINES",
    "Engine",
    "EngineProcess",
    "EngineSpec",
    "MediapipeMesh",
    "PaddleText",
    "find_engine",
    "install_engine",
    "remove_engine",
]

WORKERS_DIRECTORY = Path(__file__).parent / "workers"
MARK_NAME = "engine.json"
"""Written last: an environment without it is half built, and is built anew."""

INSTALL_TIMEOUT_S = 1800
ANSWER_TIMEOUT_S = 60.0
"""The first answer, which loads the networks, took 3 s from either engine; later ones below 1 s."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """An engine that can be installed.

    Attributes:
        name: Such as `mediapipe`.
        summary: What it does.
        licence: Of the package and its weights.
        pythons: Versions of Python it has wheels for.
        bare: Requirements whose own dependencies are left out.
        requirements: What it really needs.
        worker: Script that runs it.
    """

    name: str
    summary: str
    licence: str
    pythons: tuple[str, ...]
    bare: tuple[str, ...]
    requirements: tuple[str, ...]
    worker: str


ENGINES: Mapping[str, EngineSpec] = MappingProxyType(
    {
        "mediapipe": EngineSpec(
            name="mediapipe",
            summary="MediaPipe 0.10.21 face mesh: 478 points, irises included",
            licence="Apache-2.0",
            pythons=("3.9", "3.10", "3.11", "3.12"),
            # jax, sentencepiece and sounddevice, which it also asks for, serve other solutions.
            bare=("mediapipe==0.10.21",),
            requirements=(
                "numpy<2",
                "protobuf<5",
                "absl-py",
                "attrs",
                "flatbuffers",
                "matplotlib",
                "opencv-python-headless<4.12",
            ),
            worker="mediapipe_mesh.py",
        ),
        "paddleocr": EngineSpec(
            name="paddleocr",
            summary="PaddleOCR 3.7 on onnxruntime: lines of text over the same PP-OCRv6 networks",
            licence="Apache-2.0",
            pythons=("3.11", "3.12", "3.13"),
            # None of them asks for paddlepaddle.
            bare=(),
            requirements=("paddleocr==3.7.0", "paddlex[ocr-core]==3.7.2", "onnxruntime==1.26.0"),
            worker="paddleocr_text.py",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An installed engine.

    Attributes:
        spec: What it is.
        python: Its interpreter.
    """

    spec: EngineSpec
    python: Path

    @property
    def worker(self) -> Path:
        """Script that runs it."""
        return WORKERS_DIRECTORY / self.spec.worker


def find_engine(name: str, directory: Path) -> Engine:
    """An installed engine.

    Args:
        name: One of `ENGINES`.
        directory: The models directory.

    Raises:
        ModelError: `engine.unknown`; `engine.missing`: it is not installed, or only by half.
    """
    spec = _spec(name)
    home = _home(name, directory)
    python = home / "bin" / "python"
    if not (home / MARK_NAME).is_file() or not python.exists():
        raise ModelError(
            f"engine {name} is not installed; run `veridical engines install {name}`",
            "engine.missing",
        )
    return Engine(spec, python)


def install_engine(
    name: str, directory: Path, *, python: str = sys.executable, note: Callable[[str], None]
) -> Engine:
    """Build an engine's environment anew.

    Args:
        name: One of `ENGINES`.
        directory: The models directory.
        python: Interpreter to build it with.
        note: Hears of every step.

    Raises:
        ModelError: `engine.unknown`; `engine.python`: the interpreter has no wheels of it;
            `engine.install`: pip failed.
    """
    spec = _spec(name)
    version = _run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    if version not in spec.pythons:
        raise ModelError(
            f"engine {name} has wheels for Python {', '.join(spec.pythons)}, this is {version}; "
            "name another interpreter with --python",
            "engine.python",
        )
    home = _home(name, directory)
    note("make its environment")
    shutil.rmtree(home, ignore_errors=True)
    _run([python, "-m", "venv", str(home)])
    own = home / "bin" / "python"
    install = [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if spec.bare:
        note(f"install {', '.join(spec.bare)}")
        _run([*install, "--no-deps", *spec.bare])
    note(f"install {', '.join(spec.requirements)}")
    _run([*install, *spec.requirements])
    freeze = _run([str(own), "-m", "pip", "freeze", "--disable-pip-version-check"]).split()
    write_atomically(home / MARK_NAME, json.dumps({"packages": freeze}, indent=1).encode())
    return find_engine(name, directory)


def remove_engine(name: str, directory: Path) -> None:
    """Remove an engine's environment; nothing happens when there is none."""
    home = _home(_spec(name).name, directory)
    (home / MARK_NAME).unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)


class EngineProcess:
    """A worker that answers arrays with arrays; started when first asked, safe in many threads.

    Args:
        command: The worker's command line.
        timeout_s: How long an answer may take before the worker is given up.
    """

    def __init__(self, command: Sequence[str], timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._command = list(command)
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def ask(self, *arrays: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        """One question, one answer. A worker that failed is started anew by the next question.

        Raises:
            ModelError: `engine.failed`: the worker is gone, answers too late or with an error.
        """
        with self._lock:
            try:
                process = self._started()
                if process.stdin is not None:
                    process.stdin.write(pack_arrays(arrays))
                    process.stdin.flush()
                deadline = time.monotonic() + self._timeout_s
                return unpack_arrays(lambda count: _read(process, count, deadline))
            except FrameError as error:
                self._stop()
                raise ModelError(f"the engine says: {error}", "engine.failed") from error
            except (OSError, EOFError, TimeoutError) as error:
                self._stop()
                raise ModelError(
                    f"the engine gave no answer ({error}); `veridical engines install` builds it "
                    "anew",
                    "engine.failed",
                ) from error

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._stop()

    def __enter__(self) -> "EngineProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Nothing of ours may be imported over there.
                env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()  # closes the pipes, and lets the system forget the process


class MediapipeMesh:
    """MediaPipe's own face mesh.

    Args:
        engine: As `find_engine("mediapipe", directory)` gives it.
    """

    def __init__(self, engine: Engine) -> None:
        self._process = EngineProcess([str(engine.python), str(engine.worker)])

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Find faces and their points.

        Args:
            pixels: (h, w, 3) uint8, RGB.

        Returns:
            (faces, 478, 3) float32: x and y in pixels, z on the scale of x, towards the camera
            negative; the first 468 numbered as in `veridical.types.Mesh`.

        Raises:
            ModelError: `engine.failed`.
        """
        (points,) = self._process.ask(pixels)
        return points.astype(np.float32)

    def close(self) -> None:
        """End the worker."""
        self._process.close()


class PaddleText:
    """PaddleOCR's own detection and recognition of text.

    Args:
        engine: As `find_engine("paddleocr", directory)` gives it.
        detector: File of `ppocrv6-det-small`.
        recogniser: File of `ppocrv6-rec-small`.
    """

    def __init__(self, engine: Engine, detector: Path, recogniser: Path) -> None:
        command = [engine.python, engine.worker, detector, recogniser]
        self._process = EngineProcess([str(word) for word in command])

    def find(
        self, pixels: NDArray[np.uint8], side_px: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Find lines of text.

        Args:
            pixels: (h, w, 3) uint8, RGB.
            side_px: Longer side the net sees; a smaller picture is not enlarged.

        Returns:
            (lines, 4, 2) float32 corners in pixels of the picture, clockwise, and (lines,) float32
            scores, 0..1.

        Raises:
            ModelError: `engine.failed`.
        """
        quads, scores = self._process.ask(pixels, np.array([side_px], np.int32))
        return quads.astype(np.float32), scores.astype(np.float32)

    def read(self, pixels: NDArray[np.uint8]) -> tuple[str, float, NDArray[np.float32]]:
        """Read one line.

        Args:
            pixels: (h, w, 3) uint8, RGB: the line alone, upright.

        Returns:
            Its text as the net gives it; the mean probability of its characters, 0..1; where the
            middle of each lies along the line, (characters,) float32, 0..1.

        Raises:
            ModelError: `engine.failed`.
        """
        text, score, centres = self._process.ask(pixels)
        return text.tobytes().decode(), float(score[0]), centres.astype(np.float32)

    def close(self) -> None:
        """End the worker."""
        self._process.close()


def _read(process: subprocess.Popen[bytes], count: int, deadline: float) -> bytes:
    """So many bytes of an answer, before the deadline."""
    if process.stdout is None:
        return b""
    pipe, parts, left = process.stdout.fileno(), [], count
    while left:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError("it took too long")
        part = os.read(pipe, left)
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _spec(name: str) -> EngineSpec:
    if name not in ENGINES:
        raise ModelError(
            f"no engine is named {name!r}; there are: {', '.join(ENGINES)}", "engine.unknown"
        )
    return ENGINES[name]


def _home(name: str, directory: Path) -> Path:
    return directory / "engines" / name


def _run(command: list[str]) -> str:
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{command[0]} cannot be run: {error}", "engine.install") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise ModelError(
            f"{' '.join(command[:5])} failed: {lines[-1][:300] if lines else 'no word'}",
            "engine.install",
        )
    return result.stdout
