"""What is lost when replicas die, keys turn over, releases change, and all is restored?

    python deploy/drill.py --document front.jpg --selfie selfie.jpg

Two replicas of the installed release serve over one PostgreSQL, and somebody hands in all the time.
Each step ends with the same question: was all that was acknowledged judged once, and does the chain
hold? `make kit` runs it from the wheel; `tests/test_drill.py` runs the same steps with checks that
answer by rule.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
import psycopg

import veridical
from veridical.store.schema import HEAD
from veridical.verification.evidence import SigningKey, parse_public_keys, verify_chain

__all__ = ["LATER", "Drill", "Kit", "Process", "add_migration", "next_release"]

ROOT = Path(__file__).parent.parent
PATIENCE_S = 240.0
LATER = "9001"
"""The migration of the release that is to come; it adds, and this release does without."""
MIGRATION = f'''"""What a later release adds."""

import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{HEAD}"
branch_labels = None
depends_on = None
oldest = "{HEAD}"


def upgrade() -> None:
    """Add a column that may stay empty, and a table."""
    op.add_column("transactions", sa.Column("later", sa.String(20)))
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
'''


class Process(Protocol):
    """A replica's process."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        ...


class Kit(Protocol):
    """How this drill starts things."""

    def serve(self, release: str, port: int, settings: Mapping[str, str]) -> Process:
        """Start a replica of a release, `this` or `next`."""
        ...

    def command(self, release: str, settings: Mapping[str, str], *words: str) -> str:
        """Run `veridical ...` of a release to its end; what it printed."""
        ...


@dataclass(slots=True)
class Replica:
    """One of the two."""

    process: Process
    client: httpx2.Client


