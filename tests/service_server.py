"""A service in a process of its own, to be killed: forked from one that has imported everything.

Each line on standard input names a port; the answer is the number of the process that serves there.
Its checks take a moment and accept everybody.
"""

import os
import sys
import time
from pathlib import Path

from tests.service_house import KEYS, Rules
from veridical.service.app import create_app
from veridical.service.serving import server_of
from veridical.store import Database
from veridical.transactions import Resources, TransactionSettings
from veridical.verification.evidence import SigningKey

JUDGING_S = 0.01


def serve(folder: Path, port: int) -> None:
    """Serve until killed."""
    database = Database(folder / "v.db")
    signing = SigningKey.from_file(folder / "signing.pem")
    rules = Rules(hook=lambda: time.sleep(JUDGING_S))
    app = create_app(
        rules.build(),
        resources=Resources(database, KEYS, signing),
        transactions=TransactionSettings(most_waiting=1_000),
        policy="selfie",
        open_to_everyone=True,
        snapshots=folder,
    )
    server_of(app, "127.0.0.1", port, "error").run()


def main() -> None:
    """Fork one server a line."""
    folder = Path(sys.argv[1])
    child = 0
    for line in sys.stdin:
        if child:
            os.waitpid(child, 0)  # it was killed
        child = os.fork()
        if not child:
            serve(folder, int(line))
            os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    if child:
        os.kill(child, 9)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
