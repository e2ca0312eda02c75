"""Near-duplicates are found whatever the number of bits that changed, and nothing else is."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical.errors import StoreError
from veridical.store import Database, Fingerprints
from veridical.store.fingerprints import band_values
from veridical.store.schema import BANDS

DAY = timedelta(days=1)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def codes(seed: int, count: int = 12) -> list[bytes]:
    return [
        part.tobytes()
        for part in np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)
    ]


def flipped(code: bytes, *bits: int) -> bytes:
    changed = np.unpackbits(np.frombuffer(code, np.uint8))
    changed[list(bits)] ^= 1
    return np.packbits(changed).tobytes()


def test_an_earlier_recording_is_found_and_another_is_not(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    assert kept.best_share(codes(1), 12) == 0.0
    kept.remember("first", codes(1))
    kept.remember("second", codes(2))
    assert kept.best_share(codes(1), 12) == 1.0
    assert kept.best_share(codes(3), 12) == 0.0
    assert kept.best_share([], 12) == 0.0


def test_the_share_is_that_of_the_best_single_transaction(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    kept.remember("first", codes(1)[:9])
    kept.remember("second", codes(1)[9:])
    assert kept.best_share(codes(1), 12) == pytest.approx(0.75)
    kept.remember("third", codes(1)[4:])
    # A transaction's codes count together, whenever they came.
    assert kept.best_share(codes(1), 12, besides="first") == pytest.approx(8 / 12)
    kept.remember("second", codes(1)[:9])
    assert kept.best_share(codes(1), 12) == 1.0


def test_changed_bits_are_forgiven_up_to_the_radius(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    original = codes(5)
    kept.remember("first", original)
    rng = np.random.default_rng(6)
    near = [flipped(code, *rng.choice(256, 12, replace=False)) for code in original]
    far = [flipped(code, *rng.choice(256, 13, replace=False)) for code in original]
    assert kept.best_share(near, 12) == 1.0
    assert kept.best_share(far, 12) == 0.0
    assert kept.best_share(far, 13) == 1.0


def test_a_transaction_is_not_its_own_replay(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    kept.remember("mine", codes(1))
    assert kept.best_share(codes(1), 12, besides="mine") == 0.0
    assert kept.best_share(codes(1), 12, besides="other") == 1.0


def test_tenants_and_kinds_are_apart(database: Database) -> None:
    Fingerprints(database, "clip", DAY, tenant="a").remember("t", codes(1))
    for kind, tenant in (("clip", "b"), ("audio", "a")):
        other = Fingerprints(database, kind, DAY, tenant=tenant)
        assert other.best_share(codes(1), 12) == 0.0
        assert other.forget("t") == 0
    assert Fingerprints(database, "clip", DAY, tenant="a").best_share(codes(1), 12) == 1.0


def test_codes_are_kept_for_their_time_only(database: Database) -> None:
    clock = Clock()
    kept = Fingerprints(database, "clip", DAY, clock=clock)
    kept.remember("old", codes(1))
    clock.now += 86_400
    assert kept.best_share(codes(1), 12) == 1.0
    clock.now += 1
    assert kept.best_share(codes(1), 12) == 0.0
    kept.remember("new", codes(2))  # drops what is too old on its way
    assert kept.expire() == 0
    clock.now += 86_401
    assert kept.expire() == 12


def test_a_transaction_can_be_forgotten(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    kept.remember("a", codes(1))
    kept.remember("b", codes(2))
    assert kept.forget("a") == 12
    assert kept.best_share(codes(1), 12) == 0.0
    assert kept.best_share(codes(2), 12) == 1.0


def test_what_is_no_code_is_refused(database: Database) -> None:
    kept = Fingerprints(database, "clip", DAY)
    for call in (
        lambda: kept.remember("a", [b"short"]),
        lambda: kept.best_share([bytes(33)], 12),
    ):
        with pytest.raises(StoreError) as caught:
            call()
        assert caught.value.code == "store.fingerprint"
    for kind, tenant in (("", "t"), ("k", ""), ("k" * 201, "t")):
        with pytest.raises(StoreError) as caught:
            Fingerprints(database, kind, DAY, tenant=tenant)
        assert caught.value.code == "store.name"


@given(st.binary(min_size=32, max_size=32), st.sets(st.integers(0, 255), max_size=BANDS - 1))
def test_fewer_changed_bits_than_bands_leave_a_band_whole(code: bytes, bits: set[int]) -> None:
    one, other = band_values([code, flipped(code, *bits)])
    assert (one == other).sum() >= BANDS - len(bits)
    assert (one == other).all() == (not bits)


def test_a_recording_of_a_single_code_is_found(database: Database) -> None:
    index = Fingerprints(database, "clip", timedelta(days=1))
    index.remember("first", codes(1, 1))
    assert index.best_share(codes(1, 1), 0, "second") == 1.0
