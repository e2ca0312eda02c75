from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path

from veridical.errors import InputError
from veridical.ocr.number import is_consistent
from veridical.ocr.region import RegionStatus, region_status
from veridical.rehearsal.specimens import (
    PROFILES,
    Fonts,
    font_sources,
    render_mrz,
    render_prc_back,
    render_prc_front,
    system_fonts,
)
from veridical.rehearsal.specimens.fonts import Font
from veridical.types import Image


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    """A font every machine has: Chinese comes out as boxes, which these tests do not read."""
    path = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = Font(path.name, path.read_bytes())
    return Fonts(font, font)


def test_the_same_seed_gives_the_same_picture(fonts: Fonts) -> None:
    one, truth = render_prc_front(None, None, 5, "glare", fonts=fonts)
    again, truth_again = render_prc_front(None, None, 5, "glare", fonts=fonts)
    other, _ = render_prc_front(None, None, 6, "glare", fonts=fonts)
    assert (one.pixels == again.pixels).all()
    assert truth.fields == truth_again.fields
    assert (one.pixels != other.pixels).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_number_fits_but_its_region_was_never_issued(fonts: Fonts, seed: int) -> None:
    _, truth = render_prc_front(None, None, seed, fonts=fonts)
    number = truth.fields["number"]
    assert isinstance(number, str)
    assert is_consistent(number)
    assert region_status(number[:6]) is RegionStatus.NEVER_ISSUED


@pytest.mark.parametrize("place", [0, 7, 16, 17])
def test_an_altered_digit_breaks_the_number(fonts: Fonts, place: int) -> None:
    _, sound = render_prc_front(None, None, 3, fonts=fonts)
    _, truth = render_prc_front(None, None, 3, fonts=fonts, altered_digit=place)
    one, other = str(sound.fields["number"]), str(truth.fields["number"])
    assert [i for i in range(18) if one[i] != other[i]] == [place]
    assert not is_consistent(other)


def test_known_fields_stay(fonts: Fonts) -> None:
    known = {"name": "某人", "sex": "女", "birth": "1980-01-02"}
    _, truth = render_prc_front(known, None, 1, fonts=fonts)
    assert known.items() <= dict(truth.fields).items()
    assert str(truth.fields["number"])[6:14] == "19800102"
    assert int(str(truth.fields["number"])[16]) % 2 == 0


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_whole_document_is_in_the_picture(fonts: Fonts, profile: str) -> None:
    for seed in range(3):
        image, truth = render_prc_back(None, seed, profile, fonts=fonts)
        assert (truth.quad >= 0).all()
        assert (truth.quad <= [image.width, image.height]).all()


def test_every_card_is_marked(fonts: Fonts) -> None:
    # The mark is the only red print on a card.
    for image, truth in (
        render_prc_front(None, Image(np.full((60, 48, 3), 200, np.uint8)), 2, fonts=fonts),
        render_prc_back(None, 2, fonts=fonts),
        render_mrz("td3", Image(np.full((60, 48, 3), 200, np.uint8)), 2, fonts=fonts),
    ):
        left, top = truth.quad.min(axis=0).astype(int)
        right, bottom = truth.quad.max(axis=0).astype(int)
        card = image.pixels[top:bottom, left:right].astype(int)
        red = (card[:, :, 0] - card[:, :, 1] > 70) & (card[:, :, 0] - card[:, :, 2] > 60)
        assert red.sum() > 100


@pytest.mark.parametrize("kind", ["td1", "td2", "td3", "mrva", "mrvb"])
def test_travel_documents_are_utopias(fonts: Fonts, kind: str) -> None:
    _, truth = render_mrz(kind, None, 4, fonts=fonts)
    lines = truth.fields["lines"]
    assert isinstance(lines, list)
    assert lines[0][2:5] == "UTO"


def test_a_machine_without_chinese_fonts_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fonts-noto-cjk") as caught:
        system_fonts(tmp_path)
    assert caught.value.code == "specimen.no_font"


def test_the_font_to_pull_is_pinned() -> None:
    source = font_sources()["sans"]
    assert len(source.sha256) == 64
    assert source.sources
