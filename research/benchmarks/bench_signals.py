"""What do a list of a million entries and a million attempts cost?

    python research/benchmarks/bench_signals.py lists DATABASE_URL [--size 1000000] [--asks 3000]
    python research/benchmarks/bench_signals.py velocity DATABASE_URL [--size 1000000] [--asks 3000]

Each wants an empty database of its own, and only asks where it has filled one before. `lists`
imports numbers from a file, as `veridical lists import` does, then the same file again, and asks
for three keys at a time, half of the phones listed. `velocity` fills 40 days with attempts of five
keys each: documents, references, phones and devices that come back now and then, and networks of
which a few carry much of the traffic; asked is as the worker asks, for keys of attempts drawn from
the traffic, then for the busiest network alone. Times are those of this machine, wall and CPU of
the asking thread; on a busy machine the wall times hold what others took.
"""

import argparse
import hashlib
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, text

from veridical.signals import SignalFacts
from veridical.signals.ledger import Ledger
from veridical.signals.listing import import_values
from veridical.signals.seen import Sighting
from veridical.store import Database, MasterKeys
from veridical.store.lists import list_sizes
from veridical.store.vault import Vault

KEYS = MasterKeys.from_text("bench:" + "A" * 43 + "=")
DAY_MS = 86_400_000
DAYS = 40
KINDS = ("document", "subject", "phone", "device", "network")
_CHUNK = 50_000


def main() -> None:
    """Fill and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("lists", "velocity"))
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--asks", type=int, default=3_000)
    given = parser.parse_args()
    database = Database(given.url)
    database.upgrade()
    {"lists": lists, "velocity": velocity}[given.what](database, given.size, given.asks)
    database.close()


def lists(database: Database, size: int, asks: int) -> None:
    """Import and look up."""
    ledger = Ledger(database, KEYS)
    vault = ledger.vault("default")
    before_mib = _peak_mib()
    with database.reading() as connection:
        filled = sum(entry.entries for entry in list_sizes(connection, "default")) == size
    if not filled:
        _import(database, vault, size)
        print(f"peak memory {_peak_mib():.0f} MiB, {_peak_mib() - before_mib:.0f} by the import")
    rng = np.random.default_rng(5)
    found = 0
    sightings = []

    def know(number: int) -> None:
        facts = SignalFacts(phone=f"+86138{rng.integers(2 * size):08d}", device=f"d{number}")
        sightings.append(ledger.sighting("t", 1, facts, f"E{number}"))

    def ask(number: int) -> None:
        nonlocal found
        found += len(ledger.listed(sightings[number]))

    _asked("hashing of 3 keys", know, asks)
    _asked("look-up of 3 keys", ask, asks)
    print(f"listed: {found}")


def _import(database: Database, vault: Vault, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "phones.txt"
        file.write_text("".join(f"+86138{i:08d}\n" for i in range(size)), encoding="ascii")
        for run in ("first", "again"):
            wall, cpu = time.perf_counter(), time.process_time()
            with file.open(encoding="utf-8") as lines:
                values = (line.rstrip("\n") for line in lines)
                told = list(import_values(database, vault, "deny", "phone", values, now=1))
            print(
                f"import {run}: {time.perf_counter() - wall:.1f} s wall, "
                f"{time.process_time() - cpu:.1f} s CPU, {told[-1]}"
            )


def velocity(database: Database, size: int, asks: int) -> None:
    """Fill and count."""
    rng = np.random.default_rng(3)
    now = 2 * DAYS * DAY_MS
    at = np.sort(rng.integers(now - DAYS * DAY_MS, now, size))
    ranks = np.arange(1, size // 50 + 1) ** -0.9
    drawn = {
        "document": rng.integers(0, size * 9 // 10, size),
        "subject": rng.integers(0, size * 9 // 10, size),
        "phone": rng.integers(0, size * 8 // 10, size),
        "device": rng.integers(0, size * 7 // 10, size),
        "network": rng.choice(size // 50, size, p=ranks / ranks.sum()),
    }
    start = time.process_time()
    with database.reading() as connection:
        filled = connection.scalar(text("SELECT count(*) FROM attempts")) == size
    if not filled:
        _fill(database, at, drawn)
    busiest = int(np.bincount(drawn["network"]).argmax())
    share = int((drawn["network"] == busiest).sum())
    print(f"{size} attempts filled in {time.process_time() - start:.0f} s CPU; busiest {share}")
    ledger = Ledger(database, KEYS, lambda: now)

    def sighting(number: int) -> Sighting:
        keys = {kind: _key(kind, int(drawn[kind][number])) for kind in KINDS}
        return Sighting("default", "new", 1, keys)

    chosen = rng.integers(0, size, asks)
    told = ledger.counts(sighting(int(chosen[0])))
    for name, window in (("device_30d", 30), ("document_24h", 1)):
        kind = name.partition("_")[0]
        mine = drawn[kind] == drawn[kind][chosen[0]]
        assert told[name] == 1 + int((mine & (at >= now - window * DAY_MS)).sum()), name
    _asked(
        "counts of 5 keys in 4 windows",
        lambda i: _done(ledger.counts(sighting(int(chosen[i])))),
        asks,
    )
    network = Sighting("default", "new", 1, {"network": _key("network", busiest)})
    _asked("the busiest network alone", lambda _: _done(ledger.counts(network)), asks)


def _fill(database: Database, at: np.ndarray, drawn: dict[str, np.ndarray]) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP INDEX ix_attempt_keys_attempt"))
        made = (
            ("default", f"t_{number:032x}", 1, int(t), number + 1) for number, t in enumerate(at)
        )
        _insert(connection, "attempts", ("tenant", "transaction", "number", "made_at", "id"), made)
        for kind, values in drawn.items():
            numbered = enumerate(zip(values, at, strict=True), 1)
            rows = sorted((_key(kind, int(v)), int(t), number, kind) for number, (v, t) in numbered)
            _insert(connection, "attempt_keys", ("key", "made_at", "attempt", "kind"), iter(rows))
        connection.execute(text("CREATE INDEX ix_attempt_keys_attempt ON attempt_keys (attempt)"))
    if not database.is_sqlite:
        with database.writing() as connection:
            connection.execute(text("ANALYZE attempt_keys"))


def _insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterator[tuple[object, ...]]
) -> None:
    named = ", ".join(f'"{column}"' for column in columns)
    if connection.dialect.name != "sqlite":
        cursor = connection.connection.cursor()
        with cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    chunk = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            connection.exec_driver_sql(f"INSERT INTO {table} ({named}) VALUES ({marks})", chunk)  # noqa: S608
            chunk = []
    if chunk:
        connection.exec_driver_sql(f"INSERT INTO {table} ({named}) VALUES ({marks})", chunk)  # noqa: S608


def _key(kind: str, value: int) -> bytes:
    return hashlib.blake2b(f"{kind} {value}".encode(), digest_size=16).digest()


def _asked(what: str, ask: Callable[[int], None], times: int) -> None:
    for number in range(50):
        ask(number)
    wall, cpu = [], []
    for number in range(times):
        start = time.perf_counter(), time.thread_time()
        ask(number)
        wall.append((time.perf_counter() - start[0]) * 1e3)
        cpu.append((time.thread_time() - start[1]) * 1e3)
    told = (f"p50 {np.percentile(t, 50):.2f}, p99 {np.percentile(t, 99):.2f}" for t in (wall, cpu))
    print(f"{what}, n = {times}: wall ms {next(told)}; CPU ms {next(told)}")


def _done(_: object) -> None:
    """Nothing: only the asking is timed."""


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