@dataclass
class Drill:
    """The steps, in order; each may rest on those before it.

    Args:
        kit: Starts replicas and commands.
        database: URL of a new, empty PostgreSQL database.
        folder: For keys.
        media: Bytes of a picture of a document and of a selfie.
        key: An API key of the default tenant; empty where the replicas ask for none.
        say: Told of each step that held.
    """

    kit: Kit
    database: str
    folder: Path
    media: Mapping[str, bytes]
    key: str = ""
    say: Callable[[str], None] = print
    replicas: dict[str, Replica] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    completed: set[str] = field(default_factory=set)
    _count: int = 0

    @property
    def settings(self) -> dict[str, str]:
        """Of every replica."""
        return {
            "VERIDICAL_DATABASE": self.database,
            "VERIDICAL_DATA_DIR": str(self.folder),
            "VERIDICAL_MASTER_KEYS_FILE": str(self.folder / "master.keys"),
            "VERIDICAL_SIGNING_KEY_FILE": str(self.folder / "signing.pem"),
            "VERIDICAL_QUEUE": "1000",
            "VERIDICAL_POLICY": "selfie",
            "VERIDICAL_FINGERPRINT_DAYS": "0",  # the same picture is handed in all the time
        }

    def run(self) -> None:
        """All steps."""
        try:
            for step in (
                self.share, self.kill, self.turn_master_keys, self.turn_signing_key, self.upgrade,
                self.roll_back, self.restore,
            ):  # fmt: skip
                began = time.monotonic()
                what = step()
                self.say(
                    f"{step.__name__.replace('_', ' ')}: {what} ({time.monotonic() - began:.0f} s)"
                )
        finally:
            for name in list(self.replicas):
                self._end(name, signal.SIGKILL)

    # --- steps -----------------------------------------------------------------------------------

    def share(self) -> str:
        """Two replicas do one queue's work, whoever it was handed to."""
        keys = self.folder / "master.keys"
        keys.touch(0o600)
        keys.write_text(self.kit.command("this", {}, "keys", "new"), encoding="ascii")
        self.kit.command("this", self.settings, "db", "upgrade")
        for name in ("a", "b"):
            self._start(name)
        until = time.monotonic() + PATIENCE_S
        while not all(shares := [self._judged("a"), self._judged("b")]):
            _require(time.monotonic() < until, "one replica judged nothing")
            for _ in range(6):
                self._hand_in("a")
            self._settle()
        return f"handed to one, judged {shares[0]} by it and {shares[1]} by the other"

    def kill(self) -> str:
        """A replica dies by `kill -9` in the middle of its work; the other finishes it."""
        handed = [self._hand_in("a") for _ in range(6)]
        self._end("a", signal.SIGKILL)
        self._settle()
        self._start("a")
        return f"{len(handed)} acknowledged by one that died, all judged by the other"

    def turn_master_keys(self) -> str:
        """Every data key is wrapped anew while both replicas serve; then the old key is away."""
        old = self._key_names()[-1]
        self.kit.command("this", self.settings, "keys", "rotate")
        for name in self.replicas:
            self._hand_in(name)
        self.kit.command("this", self.settings, "keys", "rewrap")
        self.kit.command("this", self.settings, "keys", "retire", old)
        self._settle()
        _require(old not in self._key_names(), "the old master key is still there")
        return "old key retired under two replicas that served on"

    def turn_signing_key(self) -> str:
        """A replica with a key that nobody registered does not start; registered, it does."""
        new = self.folder / "signing-new.pem"
        SigningKey.from_file(new)
        changed = {**self.settings, "VERIDICAL_SIGNING_KEY_FILE": str(new)}
        refused = self.kit.serve("this", _free_port(), changed)
        until = time.monotonic() + PATIENCE_S
        while refused.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        _require(refused.poll() not in (None, 0), "an unregistered signing key was taken")
        self.kit.command("this", changed, "evidence", "register-key")
        self._restart("a", "this", changed)
        for name in self.replicas:  # each signs with a key of its own by now
            self._hand_in(name)
        self._settle()
        (self.folder / "signing.pem").write_bytes(new.read_bytes())  # for b's next start
        keys = {self._get(name, "/v1/evidence/keys").content for name in self.replicas}
        _require(len(keys) == 1, "replicas give out different public keys")
        return f"unregistered refused, {len(parse_public_keys(keys.pop()))} keys known to both"

    def upgrade(self) -> str:
        """The next release's tables under this release's replicas; then one after the other."""
        self.kit.command("next", self.settings, "db", "upgrade")
        for name in self.replicas:
            self._hand_in(name)
        self._restart("a", "next")
        for name in self.replicas:
            self._hand_in(name)
        self._restart("b", "next")
        self._hand_in("b")
        self._settle()
        return f"tables of {LATER} under both releases at once"

    def roll_back(self) -> str:
        """This release again, one replica after the other, over the tables as they are."""
        self._restart("a")
        for name in self.replicas:  # one of each release
            self._hand_in(name)
        self._restart("b")
        self._hand_in("b")
        self._settle()
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        _require(row == (LATER,), f"tables are of {row}")
        return f"release of {HEAD} over tables of {LATER}"

    def restore(self) -> str:
        """`pg_dump`, a new database, `psql`: the same transactions, the same chain."""
        name = "restored"
        before = self._get("a", "/v1/evidence").content
        for replica in list(self.replicas):
            self._end(replica, signal.SIGTERM)
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        old, self.database = self.database, re.sub(r"/[^/?]+\?", f"/{name}?", self.database)
        dump = self.folder / "dump.sql"
        _postgres("pg_dump", old, "--no-owner", "-f", str(dump))
        _postgres("psql", self.database, "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dump))
        self._start("a")
        _require(self._get("a", "/v1/evidence").content == before, "the chain is another one")
        self._hand_in("a")
        self._settle()
        return f"{dump.stat().st_size >> 10} KiB dumped and restored"

    # --- what every step asks --------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until all is judged, then hold it to what was acknowledged."""
        name, until = next(reversed(self.replicas)), time.monotonic() + PATIENCE_S
        waiting = set(self.submitted) - self.completed
        while waiting:
            _require(time.monotonic() < until, f"{len(waiting)} transactions were not judged")
            for one in list(waiting):
                seen = self._get(name, f"/v1/transactions/{one}").json()
                if seen["state"] != "processing":
                    waiting.remove(one)
                    self.completed.add(one)
            time.sleep(0.2)
        lines = self._get(name, "/v1/evidence").content.splitlines(keepends=True)
        keys = parse_public_keys(self._get(name, "/v1/evidence/keys").content)
        chain = verify_chain(lines, keys)
        _require(not chain.problem, f"the chain does not hold: {chain.problem}")
        judged = [json.loads(line)["transaction"] for line in lines]
        _require(len(judged) == len(set(judged)), "a transaction was judged twice")
        _require(set(self.submitted) <= set(judged), "a verdict is not in the chain")

    def _hand_in(self, name: str) -> str:
        """One transaction up to its submission, at one replica."""
        self._count += 1
        body = {"policy": "selfie", "consent": {"biometrics": True}}
        client = self.replicas[name].client
        made = client.post("/v1/transactions", json=body).raise_for_status().json()
        path = f"/v1/transactions/{made['id']}"
        for kind in made["media"]["required"]:
            # Bytes behind its end do not change a picture: each transaction has its own.
            data = self.media[kind] + self._count.to_bytes(8, "big")
            digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
            client.put(
                f"{path}/media/{kind}",
                content=data,
                headers={"Content-Digest": f"sha-256=:{digest}:"},
            ).raise_for_status()
        nonce = {"nonce": made["challenge"]["nonce"]} if made["challenge"] else {}
        client.post(f"{path}/submit", json=nonce).raise_for_status()
        self.submitted.append(made["id"])
        return str(made["id"])

    def _judged(self, name: str) -> int:
        text = self._get(name, "/metrics").text
        counts = re.findall(r"^veridical_verdicts_total\{.*\} (\S+)$", text, re.MULTILINE)
        return int(sum(map(float, counts)))

    def _key_names(self) -> list[str]:
        rows = json.loads(self.kit.command("this", self.settings, "keys", "list", "--json"))
        return [row["name"] for row in rows]

    def _get(self, name: str, path: str) -> httpx2.Response:
        return self.replicas[name].client.get(path).raise_for_status()

    def _restart(
        self, name: str, release: str = "this", settings: Mapping[str, str] | None = None
    ) -> None:
        """End a replica as a cluster does, and start another in its place."""
        self._end(name, signal.SIGTERM)
        self._start(name, release, settings)

    def _end(self, name: str, by: signal.Signals) -> None:
        replica = self.replicas.pop(name)
        replica.client.close()
        _end(replica.process, by)

    def _start(
        self, name: str, release: str = "this", settings: Mapping[str, str] | None = None
    ) -> None:
        port = _free_port()
        process = self.kit.serve(release, port, settings or self.settings)
        client = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            timeout=PATIENCE_S,
            verify=False,  # plain HTTP on this machine: reading the list of authorities takes long
        )
        self.replicas[name] = Replica(process, client)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            _require(process.poll() is None, f"a replica of {release} ended with {process.poll()}")
            with contextlib.suppress(httpx2.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        _require(False, "a replica did not become ready")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _end(process: Process, by: signal.Signals) -> None:
    """End a process and wait for it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, by)
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _postgres(program: str, *words: str) -> None:
    """Run one of the server's own programs."""
    place = next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)))
    subprocess.run([str(place), *words], check=True, capture_output=True, timeout=PATIENCE_S)


