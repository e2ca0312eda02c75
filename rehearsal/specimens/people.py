"""Invented holders of specimen documents.

Every number begins with a city's region code (xxxx00), which no person's number does, and every
travel document comes from a state that does not exist.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from numpy.random import Generator

from veridical.ocr import NATIONS, check_character, check_digit

__all__ = [
    "CITIES",
    "draw_back",
    "draw_front",
    "draw_temporary_term",
    "draw_traveller",
    "number_for",
]

CITIES = (
    ("1301", "河北省石家庄市"),
    ("1401", "山西省太原市"),
    ("2101", "辽宁省沈阳市"),
    ("2201", "吉林省长春市"),
    ("3201", "江苏省南京市"),
    ("3301", "浙江省杭州市"),
    ("3401", "安徽省合肥市"),
    ("3501", "福建省福州市"),
    ("3701", "山东省济南市"),
    ("4101", "河南省郑州市"),
    ("4201", "湖北省武汉市"),
    ("4301", "湖南省长沙市"),
    ("4401", "广东省广州市"),
    ("5001", "重庆市"),
    ("5101", "四川省成都市"),
    ("5301", "云南省昆明市"),
    ("6101", "陕西省西安市"),
)
WORDS = {
    name: words.split()
    for name, words in tomllib.loads(
        (Path(__file__).parent / "people.toml").read_text(encoding="utf-8")
    ).items()
}
STATE = "UTO"


def draw_front(rng: Generator, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Fields of a card's front; those already known stay as they are.

    Args:
        rng: Source of chance.
        known: Values by name; a number is made to fit when there is none.
    """
    given = dict(known or {})
    city_code, city = CITIES[rng.integers(len(CITIES))]
    surname = (
        rng.choice(WORDS["surnames"])
        if rng.random() < 0.93
        else rng.choice(WORDS["double_surnames"])
    )
    district, road = rng.choice(WORDS["districts"]), rng.choice(WORDS["roads"])
    address = f"{city}{district}区{road}{rng.integers(1, 999)}号"
    kind = rng.random()
    if kind < 0.35:
        address += f"{rng.integers(1, 40)}栋{rng.integers(1, 6)}单元{rng.integers(101, 3204)}室"
    elif kind < 0.5:
        village = rng.choice(WORDS["villages"])
        address = f"{city}{district}县{village}{rng.integers(1, 20)}组{rng.integers(1, 99)}号"
    elif kind < 0.7:
        address += f"{rng.integers(1, 40)}幢{rng.integers(101, 2904)}"
    drawn = {
        "name": str(surname) + "".join(rng.choice(WORDS["given"], size=rng.integers(1, 3))),
        "sex": str(rng.choice(["男", "女"])),
        "nation": "汉" if rng.random() < 0.6 else str(rng.choice(NATIONS)),
        "birth": (date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 20500)))).isoformat(),
        "address": address,
    } | given
    drawn.setdefault("number", number_for(f"{city_code}00", drawn["birth"], drawn["sex"], rng))
    return drawn


def number_for(region: str, birth: str, sex: str, rng: Generator) -> str:
    """A number with a right check character."""
    sequence = 2 * int(rng.integers(0, 500)) + (sex == "男")
    digits = f"{region}{birth.replace('-', '')}{sequence:03}"
    return digits + check_character(digits)


def draw_back(rng: Generator) -> dict[str, str]:
    """Fields of a card's back."""
    _, city = CITIES[rng.integers(len(CITIES))]
    town = city.split("省")[-1]
    starts = date(2006, 1, 1) + timedelta(days=int(rng.integers(0, 7000)))
    if (starts.month, starts.day) == (2, 29):
        starts += timedelta(days=1)
    term = int(rng.choice([5, 10, 20, 0]))
    authority = (
        f"{town}公安局{rng.choice(WORDS['districts'])}分局"
        if rng.random() < 0.7
        else f"{rng.choice(WORDS['districts'])}县公安局"
    )
    ends = starts.replace(year=starts.year + term).isoformat() if term else "long-term"
    return {"authority": authority, "valid_from": starts.isoformat(), "valid_to": ends}


def draw_temporary_term(rng: Generator) -> dict[str, str]:
    """What a temporary card says beside its holder: the authority, and three months."""
    starts = date(2026, 1, 1) + timedelta(days=int(rng.integers(0, 240)))
    ends = starts + timedelta(days=90)
    return {
        "authority": draw_back(rng)["authority"],
        "valid_from": starts.isoformat(),
        "valid_to": ends.isoformat(),
    }


def draw_traveller(rng: Generator, kind: str) -> dict[str, object]:
    """Fields of a travel document, with the lines of its machine-readable zone.

    Args:
        rng: Source of chance.
        kind: `td1`, `td2`, `td3`, `mrva` or `mrvb`.
    """
    letters = list("ABCDEFGHJKLMNPRTUVWXYZ0123456789")
    number = "".join(rng.choice(letters, size=9))
    birth = date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 20000)))
    expiry = date(2026, 1, 1) + timedelta(days=int(rng.integers(0, 3600)))
    surname = str(rng.choice(WORDS["latin_surnames"]))
    if rng.random() < 0.2:
        surname += f" {rng.choice(WORDS['latin_surnames'])}"
    given = " ".join(rng.choice(WORDS["latin_given"], size=rng.integers(1, 3), replace=False))
    sex = str(rng.choice(["M", "F"]))
    optional = "".join(rng.choice(list("0123456789"), size=10)) if rng.random() < 0.4 else ""
    return {
        "lines": mrz_lines(kind, number, surname, given, birth, sex, expiry, optional),
        "document_number": number,
        "surname": surname,
        "given_names": given,
        "nationality": STATE,
        "birth": birth.isoformat(),
        "sex": sex,
        "expiry": expiry.isoformat(),
    }


def mrz_lines(
    kind: str,
    number: str,
    surname: str,
    given: str,
    birth: date,
    sex: str,
    expiry: date,
    optional: str,
) -> list[str]:
    """The lines of a machine-readable zone (ICAO Doc 9303, parts 4 to 7)."""
    name = f"{surname}<<{given}".replace(" ", "<")
    born, ends = f"{birth:%y%m%d}", f"{expiry:%y%m%d}"
    dates = f"{born}{check_digit(born)}{sex}{ends}{check_digit(ends)}"
    numbered = number + check_digit(number)
    if kind == "td1":
        first = f"I<{STATE}{numbered}{optional}".ljust(30, "<")
        second = f"{dates}{STATE}".ljust(29, "<")
        composite = check_digit(first[5:30] + second[0:7] + second[8:15] + second[18:29])
        return [first, second + composite, name[:30].ljust(30, "<")]
    width = 44 if kind in ("td3", "mrva") else 36
    code = {"td2": "I<", "td3": "P<", "mrva": "V<", "mrvb": "V<"}[kind]
    first = (code + STATE + name)[:width].ljust(width, "<")
    second = f"{numbered}{STATE}{dates}"
    if kind.startswith("mrv"):
        return [first, (second + optional[: width - 28]).ljust(width, "<")]
    if kind == "td2":
        second = (second + optional[:7]).ljust(35, "<")
    else:
        personal = optional.ljust(14, "<")
        second += personal + (check_digit(personal) if optional else "<")
    return [first, second + check_digit(second[0:10] + second[13:20] + second[21:])]
