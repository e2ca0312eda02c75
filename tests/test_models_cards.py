"""Every card says what a card must say, and the documentation says what the cards say."""

import re
from pathlib import Path

import pytest

from veridical.errors import ModelError
from veridical.models import Card, list_cards, read_card, read_profiles
from veridical.models.card import CARDS_DIRECTORY, read_card_file
from veridical.models.catalogue import WEIGHTS_DIRECTORY
from veridical.models.convert.recipes import SKELETONS_DIRECTORY
from veridical.models.listing import cards_as_markdown
from veridical.models.source import NpmSource, PypiSource, Source, UrlSource

ROOT = Path(__file__).parent.parent
SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(params=list_cards(), ids=lambda card: card.name)
def card(request: pytest.FixtureRequest) -> Card:
    found: Card = request.param
    return found


def _sources(card: Card) -> list[Source]:
    return [source for file in card.file.parts or (card.file,) for source in file.sources]


def test_a_card_pins_its_source(card: Card) -> None:
    assert SHA256.fullmatch(card.file.sha256)
    assert card.file.size_bytes > 0
    for source in _sources(card):
        if isinstance(source, UrlSource):
            assert source.url.startswith("https://")
        else:
            assert SHA256.fullmatch(source.archive_sha256)
            assert source.member


def test_a_card_names_exact_versions(card: Card) -> None:
    for source in _sources(card):
        if isinstance(source, PypiSource):
            assert re.fullmatch(r"[\w.-]+==[\w.]+", source.requirement)
        elif isinstance(source, NpmSource):
            assert re.fullmatch(r"@?[\w./-]+@[\w.]+", source.package)


def test_a_card_says_what_goes_in_and_comes_out(card: Card) -> None:
    assert card.inputs
    assert card.outputs
    assert card.task
    assert len(card.provenance) > 40


NEVER_RUN = {"auraface-v1"}
"""Its file could not be had; the hash on the card is all that proves it."""


def test_a_card_of_a_profile_has_a_known_answer(card: Card) -> None:
    used = {name for profile in read_profiles().values() for name in profile.models}
    if card.name in used - NEVER_RUN:
        assert card.known_answer is not None
        assert card.known_answer.outputs


def test_a_card_has_what_its_recipe_needs(card: Card) -> None:
    if card.recipe == "fill-skeleton":
        assert (SKELETONS_DIRECTORY / card.options.text("skeleton")).is_file()
    if card.recipe == "shipped":
        assert (WEIGHTS_DIRECTORY / card.file.name).is_file()
    else:
        assert _sources(card)
        assert not (card.file.sources and card.file.parts)


def test_measured_rates_are_rates(card: Card) -> None:
    for point in card.operating_points.values():
        assert point.rates or "provisional" in point.note
        for measured in point.rates:
            low, high = measured.rate.ci95
            assert 0 <= low <= measured.rate.value <= high <= 1
            assert measured.rate.n > 0


def test_every_model_of_a_profile_has_a_card() -> None:
    for profile in read_profiles().values():
        for name in profile.models:
            assert read_card(name).name == name


def test_the_registry_profile_needs_nothing_but_registries() -> None:
    for name in read_profiles()["registry"].models:
        card = read_card(name)
        if card.recipe != "shipped":
            for file in card.file.parts or (card.file,):
                assert isinstance(file.sources[0], PypiSource | NpmSource)


def test_the_commercial_profile_is_commercial() -> None:
    names = read_profiles()["commercial"].models
    assert {read_card(name).commercial for name in names} == {"yes"}


def test_the_documentation_holds_the_table_of_the_cards() -> None:
    text = (ROOT / "docs" / "explanation" / "models.md").read_text(encoding="utf-8")
    assert cards_as_markdown(list_cards()) in text, (
        "docs/explanation/models.md is behind the cards: run `python docs/generate.py`"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "iris-64"\n', "", "name"),
        ('name = "iris-64"', 'name = "iris"', "iris"),
        ('commercial = "yes"', 'commercial = "perhaps"', "perhaps"),
        ('kind = "tflite"', 'kind = "magic"', "magic"),
        ('kind = "pypi"', 'kind = "torrent"', "torrent"),
        ("bytes = 2640568", 'bytes = "2640568"', "bytes"),
        ('task = "', "task = 3 # ", "task"),
        ("[file]", "[file", "iris-64.toml"),
    ],
)
def test_a_faulty_card_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (CARDS_DIRECTORY / "iris-64.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "iris-64.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelError, match=told) as caught:
        read_card_file(path)
    assert caught.value.code == "model.card"


def test_an_unknown_card_is_said_so() -> None:
    with pytest.raises(ModelError) as caught:
        read_card("resnet-9000")
    assert caught.value.code == "model.unknown"
