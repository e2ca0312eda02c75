"""What does `signals.links` cost over a million attempts, and whom does it find?

    python research/benchmarks/bench_links.py speed DATABASE_URL [--size 1000000] [--asks 2000]
    python research/benchmarks/bench_links.py rings DATABASE_URL [--seed 1]

Each wants an empty database of its own, and only asks where it has filled one before. `speed` fills
30 days with attempts of seven keys each: documents, references, phones, devices and addresses that
come back now and then, networks and cells of which a few carry much of the traffic; asked is for
attempts drawn from the traffic. `rings` lays invented applicants among 20,000 others: families,
offices, halls of residence, and rings that lend devices, phones and addresses around. Every number of
the invention is by judgement; nobody has public data of fraud desks. Times are those of this machine.
"""

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection, text

from veridical.signals import SignalSettings
from veridical.signals.ledger import Ledger
from veridical.signals.links import LinksCheck
from veridical.signals.seen import Sighting
from veridical.store import Database, MasterKeys

KEYS = MasterKeys.from_text("bench:" + "A" * 43 + "=")
DAY_MS = 86_400_000
NOW = 100 * DAY_MS
KINDS = ("document", "subject", "phone", "device", "address", "network", "geo")
SETTINGS = SignalSettings.read()
CHUNK = 50_000


