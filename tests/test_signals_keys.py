"""What is hashed is spelt in one way, under a key of the tenant's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veridical import InputError
from veridical.signals import SignalFacts
from veridical.signals.keys import KINDS, keyed, keys_of, normalised
from veridical.store import Database, MasterKeys
from veridical.store.vault import Vault, made_vault

KEYS = MasterKeys.from_text("a:" + "A" * 43 + "=")


@pytest.fixture
def vaults(tmp_path: Path) -> dict[str, Vault]:
    database = Database(tmp_path / "v.db")
    database.upgrade()
    with database.writing() as connection:
        made = {tenant: made_vault(connection, KEYS, tenant) for tenant in ("a", "b")}
    database.close()
    return made


@pytest.mark.parametrize(
    ("kind", "spelt", "as_", "other"),
    [
        ("document", "11010519491231002x", "110105 19491231 002X", "110105194912310021"),
        ("document", "E１２３４５６７８", "e-12345678", "E12345679"),
        ("phone", "+86 138-0013-8000", "13800138000", "13800138001"),
        ("phone", "0086 13800138000", "(138) 0013 8000", "+1 380 013 8000"),
        ("phone", "+1 305 555 0100", "001-305-555-0100", "+86 130 5555 0100"),
        ("network", "203.0.113.7", "203.0.113.0/24", "203.0.114.7"),
        ("network", "::ffff:203.0.113.9", "203.0.113.200", "::203.0.113.9"),
        ("network", "2001:db8:1:2ff::1", "2001:db8:1:200::/64", "2001:db8:1:300::1"),
        ("network", "10.0.0.0/8", "10.1.2.3/8", "10.1.2.3"),
        ("device", " abc ", "abc", "ABC"),
    ],
)
def test_two_spellings_of_one_value_are_one(kind: str, spelt: str, as_: str, other: str) -> None:
    assert normalised(kind, spelt) == normalised(kind, as_) != normalised(kind, other)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "none"),
        ("document", " - "),
        ("device", "  "),
        ("network", "office"),
        ("phone", "+"),
    ],
)
def test_what_is_no_value_is_refused_without_repeating_it(kind: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        normalised(kind, value)
    assert caught.value.code == "signals.value"
    assert value.strip(" -+") == "" or value not in str(caught.value)


def test_a_key_tells_neither_value_nor_kind_nor_tenant(vaults: dict[str, Vault]) -> None:
    made = {keyed(vault, kind, "13800138000") for vault in vaults.values() for kind in KINDS[:4]}
    assert len(made) == 8
    assert {len(key) for key in made} == {16}
    assert keyed(vaults["a"], "phone", "13800138000") == keyed(
        vaults["a"], "phone", "+8613800138000"
    )


def test_only_what_is_known_has_a_key(vaults: dict[str, Vault]) -> None:
    assert keys_of(vaults["a"], SignalFacts(device=" ", subject="  "), "") == {}
    facts = SignalFacts(
        device="d", phone="13800138000", network="203.0.113.7", subject="s", address="Lu 1",
        geo="31.2304,121.4737",
    )  # fmt: skip
    assert set(keys_of(vaults["a"], facts, "E12345678")) == set(KINDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "Mars"},
        {"country": "ZZ"},
        {"region": "4"},
        {"region": "44030a"},
        {"network": "office"},
        {"phone": "none"},
        {"device": "d" * 201},
    ],
)
def test_facts_that_are_none_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        SignalFacts(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "metadata.invalid"


def test_facts_come_from_metadata() -> None:
    facts = SignalFacts.from_metadata(
        {"device": "d", "flags": "emulator, rooted,,", "country": "cn", "colour": "red"},
        tenant="t",
        subject="s",
    )
    assert facts == SignalFacts(
        "t", "s", "d", country="cn", flags=frozenset({"emulator", "rooted"})
    )


@given(
    st.dictionaries(st.sampled_from(["device", "phone", "network", "flags", "region"]), st.text())
)
def test_metadata_of_any_kind_is_taken_or_refused_with_a_code(metadata: dict[str, str]) -> None:
    refused = ""
    try:
        facts = SignalFacts.from_metadata(metadata)
        for kind in ("device", "phone", "network"):
            if value := getattr(facts, kind):
                normalised(kind, value)
    except InputError as error:
        refused = error.code
    assert refused in ("", "metadata.invalid", "signals.value")


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("address", "上海市 徐汇区漕溪北路1号，2室", "上海市徐汇区漕溪北路１号2室", True),
        ("address", "12 High Street, Flat 3", "12 HIGH STREET FLAT 3", True),
        ("address", "12 High Street", "13 High Street", False),
        ("geo", "31.23041,121.47370", "31.2304, 121.4737", True),
        ("geo", "31.2304,121.4737", "31.2384,121.4737", False),
    ],
)
def test_places_are_known_by_what_counts_of_them(
    vaults: dict[str, Vault], kind: str, one: str, other: str, same: bool
) -> None:
    assert (keyed(vaults["a"], kind, one) == keyed(vaults["a"], kind, other)) is same


@pytest.mark.parametrize("geo", ["91,0", "0,181", "1", "a,b", "nan,0", "1,2,3", "inf,1"])
def test_no_place_is_refused(geo: str) -> None:
    with pytest.raises(InputError) as caught:
        SignalFacts(geo=geo)
    assert caught.value.code == "metadata.invalid"
