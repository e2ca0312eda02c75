from datetime import date

import pytest

from veridical.ocr.number import birth_of, check_character, is_consistent, mend, sex_of

# The example of GB 11643-1999, annex A.
EXAMPLE = "11010519491231002X"


def test_the_standards_example_is_consistent() -> None:
    assert is_consistent(EXAMPLE)
    assert birth_of(EXAMPLE) == "1949-12-31"
    assert sex_of(EXAMPLE) == "女"


def test_every_single_wrong_character_is_caught() -> None:
    for place in range(18):
        for character in "0123456789" + ("X" if place == 17 else ""):
            if character != EXAMPLE[place]:
                assert not is_consistent(EXAMPLE[:place] + character + EXAMPLE[place + 1 :])


def test_every_swap_of_neighbours_is_caught() -> None:
    for place in range(16):
        a, b = EXAMPLE[place : place + 2]
        swapped = EXAMPLE[:place] + b + a + EXAMPLE[place + 2 :]
        assert a == b or not is_consistent(swapped)


@pytest.mark.parametrize("text", ["", "1" * 17, "1" * 19, "X" * 18, "11010519491331002X"])
def test_what_is_no_number_is_not_consistent(text: str) -> None:
    assert not is_consistent(text)


def test_a_birth_date_must_exist() -> None:
    digits = "11010519490231" + "002"
    number = digits + check_character(digits)
    assert birth_of(number) is None
    assert not is_consistent(number)
    assert date.fromisoformat("1949-02-28")


def test_letters_that_look_like_digits_are_mended_and_listed() -> None:
    mended, changes = mend("IlO1O51949I231002x")
    assert mended == "110105194912310" + "02X"
    assert changes == ("0:I>1", "1:l>1", "2:O>0", "4:O>0", "10:I>1")
