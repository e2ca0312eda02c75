"""Galleries: what was acknowledged is found, deleted is gone, moved is noticed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update

from veridical.errors import InputError, StoreError
from veridical.gallery import Attributes, Enrolment, Gallery, WatchlistCheck
from veridical.gallery.rates import FmrCurve
from veridical.result import ModelRef
from veridical.store import Database, MasterKeys, erase_subject, rewrap
from veridical.store.keys import new_key
from veridical.store.schema import data_keys, templates
from veridical.types import Template

MODEL = "model@0123456789ab"
KEYS = MasterKeys({"a": new_key()})


def face(number: int, dimensions: int = 64, model: str = MODEL) -> Template:
    vector = np.random.default_rng(number).standard_normal(dimensions).astype(np.float32)
    return Template(np.asarray(vector / np.linalg.norm(vector), np.float32), model)


def blend(a: Template, b: Template, cosine: float) -> Template:
    """A template at one cosine from `a`, leaning towards `b`."""
    rest = b.vector - a.vector * (a.vector @ b.vector)
    rest /= np.linalg.norm(rest)
    vector = cosine * a.vector + (1 - cosine**2) ** 0.5 * rest
    return Template(np.asarray(vector, np.float32), a.model)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "gallery.db")
    made.upgrade()
    yield made
    made.close()


def gallery(database: Database, name: str = "list", snapshot: Path | None = None) -> Gallery:
    return Gallery(database, KEYS, name, MODEL, snapshot=snapshot)


def code(error: pytest.ExceptionInfo[InputError] | pytest.ExceptionInfo[StoreError]) -> str:
    return error.value.code


def subjects(made: Gallery, probe: Template, limit: int = 3) -> list[str]:
    return [hit.subject for hit in made.search(probe, limit)]


# --- what is kept, and who sees it ----------------------------------------------------------------


def test_an_enrolled_subject_is_found_and_compared(database: Database) -> None:
    made = gallery(database)
    made.enrol_many([Enrolment(f"s{i}", face(i), Attributes(1950 + i, "F")) for i in range(50)])
    probe = blend(face(7), face(99), 0.8)
    best = made.search(probe, 1)[0]
    assert (best.subject, best.attributes) == ("s7", Attributes(1957, "F"))
    assert best.similarity == pytest.approx(0.8, abs=1e-5)
    assert made.compare("s7", probe) == pytest.approx(0.8, abs=1e-5)
    np.testing.assert_array_equal(made.template("s7").vector, face(7).vector)


def test_every_process_sees_each_change_with_its_next_search(database: Database) -> None:
    here, there = gallery(database), gallery(database)
    here.enrol("s1", face(1))
    assert subjects(there, face(1)) == ["s1"]
    there.enrol("s2", face(2))
    assert subjects(here, face(2), 1) == ["s2"]
    here.update("s1", face(3), Attributes(sex="M"))
    assert there.search(face(3), 1)[0].attributes.sex == "M"
    assert there.search(face(3), 1)[0].similarity == pytest.approx(1, abs=1e-5)
    assert here.delete("s1")
    assert subjects(there, face(3)) == ["s2"]
    assert erase_subject(database, "default", "s2") == 1
    assert subjects(here, face(2)) == subjects(there, face(2)) == []


def test_a_second_enrolment_of_a_subject_is_refused_whole(database: Database) -> None:
    made = gallery(database)
    made.enrol("s1", face(1))
    with pytest.raises(InputError) as caught:
        made.enrol_many([Enrolment("s2", face(2)), Enrolment("s1", face(3))])
    assert code(caught) == "gallery.exists"
    assert made.subjects() == {"s1"}
    assert made.compare("s1", face(1)) == pytest.approx(1, abs=1e-5)


def test_subjects_that_are_not_there_are_told(database: Database) -> None:
    made = gallery(database)
    for ask in (
        lambda: made.template("s1"),
        lambda: made.compare("s1", face(1)),
        lambda: made.update("s1", face(1)),
        lambda: made.duplicates("s1", 0.5),
    ):
        with pytest.raises(InputError) as caught:
            ask()
        assert code(caught) == "gallery.unknown_subject"
    assert made.delete("s1") is False
    assert made.search(face(1)) == []


def test_templates_of_two_models_never_compare(database: Database) -> None:
    made = gallery(database)
    made.enrol("s1", face(1))
    other = face(1, model="other@0123456789ab")
    for ask in (
        lambda: made.enrol("s2", other),
        lambda: made.search(other),
        lambda: made.compare("s1", other),
        lambda: made.update("s1", other),
    ):
        with pytest.raises(InputError) as caught:
            ask()
        assert code(caught) == "gallery.other_model"
    second = Gallery(database, KEYS, "list", other.model)
    assert second.search(other) == []
    second.enrol("s1", other)
    assert made.statistics().other_models == second.statistics().other_models == 1
    assert made.delete("s1")  # of all models
    assert second.search(other) == []


OLD = "older@0123456789ab"


def outdated_list(database: Database) -> Gallery:
    """A gallery of a new model whose three entries an older model enrolled."""
    older = Gallery(database, KEYS, "list", OLD)
    older.enrol_many(
        [Enrolment(f"s{i}", face(i, 32, OLD), Attributes(1950 + i, "F")) for i in range(3)]
    )
    return gallery(database)


def test_entries_of_an_older_model_are_told_and_made_anew_with_their_attributes(
    database: Database,
) -> None:
    made = outdated_list(database)
    assert made.search(face(1)) == []
    assert made.count_other_models() == 3
    told = made.outdated()
    assert [(one.subject, one.model) for one in told] == [(f"s{i}", OLD) for i in range(3)]
    made.renew([Enrolment(one.subject, face(i), one.attributes) for i, one in enumerate(told[:2])])
    assert subjects(made, face(1), 1) == ["s1"]
    assert made.search(face(1), 1)[0].attributes == Attributes(1951, "F")
    assert [one.subject for one in made.outdated()] == ["s2"]
    assert made.count_other_models() == made.statistics().other_models == 1
    older = Gallery(database, KEYS, "list", OLD)
    assert [hit.subject for hit in older.search(face(0, 32, OLD))] == ["s2"]


def test_an_index_of_the_older_model_forgets_what_was_made_anew(
    sqlite: Database, tmp_path: Path
) -> None:
    made = outdated_list(sqlite)
    path = tmp_path / "older.index"
    older = Gallery(sqlite, KEYS, "list", OLD, snapshot=path)
    older.save_snapshot()
    before = path.read_bytes()
    made.renew([Enrolment("s1", face(1))])
    assert {hit.subject for hit in older.search(face(1, 32, OLD))} == {"s0", "s2"}
    assert path.read_bytes() != before


def test_who_was_enrolled_again_meanwhile_keeps_the_newer_template(database: Database) -> None:
    made = outdated_list(database)
    made.enrol("s1", face(40), Attributes(1990, "M"))
    made.renew([Enrolment("s1", face(1)), Enrolment("s2", face(2))])
    assert made.search(face(40), 1)[0].attributes == Attributes(1990, "M")
    assert made.compare("s1", face(40)) == pytest.approx(1, abs=1e-5)
    assert [one.subject for one in made.outdated()] == ["s0"]


def test_only_entries_of_an_older_model_are_made_anew(database: Database) -> None:
    made = outdated_list(database)
    for stranger in ("s9", "s0"):
        enrolments = [Enrolment("s1", face(1)), Enrolment(stranger, face(9))]
        if stranger == "s0":
            made.renew([Enrolment("s0", face(0))])
        with pytest.raises(InputError) as caught:
            made.renew(enrolments)
        assert code(caught) == "gallery.unknown_subject"
    assert [one.subject for one in made.outdated()] == ["s1", "s2"]
    assert made.delete("s1")  # of all models
    assert [one.subject for one in made.outdated()] == ["s2"]


@pytest.mark.parametrize(
    "vector", [np.ones(64, np.float32), np.full(64, np.nan, np.float32), np.zeros(64, np.float32)]
)
def test_a_vector_that_is_not_of_unit_length_is_refused(sqlite: Database, vector: object) -> None:
    assert isinstance(vector, np.ndarray)
    with pytest.raises(InputError) as caught:
        gallery(sqlite).enrol("s1", Template(vector, MODEL))
    assert code(caught) == "gallery.template"


def test_a_template_of_another_length_is_refused(sqlite: Database) -> None:
    made = gallery(sqlite)
    made.enrol("s1", face(1))
    made.search(face(1))
    with pytest.raises(InputError) as caught:
        made.search(face(1, dimensions=32))
    assert code(caught) == "gallery.template"


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nbreak", "\x00"])
def test_odd_names_are_refused(sqlite: Database, name: str) -> None:
    for ask in (lambda: gallery(sqlite).enrol(name, face(1)), lambda: gallery(sqlite, name)):
        with pytest.raises(InputError) as caught:
            ask()
        assert code(caught) == "gallery.name"


def test_tenants_and_galleries_are_apart(database: Database) -> None:
    gallery(database, "one").enrol("s1", face(1))
    assert gallery(database, "two").search(face(1)) == []
    assert Gallery(database, KEYS, "one", MODEL, tenant="other").search(face(1)) == []


def test_duplicates_are_other_subjects_alike_enough(database: Database) -> None:
    made = gallery(database)
    made.enrol("s1", face(1))
    made.enrol("s2", blend(face(1), face(2), 0.9))
    made.enrol("s3", face(3))
    assert [hit.subject for hit in made.duplicates("s1", 0.8)] == ["s2"]
    assert made.duplicates("s3", 0.8) == []


# --- encryption -----------------------------------------------------------------------------------


def test_nothing_of_a_template_stands_in_the_files(sqlite: Database, tmp_path: Path) -> None:
    made = gallery(sqlite, snapshot=tmp_path / "list.index")
    made.enrol_many([Enrolment(f"s{i}", face(i), Attributes(1999, "X")) for i in range(20)])
    made.save_snapshot()
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"gallery.db", "list.index"}
    for path in files:
        stored = path.read_bytes()
        for i in range(20):
            assert face(i).vector.tobytes()[:16] not in stored
    assert (tmp_path / "list.index").stat().st_mode & 0o077 == 0


def test_a_template_moved_to_another_subject_does_not_open(database: Database) -> None:
    made = gallery(database)
    made.enrol("victim", face(1))
    made.enrol("attacker", face(2))
    with database.writing() as connection:
        row = connection.execute(
            select(templates.c.sealed, data_keys.c.wrapped)
            .join(data_keys, data_keys.c.subject == templates.c.subject)
            .where(templates.c.subject == "attacker")
        ).one()
        mine = templates.c.subject == "victim"
        connection.execute(update(templates).where(mine).values(sealed=row.sealed))
        keys = data_keys.c.subject == "victim"
        connection.execute(update(data_keys).where(keys).values(wrapped=row.wrapped))
    for ask in (lambda: made.compare("victim", face(2)), lambda: made.search(face(2))):
        with pytest.raises(StoreError) as caught:
            ask()
        assert code(caught) == "store.tampered"


def test_an_older_version_put_back_does_not_open(database: Database) -> None:
    made = gallery(database)
    made.enrol("s1", face(1))
    with database.reading() as connection:
        old = connection.scalar(select(templates.c.sealed))
    made.update("s1", face(2))
    with database.writing() as connection:
        connection.execute(update(templates).values(sealed=old))
    with pytest.raises(StoreError):
        made.template("s1")


def test_the_key_goes_with_the_last_template_of_a_subject(database: Database) -> None:
    one, two = gallery(database, "one"), gallery(database, "two")
    one.enrol("s1", face(1))
    two.enrol("s1", face(1))
    one.delete("s1")
    assert two.compare("s1", face(1)) == pytest.approx(1, abs=1e-5)
    two.delete("s1")
    with database.reading() as connection:
        assert connection.execute(select(data_keys)).all() == []


def test_turning_over_the_master_key_keeps_everything_readable(database: Database) -> None:
    gallery(database).enrol("s1", face(1))
    both = MasterKeys({"a": KEYS.key("a"), "b": new_key()})
    assert rewrap(database, both) == 1
    after = Gallery(database, MasterKeys({"b": both.key("b")}), "list", MODEL)
    assert subjects(after, face(1)) == ["s1"]


# --- snapshots ------------------------------------------------------------------------------------


def filled(database: Database, path: Path, count: int = 2_500) -> Gallery:
    made = gallery(database, snapshot=path)
    made.enrol_many([Enrolment(f"s{i}", face(i), Attributes(1950, "M")) for i in range(count)])
    made.save_snapshot()
    return made


def test_a_snapshot_brings_everything_back_and_later_changes_too(
    sqlite: Database, tmp_path: Path
) -> None:
    path = tmp_path / "list.index"
    filled(sqlite, path)
    other = gallery(sqlite)
    other.enrol("late", face(9_001))
    other.update("s3", face(9_002))
    other.delete("s4")
    # Were the rows not from the snapshot, this would be noticed.
    with sqlite.writing() as connection:
        mine = templates.c.subject == "s5"
        connection.execute(update(templates).where(mine).values(sealed=b"unreadable"))
    back = gallery(sqlite, snapshot=path)
    assert subjects(back, face(5), 1) == ["s5"]
    assert back.search(face(2_499), 1)[0].attributes == Attributes(1950, "M")
    assert subjects(back, face(9_001), 1) == ["late"]
    assert subjects(back, face(9_002), 1) == ["s3"]
    assert "s4" not in subjects(back, face(4), 10)


def test_a_deletion_reaches_the_snapshot_at_once(sqlite: Database, tmp_path: Path) -> None:
    path = tmp_path / "list.index"
    filled(sqlite, path)
    gallery(sqlite, snapshot=path).delete("s1500")  # with no index loaded
    loaded = gallery(sqlite, snapshot=path)._snapshot
    assert loaded
    opened = loaded.load(tenant="default", gallery="list", model=MODEL, code_bytes=64)
    assert opened
    vectors = np.concatenate([rows.vectors for rows in opened[1]])
    assert len(vectors) == 2_500
    assert np.flatnonzero(~vectors.any(axis=1)).tolist() == [1_500]
    assert np.abs(vectors @ face(1_500).vector).max() < 0.9


def test_a_deletion_by_another_process_reaches_the_snapshot_with_the_next_search(
    sqlite: Database, tmp_path: Path
) -> None:
    path = tmp_path / "list.index"
    made = filled(sqlite, path)
    before = path.read_bytes()
    erase_subject(sqlite, "default", "s7")
    made.search(face(1))
    assert path.read_bytes() != before
    assert "s7" not in subjects(gallery(sqlite, snapshot=path), face(7), 10)


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "text", "head", "key"])
def test_a_damaged_snapshot_is_not_used(sqlite: Database, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "list.index"
    filled(sqlite, path, 1_100)
    data = bytearray(path.read_bytes())
    match harm:
        case "flip":
            data[-1_000] ^= 1
        case "cut":
            del data[-5_000:]
        case "empty":
            data.clear()
        case "text":
            data[:] = b"hello"
        case "head":
            data[:4_096] = data[:4_096].replace(b'"rows": 1100', b'"rows": 9999')
        case _:
            data[:4_096] = data[:4_096].replace(b'"master_key": "a"', b'"master_key": "z"')
    path.write_bytes(data)
    back = gallery(sqlite, snapshot=path)
    assert subjects(back, face(1_050), 1) == ["s1050"]
    back.delete("s1050")
    assert "s1050" not in subjects(back, face(1_050), 5)
    back.save_snapshot()
    assert subjects(gallery(sqlite, snapshot=path), face(3), 1) == ["s3"]


def test_a_snapshot_of_another_gallery_is_not_used(sqlite: Database, tmp_path: Path) -> None:
    path = tmp_path / "list.index"
    filled(sqlite, path, 30)
    assert gallery(sqlite, "second", snapshot=path).search(face(1)) == []


# --- many at once ---------------------------------------------------------------------------------


def test_threads_enrol_search_and_delete_together(database: Database) -> None:
    made = gallery(database)
    made.enrol("fixed", face(10_000))
    faults: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if subjects(made, face(10_000), 1) != ["fixed"]:
                faults.append("lost")

    def work(number: int) -> None:
        for i in range(number * 12, number * 12 + 12):
            made.enrol(f"s{i}", face(i))
            if subjects(made, face(i), 1) != [f"s{i}"]:
                faults.append("not visible")
            if i % 3 == 0 and made.delete(f"s{i}") and f"s{i}" in subjects(made, face(i), 5):
                faults.append("not gone")

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    stop.set()
    watcher.join()
    assert faults == []
    assert made.statistics().entries == 1 + 48 - 16


# --- the watchlist check --------------------------------------------------------------------------

CURVE = FmrCurve([0.3, 0.5, 0.7], [1e-2, 1e-5, 1e-8])
REF = ModelRef("model", "0123456789ab")


@pytest.fixture
def watchlist(sqlite: Database) -> Gallery:
    made = gallery(sqlite, "watchlist")
    made.enrol_many(
        [Enrolment(f"w{i}", face(i), Attributes(1940 + i % 60, "FM"[i % 2])) for i in range(1_000)]
    )
    return made


def test_a_mate_on_the_list_gets_a_low_score_and_is_named(watchlist: Gallery) -> None:
    measured = WatchlistCheck(watchlist, CURVE, REF)(blend(face(30), face(5_000), 0.65))
    assert measured.check == "watchlist.search"
    assert measured.reason == "watchlist_hit"
    assert measured.score is not None
    assert measured.score == pytest.approx(CURVE.fpir(0.65, 1_000), rel=1e-3)
    assert measured.evidence["entry"] == "w30"
    assert measured.evidence["entries"] == 1_000
    assert measured.evidence["similarity"] == pytest.approx(0.65, abs=1e-3)
    assert measured.evidence["sex"] == measured.evidence["birth_year"] == "unknown"


def test_an_innocent_applicant_gets_a_high_score(watchlist: Gallery) -> None:
    scores = [WatchlistCheck(watchlist, CURVE, REF)(face(20_000 + i)).score for i in range(20)]
    assert np.median([score for score in scores if score is not None]) > 0.05


def test_agreeing_attributes_make_a_hit_more_remarkable_and_contradicting_ones_little_less(
    watchlist: Gallery,
) -> None:
    check, probe = WatchlistCheck(watchlist, CURVE, REF), blend(face(30), face(5_000), 0.55)
    plain = check(probe)
    agreeing = check(probe, Attributes(1970, "F"))
    contradicting = check(probe, Attributes(1990, "M"))
    assert plain.score is not None
    assert agreeing.score is not None
    assert contradicting.score is not None
    assert agreeing.score < plain.score / 5
    assert contradicting.score == pytest.approx(2 * plain.score)
    assert (agreeing.evidence["birth_year"], agreeing.evidence["sex"]) == ("agrees", "agrees")
    assert contradicting.evidence["entry"] == "w30"
    assert contradicting.evidence["birth_year"] == "contradicts"


def test_an_empty_list_passes_everybody(sqlite: Database) -> None:
    measured = WatchlistCheck(gallery(sqlite, "watchlist"), CURVE, REF)(face(1))
    assert (measured.score, measured.evidence["entries"]) == (1.0, 0)


def test_without_a_face_or_with_another_model_nothing_is_assessed(watchlist: Gallery) -> None:
    check = WatchlistCheck(watchlist, CURVE, REF)
    assert (check(None).score, check(None).reason) == (None, "no_face")
    other = check(face(1, model="other@1"))
    assert (other.score, other.reason) == (None, "watchlist_other_model")


def test_a_list_of_an_older_model_is_not_taken_for_an_empty_one(sqlite: Database) -> None:
    made = outdated_list(sqlite)
    check = WatchlistCheck(made, CURVE, REF)
    before = check(face(1))
    assert (before.score, before.reason) == (None, "watchlist_other_model")
    assert before.evidence["entries_other_models"] == 3
    made.renew([Enrolment("s1", face(1))])
    after = check(face(1))
    assert after.score is not None
    assert after.score < 1e-6
    assert (after.evidence["entry"], after.evidence["entries_other_models"]) == ("s1", 2)
    made.renew([Enrolment(one.subject, face(7)) for one in made.outdated()])
    assert "entries_other_models" not in check(face(1)).evidence
