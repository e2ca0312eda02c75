"""What has to happen by itself? Times run out, webhooks are due, counts are looked at."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from veridical.errors import StoreError, VeridicalError
from veridical.store import Connection
from veridical.store.outbox import sweep_letters
from veridical.store.transactions import (
    OPEN,
    StoredTransaction,
    change_transaction,
    due_for_erasure,
    expired_transactions,
    locked_transaction,
    sweep_records,
)
from veridical.store.uploads import drop_media, sweep_uploads
from veridical.transactions.dispatcher import LANES, WebhookDispatcher
from veridical.transactions.drift import DriftWatch
from veridical.transactions.service import TransactionService

__all__ = ["RetentionJob"]

log = logging.getLogger("veridical.service.housekeeping")

TICK_S = 1.0
ORPHANS_AFTER = timedelta(hours=1)
FAILURES_KEPT = timedelta(hours=1)
ANSWERS_KEPT = timedelta(hours=24)
SEEN_KEPT = timedelta(days=90)
"""For how long the same recording is recognised by its digest, of which nothing can be learnt."""
MESSAGES_KEPT = timedelta(days=30)
"""For how long webhooks that arrived, or were given up, can be looked at and sent again."""
AGAIN_MS = 600_000
"""After so long a row is tried again that could not be expired or erased."""
SILENT_S = 120.0
"""A thread that finished nothing for so long hangs."""
_BATCH = 20


class RetentionJob:
    """Does what nobody asks for; several replicas may.

    Every row is taken by itself: one that is damaged stops no other's.

    Args:
        transactions: The transactions.
        dispatcher: Sends webhooks.
        drift: Counts verdicts; None where none are to be counted.
    """

    def __init__(
        self,
        transactions: TransactionService,
        dispatcher: WebhookDispatcher,
        drift: DriftWatch | None = None,
    ) -> None:
        self._transactions = transactions
        self._dispatcher = dispatcher
        self._drift = drift
        self._failing: dict[str, int] = {}
        self._beats: dict[str, float] = {}
        self._stop = threading.Event()
        works: list[tuple[str, tuple[Callable[[], None], ...]]] = [
            ("tidy", (self.tidy, self._look)),
            *((f"webhooks-{lane}", (self._post,)) for lane in range(LANES)),
        ]
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, *does), name=name, daemon=True)
            for name, does in works
        ]

    @property
    def failing(self) -> int:
        """Rows that could not be expired or erased, and are tried again later."""
        return len(self._failing)

    def faults(self) -> list[str]:
        """Names of threads that were started and died, or finished nothing for minutes."""
        now = time.monotonic()
        return [
            thread.name
            for thread in self._threads
            if thread.name in self._beats
            and (not thread.is_alive() or now - self._beats[thread.name] > SILENT_S)
            and not self._stop.is_set()
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            self._beats[thread.name] = time.monotonic()
            thread.start()

    def stop(self, patience_s: float) -> None:
        """End, after what is being done; nothing that was counted is lost."""
        self._stop.set()
        until = time.monotonic() + patience_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        if self._drift is not None:
            self._try(self._drift.flush)

    def _repeat(self, name: str, *works: Callable[[], None]) -> None:
        while not self._stop.wait(TICK_S):
            for work in works:
                self._try(work)
                self._beats[name] = time.monotonic()

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except VeridicalError as error:
            log.error("housekeeping failed", extra={"code": error.code})
        except Exception:
            log.exception("housekeeping failed")

    def _look(self) -> None:
        if self._drift is not None and self._drift.is_due:
            self._drift.flush()

    def _post(self) -> None:
        name = threading.current_thread().name
        while not self._stop.is_set() and self._dispatcher.deliver_next():
            self._beats[name] = time.monotonic()

    def tidy(self) -> None:
        """Expire, erase and sweep what is due; what fails stops nothing else."""
        for work in (self.expire, self.erase_old, self._sweep, self._forget, self._make_room):
            self._try(work)

    def _sweep(self) -> None:
        now = self._transactions.resources.clock()
        with self._transactions.resources.database.writing() as connection:
            sweep_uploads(connection, now - _ms(ORPHANS_AFTER))
            sweep_records(
                connection, now - _ms(FAILURES_KEPT), now - _ms(ANSWERS_KEPT), now - _ms(SEEN_KEPT)
            )
            sweep_letters(connection, now - _ms(MESSAGES_KEPT))

    def _forget(self) -> None:
        if self._transactions.memory is not None:
            self._transactions.memory.expire()

    def _make_room(self) -> None:
        self._transactions.resources.database.keep_reserve()

    def expire(self) -> None:
        """End transactions whose time to collect media is over; their media are deleted."""
        self._each(expired_transactions, self._expire)

    def erase_old(self) -> int:
        """Erase transactions that were kept for as long as they may be; how many there were."""
        return self._each(due_for_erasure, self._erase)

    def _each(
        self,
        due: Callable[[Connection, int, int, frozenset[str]], list[StoredTransaction]],
        work: Callable[[Connection, StoredTransaction, int], bool],
    ) -> int:
        """Do something with every row that is due, each in a database transaction of its own."""
        resources = self._transactions.resources
        now, done = resources.clock(), 0
        self._failing = {row: at for row, at in self._failing.items() if at > now}
        with resources.database.reading() as connection:
            rows = due(connection, now, _BATCH, frozenset(self._failing))
        for row in rows:
            try:
                with resources.database.writing() as connection:
                    current = locked_transaction(connection, row.id)
                    done += current is not None and work(connection, current, now)
            except StoreError as error:
                if error.code in ("store.busy", "store.full"):
                    raise  # not the row's fault
                self._fails(row.id, now, error.code)
            except Exception as error:  # whatever it is, the next row is none the worse
                self._fails(row.id, now, type(error).__name__)
        return done

    def _fails(self, row: str, now: int, cause: str) -> None:
        self._failing[row] = now + AGAIN_MS
        log.error("a row was left as it is", extra={"transaction": row, "cause": cause})

    def _expire(self, connection: Connection, row: StoredTransaction, now: int) -> bool:
        if row.state not in OPEN or row.expires_at > now:
            return False  # somebody was quicker
        drop_media(connection, row.id)
        ended = {
            "state": "expired",
            "nonce": None,
            "completed_at": now,
            "keep_until": now + _ms(self._transactions.settings.keep),
        }
        change_transaction(connection, row.id, ended)
        after = replace(row, state="expired")
        self._transactions.tell(connection, after, "transaction.expired", now)
        return True

    def _erase(self, connection: Connection, row: StoredTransaction, now: int) -> bool:
        if row.state == "erased" or row.keep_until is None or row.keep_until > now:
            return False
        self._transactions.erase_row(connection, row, asked=False)
        return True


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)
