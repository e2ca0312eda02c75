"""Attempts are counted exactly, kept once, and gone when they are dropped; lists likewise."""

import os
from random import Random

import pytest

from veridical.errors import StoreError
from veridical.store import Database
from veridical.store.attempts import (
    MOST_COUNTED,
    add_attempt,
    count_attempts,
    drop_attempts,
    keys_of_transactions,
    times_of_transactions,
    transactions_with,
)
from veridical.store.lists import add_entries, find_entries, list_sizes, remove_entries


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_counts_are_those_of_a_plain_count(database: Database) -> None:
    chance = Random(7)
    kept: list[tuple[bytes, int]] = []
    with database.writing() as connection:
        for number in range(300):
            at = chance.randrange(1_000)
            device, network = key(chance.randrange(20)), key(100 + chance.randrange(3))
            keys = {"device": device, "network": network}
            add_attempt(connection, "t", f"t{number}", 1, keys, at)
            kept += [(device, at), (network, at)]
    asked = [*map(key, range(20)), key(100), key(102), key(999)]
    since = [900, 500, 0]
    with database.reading() as connection:
        counted = count_attempts(connection, asked, since)
    assert counted == {
        each: tuple(sum(k == each and at >= time for k, at in kept) for time in since)
        for each in asked
    }


def test_no_keys_are_no_counts(database: Database) -> None:
    with database.reading() as connection:
        assert count_attempts(connection, [], [0]) == {}
        assert find_entries(connection, "t", []) == []


def test_counting_stops_at_the_most_that_is_told(database: Database) -> None:
    with database.writing() as connection:
        for number in range(MOST_COUNTED + 5):
            add_attempt(connection, "t", f"t{number}", 1, {"network": key(1)}, number)
    with database.reading() as connection:
        counted = count_attempts(connection, [key(1)], [MOST_COUNTED, 5, 0])
    assert counted == {key(1): (5, MOST_COUNTED, MOST_COUNTED)}


def test_an_attempt_is_kept_once(database: Database) -> None:
    with database.writing() as connection:
        add_attempt(connection, "t", "t1", 1, {"device": key(1)}, 5)
    with pytest.raises(StoreError) as caught, database.writing() as connection:
        add_attempt(connection, "t", "t1", 1, {"device": key(1)}, 9)
    assert caught.value.code == "store.conflict"
    with database.writing() as connection:
        add_attempt(connection, "t", "t1", 2, {"device": key(1)}, 9)
    with database.reading() as connection:
        assert count_attempts(connection, [key(1)], [0]) == {key(1): (2,)}


def test_what_is_dropped_is_gone_and_nothing_else(database: Database) -> None:
    with database.writing() as connection:
        for tenant in ("a", "b"):
            for number in (1, 2):
                keys = {"device": key(ord(tenant))}
                add_attempt(connection, tenant, "t1", number, keys, number)
        add_attempt(connection, "a", "t2", 1, {"device": key(ord("a")), "phone": key(3)}, 7)
        drop_attempts(connection, "a", "t1")
    with database.reading() as connection:
        counted = count_attempts(connection, [key(ord("a")), key(ord("b"))], [0])
    assert counted == {key(ord("a")): (1,), key(ord("b")): (2,)}


def test_transactions_are_found_by_key_newest_first(database: Database) -> None:
    with database.writing() as connection:
        for number in range(6):
            keys = {"document": key(1), "device": key(10 + number)}
            add_attempt(connection, "t", f"t{number}", 1, keys, 100 + number)
        add_attempt(connection, "t", "t0", 2, {"document": key(1), "device": key(10)}, 200)
    with database.reading() as connection:
        assert transactions_with(connection, "t", key(1), "t5", 3) == ["t0", "t4", "t3"]
        assert transactions_with(connection, "other", key(1), "", 3) == []
        found = keys_of_transactions(connection, "t", ["t0", "t1"], ["document", "subject"])
        assert found == {"t0": {"document": key(1)}, "t1": {"document": key(1)}}
        assert sorted(times_of_transactions(connection, "t", ["t0", "t3"], 101)) == [103, 200]


def test_a_list_takes_each_key_once_and_tells_how_many_were_new(database: Database) -> None:
    many = [os.urandom(16) for _ in range(6_000)]
    with database.writing() as connection:
        assert add_entries(connection, "t", "deny", "phone", [*many, many[0]], "first", 5) == 6_000
        assert add_entries(connection, "t", "deny", "phone", [*many[:3], key(1)], "again", 6) == 1
        assert add_entries(connection, "t", "allow", "phone", many[:1], "", 7) == 1
        assert add_entries(connection, "t", "allow", "phone", [], "", 7) == 0
    with database.reading() as connection:
        found = find_entries(connection, "t", [many[0], key(1), key(2)])
        sizes = {(s.effect, s.kind, s.label): s.entries for s in list_sizes(connection, "t")}
        assert find_entries(connection, "other", many[:1]) == list_sizes(connection, "other") == []
    assert {(each.key, each.effect, each.label) for each in found} == {
        (many[0], "deny", "first"),
        (many[0], "allow", ""),
        (key(1), "deny", "again"),
    }
    assert sizes == {
        ("allow", "phone", ""): 1,
        ("deny", "phone", "again"): 1,
        ("deny", "phone", "first"): 6_000,
    }


def test_what_is_removed_is_on_that_list_no_more(database: Database) -> None:
    with database.writing() as connection:
        add_entries(connection, "t", "deny", "phone", [key(1), key(2)], "", 5)
        add_entries(connection, "t", "allow", "phone", [key(1)], "", 5)
        assert remove_entries(connection, "other", "deny", [key(1)]) == 0
        assert remove_entries(connection, "t", "deny", [key(1), key(3)]) == 1
        found = find_entries(connection, "t", [key(1), key(2)])
    assert {(each.key, each.effect) for each in found} == {(key(1), "allow"), (key(2), "deny")}
