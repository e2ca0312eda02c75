"""The database: made once, kept safe, and its complaints turned into ours."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text, update

from tests.conftest import MIGRATE
from veridical.errors import StoreError
from veridical.store import Database, StoreFullError, database, erase_subject, rewrap
from veridical.store.keys import MasterKeys, new_key
from veridical.store.schema import HEAD, data_keys, galleries, metadata
from veridical.store.subjects import data_key, kept_data_keys


@pytest.fixture(autouse=True)
def _by_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the migrations themselves are tried, not the copy of what they made."""
    monkeypatch.setattr(Database, "upgrade", MIGRATE)


def opened(url: str) -> Database:
    made = Database(url)
    made.upgrade()
    return made


def test_a_new_database_comes_to_the_newest_version_once(database_url: str) -> None:
    made = Database(database_url)
    assert made.version == ""
    made.upgrade()
    made.upgrade()
    assert made.version == HEAD
    made.close()


def test_the_migrations_build_what_the_code_queries(database_url: str) -> None:
    made = opened(database_url)
    with made.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made.close()


def test_several_processes_may_upgrade_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(opened, [database_url] * 4))
    assert {each.version for each in made} == {HEAD}
    for each in made:
        each.close()


def test_a_database_of_a_newer_release_is_refused(database_url: str) -> None:
    made = opened(database_url)
    with made.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE compatibility SET oldest = '9999'"))
    with pytest.raises(StoreError) as caught:
        made.upgrade()
    assert caught.value.code == "store.schema"
    with made.writing() as connection:  # it only added what this release does without
        connection.execute(text("UPDATE compatibility SET oldest = :head"), {"head": HEAD})
    made.upgrade()
    assert made.version == "9999"
    made.close()


def test_who_finds_no_connection_free_is_told_to_come_back(postgres: str) -> None:
    made = Database(postgres, connections=1)
    made._engine.pool._timeout = 0.01  # type: ignore[attr-defined]
    with made.reading(), pytest.raises(StoreError) as caught, made.reading():
        pass
    assert caught.value.code == "store.busy"
    made.close()


def test_a_database_without_tables_says_what_to_run(database_url: str) -> None:
    made = Database(database_url)
    with pytest.raises(StoreError) as caught, made.reading() as connection:
        connection.execute(select(galleries))
    assert caught.value.code == "store.schema"
    made.close()


def test_what_raises_half_way_leaves_nothing(database_url: str) -> None:
    made = opened(database_url)

    def break_off() -> None:
        with made.writing() as connection:
            connection.execute(insert(galleries).values(tenant="t", name="g", revision=0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with made.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(galleries)) == 0
    made.close()


def test_sqlite_runs_with_full_synchronisation(tmp_path: Path) -> None:
    made = Database(tmp_path / "folder" / "a.db")
    with made.reading() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }
    made.close()


def test_a_full_disk_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    made = opened(f"sqlite:///{tmp_path}/a.db")

    def fill() -> None:
        with made.writing() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            rows = [{"tenant": "t", "name": f"{n}" * 20, "revision": 0} for n in range(2_000)]
            connection.execute(insert(galleries), rows)

    with pytest.raises(StoreFullError) as caught:
        fill()
    assert (caught.value.http_status, caught.value.code) == (507, "store.full")
    with made.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(galleries)) == 0
    made.close()


def test_a_writer_that_waits_too_long_is_told_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 20)
    made = opened(f"sqlite:///{tmp_path}/a.db")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught, made.writing():
        pass
    assert caught.value.code == "store.busy"
    other.close()
    made.close()


def test_errors_do_not_repeat_what_was_stored(database_url: str) -> None:
    made = opened(database_url)

    def add() -> None:
        with made.writing() as connection:
            connection.execute(insert(galleries).values(tenant="zhang", name="wei", revision=0))

    add()
    with pytest.raises(StoreError) as caught:
        add()
    assert caught.value.code == "store.conflict"
    assert "zhang" not in str(caught.value)
    made.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert caught.value.code == "store.url"


def test_turning_over_the_master_key_rewraps_every_data_key(database_url: str) -> None:
    made = opened(database_url)
    old, new = new_key(), new_key()
    with made.writing() as connection:
        names = [f"s{i}" for i in range(25)]
        before = kept_data_keys(connection, MasterKeys({"old": old}), "t", names)
    both = MasterKeys({"old": old, "new": new})
    assert rewrap(made, both) == 25
    assert rewrap(made, both) == 0
    with made.reading() as connection:
        only_new = MasterKeys({"new": new})
        after = {name: data_key(connection, only_new, "t", name) for name in before}
    assert after == before
    made.close()


def test_a_data_key_is_made_once(database_url: str) -> None:
    made, keys = opened(database_url), MasterKeys({"a": new_key()})

    def ask(_: int) -> bytes:
        with made.writing() as connection:
            return kept_data_keys(connection, keys, "t", ["s"])["s"]

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    made.close()


def test_erasing_a_subject_deletes_its_key(database_url: str) -> None:
    made, keys = opened(database_url), MasterKeys({"a": new_key()})
    with made.writing() as connection:
        kept_data_keys(connection, keys, "t", ["s"])
        kept_data_keys(connection, keys, "other", ["s"])
    erase_subject(made, "t", "s")
    with made.reading() as connection:
        assert data_key(connection, keys, "t", "s") is None
        assert data_key(connection, keys, "other", "s") is not None
    made.close()


def test_an_altered_wrapped_key_is_found(database_url: str) -> None:
    made, keys = opened(database_url), MasterKeys({"a": new_key()})
    with made.writing() as connection:
        kept_data_keys(connection, keys, "t", ["s"])
        connection.execute(update(data_keys).values(wrapped=bytes(40)))
    with pytest.raises(StoreError) as caught, made.reading() as connection:
        data_key(connection, keys, "t", "s")
    assert caught.value.code == "store.tampered"
    made.close()
