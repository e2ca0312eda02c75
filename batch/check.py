"""Is a manifest fit to be run? Told without a model being loaded."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from veridical.errors import InputError
from veridical.verification import load_policy
from veridical.verification.manifest import MEDIA, Row, RowError, check_row, read_manifest
from veridical.verification.manifest_text import Format
from veridical.verification.sources import Source

__all__ = ["MOST_TOLD", "Fault", "ManifestCheck", "check_manifest"]

MOST_TOLD = 1_000
"""Faults that are kept word by word; all are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row."""

    row: int
    id: str
    field: str
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """As `--check --json` has it."""
        return {"row": self.row, "id": self.id, "field": self.field, "code": self.code,
                "message": self.message}  # fmt: skip


@dataclass(slots=True)
class ManifestCheck:
    """What a manifest is like.

    Attributes:
        rows: Its rows.
        faulty: Rows of which something is wrong.
        codes: Faults by code.
        faults: The first of them.
        policies: Rows by the policy they name; of the run's where they name none.
        repeated_ids: Rows whose id another row had before; told, not refused.
    """

    rows: int = 0
    faulty: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    policies: Counter[str] = field(default_factory=Counter)
    repeated_ids: int = 0

    def to_json(self) -> dict[str, Any]:
        """As `--check --json` has it."""
        return {
            "rows": self.rows,
            "faulty": self.faulty,
            "codes": dict(sorted(self.codes.items())),
            "policies": dict(sorted(self.policies.items())),
            "repeated_ids": self.repeated_ids,
            "faults": [fault.to_json() for fault in self.faults],
        }


def check_manifest(manifest: Path, written: Format, source: Source, policy: str) -> ManifestCheck:
    """Look at every row: columns, types, digits, policies, expectations, and whether media exist.

    Args:
        manifest: The file.
        written: What is known of how it is written.
        source: Where its media lie.
        policy: Of rows that name none.

    Raises:
        InputError: The file as a whole is no manifest.
        StoreError: The place of the media does not answer.
    """
    found = ManifestCheck()
    seen: set[str] = set()
    for row in read_manifest(manifest, written):
        found.rows += 1
        found.repeated_ids += row.id in seen
        seen.add(row.id)
        found.policies[str(row.values.get("policy") or policy)] += 1
        faults = list(_faults(row, source, policy))
        found.faulty += bool(faults)
        for fault in faults:
            found.codes[fault.code] += 1
            if len(found.faults) < MOST_TOLD:
                found.faults.append(fault)
    return found


def _faults(row: Row, source: Source, policy: str) -> Iterator[Fault]:
    try:
        check_row(row)
    except RowError as error:
        yield Fault(row.number, row.id, error.field, error.code, str(error))
        return
    if wrong := _policy_fault(str(row.values.get("policy") or policy)):
        yield Fault(row.number, row.id, "policy", wrong[0], f"row {row.number}: policy: {wrong[1]}")
    for name in (*MEDIA, "reference_face"):
        if path := row.values.get(name):
            try:
                missing = not source.has(path)
            except InputError as error:
                text = f"row {row.number}: {name}: {error}"
                yield Fault(row.number, row.id, name, error.code, text)
                continue
            if missing:
                text = f"row {row.number}: {name}: no such file"
                yield Fault(row.number, row.id, name, "media.missing", text)


@lru_cache(maxsize=256)
def _policy_fault(name: str) -> tuple[str, str] | None:
    try:
        load_policy(name)
    except InputError as error:
        return error.code, str(error)
    return None
