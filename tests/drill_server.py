"""Replicas and commands in processes of their own, forked from one that imported everything.

Each line on standard input is a JSON object: `release`, `settings` and `port` or `words`; the
answer is the number of the process. `{"poll": number}` is answered with its exit status, or null.
The checks of the replicas answer by rule after a moment and accept everybody.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from deploy.drill import LATER
from tests.service_house import Rules
from veridical.cli import main as command
from veridical.errors import StoreError
from veridical.service.app import create_app
from veridical.service.serving import server_of
from veridical.service.settings import ServiceSettings
from veridical.store import database, migrate
from veridical.transactions import retention, worker

JUDGING_S = 0.1
TICK_S = 5.0
"""Longer than a service's: replicas that have nothing to do cost the test less."""
LEASE_MS, RENEW_S = 2_000, 0.5
"""Shorter than a service's: the drill waits for the leases of one that was killed."""


def serve(port: int) -> None:
    """Serve until killed."""
    settings = ServiceSettings()
    try:
        resources = settings.resources()
    except StoreError as error:
        sys.exit(f"{error.code} {error}")
    app = create_app(
        Rules(hook=lambda: time.sleep(JUDGING_S)).build(),
        resources=resources,
        transactions=settings.transactions(),
        policy=settings.policy,
        open_to_everyone=True,
        snapshots=settings.data_dir,
    )
    server_of(app, "127.0.0.1", port, "error").run()


def become(asked: dict[str, Any]) -> None:
    """Do what was asked, as the release that was asked for."""
    os.environ.update(asked["settings"])
    if asked["release"] == "next":
        database.HEAD = LATER
        migrate.MIGRATIONS = Path(asked["migrations"])
    if "port" in asked:
        retention.TICK_S = TICK_S
        worker.LEASE_MS, worker.RENEW_S = LEASE_MS, RENEW_S
        serve(asked["port"])
        return
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    sys.argv = ["veridical", *asked["words"]]
    command()


def main() -> None:
    """Fork one process a line."""
    for line in sys.stdin:
        asked = json.loads(line)
        answer: int | None
        if "poll" in asked:
            done, status = os.waitpid(asked["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if done else None
        else:
            answer = os.fork()
            if not answer:
                code: Any = 0
                try:
                    become(asked)
                except SystemExit as ended:
                    code = ended.code if isinstance(ended.code, int) else 3
                    sys.stderr.write(f"{ended.code}\n")
                finally:
                    sys.stdout.flush()
                    os._exit(int(code or 0))
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
