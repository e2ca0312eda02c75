"""What was seen of an applicant before, and what is kept of this one: attempts, faces, lists.

One ledger serves every tenant, transaction and thread; nothing of one tenant is ever told to
another. It keeps keyed hashes and, sealed under a key of each transaction's own, the face.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping

from veridical.errors import InputError
from veridical.gallery import Attributes, Enrolment, Gallery
from veridical.signals.facts import SignalFacts, place_of
from veridical.signals.keys import keys_of
from veridical.signals.links import Component
from veridical.signals.seen import IDENTITIES, SeenFace, SeenFaces, Sighting
from veridical.signals.settings import COUNTED, WINDOWS_MS
from veridical.signals.travel import Place
from veridical.signals.walk import walked
from veridical.store import Connection, Database, KeyProvider
from veridical.store.attempts import (
    add_attempt,
    count_attempts,
    drop_attempts,
    keys_of_transactions,
    places_with,
    time_of_attempt,
    times_of_transactions,
    transactions_with,
)
from veridical.store.lists import Listed, find_entries
from veridical.store.subjects import erase_template
from veridical.store.vault import Vault, made_vault
from veridical.types import Template

__all__ = ["SEEN", "SEEN_WORD", "Keep", "Ledger", "forget", "subject_of"]

SEEN = "signals.seen"
"""The gallery of the faces of all judged transactions."""
SEEN_WORD = "seen "
"""Begins the names under which they are kept."""

PLACE = "place"
"""What a sealed place is bound to."""
MOST_PLACES = 8
"""Newest attempts of one identity whose places are compared."""
MOST_FACES = 100
"""Of the faces seen, so many of the most alike are looked at."""

Keep = Callable[[Connection], None]
"""Keeps an attempt within the transaction that keeps its verdict."""


class Ledger:
    """Attempts, faces seen and lists of every tenant. Safe in many threads.

    Args:
        database: Upgraded.
        keys: Master keys.
        clock: ms since 1970.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyProvider,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._vaults: dict[str, Vault] = {}
        self._galleries: dict[tuple[str, str], Gallery] = {}
        self._lock = threading.Lock()

    # --- who is this? ----------------------------------------------------------------------------

    def sighting(self, transaction: str, attempt: int, facts: SignalFacts, number: str) -> Sighting:
        """Everything by which this attempt may be known again.

        Args:
            transaction: Its id.
            attempt: Number of the attempt within it.
            facts: What was handed in.
            number: Of the document; empty without one.

        Raises:
            InputError: `signals.value`: a fact is none, such as a network that is no address.
            StoreError: The database cannot be used.
        """
        keys = keys_of(self.vault(facts.tenant), facts, number)
        return Sighting(facts.tenant, transaction, attempt, keys, place_of(facts.geo))

    def vault(self, tenant: str) -> Vault:
        """The vault of a tenant, whose key makes its keyed hashes.

        Raises:
            StoreError: The database cannot be used.
        """
        with self._lock:
            if tenant not in self._vaults:
                with self._database.writing() as connection:
                    self._vaults[tenant] = made_vault(connection, self._keys, tenant)
            return self._vaults[tenant]

    # --- what was seen before? -------------------------------------------------------------------

    def counts(self, sighting: Sighting) -> dict[str, int]:
        """Attempts that bore the same keys, this one included, such as `device_1h`.

        Raises:
            StoreError: The database cannot be read.
        """
        since = self._since()
        with self._database.reading() as connection:
            counted = count_attempts(connection, list(sighting.keys.values()), since)
            own = self._own(connection, sighting, since)
        return {
            f"{kind}_{window}": count + uncounted
            for kind, key in sighting.keys.items()
            if kind in COUNTED
            for window, count, uncounted in zip(WINDOWS_MS, counted[key], own, strict=True)
        }

    def face_counts(self, sighting: Sighting, transactions: frozenset[str]) -> dict[str, int]:
        """Attempts of some transactions and of this one, which is included, such as `face_1h`.

        Args:
            sighting: The attempt that is judged.
            transactions: Those that showed the same face.

        Raises:
            StoreError: The database cannot be read.
        """
        since = self._since()
        of = transactions | {sighting.transaction}
        with self._database.reading() as connection:
            times = times_of_transactions(connection, sighting.tenant, of, since[-1])
            own = self._own(connection, sighting, since)
        return {
            f"face_{window}": sum(at >= start for at in times) + uncounted
            for window, start, uncounted in zip(WINDOWS_MS, since, own, strict=True)
        }

    def component(
        self, sighting: Sighting, faces: Collection[str], hubs: Mapping[str, int]
    ) -> Component | None:
        """What hangs together with an attempt within the longest window; None without keys.

        Args:
            sighting: The attempt that is judged.
            faces: Other transactions that showed the same face.
            hubs: Attempts by kind above which a key ties nothing together.

        Raises:
            StoreError: The database cannot be read.
        """
        if not sighting.keys:
            return None
        with self._database.reading() as connection:
            return walked(connection, sighting, faces, self._since()[-1], hubs)

    def places(self, sighting: Sighting) -> tuple[Place | None, list[Place]]:
        """Where an attempt is made, and where those before were made under the same identity.

        Raises:
            StoreError: The database cannot be read, or a place was altered.
        """
        here, key = sighting.place, sighting.identity
        if here is None or key is None:
            return None, []
        besides = (sighting.transaction, sighting.attempt)
        with self._database.reading() as connection:
            kept = places_with(connection, sighting.tenant, key, besides, MOST_PLACES)
        vault = self.vault(sighting.tenant)
        earlier = [(at, vault.unseal_json(sealed, PLACE)["place"]) for at, sealed in kept]
        return Place(*here, self._clock()), [
            Place(north, east, at) for at, (north, east) in earlier
        ]

    def _since(self) -> list[int]:
        """When each window began."""
        now = self._clock()
        return [now - window for window in WINDOWS_MS.values()]

    def _own(self, connection: Connection, sighting: Sighting, since: list[int]) -> list[bool]:
        """By window, whether the judged attempt is yet to be added to what was counted.

        It is not where it is kept already: a reviewer may have it judged once more.
        """
        at = time_of_attempt(connection, sighting.tenant, sighting.transaction, sighting.attempt)
        return [at is None or at < start for start in since]

    def listed(self, sighting: Sighting) -> dict[str, Listed]:
        """Entries of any list for the same keys, by kind; where there are two, the denying one.

        Raises:
            StoreError: The database cannot be read.
        """
        with self._database.reading() as connection:
            found = find_entries(connection, sighting.tenant, sighting.keys.values())
        return {entry.kind: entry for entry in sorted(found, key=lambda entry: entry.effect)}

    def seen_faces(self, sighting: Sighting, face: Template) -> SeenFaces:
        """Faces of other transactions most alike to this one, most alike first.

        Raises:
            StoreError: The database cannot be read, or an entry was altered.
        """
        gallery = self._gallery(sighting.tenant, face.model)
        found = gallery.scan(face)
        hits = gallery.hits(found, range(min(MOST_FACES, len(found.ids))))
        entries = gallery.count_agreeing(Attributes(), 0)
        similar = {_transaction_of(hit.subject): hit.similarity for hit in hits}
        if similar.pop(sighting.transaction, None) is not None:
            entries -= 1
        with self._database.reading() as connection:
            keys = keys_of_transactions(connection, sighting.tenant, similar.keys(), IDENTITIES)
        return SeenFaces(
            entries,
            tuple(SeenFace(id, alike, keys.get(id, {})) for id, alike in similar.items()),
        )

    def faces_of(self, sighting: Sighting, model: str, limit: int) -> list[Template]:
        """Faces of the newest other transactions under the same identity.

        Args:
            sighting: The attempt that is judged.
            model: Of the templates.
            limit: Most transactions looked at.

        Raises:
            StoreError: The database cannot be read, or an entry was altered.
        """
        key = sighting.identity
        if key is None:
            return []
        with self._database.reading() as connection:
            earlier = transactions_with(
                connection, sighting.tenant, key, sighting.transaction, limit
            )
        gallery = self._gallery(sighting.tenant, model)
        faces = []
        for transaction in earlier:
            try:
                faces.append(gallery.template(subject_of(transaction)))
            except InputError:  # it had no face, one of an older model, or was erased meanwhile
                continue
        return faces

    # --- what is kept of this one? ---------------------------------------------------------------

    def keeping(self, sighting: Sighting, face: Template | None) -> Keep:
        """What keeps an attempt, once its verdict is kept.

        Args:
            sighting: The attempt.
            face: Of the applicant; None where none was found or the policy compares none.

        Returns:
            To be called once, within the transaction that keeps the verdict.

        Raises:
            StoreError: The database cannot be used.
        """
        # Opened here: within the caller's transaction nothing else can be written.
        gallery = None if face is None else self._gallery(sighting.tenant, face.model)

        vault, place = self.vault(sighting.tenant), sighting.place
        sealed = None if place is None else vault.seal_json({"place": place}, PLACE)

        def keep(connection: Connection) -> None:
            add_attempt(
                connection,
                sighting.tenant,
                sighting.transaction,
                sighting.attempt,
                sighting.keys,
                self._clock(),
                sealed,
            )
            if gallery is not None and face is not None:
                gallery.put_within(connection, Enrolment(subject_of(sighting.transaction), face))

        return keep

    def keep(self, sighting: Sighting, face: Template | None) -> None:
        """Keep an attempt in a transaction of its own: for callers without a desk.

        Raises:
            StoreError: The database cannot be written.
        """
        keep = self.keeping(sighting, face)
        with self._database.writing() as connection:
            keep(connection)

    def _gallery(self, tenant: str, model: str) -> Gallery:
        with self._lock:
            found = self._galleries.get((tenant, model))
            if found is None:
                # No snapshot: nothing of a face is on disk that erasing a key does not reach.
                found = Gallery(self._database, self._keys, SEEN, model, tenant=tenant)
                self._galleries[tenant, model] = found
        return found


def forget(connection: Connection, tenant: str, transaction: str) -> None:
    """Delete what is kept of a transaction: its attempts, and its face with the key to it.

    Args:
        connection: Within the transaction that erases it.
        tenant: Whose.
        transaction: Its id.
    """
    drop_attempts(connection, tenant, transaction)
    erase_template(connection, tenant, SEEN, subject_of(transaction))


def subject_of(transaction: str) -> str:
    """Under which a transaction's face is kept: never the reference of a customer."""
    return f"{SEEN_WORD}{transaction}"


def _transaction_of(subject: str) -> str:
    return subject.removeprefix(SEEN_WORD)
