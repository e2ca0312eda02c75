"""Is the applicant's number, phone or device on a list?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from veridical.result import EvidenceValue, Measurement

if TYPE_CHECKING:  # the database is not needed to verify without one
    from veridical.store.lists import Listed

__all__ = ["ListsCheck", "allowed"]


class ListsCheck:
    """Says what the lists know of an applicant. A list that allows never accepts anybody."""

    name = "signals.lists"

    def __call__(self, keys: int, found: "Mapping[str, Listed]", source: str) -> Measurement:
        """Judge what was found.

        Args:
            keys: How many were looked up.
            found: Entries by kind of key.
            source: Where the keys come from, for the evidence.

        Returns:
            `signals.lists`: 0 with reason `denied` for a denied key, else 1; not assessed with
            `missing_input` when there was nothing to look up.
        """
        if not keys:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {"looked_up": keys, "source": source}
        denied = sorted(kind for kind, entry in found.items() if entry.effect == "deny")
        if free := sorted(allowed(found)):
            evidence["allow"] = ",".join(free)
        if not denied:
            return Measurement(self.name, 1.0, "", evidence)
        evidence |= {"deny": ",".join(denied), "label": found[denied[0]].label}
        return Measurement(self.name, 0.0, "denied", evidence)


def allowed(found: "Mapping[str, Listed]") -> set[str]:
    """Kinds of keys that an allow list names and no other denies."""
    return {kind for kind, entry in found.items() if entry.effect == "allow"}
