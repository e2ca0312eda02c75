"""Be told of outcomes, and believe only what is signed.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py 9000

A webhook says that something happened, not what to do: ask the service for the rest.
"""

import os
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from veridical.client import Webhook, WebhookError, verify_webhook

MOST_BYTES = 64 * 1024


def receiver(
    secret: str, handle: Callable[[Webhook], None], port: int = 0, host: str = "127.0.0.1"
) -> ThreadingHTTPServer:
    """A server that hands on each signed message once."""
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            if length > MOST_BYTES:
                return self.send_error(413)
            body = self.rfile.read(length)
            try:
                message = verify_webhook(secret, dict(self.headers), body)
            except WebhookError:
                return self.send_error(400)
            # It may be delivered again until it was answered with 2xx: act once. A real server
            # keeps these ids in its database, in the transaction that acts on them.
            if message.id not in seen:
                handle(message)
                seen.add(message.id)
            self.send_response(204)
            return self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal quiet."""

    return ThreadingHTTPServer((host, port), Handler)


if __name__ == "__main__":
    receiver(
        os.environ["WEBHOOK_SECRET"],
        lambda message: print(message.type, message.transaction, message.outcome),
        int(sys.argv[1]),
    ).serve_forever()
