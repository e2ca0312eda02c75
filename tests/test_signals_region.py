"""Another country is worth a look; another province is told and passes."""

import pytest

from veridical import Status
from veridical.catalogue.points import own_points
from veridical.policy.decision import judge
from veridical.signals import SignalFacts, SignalSettings
from veridical.signals.countries import ALPHA_3, alpha_3
from veridical.signals.region import RegionCheck

CHECK = RegionCheck(SignalSettings.read().region)
POINT = own_points()["signals.region"]
SHENZHEN = "440305199001011234"


@pytest.mark.parametrize(
    ("number", "region", "level"),
    [
        (SHENZHEN, "440305", "county"),
        (SHENZHEN, "440304", "city"),
        (SHENZHEN, "4403", "city"),
        (SHENZHEN, "440106", "province"),
        (SHENZHEN, "44", "province"),
        (SHENZHEN, "110101", "country"),
        ("510211196001011234", "500103", "province"),  # Chongqing, when it belonged to Sichuan
        ("510211196001011234", "510104", "country"),
        ("442121198001011234", "460107", "province"),  # Hainan, when it belonged to Guangdong
        ("810000199001011234", "440305", "country"),  # somebody from Hong Kong lives anywhere
    ],
)
def test_the_closest_that_number_and_place_share(number: str, region: str, level: str) -> None:
    found = CHECK(number, "", SignalFacts(region=region))
    assert (found.evidence["level"], found.evidence["country_agrees"]) == (level, True)
    assert found.evidence["source"] == "document,sdk"
    if number[:2] != "81":
        assert found.evidence["province_agrees"] is (level != "country")
    assert judge(found, POINT).status is Status.PASS


@pytest.mark.parametrize(
    ("number", "issuer", "country", "agrees"),
    [
        (SHENZHEN, "", "CN", True),
        (SHENZHEN, "", "chn", True),
        (SHENZHEN, "", "HK", False),
        ("810000199001011234", "", "HK", True),
        ("", "D", "DE", True),
        ("", "GBD", "GB", True),
        ("", "UTO", "GB", None),
        ("", "FRA", "BE", False),
    ],
)
def test_countries(number: str, issuer: str, country: str, agrees: bool | None) -> None:
    found = CHECK(number, issuer, SignalFacts(country=country))
    if agrees is None:  # the land of Utopia is where specimens come from
        assert (found.score, found.reason) == (None, "missing_input")
        return
    assert found.evidence["country_agrees"] is agrees
    assert (judge(found, POINT).status is Status.PASS) is agrees
    assert agrees or found.reason == "other_region"


def test_a_region_of_another_country_is_not_compared_with_chinese_ones() -> None:
    found = CHECK(SHENZHEN, "", SignalFacts(country="US", region="440305"))
    assert (found.score, found.evidence["level"]) == (0.0, "none")


@pytest.mark.parametrize("facts", [SignalFacts(), SignalFacts(device="d")])
def test_without_a_place_nothing_is_compared(facts: SignalFacts) -> None:
    assert CHECK(SHENZHEN, "", facts).reason == "missing_input"


def test_without_a_document_nothing_is_compared() -> None:
    assert CHECK("", "", SignalFacts(country="CN")).reason == "missing_input"


def test_the_table_has_every_country_once() -> None:
    assert len(ALPHA_3) == 249
    assert [alpha_3(code) for code in ("CN", "GBS", "XXX")] == ["CHN", "GBR", "XXX"]
