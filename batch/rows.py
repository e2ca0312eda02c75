"""One row in, one result line out: what every worker does, wherever it runs."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import cv2

from veridical.errors import InputError, ModelError, StoreError, VeridicalError
from veridical.policy.verdict import Verdict
from veridical.verification import Settings, Verifier, load_policy, load_verifier, verdict_to_json
from veridical.verification.manifest import Row, RowError, load_reference, load_transaction
from veridical.verification.references import face_reference
from veridical.verification.sources import Source, source_at

__all__ = ["MAX_DEATHS", "Engine", "RowVerifier", "StartEngine", "verify_row", "worker_died"]

MAX_DEATHS = 2
"""Workers a row may take down before it is given up: two deaths are no accident."""
TRIES = 3
PAUSE_S = 1.0


class Engine(Protocol):
    """Where the rows are worked on."""

    def results(self, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        """Result lines, in the order in which they come; rows are taken only as they are needed.

        Raises:
            ModelError: The workers cannot load their models.
            StoreError: What the workers read or search does not answer.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


StartEngine = Callable[[Settings, str, Mapping[str, str]], Engine]
"""Starts the workers.

Takes the installation; the folder, as a path or URL, that media are named relative to; and the
sha256 of each model that workers on other machines must have too.
"""


class RowVerifier:
    """Verifies rows; built once a worker, which loads the models.

    Args:
        settings: The installation; its policy counts for rows that name none.
        media: The folder, as a path or URL, that media are named relative to.

    Raises:
        VeridicalError: The installation cannot start; see `load_verifier`.
    """

    def __init__(self, settings: Settings, media: str) -> None:
        cv2.setNumThreads(1)  # workers share the cores: a pool in each would only fight
        self._verifier = load_verifier(settings)
        self._source = source_at(media)

    def __call__(self, row: Row) -> dict[str, Any]:
        """One row's result line: a verdict, or an error that is the row's own.

        Raises:
            ModelError: A model cannot be used; that is nobody's row.
            StoreError: Media or watchlist do not answer, also not when asked again.
        """
        return verify_row(self._verifier, self._source, row)


def verify_row(verifier: Verifier, source: Source, row: Row) -> dict[str, Any]:
    """See `RowVerifier`."""
    try:
        verdict = _patiently(verifier, source, row)
    except (StoreError, ModelError):
        raise
    except RowError as error:
        return _failed(row, error.code, str(error), error.field)
    except VeridicalError as error:
        field = "policy" if error.code.startswith("policy.") else ""
        return _failed(row, error.code, f"row {row.number}: {error}", field)
    except Exception as error:
        # The text may quote the row: its type is enough to look for it with this row alone.
        return _failed(
            row, "internal.error", f"row {row.number}: an unforeseen {type(error).__name__}"
        )
    result: dict[str, Any] = {"row": row.number, "id": row.id, "verdict": verdict_to_json(verdict)}
    expected = row.values.get("expect")
    if expected:
        cause = expected.get("first_cause", verdict.first_cause)
        result["as_expected"] = bool(
            verdict.outcome == expected["outcome"] and verdict.first_cause == cause
        )
    return result


def worker_died(row: Row) -> dict[str, Any]:
    """The result line of a row that keeps killing its workers."""
    return _failed(row, "internal.worker_died", f"row {row.number}: its worker died of it, twice")


def _patiently(verifier: Verifier, source: Source, row: Row) -> Verdict:
    """Verify; ask again when a database is busy: a whole night's run must not end for that."""
    tried = 0
    while True:
        try:
            transaction = load_transaction(row, source)
            if (known := load_reference(row, source)) is not None:
                try:
                    template = face_reference(verifier, known)
                except InputError as error:
                    raise RowError(row, str(error), error.code, "reference_face") from error
                transaction = replace(transaction, face_reference=template)
            name = row.values.get("policy")
            return verifier.verify(transaction, load_policy(str(name)) if name else None)
        except StoreError:
            tried += 1
            if tried == TRIES:
                raise
            time.sleep(PAUSE_S * 2 ** (tried - 1))


def _failed(row: Row, code: str, message: str, field: str = "") -> dict[str, Any]:
    error = {"code": code, "message": message} | ({"field": field} if field else {})
    return {"row": row.number, "id": row.id, "error": error}
