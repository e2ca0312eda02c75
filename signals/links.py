"""Is this application one of many that hang together?

Applications that share a device, a phone, an address or a face make a component. One family does so
too, and one office; a ring that lends itself devices and addresses does it with more documents.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from veridical.result import EvidenceValue, Measurement
from veridical.signals.faces import FaceIdentityCheck
from veridical.signals.seen import Sighting
from veridical.store import Connection
from veridical.store.links import attempts_of, bearers, bearings, denied_keys, rejected

__all__ = ["Component", "LinksCheck", "walked"]

MOST_HOPS = 3
MOST_ATTEMPTS = 500
DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Component:
    """What hangs together with one attempt.

    Attributes:
        transactions: How many, this one included.
        documents: Different numbers of documents among them.
        denied: Transactions among them that were rejected, or bore a key on a list of denied ones.
        shared: Kinds of keys that tie this one to others.
        hubs: Keys that too many bore to say anything, such as the network of an office.
        whole: Whether all of it was walked.
    """

    transactions: int
    documents: int
    denied: int
    shared: tuple[str, ...]
    hubs: int
    whole: bool


def walked(
    connection: Connection,
    sighting: Sighting,
    faces: Collection[str],
    since: int,
    hubs: Mapping[str, int],
) -> Component:
    """Walk from one attempt to those that share a key with it, and on from these.

    Args:
        connection: Reading.
        sighting: The attempt that is judged.
        faces: Other transactions that showed the same face.
        since: Attempts before this time, in ms since 1970, are no part of it.
        hubs: Attempts by kind above which a key ties nothing together.
    """
    most = max(hubs.values()) + 1
    seen = dict.fromkeys(sighting.keys.values(), True)
    kinds = {key: kind for kind, key in sighting.keys.items()}
    front = [key for kind, key in sighting.keys.items() if kind in hubs]
    bears: dict[str, set[bytes]] = {sighting.transaction: set(sighting.keys.values())}
    documents = {sighting.keys[DOCUMENT]} if DOCUMENT in sighting.keys else set()
    numbers: set[int] = set()
    reached = attempts_of(connection, sighting.tenant, faces, since)
    shared = {"face"} if reached else set()
    crowded, whole = 0, True
    for hop in range(MOST_HOPS):
        for key, by in bearers(connection, front, since, most).items():
            if len(by) > hubs[kinds[key]]:
                crowded += 1
                continue
            reached += by
        new = [number for number in dict.fromkeys(reached) if number not in numbers]
        whole &= len(numbers) + len(new) <= MOST_ATTEMPTS
        new = new[: MOST_ATTEMPTS - len(numbers)]
        numbers.update(new)
        front, reached = [], []
        for one in bearings(connection, new):
            bears.setdefault(one.transaction, set()).add(one.key)
            if hop == 0 and one.transaction != sighting.transaction and one.key in seen:
                shared.add(kinds[one.key])
            if one.kind == DOCUMENT:
                documents.add(one.key)
            if one.key not in kinds:
                kinds[one.key] = one.kind
                if one.kind in hubs:
                    front.append(one.key)
        if not front:
            break
    denied = denied_keys(connection, sighting.tenant, list(kinds))
    bad = rejected(connection, sighting.tenant, list(bears))
    bad |= {name for name, keys in bears.items() if keys & denied}
    return Component(len(bears), len(documents), len(bad), tuple(sorted(shared)), crowded, whole)


class LinksCheck:
    """Says how remarkable the component of an application is.

    Args:
        documents: So many different documents in one component are still a family's.
        hubs: Attempts by kind of key above which a key ties nothing together.
        faces: Knows one face again; None links by none.
    """

    name = "signals.links"

    def __init__(
        self, documents: int, hubs: Mapping[str, int], faces: FaceIdentityCheck | None = None
    ) -> None:
        self._documents = documents
        self.hubs = hubs
        self.faces = faces

    def __call__(self, found: Component | None, source: str) -> Measurement:
        """Judge one component.

        Args:
            found: What was walked; None where the attempt bears no key.
            source: Where the keys come from, for the evidence.

        Returns:
            `signals.links`: 1 while there are no more documents than a family has and nobody was
            denied, else the family's share of them, halved where somebody was, with reason
            `linked_applications`; not assessed with `missing_input` when there is nothing to link
            by.
        """
        if found is None:
            return Measurement(self.name, None, "missing_input")
        evidence: dict[str, EvidenceValue] = {
            "component_size": found.transactions,
            "documents_in_component": found.documents,
            "denied_in_component": found.denied,
            "shared": ",".join(found.shared),
            "hubs": found.hubs,
            "whole": found.whole,
            "source": source,
        }
        score = min(1.0, self._documents / max(1, found.documents))
        if found.denied:
            score /= 2
        return Measurement(self.name, score, "linked_applications", evidence)
