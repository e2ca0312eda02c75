"""Keys: what opens with which, and what never does."""

from pathlib import Path

import pytest

from veridical.errors import StoreError
from veridical.store import MasterKeys
from veridical.store.keys import new_key, seal, unseal, unwrap, wrap

KEYS = MasterKeys({"old": new_key(), "new": new_key()})


def code(error: pytest.ExceptionInfo[StoreError]) -> str:
    return error.value.code


def test_sealed_data_open_in_their_own_context_only() -> None:
    key = new_key()
    sealed = seal(key, b"secret", "template", "tenant", 1)
    assert unseal(key, sealed, "template", "tenant", 1) == b"secret"
    for context in (("template", "tenant", 2), ("template", "tenan", "t1"), ("template",), ()):
        with pytest.raises(StoreError) as caught:
            unseal(key, sealed, *context)
        assert code(caught) == "store.tampered"


def test_contexts_that_join_to_one_text_differ() -> None:
    key = new_key()
    with pytest.raises(StoreError):
        unseal(key, seal(key, b"x", "a|b", "c"), "a", "b|c")


def test_every_flipped_bit_of_sealed_data_is_found() -> None:
    key = new_key()
    sealed = seal(key, b"abcdefgh")
    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreError):
            unseal(key, bytes(altered))
    for length in range(len(sealed)):
        with pytest.raises(StoreError):
            unseal(key, sealed[:length])


def test_sealing_twice_gives_two_ciphertexts() -> None:
    key = new_key()
    assert seal(key, b"same") != seal(key, b"same")


def test_a_wrapped_key_opens_with_its_master_key_only() -> None:
    data_key = new_key()
    wrapped = wrap(KEYS, "old", data_key)
    assert len(wrapped) == 40
    assert data_key not in wrapped
    assert unwrap(KEYS, "old", wrapped) == data_key
    for name, expected in (("new", "store.tampered"), ("none", "store.key_unknown")):
        with pytest.raises(StoreError) as caught:
            unwrap(KEYS, name, wrapped)
        assert code(caught) == expected


def test_the_last_key_is_the_current_one() -> None:
    assert KEYS.current == "new"
    assert KEYS.names == ("old", "new")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nameonly",
        ":" + "A" * 43 + "=",
        "a:short",
        "a:!!!",
        "a:" + "A" * 43 + "= a:" + "A" * 43 + "=",
    ],
)
def test_malformed_keys_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(StoreError) as caught:
        MasterKeys.from_text(text)
    assert code(caught) == "store.keys"
    assert "AAAA" not in str(caught.value)
    assert "short" not in str(caught.value)


def test_a_key_file_grows_and_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.keys"
    first = MasterKeys.add_to_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    wrapped = wrap(MasterKeys.from_file(path), first, b"k" * 32)
    second = MasterKeys.add_to_file(path)
    keys = MasterKeys.from_file(path)
    assert keys.names == (first, second)
    assert unwrap(keys, first, wrapped) == b"k" * 32
    path.chmod(0o644)
    with pytest.raises(StoreError) as caught:
        MasterKeys.from_file(path)
    assert code(caught) == "store.keys"
    with pytest.raises(StoreError):
        MasterKeys.from_file(tmp_path / "none")


def test_master_keys_have_thirty_two_bytes() -> None:
    for keys in ({}, {"a": b"short"}):
        with pytest.raises(StoreError):
            MasterKeys(keys)
