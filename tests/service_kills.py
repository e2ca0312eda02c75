"""Kill a service while transactions are handed in, and hold it to what it acknowledged."""

import base64
import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.patience import PATIENCE_S
from tests.service_house import picture
from veridical.store import Database
from veridical.store.chain import chain_lines
from veridical.verification.evidence import SigningKey, verify_chain

__all__ = ["Promised", "Servers", "check_promises", "prepare"]

ROOT = Path(__file__).parent.parent
MOST_ANSWERS = 30
LONGEST_DELAY_S = 0.03
"""A server is killed after some answers, a little later: while it does the next thing."""


@dataclass(slots=True)
class Promised:
    """What services acknowledged before they were killed.

    Attributes:
        uploaded: Transactions with the digest of a picture whose upload was answered.
        submitted: Transactions whose submission was answered.
    """

    uploaded: dict[str, str] = field(default_factory=dict)
    submitted: set[str] = field(default_factory=set)


def prepare(folder: Path) -> None:
    """Make the database, so that no server spends its short life on it."""
    database = Database(folder / "v.db")
    database.upgrade()
    database.close()
    SigningKey.from_file(folder / "signing.pem")


class Servers:
    """Starts servers, one at a time, and kills them; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._spawner = subprocess.Popen(
            [sys.executable, "-m", "tests.service_server", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self._spawner.communicate()

    def start(self) -> tuple[int, str]:
        """A new server: its process and address, once it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        assert self._spawner.stdin is not None
        assert self._spawner.stdout is not None
        self._spawner.stdin.write(f"{port}\n")
        self._spawner.stdin.flush()
        process, address = int(self._spawner.stdout.readline()), f"http://127.0.0.1:{port}"
        for _ in range(2_000):
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{address}/readyz").status_code == 200:
                    return process, address
            time.sleep(0.01)
        raise AssertionError("the server did not become ready")

    def kill_one(self, chance: random.Random, promised: Promised, start_at: int) -> int:
        """Start a server, hand in transactions, and kill it at a moment of chance.

        Returns:
            How many transactions were begun.
        """
        process, address = self.start()
        left = chance.randint(1, MOST_ANSWERS)

        def answered(_: httpx2.Response) -> None:
            nonlocal left
            left -= 1
            if not left:
                delay_s = chance.uniform(0, LONGEST_DELAY_S)
                threading.Timer(delay_s, os.kill, (process, signal.SIGKILL)).start()

        count = 0
        try:
            with (
                httpx2.Client(
                    base_url=address, timeout=PATIENCE_S, event_hooks={"response": [answered]}
                ) as client,
                contextlib.suppress(httpx2.TransportError),
            ):
                while True:
                    hand_in(client, start_at + count, promised)
                    count += 1
        finally:  # whatever ended it: the next server starts when this one is dead
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return count + 1


def hand_in(client: httpx2.Client, number: int, promised: Promised) -> None:
    """One transaction up to its submission; what was answered is noted at once."""
    body = {"policy": "selfie", "consent": {"biometrics": True}}
    made = client.post("/v1/transactions", json=body).raise_for_status().json()
    path = f"/v1/transactions/{made['id']}"
    # Bytes behind its end do not change a picture: each transaction has its own.
    data = picture() + number.to_bytes(8, "big")
    digest = hashlib.sha256(data)
    header = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    for kind in ("document_front", "selfie"):
        client.put(
            f"{path}/media/{kind}", content=data, headers={"Content-Digest": header}
        ).raise_for_status()
    promised.uploaded[made["id"]] = digest.hexdigest()
    client.post(f"{path}/submit", json={}).raise_for_status()
    promised.submitted.add(made["id"])


def check_promises(folder: Path, servers: Servers, promised: Promised) -> int:
    """Let a last server finish, then compare everything with what was promised.

    Returns:
        Records of the chain.
    """
    _, address = servers.start()
    database = Database(folder / "v.db")
    until = time.monotonic() + 120
    with database.writing() as connection:  # the dead hold leases: they are over now
        connection.exec_driver_sql("UPDATE jobs SET ready_at = 0")
    while time.monotonic() < until:
        with database.reading() as connection:
            if not connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar():
                break
        time.sleep(0.05)
    with httpx2.Client(base_url=address, timeout=PATIENCE_S) as client:
        for transaction in promised.submitted:
            seen = client.get(f"/v1/transactions/{transaction}").raise_for_status().json()
            assert (seen["state"], seen["outcome"]) == ("completed", "accept"), seen
        for transaction, sha256 in promised.uploaded.items():
            seen = client.get(f"/v1/transactions/{transaction}").raise_for_status().json()
            if seen["state"] != "expired":
                assert {medium["sha256"] for medium in seen["received"]} == {sha256}
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA quick_check").scalar() == "ok"
        lines = [line.encode() for line in chain_lines(connection, "default", 0, 10**9)]
    database.close()
    signing = SigningKey.from_file(folder / "signing.pem")
    chain = verify_chain(lines, {signing.key_id: signing.private.public_key()})
    assert chain.problem == ""
    judged = [json.loads(line)["transaction"] for line in lines]
    assert len(judged) == len(set(judged)), "a transaction was judged twice"
    assert promised.submitted <= set(judged)
    return chain.records
