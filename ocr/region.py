"""Was a region code of a citizen number ever issued?

The table knows the second level of GB/T 2260 (provinces, cities, prefectures), with the withdrawn
codes that people born under them keep for life; it does not know counties.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

__all__ = ["RegionStatus", "province_name", "region_status"]

TABLE = Path(__file__).parent / "tables" / "regions.txt"
RESIDENCE_PERMITS = ("810000", "820000", "830000")
"""Holders from Hong Kong, Macao and Taiwan: on residence permits, not on identity cards."""


class RegionStatus(StrEnum):
    """What the table says of a code."""

    ISSUED = "issued"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    NEVER_ISSUED = "never_issued"


def region_status(code: str) -> RegionStatus:
    """Look a six-digit region code up.

    A code that ends in 00 names a whole city or province: nobody's number begins with one, which
    is why specimens use them. A province that does not exist was never issued either.
    """
    if code in RESIDENCE_PERMITS:
        return RegionStatus.ISSUED
    province, second, county = code[:2], code[2:4], code[4:6]
    if province not in _table() or county == "00":
        return RegionStatus.NEVER_ISSUED
    _, issued, withdrawn = _table()[province]
    if second in issued:
        return RegionStatus.ISSUED
    return RegionStatus.WITHDRAWN if second in withdrawn else RegionStatus.UNKNOWN


def province_name(code: str) -> str | None:
    """Short name of the province a region code belongs to."""
    row = _table().get(code[:2])
    return row[0] if row else None


@cache
def _table() -> dict[str, tuple[str, frozenset[str], frozenset[str]]]:
    """Name, issued and withdrawn second-level codes by province."""
    rows: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            known, _, withdrawn = line.partition("|")
            province, name, issued = known.split()
            rows[province] = (name, _expand(issued), _expand(withdrawn.strip()))
    return rows


def _expand(ranges: str) -> frozenset[str]:
    """`01-03,22` to its codes."""
    codes: set[str] = set()
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        codes |= {f"{code:02}" for code in range(int(first), int(last or first) + 1)}
    return frozenset(codes)
