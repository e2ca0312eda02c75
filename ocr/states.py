"""Is a code in a machine-readable zone that of a state or organisation which issues documents?"""

from functools import cache
from pathlib import Path

__all__ = ["is_state"]

TABLE = Path(__file__).parent / "tables" / "states.txt"


def is_state(code: str) -> bool:
    """Whether ICAO Doc 9303-3, section 5, knows an issuer or a nationality by this code.

    Args:
        code: One to three letters, without fillers.
    """
    return code in _table()


@cache
def _table() -> frozenset[str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return frozenset(code for line in lines if not line.startswith("#") for code in line.split())
