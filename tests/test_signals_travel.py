"""Could one person have been at both places?"""

import pytest

from tests.test_signals_links import DAY_MS, KEYS, NOW
from veridical.signals import SignalFacts, SignalSettings
from veridical.signals.ledger import Ledger
from veridical.signals.seen import Sighting
from veridical.signals.travel import Place, TravelCheck, distance_km
from veridical.store import Database

SHANGHAI, BEIJING, LONDON = "31.2304,121.4737", "39.9042,116.4074", "51.5074,-0.1278"
HOUR_MS = 3_600_000
SETTINGS = SignalSettings.read()
CHECK = TravelCheck(SETTINGS.travel_kmh, SETTINGS.travel_slack_km)


def place(text: str, at: int = 0) -> Place:
    latitude, longitude = map(float, text.split(","))
    return Place(latitude, longitude, at)


def test_distances_are_those_of_the_globe() -> None:
    assert distance_km(place(SHANGHAI), place(BEIJING)) == pytest.approx(1068, abs=5)
    assert distance_km(place(SHANGHAI), place(LONDON)) == pytest.approx(9200, abs=50)
    assert distance_km(place("0,179.9"), place("0,-179.9")) == pytest.approx(22.2, abs=0.1)
    assert distance_km(place("90,0"), place("-90,0")) == pytest.approx(20015, abs=1)


@pytest.mark.parametrize(
    ("before", "hours", "remarkable"),
    [
        (SHANGHAI, 0, False),
        ("31.5,121.0", 0, False),  # the next town: within what a place may be off
        (BEIJING, 2, False),
        (BEIJING, 0.5, True),
        (LONDON, 5, True),
        (LONDON, 14, False),
    ],
)
def test_faster_than_an_airliner_is_remarkable(before: str, hours: float, remarkable: bool) -> None:
    now = 20 * HOUR_MS
    earlier = place(before, int(now - hours * HOUR_MS))
    found = CHECK(place(SHANGHAI, now), [earlier], "store")
    assert found.score is not None
    assert (found.score < 1) is remarkable
    assert ("kmh" in found.evidence) is remarkable


def test_attempts_under_one_identity_are_compared_and_no_others(database: Database) -> None:
    now = NOW
    ledger = Ledger(database, KEYS, lambda: now)

    def sighting(name: str, geo: str, document: str, tenant: str = "a") -> Sighting:
        return ledger.sighting(name, 1, SignalFacts(tenant=tenant, geo=geo), document)

    for name, geo, document, tenant in (
        ("t1", LONDON, "E1", "a"),
        ("t2", BEIJING, "E2", "a"),
        ("t3", LONDON, "E1", "b"),
        ("t4", "", "E1", "a"),
    ):
        ledger.keep(sighting(name, geo, document, tenant), None)
    now = NOW + HOUR_MS
    here, earlier = ledger.places(sighting("t5", SHANGHAI, "E1"))
    assert [(p.latitude, p.at) for p in earlier] == [(51.5074, NOW)]
    found = CHECK(here, earlier, "store")
    assert (found.reason, found.evidence["hours"]) == ("impossible_travel", 1.0)
    now = NOW + DAY_MS
    assert CHECK(*ledger.places(sighting("t5", SHANGHAI, "E1")), "store").score == 1.0
    assert CHECK(*ledger.places(sighting("t6", "", "E1")), "store").reason == "missing_input"
    with database.reading() as connection:
        kept = connection.exec_driver_sql("SELECT sealed_place FROM attempts").scalars().all()
    assert not any(b"51.5" in bytes(sealed) for sealed in kept if sealed is not None)
