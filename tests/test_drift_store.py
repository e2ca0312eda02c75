"""Counts of several processes add up, on both kinds of database; alerts are raised once."""

import threading

from veridical.store import Database
from veridical.store.histograms import (
    Key,
    StoredBaseline,
    add_counts,
    baselines_of,
    clear_alert,
    count_raised,
    count_unwatched,
    counts_of,
    forget_counts,
    keep_alert,
    keep_baseline,
    raise_alert,
    raised_alerts,
    tenants_counted,
)

HOUR = 3_600_000
KEY = Key("bank", "score", "face.match", "sface@1")
FIGURES = {"value": 0.3, "n": 250}


def test_counts_of_writers_at_once_add_up(database: Database) -> None:
    other = Key("bank", "reason", "verdict", "registry")
    failed: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(20):
                with database.writing() as connection:
                    counts = {(KEY, HOUR): {"3": 1, "4": 2}, (other, HOUR): {"accept": 1}}
                    add_counts(connection, "bank", counts)
        except Exception as error:
            failed.append(error)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    with database.reading() as connection:
        found = counts_of(connection, "bank", 0)
    assert found == {KEY: [(HOUR, {"3": 60, "4": 120})], other: [(HOUR, {"accept": 60})]}


def test_hours_come_in_order_and_by_tenant(database: Database) -> None:
    theirs = Key("shop", *(KEY.kind, KEY.name, KEY.line))
    with database.writing() as connection:
        add_counts(connection, "bank", {(KEY, hour * HOUR): {"1": hour} for hour in (3, 1, 2)})
        add_counts(connection, "shop", {(theirs, HOUR): {"1": 7}})
    with database.reading() as connection:
        assert [hour // HOUR for hour, _ in counts_of(connection, "bank", 0)[KEY]] == [1, 2, 3]
        assert counts_of(connection, "bank", 2 * HOUR, 3 * HOUR) == {KEY: [(2 * HOUR, {"1": 2})]}
        assert tenants_counted(connection, 0) == ["bank", "shop"]
        assert tenants_counted(connection, 2 * HOUR) == ["bank"]
    with database.writing() as connection:
        forget_counts(connection, 3 * HOUR)
    with database.reading() as connection:
        assert counts_of(connection, "bank", 0) == {KEY: [(3 * HOUR, {"1": 3})]}
        assert counts_of(connection, "shop", 0) == {}


def test_an_alert_is_raised_once_cleared_once_and_may_come_again(database: Database) -> None:
    with database.writing() as connection:
        first = raise_alert(connection, KEY, "shift", "", FIGURES, 10)
        again = raise_alert(connection, KEY, "shift", "", FIGURES, 11)
    assert first
    assert not again
    with database.reading() as connection:
        (alert,) = raised_alerts(connection, "bank")
        assert count_raised(connection) == {("shift", "face.match"): 1}
        assert raised_alerts(connection, "shop") == []
    assert (alert.id, alert.raised_at, alert.figures) == (first, 10, FIGURES)
    with database.writing() as connection:
        keep_alert(connection, alert, {"value": 0.4}, 20)
        assert [a.seen_at for a in raised_alerts(connection)] == [20]
        assert raised_alerts(connection, seen_before=20) == []
        assert clear_alert(connection, alert, 30)
        assert not clear_alert(connection, alert, 31)
        assert raised_alerts(connection) == []
        second = raise_alert(connection, KEY, "shift", "", FIGURES, 40)
    assert second
    assert second != first


def test_a_new_baseline_takes_the_place_of_the_old(database: Database) -> None:
    with database.writing() as connection:
        keep_baseline(connection, StoredBaseline(KEY, 0, HOUR, 5, {"1": 3}))
        keep_baseline(connection, StoredBaseline(KEY, HOUR, 2 * HOUR, 6, {"2": 4}))
        assert baselines_of(connection, "bank")[KEY].counts == {"2": 4}
        assert baselines_of(connection, "shop") == {}


def test_what_nobody_watches_is_counted(database: Database) -> None:
    newer = Key("bank", "score", "face.match", "sface@2")
    with database.writing() as connection:
        add_counts(connection, "bank", {(KEY, HOUR): {"1": 1}, (newer, 5 * HOUR): {"1": 1}})
        keep_baseline(connection, StoredBaseline(KEY, 0, HOUR, 5, {"1": 3}))
        assert count_unwatched(connection, 0) == 1
        assert count_unwatched(connection, 6 * HOUR) == 0
