"""Was a region code of a citizen number ever issued?

The table has every county-level code of GB/T 2260 since 1980, with the withdrawn ones that people
born under them keep for life; `research/training/region_table.py` says where it comes from.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

__all__ = ["RegionStatus", "province_name", "region_status"]

TABLES = Path(__file__).parent / "tables"
RESIDENCE_PERMITS = ("810000", "820000", "830000")
"""Holders from Hong Kong, Macao and Taiwan: on residence permits, not on identity cards."""


class RegionStatus(StrEnum):
    """What the table says of a code."""

    ISSUED = "issued"
    WITHDRAWN = "withdrawn"
    IN_USE = "in_use"
    UNKNOWN = "unknown"
    NEVER_ISSUED = "never_issued"


def region_status(code: str) -> RegionStatus:
    """Look a six-digit region code up.

    A code that ends in 00 names a whole city or province: nobody's number begins with one, but for
    the few cities without counties; that is why specimens use them. A province that does not exist
    was never issued either. A few codes are in use though no revision of the standard has them.
    Any other code outside the table may be newer than the table.
    """
    provinces, issued, withdrawn = _table()
    if code in issued or code in RESIDENCE_PERMITS:
        return RegionStatus.ISSUED
    if code in withdrawn:
        return RegionStatus.WITHDRAWN
    if code in _in_use():
        return RegionStatus.IN_USE
    if code[:2] not in provinces or code[4:] == "00":
        return RegionStatus.NEVER_ISSUED
    return RegionStatus.UNKNOWN


def province_name(code: str) -> str | None:
    """Short name of the province a region code belongs to."""
    return _table()[0].get(code[:2])


@cache
def _in_use() -> frozenset[str]:
    """Codes in no revision of the standard with which numbers of living people begin."""
    lines = (TABLES / "regions_in_use.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(code for line in lines if not line.startswith("#") for code in line.split())


@cache
def _table() -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    """Names of provinces, issued codes, withdrawn codes."""
    provinces: dict[str, str] = {}
    issued: set[str] = set()
    withdrawn: set[str] = set()
    for line in (TABLES / "regions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        place, _, rest = line.partition(" ")
        if len(place) == 2:
            provinces[place] = rest
            continue
        now, _, before = rest.partition("|")
        issued.update(place + county for county in _expand(now))
        withdrawn.update(place + county for county in _expand(before))
    return provinces, frozenset(issued), frozenset(withdrawn)


def _expand(ranges: str) -> list[str]:
    """`01-03 22` to its codes."""
    codes: list[str] = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        codes += [f"{code:02}" for code in range(int(first), int(last or first) + 1)]
    return codes
