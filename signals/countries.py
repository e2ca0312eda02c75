"""Which country does a code name? ISO 3166-1, and what passports write in its place."""

from pathlib import Path

__all__ = ["ALPHA_3", "alpha_3"]

TABLE = Path(__file__).parent / "countries.txt"
_BY_TWO = dict(
    pair.split()
    for line in TABLE.read_text(encoding="ascii").splitlines()
    if not line.startswith("#")
    for pair in line.split(", ")
)
ALPHA_3 = frozenset(_BY_TWO.values())
"""Every code of three letters."""

# ICAO Doc 9303-3, section 5: codes of machine-readable zones that ISO 3166-1 lacks.
_ON_PASSPORTS = {"D": "DEU", **dict.fromkeys(("GBD", "GBN", "GBO", "GBP", "GBS"), "GBR")}


def alpha_3(code: str) -> str:
    """A country's code in three letters; one that names no country comes back as it is."""
    upper = code.strip().upper()
    return _BY_TWO.get(upper) or _ON_PASSPORTS.get(upper, upper)
