"""What do signals judge by? One file; a policy may set limits of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from veridical.models.tables import load_table

__all__ = ["COMPARING", "COUNTED", "HIGHEST_LIMIT", "LIMITS", "WINDOWS_MS", "SignalSettings"]

SETTINGS_FILE = Path(__file__).parent / "signals.toml"

COMPARING = frozenset(
    {"signals.face_identity", "signals.identity_face", "signals.links", "signals.velocity"}
)
"""Checks that compare with faces seen before: only for these is a face kept."""

WINDOWS_MS: Mapping[str, int] = {
    "10m": 600_000,
    "1h": 3_600_000,
    "24h": 86_400_000,
    "30d": 30 * 86_400_000,
}
"""Windows in which attempts are counted, the shortest first."""

COUNTED = ("face", "document", "subject", "device", "phone", "network")
"""What attempts are counted by."""

LIMITS = tuple(f"{kind}_{window}" for kind in COUNTED for window in WINDOWS_MS)
"""Every count, by the name under which it is limited and told."""

HIGHEST_LIMIT = 999
"""One less than attempts are counted to."""


@dataclass(frozen=True, slots=True)
class SignalSettings:
    """What `signals.toml` says.

    Attributes:
        velocity: Most attempts by count, such as `device_1h`.
        same_face_fpir: Up to here a face seen counts as the one that is judged.
        compared: Newest transactions of one identity whose faces are compared.
        flags: Score that is left when a device says so of itself.
        region: Score by the closest that document and location share.
        family: Most different documents that one family's component has.
        hubs: Attempts by kind of key above which a key ties nothing together.
        travel_kmh: Fastest journey that is nothing remarkable.
        travel_slack_km: So far off a place may be told without anybody having moved.
    """

    velocity: Mapping[str, int]
    same_face_fpir: float
    compared: int
    flags: Mapping[str, float]
    region: Mapping[str, float]
    family: int
    hubs: Mapping[str, int]
    travel_kmh: float
    travel_slack_km: float

    @classmethod
    def read(cls, path: Path = SETTINGS_FILE) -> Self:
        """Read the file.

        Raises:
            ModelError: It lacks a key, or one has another type.
        """
        table = load_table(path)
        links = table.table("links")
        hubs = links.table("hubs")
        velocity, faces = table.table("velocity"), table.table("faces")
        flags, region = table.table("device").table("flags"), table.table("region")
        return cls(
            {name: velocity.whole(name) for name in velocity.values},
            faces.number("same_face_fpir"),
            faces.whole("compared"),
            {name: flags.number(name) for name in flags.values},
            {name: region.number(name) for name in region.values},
            links.whole("documents"),
            {name: hubs.whole(name) for name in hubs.values},
            table.table("travel").number("kmh"),
            table.table("travel").number("slack_km"),
        )
