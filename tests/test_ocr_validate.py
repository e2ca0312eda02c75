import itertools
from collections import Counter
from datetime import date

import pytest

from veridical.ocr import kind_of, parse_mrz
from veridical.ocr import validate as rules
from veridical.ocr.document import Document, Field
from veridical.ocr.mrz import Mrz
from veridical.ocr.number import check_character
from veridical.ocr.region import RegionStatus, province_name, region_status
from veridical.ocr.states import is_state
from veridical.ocr.text import Reading

TODAY = date(2026, 11, 21)


def validate(
    kind: str, values: dict[str, Field], mrz: Mrz | None, today: date, texts: tuple[str, ...] = ()
) -> tuple[str, ...]:
    return rules.validate(Document(kind, values, mrz=mrz, texts=texts), today)


def fields(**values: str) -> dict[str, Field]:
    return {name: Field(value, 0.99, None) for name, value in values.items()}


def front(region: str = "110105", birth: str = "1990-05-06", **changed: str) -> dict[str, Field]:
    digits = region + birth.replace("-", "") + "123"
    values = {
        "name": "张三",
        "sex": "男",
        "nation": "汉",
        "birth": birth,
        "address": "北京市朝阳区某路1号",
        "number": digits + check_character(digits),
    }
    return fields(**(values | changed))


def back(starts: str, ends: str, authority: str = "北京市公安局朝阳分局") -> dict[str, Field]:
    return fields(authority=authority, valid_from=starts, valid_to=ends)


def test_a_card_that_fits_has_no_finding() -> None:
    assert validate("prc_id_front", front(), None, TODAY) == ()
    assert validate("prc_id_back", back("2015-03-04", "2035-03-04"), None, TODAY) == ()


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"birth": "1990-05-07"}, "number_birth_mismatch"),
        ({"sex": "女"}, "number_sex_mismatch"),
        ({"number": "110105199005061230"}, "number_check_digit"),
    ],
)
def test_what_contradicts_the_number_is_found(changed: dict[str, str], finding: str) -> None:
    values = front()
    values |= fields(**changed)
    assert finding in validate("prc_id_front", values, None, TODAY)


def test_missing_fields_are_found() -> None:
    values = front()
    del values["address"]
    assert validate("prc_id_front", values, None, TODAY) == ("fields_missing",)


@pytest.mark.parametrize(
    ("starts", "ends", "findings"),
    [
        ("2020-01-02", "2030-01-02", ()),
        ("2020-01-02", "2025-01-02", ("expired",)),
        ("2020-01-02", "2027-01-02", ("term_not_legal",)),
        ("2020-01-02", "2030-01-03", ("term_not_legal",)),
        ("2020-01-02", "long-term", ()),
        ("2016-02-29", "2036-02-29", ()),
        ("2024-02-29", "2034-03-01", ()),
        ("2027-01-02", "2037-01-02", ("not_yet_valid",)),
    ],
)
def test_terms_are_5_10_or_20_years_to_the_day(
    starts: str, ends: str, findings: tuple[str, ...]
) -> None:
    assert validate("prc_id_back", back(starts, ends), None, TODAY) == findings


@pytest.mark.parametrize(
    ("birth", "starts", "ends", "fits"),
    [
        ("2012-01-01", "2020-01-01", "2025-01-01", True),
        ("2012-01-01", "2020-01-01", "2030-01-01", False),
        ("2002-01-01", "2020-01-01", "2030-01-01", True),
        ("1990-01-01", "2020-01-01", "2040-01-01", True),
        ("1990-01-01", "2020-01-01", "long-term", False),
        ("1970-01-01", "2020-01-01", "long-term", True),
    ],
)
def test_the_term_follows_the_holders_age(birth: str, starts: str, ends: str, fits: bool) -> None:
    sides = (
        Document("prc_id_front", front(birth=birth)),
        Document("prc_id_back", back(starts, ends)),
    )
    assert ("term_not_for_age" not in kind_of("prc_id_front").compare(*sides)) == fits


def test_a_card_issued_before_its_holders_birth_is_two_cards() -> None:
    found = kind_of("prc_id_front").compare(
        Document("prc_id_front", front(birth="2001-01-01")),
        Document("prc_id_back", back("2000-01-01", "2010-01-01")),
    )
    assert "issued_before_birth" in found


def test_the_authority_belongs_to_the_address() -> None:
    one = Document("prc_id_front", front())
    here = Document("prc_id_back", back("2015-03-04", "2035-03-04"))
    elsewhere = Document("prc_id_back", back("2015-03-04", "2035-03-04", "昆明市公安局官渡分局"))
    assert "front_back_mismatch" not in kind_of("prc_id_front").compare(one, here)
    assert "front_back_mismatch" in kind_of("prc_id_front").compare(one, elsewhere)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("110105", RegionStatus.ISSUED),
        ("440305", RegionStatus.ISSUED),
        ("653228", RegionStatus.ISSUED),  # a county of 2025
        ("441900", RegionStatus.ISSUED),  # Dongguan has no counties
        ("810000", RegionStatus.ISSUED),
        ("110103", RegionStatus.WITHDRAWN),  # Chongwen, until 2010
        ("510211", RegionStatus.WITHDRAWN),  # Shapingba, when Chongqing was in Sichuan
        ("422101", RegionStatus.WITHDRAWN),
        ("460200", RegionStatus.WITHDRAWN),  # Sanya, until it got districts
        ("430419", RegionStatus.IN_USE),  # Leiyang; no revision of the standard has it
        ("110199", RegionStatus.UNKNOWN),
        ("139901", RegionStatus.UNKNOWN),
        ("130171", RegionStatus.UNKNOWN),  # a development zone of the statistics office
        ("510100", RegionStatus.NEVER_ISSUED),
        ("000000", RegionStatus.NEVER_ISSUED),
        ("990101", RegionStatus.NEVER_ISSUED),
    ],
)
def test_regions(code: str, status: RegionStatus) -> None:
    assert region_status(code) is status


