"""Which applications hang together, and which of that is remarkable?"""

from collections.abc import Mapping

import pytest

from veridical.signals import SignalFacts, SignalSettings, walk
from veridical.signals.keys import keyed
from veridical.signals.ledger import Ledger
from veridical.signals.links import Component, LinksCheck
from veridical.store import Database, MasterKeys
from veridical.store.attempts import add_attempt
from veridical.store.lists import add_entries

KEYS = MasterKeys.from_text("a:" + "A" * 43 + "=")
DAY_MS = 86_400_000
NOW = 100 * DAY_MS
SETTINGS = SignalSettings.read()


class Book:
    """Applications of one tenant."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database, KEYS, lambda: NOW)
        self.count = 0

    def apply(self, days_ago: float = 1, tenant: str = "a", **facts: str) -> str:
        """One application, a day ago."""
        self.count += 1
        document = facts.pop("document", f"E{self.count}")
        name = f"t{self.count}"
        said = SignalFacts(tenant=tenant, **facts)  # type: ignore[arg-type]
        keys = self.ledger.sighting(name, 1, said, document).keys
        with self.database.writing() as connection:
            add_attempt(connection, tenant, name, 1, keys, int(NOW - days_ago * DAY_MS))
        return name

    def component(self, *faces: str, tenant: str = "a", **facts: str) -> Component:
        document = facts.pop("document", "EX")
        said = SignalFacts(tenant=tenant, **facts)  # type: ignore[arg-type]
        sighting = self.ledger.sighting("new", 1, said, document)
        found = self.ledger.component(sighting, faces, SETTINGS.hubs)
        assert found is not None
        return found


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


def judged(found: Component) -> Mapping[str, object]:
    measured = LinksCheck(SETTINGS.family, SETTINGS.hubs)(found, "store")
    return {"score": measured.score, "reason": measured.reason, **measured.evidence}


def test_a_ring_that_lends_devices_and_addresses_is_one_component(book: Book) -> None:
    for number in range(8):  # a chain: no two share both
        book.apply(device=f"d{number // 2}", address=f"street {(number + 1) // 2}")
    found = book.component(device="d0")
    assert (found.transactions, found.documents, found.shared) == (5, 5, ("device",))  # 3 hops
    both = judged(book.component(device="d0", address="street 4"))
    assert (both["documents_in_component"], both["score"]) == (8, pytest.approx(5 / 8))


def test_a_family_and_an_office_are_nothing_remarkable(book: Book) -> None:
    for number in range(3):
        book.apply(
            device="tablet", address="home", network="203.0.113.1", phone=f"1380013800{number}"
        )
    for number in range(40):
        book.apply(device=f"o{number}", network="198.51.100.7", geo="31.2304,121.4737")
    family = judged(book.component(device="tablet", address="home", network="203.0.113.1"))
    assert (family["score"], family["component_size"]) == (1.0, 4)
    office = judged(book.component(device="mine", network="198.51.100.7", geo="31.2304,121.4737"))
    assert (office["score"], office["component_size"], office["hubs"]) == (1.0, 1, 2)


def test_whom_a_list_denies_is_told_of_all_that_hang_together(book: Book) -> None:
    book.apply(device="d", phone="13800138000")
    assert judged(book.component(device="d"))["score"] == 1.0
    vault = book.ledger.vault("a")
    with book.database.writing() as connection:
        add_entries(connection, "a", "deny", "phone", [keyed(vault, "phone", "13800138000")], "", 1)
    found = judged(book.component(device="d"))
    assert (found["score"], found["denied_in_component"]) == (0.5, 1)
    assert found["reason"] == "linked_applications"


def test_a_face_ties_too_and_nothing_of_another_tenant_or_month(book: Book) -> None:
    name = book.apply(device="d1")
    assert book.component(name).shared == ("face",)
    assert book.component(name).transactions == 2
    book.apply(device="d", tenant="b")
    book.apply(device="d", days_ago=31)
    assert book.component(device="d").transactions == 1


def test_a_walk_ends_at_its_bound(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        book.apply(device="d")
    monkeypatch.setattr(walk, "MOST_ATTEMPTS", 4)
    found = book.component(device="d")
    assert (found.whole, found.transactions) == (False, 5)


def test_nothing_to_link_by_is_not_assessed(book: Book) -> None:
    sighting = book.ledger.sighting("new", 1, SignalFacts(tenant="a"), "")
    assert book.ledger.component(sighting, (), SETTINGS.hubs) is None
    measured = LinksCheck(5, SETTINGS.hubs)(None, "store")
    assert (measured.score, measured.reason) == (None, "missing_input")