def main() -> None:
    """Fill and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "rings"))
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--asks", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    database = Database(given.url)
    database.upgrade()
    rng = np.random.default_rng(given.seed)
    if given.what == "speed":
        speed(database, given.size, given.asks, rng)
    else:
        rings(database, rng)
    database.close()


def hashed(kind: str, value: object) -> bytes:
    """In the place of a keyed hash, whose cost `bench_signals.py` tells."""
    return hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=16).digest()


def fill(database: Database, rows: list[tuple[int, dict[str, object]]]) -> None:
    """Keep attempts: their times, and their values by kind."""
    for start in range(0, len(rows), CHUNK):
        with database.writing() as connection:
            _fill(connection, start, rows[start : start + CHUNK])


def _fill(connection: Connection, start: int, rows: list[tuple[int, dict[str, object]]]) -> None:
    numbered = list(enumerate(rows, start + 1))
    connection.execute(
        text(
            "INSERT INTO attempts (id, tenant, transaction, number, made_at) "
            "VALUES (:id, 'default', :name, 1, :at)"
        ),
        [{"id": number, "name": f"t{number}", "at": at} for number, (at, _) in numbered],
    )
    keys = [
        {"key": hashed(kind, value), "at": at, "attempt": number, "kind": kind}
        for number, (at, values) in numbered
        for kind, value in values.items()
    ]
    keys.sort(key=lambda row: row["key"])
    connection.execute(
        text(
            "INSERT INTO attempt_keys (key, made_at, attempt, kind) "
            "VALUES (:key, :at, :attempt, :kind)"
        ),
        keys,
    )


def is_empty(database: Database) -> bool:
    """Whether nothing was filled in."""
    with database.reading() as connection:
        return not connection.scalar(text("SELECT count(*) FROM attempts"))


def sighting(number: int, values: dict[str, object]) -> Sighting:
    """An attempt to be judged."""
    return Sighting("default", f"t{number}", 1, {k: hashed(k, v) for k, v in values.items()})


def speed(database: Database, size: int, asks: int, rng: np.random.Generator) -> None:
    """Fill, and time what the worker asks."""
    at = np.sort(rng.integers(NOW - 30 * DAY_MS, NOW, size))
    ranks = np.arange(1, size // 50 + 1) ** -0.9
    few = rng.choice(size // 50, (2, size), p=ranks / ranks.sum())
    drawn = {
        "document": rng.integers(0, size * 9 // 10, size),
        "subject": rng.integers(0, size * 9 // 10, size),
        "phone": rng.integers(0, size * 8 // 10, size),
        "device": rng.integers(0, size * 7 // 10, size),
        "address": rng.integers(0, size * 6 // 10, size),
        "network": few[0],
        "geo": few[1],
    }

    def values(number: int) -> dict[str, object]:
        return {kind: int(drawn[kind][number]) for kind in KINDS}

    if is_empty(database):
        fill(database, [(int(at[i]), values(i)) for i in range(size)])
    ledger = Ledger(database, KEYS, lambda: NOW)
    wall, cpu, sizes = [], [], []
    for number in rng.integers(0, size, asks):
        asked = sighting(int(number) + 1, values(int(number)))
        began, used = time.perf_counter(), time.process_time()
        found = ledger.component(asked, (), SETTINGS.hubs)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
        assert found is not None
        sizes.append(found.transactions)
    for name, times in (("wall", wall), ("CPU", cpu)):
        told = " ".join(f"p{p} {np.percentile(times, p):.2f}" for p in (50, 95, 99))
        print(f"{size} attempts, {asks} asked: {name} {told} max {max(times):.2f} ms")
    told = " ".join(f"p{p} {np.percentile(sizes, p):.0f}" for p in (50, 95, 99))
    print(f"applications in a component: {told} max {max(sizes)}")


def people(rng: np.random.Generator) -> Iterator[tuple[str, dict[str, object]]]:
    """Invented applications with what they are part of."""
    fresh = iter(range(10**9))

    def one(**shared: object) -> dict[str, object]:
        return {kind: shared.get(kind, next(fresh)) for kind in KINDS}

    for _ in range(20_000):  # of whom one in five changed the phone, and 500 networks serve all
        yield "other", one(network=f"carrier {rng.integers(500)}")
    for family in range(400):
        home, tablet = f"home {family}", f"tablet {family}"
        for member in range(int(rng.integers(2, 6))):
            shared: dict[str, object] = {"address": home, "network": home, "geo": home}
            if member == 0 or rng.random() < 0.6:
                shared["device"] = tablet
            yield "family", one(**shared)
    for office in range(60):
        for _ in range(int(rng.integers(8, 60))):
            yield "office", one(network=f"office {office}", geo=f"office {office}")
    for hall in range(20):
        for _ in range(int(rng.integers(60, 200))):
            yield "hall", one(address=f"hall {hall}", network=f"hall {hall}", geo=f"hall {hall}")
    for ring in range(60):
        devices, homes, phones = (int(n) for n in rng.integers((2, 1, 3), (6, 4, 9)))
        for _ in range(int(rng.integers(8, 40))):
            lent: dict[str, object] = {}
            if rng.random() < 0.8:
                lent["device"] = f"ring {ring} {rng.integers(devices)}"
            if rng.random() < 0.6:
                lent["address"] = f"ring {ring} {rng.integers(homes)}"
            if rng.random() < 0.4:
                lent["phone"] = f"ring {ring} {rng.integers(phones)}"
            yield "ring", one(**lent)


def rings(database: Database, rng: np.random.Generator) -> None:
    """Fill, then ask for each as if it were judged after all have come, and count the remarkable."""
    book = list(people(rng))
    order = rng.permutation(len(book))
    book = [book[i] for i in order]
    times = np.sort(rng.integers(NOW - 28 * DAY_MS, NOW, len(book)))
    if is_empty(database):
        fill(database, [(int(at), values) for at, (_, values) in zip(times, book, strict=True)])
    ledger = Ledger(database, KEYS, lambda: NOW)
    check = LinksCheck(SETTINGS.family, SETTINGS.hubs)
    asked, flagged = Counter[str](), Counter[str]()
    for number, (what, values) in enumerate(book, 1):
        if what == "other" and number % 5:
            continue
        asked[what] += 1
        measured = check(ledger.component(sighting(number, values), (), SETTINGS.hubs), "store")
        flagged[what] += measured.score is not None and measured.score < 1.0
    for what, count in sorted(asked.items()):
        print(f"{what}: {flagged[what]} of {count} to review ({flagged[what] / count:.1%})")


if __name__ == "__main__":
    main()