def test_the_table_is_whole() -> None:
    codes = [f"{code:06}" for code in range(110000, 660000)]
    found = Counter(region_status(code) for code in codes)
    # The ministry counted 2,843 to 2,851 counties in these years, and four cities have none.
    assert 2840 < found[RegionStatus.ISSUED] < 2870
    assert found[RegionStatus.WITHDRAWN] > 3500


@pytest.mark.parametrize(
    ("region", "finding"),
    [("110105", ()), ("110103", ()), ("110199", ("region_unknown",))],
)
def test_a_withdrawn_region_is_no_finding_and_an_unknown_one_is(
    region: str, finding: tuple[str, ...]
) -> None:
    assert validate("prc_id_front", front(region=region), None, TODAY) == finding


def test_every_province_has_a_name() -> None:
    assert province_name("510105") == "四川"
    assert province_name("990105") is None


def test_a_temporary_card_is_recognised_by_its_title() -> None:
    found = validate("prc_id_front", front(), None, TODAY, ("临时居民身份证",))
    assert found == ("temporary_card",)


def test_a_number_of_no_province_is_a_misread_one() -> None:
    found = validate("prc_id_front", front(region="101000"), None, TODAY)
    assert found == ("region_never_issued", "region_unknown")
    # As specimens have it: a city's code, of which no person's number is made.
    assert validate("prc_id_front", front(region="210100"), None, TODAY) == ("region_never_issued",)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("河北省石家庄市南山区翠竹街8号", True),
        ("南山县大河乡2组9号", True),
        ("府街63号3幢1043", False),
        ("家庄9组77号", False),
    ],
)
def test_an_address_without_its_first_line_is_found(address: str, whole: bool) -> None:
    found = validate("prc_id_front", front(address=address), None, TODAY)
    assert found == (() if whole else ("address_incomplete",))


@pytest.mark.parametrize(("weakest", "sure"), [(None, True), (0.9, True), (0.4, False)])
def test_a_field_with_a_character_hard_to_read_is_found(weakest: float | None, sure: bool) -> None:
    values = front() | {"name": Field("张三", 0.99, None, weakest=weakest)}
    assert validate("prc_id_front", values, None, TODAY) == (() if sure else ("field_unsure",))


@pytest.mark.parametrize(
    ("code", "known"),
    [
        *((code, True) for code in ("CHN", "D", "GBD", "UNO", "XXA", "XXB", "XXC", "XOM")),
        *((code, True) for code in ("RKS", "EUE", "UTO")),
        *((code, False) for code in ("UJO", "UYO", "UOO", "UIB", "132", "", "CH")),
    ],
)
def test_states(code: str, known: bool) -> None:
    assert is_state(code) is known


def test_the_table_of_states_is_whole() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = ["".join(three) for three in itertools.product(letters, repeat=3)]
    # 249 countries, and what ICAO and Kosovo add.
    assert sum(is_state(code) for code in codes) == 249 + 26


def test_a_zone_of_an_unknown_state_is_found() -> None:
    lines = (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F3204153<<<<<<<<<<<<<<04",
    )
    for state, findings in (("UTO", ()), ("UJO", ("state_unknown",))):
        for row in (0, 1):
            read = [
                line.replace("UTO", state) if number == row else line
                for number, line in enumerate(lines)
            ]
            zone = parse_mrz(
                [Reading(t, 1.0, (1.0,) * 44, tuple(i / 44 for i in range(44))) for t in read],
                TODAY,
            )
            assert zone is not None
            assert validate("td3", fields(**zone.fields), zone, TODAY) == findings


def test_residents_of_hong_kong_macao_and_taiwan_have_no_nation() -> None:
    for region in ("810000", "820000", "830000"):
        values = front(region=region)
        del values["nation"]
        assert validate("prc_residence_front", values, None, TODAY) == ()
        residence = Document("prc_residence_front", values)
        assert kind_of("prc_residence_front").specimen(residence) == ""
    values = front()
    del values["nation"]
    assert validate("prc_id_front", values, None, TODAY) == ("fields_missing",)


def test_a_foreign_permanent_resident_is_no_specimen_and_goes_to_a_person() -> None:
    values = front(region="911840")
    document = Document("prc_foreign_permanent", values)
    assert rules.validate(document, TODAY) == ("kind_not_supported",)
    assert kind_of(document.kind).specimen(document) == ""
    assert kind_of(document.kind).holder_number(document) == values["number"].value
