"""How does what is in the outbox arrive?"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from veridical.errors import VeridicalError
from veridical.store.endpoints import webhook_secrets
from veridical.store.outbox import Letter, claim_letter, letter_failed, letter_sent
from veridical.transactions.resources import Resources
from veridical.transactions.webhooks import Send, secret_text, sign

__all__ = ["LANES", "PAUSES_S", "WebhookDispatcher"]

log = logging.getLogger("veridical.transactions.webhooks")

LANES = 4
"""Letters under way at once, in one process."""
LANES_OF_ONE = 2
"""Of them, those of one tenant: its receivers may be slow without keeping others waiting."""
LEASE_MS = 60_000
PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before each further try, as the scheme recommends; after the last one it is given up."""


class WebhookDispatcher:
    """Sends what is in the outbox. Safe in as many threads as there are lanes.

    Args:
        resources: Holds the outbox and the secrets.
        send: Posts a letter.
        chance: Uniform in 0..1; spreads repetitions.
    """

    def __init__(
        self, resources: Resources, send: Send, chance: Callable[[], float] = random.random
    ) -> None:
        self._resources = resources
        self._send = send
        self._chance = chance
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    def deliver_next(self) -> bool:
        """Send one webhook that is due; whether there was one that a lane is free for."""
        database, now = self._resources.database, self._resources.clock()
        with self._lock:  # counted before the next lane looks
            busy = [tenant for tenant, lanes in self._under_way.items() if lanes >= LANES_OF_ONE]
            with database.writing() as connection:
                letter = claim_letter(connection, now, LEASE_MS, busy, dict(self._under_way))
            if letter is None:
                return False
            self._under_way[letter.tenant] += 1
        with self._lane(letter.tenant):
            self._deliver(letter, now)
        return True

    @contextmanager
    def _lane(self, tenant: str) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._under_way[tenant] -= 1
                self._under_way += Counter()  # forgets those with none

    def _deliver(self, letter: Letter, now: int) -> None:
        try:
            problem = self._problem(letter, now)
        except VeridicalError as error:
            problem = error.code
        except Exception as error:
            # Whatever it is, it was a try: a letter that raises must not be the next one for ever.
            problem = type(error).__name__
        with self._resources.database.writing() as connection:
            if not problem:
                letter_sent(connection, letter, self._resources.clock())
                return
            next_at = None
            if letter.tries < len(PAUSES_S):
                pause_s = PAUSES_S[letter.tries] * (1 + 0.2 * self._chance())
                next_at = self._resources.clock() + int(pause_s * 1000)
            letter_failed(connection, letter, next_at, problem)
        log.warning(
            "webhook not delivered",
            extra={"webhook": letter.id, "tries": letter.tries + 1, "cause": problem},
        )

    def _problem(self, letter: Letter, now: int) -> str:
        """Send a letter; why it did not arrive, or nothing."""
        with self._resources.database.reading() as connection:
            secrets = webhook_secrets(connection, self._resources.keys, letter.tenant, now)
        if not secrets:
            return "no_secret"
        body, timestamp = letter.body.encode(), now // 1000
        signatures = [sign(secret_text(each), letter.id, timestamp, body) for each in secrets]
        headers = {
            "content-type": "application/json",
            "user-agent": "veridical-webhooks",
            "webhook-id": letter.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }
        status = self._send(letter.url, headers, body)
        return "" if 200 <= status < 300 else f"status_{status}"
