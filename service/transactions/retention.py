"""What has to happen by itself? Times run out, webhooks are due, counts are looked at."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from veridical.errors import VeridicalError
from veridical.service.transactions.dispatcher import WebhookDispatcher
from veridical.service.transactions.drift import DriftWatch
from veridical.service.transactions.records import tell
from veridical.service.transactions.service import TransactionService
from veridical.store.transactions import (
    change_transaction,
    due_for_erasure,
    expired_transactions,
    sweep_records,
)
from veridical.store.uploads import drop_media, sweep_uploads

__all__ = ["RetentionJob"]

log = logging.getLogger("veridical.service.housekeeping")

TICK_S = 1.0
ORPHANS_AFTER = timedelta(hours=1)
FAILURES_KEPT = timedelta(hours=1)
ANSWERS_KEPT = timedelta(hours=24)
SEEN_KEPT = timedelta(days=90)
"""For how long the same recording is recognised by its digest, of which nothing can be learnt."""
_BATCH = 20


class RetentionJob:
    """Does what nobody asks for; several replicas may.

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
        self._postman = dispatcher
        self._drift = drift
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=works, name=name, daemon=True)
            for name, works in (("tidy", (self.tidy, self._look)), ("post", (self._post,)))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float) -> None:
        """End, after what is being done; nothing that was counted is lost."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(patience_s)
        if self._drift is not None:
            self._try(self._drift.flush)

    def _repeat(self, *works: Callable[[], None]) -> None:
        while not self._stop.wait(TICK_S):
            for work in works:
                self._try(work)

    def _try(self, work: Callable[[], None]) -> None:
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
        while not self._stop.is_set() and self._postman.deliver_next():
            pass

    def tidy(self) -> None:
        """Expire, erase and sweep what is due."""
        self.expire()
        self.erase_old()
        if self._transactions.memory is not None:
            self._transactions.memory.expire()
        now = self._transactions.resources.clock()
        with self._transactions.resources.database.writing() as connection:
            sweep_uploads(connection, now - _ms(ORPHANS_AFTER))
            sweep_records(
                connection, now - _ms(FAILURES_KEPT), now - _ms(ANSWERS_KEPT), now - _ms(SEEN_KEPT)
            )

    def expire(self) -> None:
        """End transactions whose time to collect media is over; their media are deleted."""
        resources = self._transactions.resources
        now = resources.clock()
        with resources.database.writing() as connection:
            for row in expired_transactions(connection, now, _BATCH):
                drop_media(connection, row.id)
                ended = {
                    "state": "expired",
                    "nonce": None,
                    "completed_at": now,
                    "keep_until": now + _ms(self._transactions.settings.keep),
                }
                change_transaction(connection, row.id, ended)
                after = replace(row, state="expired")
                urls = self._transactions.urls_of(connection, row)
                tell(connection, after, "transaction.expired", urls, now)

    def erase_old(self) -> int:
        """Erase transactions that were kept for as long as they may be; how many there were."""
        resources = self._transactions.resources
        with resources.database.writing() as connection:
            due = due_for_erasure(connection, resources.clock(), _BATCH)
            for row in due:
                self._transactions.erase_row(connection, row, asked=False)
        return len(due)


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)
