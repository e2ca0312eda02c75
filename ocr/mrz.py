"""What does a machine-readable zone say, and do its check digits agree?

Source: ICAO Doc 9303, parts 3 to 7: TD1 (3 lines of 30), TD2 (2 of 36), TD3 (2 of 44), and visas of
format A (2 of 44) and B (2 of 36), which begin with V and have no composite check digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Mrz"]


@dataclass(frozen=True, slots=True)
class Mrz:
    """A machine-readable zone.

    Attributes:
        kind: `td1`, `td2`, `td3`, `mrva` or `mrvb`.
        lines: As corrected, each of the format's length.
        fields: Values by name.
        checks: Whether each check digit agrees, by the name of its field.
        corrections: Each as `line:position:read>value`, counted from 0.
    """

    kind: str
    lines: tuple[str, ...]
    fields: Mapping[str, str]
    checks: Mapping[str, bool]
    corrections: tuple[str, ...] = ()
