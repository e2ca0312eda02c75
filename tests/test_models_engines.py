"""An engine is a pipe that carries arrays, tells its errors and never hangs."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from veridical.errors import ModelError
from veridical.models.engines import (
    ENGINES,
    MARK_NAME,
    WORKERS_DIRECTORY,
    EngineProcess,
    find_engine,
    install_engine,
    remove_engine,
)
from veridical.models.workers.frames import FrameError, pack_arrays, pack_error, unpack_arrays

WORKER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from frames import pack_arrays, pack_error, unpack_arrays
while True:
    try:
        asked = unpack_arrays(sys.stdin.buffer.read)
    except EOFError:
        break
    code = int(asked[0].ravel()[0])
    if code == 1:
        sys.stdout.buffer.write(pack_error("cannot"))
    elif code == 2:
        sys.exit(1)
    elif code == 3:
        sys.stdout.buffer.write(b"rubbish!")
    elif code == 4:
        sys.stdout.buffer.write(pack_arrays(asked)[:-1])
        sys.stdout.buffer.flush()
        sys.stdin.buffer.read()
    else:
        sys.stdout.buffer.write(pack_arrays(asked))
    sys.stdout.buffer.flush()
"""


def worker(timeout_s: float = 30.0) -> EngineProcess:
    return EngineProcess([sys.executable, "-c", WORKER, str(WORKERS_DIRECTORY)], timeout_s)


@given(
    st.lists(
        arrays.arrays(
            st.sampled_from(["u1", "f4", "f8", "i4", "i8"]),
            arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        ),
        max_size=3,
    )
)
def test_arrays_come_back_as_they_went(values: list[np.ndarray]) -> None:  # type: ignore[type-arg]
    found = unpack_arrays(io.BytesIO(pack_arrays(values)).read)
    assert len(found) == len(values)
    for there, back in zip(values, found, strict=True):
        assert there.dtype == back.dtype
        np.testing.assert_array_equal(there, back)


def test_a_cut_message_is_the_end_of_the_other_side() -> None:
    whole = pack_arrays([np.arange(3.0)])
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            unpack_arrays(io.BytesIO(whole[:length]).read)


@pytest.mark.parametrize(
    "message",
    [
        b"HTTP/1.1 200",
        b"VRDF\xff\xff\xff\xff",
        b"VRDF\x01\0\0\0\x09\x00",
        b"VRDF\x01\0\0\0\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff",  # would be 2^64 bytes
        pack_error("cannot"),
    ],
)
def test_rubbish_and_errors_are_told_apart_from_answers(message: bytes) -> None:
    with pytest.raises(FrameError):
        unpack_arrays(io.BytesIO(message).read)


def test_other_types_are_not_sent() -> None:
    with pytest.raises(FrameError, match="complex"):
        pack_arrays([np.zeros(2, np.complex64)])


def test_a_worker_answers_many_questions() -> None:
    with worker() as process:
        for k in range(10, 13):
            (back,) = process.ask(np.full((2, 3), k, np.float32))
            assert (back == k).all()


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_worker_that_fails_is_an_error_and_the_next_question_is_answered(code: int) -> None:
    with worker() as process:
        with pytest.raises(ModelError) as caught:
            process.ask(np.array([code]))
        assert caught.value.code == "engine.failed"
        assert process.ask(np.array([9]))[0][0] == 9


def test_a_worker_that_stops_within_an_answer_is_given_up() -> None:
    with worker() as process:
        process.ask(np.array([9]))  # however long a busy machine takes to start it
        process._timeout_s = 0.5
        with pytest.raises(ModelError, match="too long"):
            process.ask(np.array([4]))


def test_an_engine_that_is_not_there_is_missing(tmp_path: Path) -> None:
    for name, code in (("mediapipe", "engine.missing"), ("warp", "engine.unknown")):
        with pytest.raises(ModelError) as caught:
            find_engine(name, tmp_path)
        assert caught.value.code == code


def test_a_half_built_engine_is_missing(tmp_path: Path) -> None:
    python = tmp_path / "engines" / "mediapipe" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"")
    with pytest.raises(ModelError, match="not installed"):
        find_engine("mediapipe", tmp_path)
    (tmp_path / "engines" / "mediapipe" / MARK_NAME).write_text("{}")
    assert find_engine("mediapipe", tmp_path).python == python
    remove_engine("mediapipe", tmp_path)
    with pytest.raises(ModelError):
        find_engine("mediapipe", tmp_path)


def test_an_interpreter_without_wheels_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 3.99\n")
    python.chmod(0o755)
    with pytest.raises(ModelError, match=r"3\.99") as caught:
        install_engine("mediapipe", tmp_path, python=str(python), note=print)
    assert caught.value.code == "engine.python"
    assert not (tmp_path / "engines").exists()


def test_an_interpreter_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        install_engine("mediapipe", tmp_path, python=str(tmp_path / "none"), note=print)
    assert caught.value.code == "engine.install"


def test_every_engine_has_its_worker() -> None:
    for spec in ENGINES.values():
        assert (WORKERS_DIRECTORY / spec.worker).is_file()
