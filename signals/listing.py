"""How do a million numbers come onto a list? Hashed as they are read, kept batch by batch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from veridical.errors import InputError
from veridical.signals.keys import KINDS, keyed
from veridical.store import Database
from veridical.store.lists import LABEL_LENGTH, Effect, add_entries
from veridical.store.vault import Vault

__all__ = ["Imported", "checked_kind", "checked_label", "import_values"]

BATCH = 100_000
"""Values of one transaction. Hashes fall anywhere in the table, so that a small batch rewrites as
many of its pages as a large one."""

MOST_REFUSED_TOLD = 10


@dataclass(frozen=True, slots=True)
class Imported:
    """How an import stands.

    Attributes:
        read: Values that were read and are kept.
        added: Of these, such as were not on the list.
        refused: Values that are none, such as a phone without a digit.
        refused_lines: Numbers of the first of these lines, from 1.
    """

    read: int = 0
    added: int = 0
    refused: int = 0
    refused_lines: tuple[int, ...] = ()


def import_values(
    database: Database,
    vault: Vault,
    effect: Effect,
    kind: str,
    values: Iterable[str],
    *,
    label: str = "",
    now: int,
) -> Iterator[Imported]:
    """Put many values on a list, none of which is kept as it is.

    Each batch is one transaction. Broken off, the import is begun again: what is on the list
    already stays as it is.

    Args:
        database: Upgraded.
        vault: Of the tenant.
        effect: `allow` or `deny`.
        kind: What they are, such as `phone`.
        values: One each; read as they are needed.
        label: Which list or case they came from.
        now: ms since 1970.

    Yields:
        How the import stands, after every batch that is kept.

    Raises:
        InputError: `signals.value`: an unknown kind, or a label that is too long.
        StoreError: The database cannot be written; batches told so far are kept.
    """
    checked_kind(kind)
    checked_label(label)
    stands = Imported()
    numbered = enumerate(values, 1)
    while batch := list(islice(numbered, BATCH)):
        keys, refused = [], []
        for number, value in batch:
            try:
                keys.append(keyed(vault, kind, value))
            except InputError:
                refused.append(number)
        with database.writing() as connection:
            added = add_entries(connection, vault.tenant, effect, kind, keys, label, now)
        stands = Imported(
            stands.read + len(keys),
            stands.added + added,
            stands.refused + len(refused),
            (*stands.refused_lines, *refused)[:MOST_REFUSED_TOLD],
        )
        yield stands


def checked_kind(kind: str) -> str:
    """A kind of key, when it is one.

    Raises:
        InputError: `signals.value`.
    """
    if kind not in KINDS:
        raise InputError(f"lists hold {', '.join(KINDS)}; got {kind!r}", "signals.value")
    return kind


def checked_label(label: str) -> str:
    """A label, when it is short and printable: reviewers read it.

    Raises:
        InputError: `signals.value`.
    """
    if len(label) > LABEL_LENGTH or not label.isprintable():
        raise InputError(
            f"a label has at most {LABEL_LENGTH} printable characters, got {len(label)}",
            "signals.value",
        )
    return label
