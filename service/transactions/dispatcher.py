"""How does what is in the outbox arrive?"""

import logging
import random
from collections.abc import Callable

from veridical.errors import InputError
from veridical.service.transactions.resources import Resources
from veridical.service.webhooks import Send, secret_text, sign
from veridical.store.outbox import Letter, claim_letter, letter_failed, letter_sent
from veridical.store.tenants import webhook_of

__all__ = ["PAUSES_S", "WebhookDispatcher"]

log = logging.getLogger("veridical.service.webhooks")

LEASE_MS = 60_000
PAUSES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before each further try, as the scheme recommends; after the last one it is given up."""


class WebhookDispatcher:
    """Sends what is in the outbox.

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

    def deliver_next(self) -> bool:
        """Send one webhook that is due; whether there was one."""
        database, now = self._resources.database, self._resources.clock()
        with database.writing() as connection:
            letter = claim_letter(connection, now, LEASE_MS)
            if letter is None:
                return False
            _, secret = webhook_of(connection, self._resources.keys, letter.tenant)
        problem = self._problem(letter, secret, now // 1000)
        with database.writing() as connection:
            if not problem:
                letter_sent(connection, letter)
                return True
            next_at = None
            if letter.tries < len(PAUSES_S):
                pause_s = PAUSES_S[letter.tries] * (1 + 0.2 * self._chance())
                next_at = self._resources.clock() + int(pause_s * 1000)
            letter_failed(connection, letter, next_at)
        log.warning(
            "webhook not delivered",
            extra={"webhook": letter.id, "tries": letter.tries + 1, "cause": problem},
        )
        return True

    def _problem(self, letter: Letter, secret: bytes, timestamp: int) -> str:
        """Send a letter; why it did not arrive, or nothing."""
        body = letter.body.encode()
        if not secret:
            return "no_secret"
        headers = {
            "content-type": "application/json",
            "user-agent": "veridical-webhooks",
            "webhook-id": letter.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secret_text(secret), letter.id, timestamp, body),
        }
        try:
            status = self._send(letter.url, headers, body)
        except InputError as error:
            return error.code
        except OSError as error:
            return type(error).__name__
        return "" if 200 <= status < 300 else f"status_{status}"
