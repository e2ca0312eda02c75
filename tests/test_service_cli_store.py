"""`veridical keys` and `veridical db`: turning keys over, resources up, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from veridical.gallery import Gallery
from veridical.store import Database, MasterKeys
from veridical.store.schema import HEAD
from veridical.types import Template

Run = Callable[..., tuple[int, str, str]]

MODEL = "model@000000000000"
PROBE = Template(np.eye(8, dtype=np.float32)[0], MODEL)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of an installation of its own."""
    for name in ("DATABASE", "MASTER_KEYS", "MASTER_KEYS_FILE"):
        monkeypatch.delenv(f"VERIDICAL_{name}", raising=False)
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def run(run: Run, data: Path) -> Run:
    """Run the command line over that data folder."""
    assert data
    return run


def found(path: Path, keys: MasterKeys) -> list[str]:
    database = Database(path)
    hits = Gallery(database, keys, "list", MODEL).search(PROBE)
    database.close()
    return [hit.subject for hit in hits]


def test_rotating_leaves_the_new_key_alone_in_charge(run: Run, data: Path) -> None:
    assert run("db", "upgrade")[:2] == (0, f"version {HEAD}\n")
    assert run("keys", "list")[0] == 0
    path = data / "master.keys"
    database = Database(data / "veridical.db")
    Gallery(database, MasterKeys.from_file(path), "list", MODEL).enrol("s1", PROBE)
    database.close()
    code, output, _ = run("keys", "rotate")
    assert (code, "1 data keys" in output) == (0, True)
    keys = MasterKeys.from_file(path)
    assert len(keys.names) == 2
    only_new = MasterKeys({keys.current: keys.key(keys.current)})
    assert found(data / "veridical.db", only_new) == ["s1"]
    code, output, _ = run("keys", "rewrap")
    assert (code, output.startswith("0 data keys")) == (0, True)


def test_a_backup_holds_what_was_there_and_no_key(run: Run, data: Path, tmp_path: Path) -> None:
    run("db", "upgrade")
    keys = MasterKeys.from_text("a:" + "A" * 43 + "=")
    database = Database(data / "veridical.db")
    Gallery(database, keys, "list", MODEL).enrol("s1", PROBE)
    code, _, _ = run("db", "backup", tmp_path / "copy.db")
    database.close()
    assert code == 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    assert found(tmp_path / "copy.db", keys) == ["s1"]
    assert run("db", "backup", tmp_path / "copy.db")[0] == 3


def test_what_was_lost_comes_back_from_backup_and_keys(
    run: Run, data: Path, tmp_path: Path
) -> None:
    """The drill of docs/how-to/operations.md."""
    run("db", "upgrade")
    run("keys", "list")
    keys = MasterKeys.from_file(data / "master.keys")
    database = Database(data / "veridical.db")
    Gallery(database, keys, "list", MODEL).enrol("s1", PROBE)
    database.close()
    copy, key_copy = tmp_path / "copy.db", (data / "master.keys").read_text("ascii")
    run("db", "backup", copy)
    assert run("db", "restore", copy)[0] == 3  # nothing is overwritten
    for file in data.iterdir():
        file.unlink()

    code, _, errors = run("db", "restore", copy)  # the keys have not been given back
    assert (code, "store.keys" in errors) == (3, True)
    for file in data.iterdir():
        file.unlink()
    (data / "master.keys").write_text(key_copy, "ascii")
    (data / "master.keys").chmod(0o600)
    assert run("db", "restore", copy)[:2] == (0, f"version {HEAD}; all 1 data keys open\n")
    assert found(data / "veridical.db", keys) == ["s1"]


def test_a_damaged_backup_takes_nobody_s_place(run: Run, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    run("db", "upgrade")
    run("db", "backup", copy)
    whole = copy.read_bytes()
    for file in data.iterdir():
        file.unlink()
    copy.write_bytes(b"no database" * 500)
    assert run("db", "restore", copy)[0] == 3
    copy.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    assert run("db", "restore", copy)[0] == 3
    assert not (data / "veridical.db").exists()


def test_keys_of_the_environment_are_not_turned_over_here(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIDICAL_MASTER_KEYS", "a:" + "A" * 43 + "=")
    code, _, errors = run("keys", "rotate")
    assert (code, "usage.keys" in errors) == (2, True)
    assert run("keys", "list")[:2] == (0, "a  current\n")
    monkeypatch.setenv("VERIDICAL_MASTER_KEYS", "a:secretsecret")
    code, _, errors = run("keys", "list")
    assert (code, "secretsecret" in errors) == (3, False)


def test_a_key_file_that_others_can_read_stops_everything(run: Run, data: Path) -> None:
    run("keys", "list")
    (data / "master.keys").chmod(0o640)
    assert run("keys", "list")[0] == run("keys", "rotate")[0] == 3
