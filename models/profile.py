"""Which models work together: named sets, chosen as a whole and quoted in every verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from veridical.models.card import MeasuredPoint, read_operating_points
from veridical.models.tables import load_table

__all__ = ["PROFILES_FILE", "Profile", "read_profiles"]

PROFILES_FILE = Path(__file__).parent / "profiles.toml"


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of models.

    Attributes:
        name: Such as `registry`.
        summary: What sets it apart, in a sentence.
        roles: Names of the models that fill each role, such as `detector` or `silent`.
        operating_points: Thresholds, by check name, of scores that several of its models make
            together; they go before those on the models' cards.
    """

    name: str
    summary: str
    roles: Mapping[str, tuple[str, ...]]
    operating_points: Mapping[str, MeasuredPoint] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Every model of the set, each once, in the order of the roles."""
        return tuple(dict.fromkeys(name for names in self.roles.values() for name in names))


def read_profiles(path: Path = PROFILES_FILE) -> Mapping[str, Profile]:
    """Every profile by name, the most complete first."""
    table = load_table(path)
    found = {}
    for name in table.values:
        entry = table.table(name)
        roles = entry.table("roles")
        found[name] = Profile(
            name,
            entry.text("summary"),
            MappingProxyType({role: roles.texts(role) for role in roles.values}),
            read_operating_points(entry, f"profile:{name}"),
        )
    return MappingProxyType(found)
