"""What is seen once is known again: by its tenant, within its windows, until forgotten."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from veridical import ModelRef, OperatingPoint, Status, Template
from veridical.gallery import FmrCurve
from veridical.policy.decision import judge
from veridical.signals import SignalFacts
from veridical.signals.faces import FaceIdentityCheck, IdentityFaceCheck
from veridical.signals.ledger import SEEN, Ledger, forget
from veridical.signals.seen import Sighting
from veridical.store import Database, MasterKeys
from veridical.store.schema import attempt_keys, attempts, data_keys, templates

KEYS = MasterKeys.from_text("a:" + "A" * 43 + "=")
MODEL = ModelRef("m", "0" * 64)
CURVE = FmrCurve([0.2, 0.4, 0.6], [1e-1, 1e-3, 1e-5])
HOUR = 3_600_000


class TransactionService:
    """A ledger with a clock, as a service would use it."""

    def __init__(self, database: Database) -> None:
        self.now = 10_000 * HOUR
        self.database = database
        self.ledger = Ledger(database, KEYS, lambda: self.now)

    def seen(self, id: str, number: str = "", attempt: int = 1, **facts: str) -> Sighting:
        return self.ledger.sighting(id, attempt, SignalFacts(**facts), number)  # type: ignore[arg-type]

    def keep(
        self,
        id: str,
        number: str = "",
        face: Template | None = None,
        attempt: int = 1,
        **facts: str,
    ) -> Sighting:
        sighting = self.seen(id, number, attempt, **facts)
        self.ledger.keep(sighting, face)
        return sighting


@pytest.fixture
def desk(database_url: str) -> Iterator[TransactionService]:
    database = Database(database_url)
    database.upgrade()
    yield TransactionService(database)
    database.close()


def face(person: int, likeness: float = 1.0) -> Template:
    """A template of one of a few people; two of one person have `likeness` as their cosine."""
    vector = np.zeros(64, np.float32)
    vector[2 * person], vector[2 * person + 1] = likeness, np.sqrt(1 - likeness**2)
    return Template(vector, "m@000000000000")


def test_attempts_are_counted_with_the_one_that_is_judged(desk: TransactionService) -> None:
    ages = [
        0,
        9 * HOUR // 60,
        11 * HOUR // 60,
        59 * HOUR // 60,
        2 * HOUR,
        25 * HOUR,
        31 * 24 * HOUR,
    ]
    end = desk.now
    for number, age in enumerate(sorted(ages, reverse=True)):
        desk.now = end - age
        desk.keep(f"t{number}", device="d", phone=f"+1{number}")
    counts = desk.ledger.counts(desk.seen("new", device="d", phone="+19"))
    assert counts == {
        "device_10m": 3, "device_1h": 5, "device_24h": 6, "device_30d": 7,
        "phone_10m": 1, "phone_1h": 1, "phone_24h": 1, "phone_30d": 1,
    }  # fmt: skip


def test_an_attempt_that_is_judged_once_more_counts_once(desk: TransactionService) -> None:
    sighting = desk.keep("t1", device="d")
    assert desk.ledger.counts(sighting)["device_1h"] == 1
    assert desk.ledger.face_counts(sighting, frozenset())["face_1h"] == 1
    assert desk.ledger.counts(desk.seen("t1", device="d", attempt=2))["device_1h"] == 2


def test_what_one_tenant_saw_is_nothing_to_another(desk: TransactionService) -> None:
    desk.keep("t1", "E1", face(1), device="d", tenant="a")
    other = desk.seen("t2", "E2", device="d", tenant="b")
    assert set(desk.ledger.counts(other).values()) == {1}
    assert desk.ledger.seen_faces(other, face(1)).entries == 0
    assert desk.ledger.faces_of(desk.seen("t2", "E1", tenant="b"), face(1).model, 8) == []


def test_a_face_under_another_identity_is_found(desk: TransactionService) -> None:
    check = FaceIdentityCheck(CURVE, MODEL, 0.01)
    desk.keep("mine", "E1", face(1), subject="s1")
    desk.keep("stranger", "E2", face(2), subject="s2")
    again = desk.seen("again", "E1", subject="s3")
    found = check(again, desk.ledger.seen_faces(again, face(1, 0.9)))
    assert (found.score, found.evidence["other_identities"]) == (1.0, 0)
    thief = desk.seen("thief", "E3", subject="s1")
    found = check(thief, desk.ledger.seen_faces(thief, face(1, 0.9)))
    assert found.evidence == {
        "entries": 2, "other_identities": 1, "similarity": 0.9, "source": "store"
    }  # fmt: skip
    assert found.reason == "other_identity"
    assert found.score == pytest.approx(CURVE.fpir(0.9, 2), rel=1e-4)
    assert judge(found, OperatingPoint(0.01, -1.0)).status is Status.REVIEW


def test_where_one_side_has_no_number_the_references_are_compared(desk: TransactionService) -> None:
    check = FaceIdentityCheck(CURVE, MODEL, 0.01)
    desk.keep("t1", "E1", face(1), subject="s1")
    for subject, others in (("s1", 0), ("s2", 1)):
        sighting = desk.seen("t2", subject=subject)
        found = check(sighting, desk.ledger.seen_faces(sighting, face(1)))
        assert found.evidence["other_identities"] == others
    nobody = desk.seen("t3", device="d")
    assert check(nobody, desk.ledger.seen_faces(nobody, face(1))).reason == "identity_unknown"
    assert check(nobody, None).reason == "no_face"


def test_an_identity_with_another_face_is_found(desk: TransactionService) -> None:
    check = IdentityFaceCheck(MODEL, 20)

    def measured(id: str, number: str, probe: Template) -> tuple[float | None, dict[str, object]]:
        sighting = desk.seen(id, number)
        earlier = desk.ledger.faces_of(sighting, probe.model, 8)
        found = check(sighting, probe, earlier)
        return found.score, dict(found.evidence)

    assert measured("t1", "E1", face(1)) == (1.0, {"compared": 0, "source": "store"})
    desk.keep("t1", "E1", face(1))
    assert measured("t2", "E1", face(1, 0.8))[0] == pytest.approx(0.8)
    desk.keep("t2", "E1", face(2))
    score, evidence = measured("t3", "E1", face(1))
    assert score == pytest.approx(0.0)
    assert evidence == {
        "compared": 2, "similarity_least": 0.0, "similarity_most": 1.0, "source": "store"
    }  # fmt: skip
    assert check(desk.seen("t4", "E1"), None, []).reason == "no_face"
    assert check(desk.seen("t4", device="d"), face(1), []).reason == "identity_unknown"


def test_a_face_is_counted_by_the_transactions_that_showed_it(desk: TransactionService) -> None:
    check = FaceIdentityCheck(CURVE, MODEL, 0.01)
    desk.keep("old", "E1", face(1))
    desk.now += 2 * HOUR
    desk.keep("t1", "E2", face(1, 0.95))
    desk.keep("t1", "E2", face(1, 0.95), attempt=2)
    desk.keep("t2", "E3", face(2))
    sighting = desk.seen("t3", "E1")
    same = check.same_face(desk.ledger.seen_faces(sighting, face(1)))
    assert same == {"old", "t1"}
    assert desk.ledger.face_counts(sighting, same) == {
        "face_10m": 3, "face_1h": 3, "face_24h": 4, "face_30d": 4
    }  # fmt: skip


def test_a_transaction_does_not_meet_itself(desk: TransactionService) -> None:
    desk.keep("t1", "E1", face(1))
    second = desk.seen("t1", "E2", attempt=2)
    seen = desk.ledger.seen_faces(second, face(1))
    assert (seen.entries, seen.faces) == (0, ())
    assert desk.ledger.faces_of(desk.seen("t1", "E1", 2), face(1).model, 8) == []
    assert desk.ledger.face_counts(second, frozenset())["face_1h"] == 2


def test_a_second_attempt_s_face_takes_the_place_of_the_first_s(desk: TransactionService) -> None:
    desk.keep("t1", "E1", face(1))
    desk.keep("t1", "E1", face(2), attempt=2)
    (kept,) = desk.ledger.faces_of(desk.seen("t2", "E1"), face(1).model, 8)
    assert kept.vector @ face(2).vector == pytest.approx(1.0)


def test_what_is_forgotten_leaves_nothing(desk: TransactionService) -> None:
    desk.keep("t1", "E1", face(1), device="d")
    desk.keep("t2", "E2", face(2), device="d")
    probe = desk.seen("t3", "E3", device="d")
    assert desk.ledger.seen_faces(probe, face(1)).entries == 2
    with desk.database.writing() as connection:
        forget(connection, "default", "t1")
        forget(connection, "default", "t1")
        forget(connection, "default", "never")
    assert desk.ledger.counts(probe)["device_1h"] == 2
    assert [f.transaction for f in desk.ledger.seen_faces(probe, face(1)).faces] == ["t2"]
    with desk.database.reading() as connection:
        left = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (attempts, attempt_keys, templates)
        ]
        subjects = set(connection.scalars(select(data_keys.c.subject)))
    assert left == [1, 2, 1]
    assert "seen t2" in subjects
    assert "seen t1" not in subjects


def test_no_value_stands_in_the_database_as_it_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "v.db")
    database.upgrade()
    facts = {"device": "CANARY-device", "phone": "+8613800138000", "subject": "CANARY-subject"}
    TransactionService(database).keep(
        "t1", "110105194912310029", face(1), network="203.0.113.7", attempt=1, **facts
    )
    database.close()
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        for value in (b"CANARY", b"13800138000", b"110105194912310029", b"203.0.113"):
            assert value not in content
        assert face(1).vector.tobytes() not in content


def test_faces_are_kept_in_a_gallery_of_their_own(desk: TransactionService) -> None:
    desk.keep("t1", "E1", face(1))
    with desk.database.reading() as connection:
        rows = connection.execute(select(templates.c.gallery, templates.c.subject)).all()
    assert [tuple(row) for row in rows] == [(SEEN, "seen t1")]


def test_a_list_entry_is_found_by_kind_and_denial_comes_first(desk: TransactionService) -> None:
    from veridical.signals.keys import keyed
    from veridical.signals.listed import ListsCheck, allowed
    from veridical.store.lists import add_entries

    vault = desk.ledger.vault("default")
    with desk.database.writing() as connection:
        for effect, kind, value in (
            ("deny", "device", "d1"),
            ("allow", "device", "d1"),
            ("allow", "phone", "13800138000"),
            ("deny", "document", "d1"),
        ):
            key = keyed(vault, kind, value)
            add_entries(connection, "default", effect, kind, [key], f"{effect} {kind}", 1)  # type: ignore[arg-type]
    sighting = desk.seen("t1", device="d1", phone="+86 13800138000", subject="s")
    listed = desk.ledger.listed(sighting)
    assert allowed(listed) == {"phone"}
    found = ListsCheck()(len(sighting.keys), listed, "store,sdk")
    assert (found.score, found.reason) == (0.0, "denied")
    assert found.evidence == {
        "looked_up": 3, "source": "store,sdk", "allow": "phone", "deny": "device",
        "label": "deny device",
    }  # fmt: skip
    clean = desk.seen("t2", phone="13800138000")
    found = ListsCheck()(1, desk.ledger.listed(clean), "store,sdk")
    assert (found.score, found.evidence["allow"]) == (1.0, "phone")
    assert ListsCheck()(0, {}, "store").reason == "missing_input"
    assert desk.ledger.listed(desk.seen("t3", tenant="other", device="d1")) == {}