def next_release(folder: Path) -> Path:
    """A copy of the installed package, one migration further; the folder to import it from."""
    package = folder / "veridical"
    shutil.copytree(
        Path(veridical.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    schema = package / "store" / "schema.py"
    text = schema.read_text(encoding="utf-8")
    schema.write_text(text.replace(f'HEAD = "{HEAD}"', f'HEAD = "{LATER}"'), encoding="utf-8")
    add_migration(package / "store" / "migrations")
    return folder


def add_migration(folder: Path) -> None:
    """Put what a later release adds into a folder of migrations."""
    (folder / "versions" / f"{LATER}_later.py").write_text(MIGRATION, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Installed:
    """The release that is installed, and the next one from a folder."""

    later: Path
    key: str

    def serve(self, release: str, port: int, settings: Mapping[str, str]) -> Process:
        """Start a replica."""
        words = self._words(f"serve --port {port}".split())
        return subprocess.Popen(words, env=self._environment(release, settings))

    def command(self, release: str, settings: Mapping[str, str], *words: str) -> str:
        """Run a command."""
        return subprocess.run(
            self._words(words),
            env=self._environment(release, settings),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
        ).stdout

    def _words(self, words: Sequence[str]) -> list[str]:
        return [str(Path(sys.executable).with_name("veridical")), *words]

    def _environment(self, release: str, settings: Mapping[str, str]) -> dict[str, str]:
        given = {**os.environ, **settings, "VERIDICAL_API_KEY": self.key}
        given["VERIDICAL_LOG_LEVEL"] = "error"
        if release == "next":
            given["PYTHONPATH"] = str(self.later)
        return given


@contextlib.contextmanager
def _server() -> Iterator[str]:
    start: Any = runpy.run_path(str(ROOT / "tests" / "databases.py"))["postgres_server"]
    with start() as (url, why_not):
        if why_not:
            raise SystemExit(f"the drill wants PostgreSQL: {why_not}")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE drill")
        yield url.replace("/postgres?", "/drill?")


def main() -> None:
    """Run the drill with what is installed."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--document", type=Path, required=True)
    words.add_argument("--selfie", type=Path, required=True)
    given = words.parse_args()
    media = {"document_front": given.document.read_bytes(), "selfie": given.selfie.read_bytes()}
    with tempfile.TemporaryDirectory(prefix="veridical-drill-") as name, _server() as database:
        folder, key = Path(name), os.urandom(24).hex()
        (folder / "keys").mkdir()
        kit = Installed(next_release(folder / "next"), key)
        drill = Drill(kit, database, folder / "keys", media, key, say=lambda text: print(text))
        drill.run()
        print(f"{len(drill.submitted)} transactions handed in, each judged once, one chain")


if __name__ == "__main__":
    main()
