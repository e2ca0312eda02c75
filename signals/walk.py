"""Which earlier attempts hang together with this one? Beside the check, for it needs a database."""

from collections.abc import Collection, Mapping

from veridical.signals.links import Component
from veridical.signals.seen import Sighting
from veridical.store import Connection
from veridical.store.links import attempts_of, bearers, bearings, denied_keys, rejected

__all__ = ["walked"]

MOST_HOPS = 3
MOST_ATTEMPTS = 500
DOCUMENT = "document"


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
