"""What does the service give under load, and does it stay answerable?

Starts `veridical serve --dev` on loopback with a database of its own, and lets clients walk whole
transactions (start, two uploads, submit, verdict) in a closed loop: as many clients as
verifications run at once, then four times as many. A client that is told to come back does so
after the time it was told. Beside them `/livez` is asked ten times a second.

    python research/benchmarks/bench_service.py --seconds 60 --out load.json

With `--sandbox` no model runs: what is left is the service's own cost of a transaction.

Needs pulled models and the pictures of the samples (`veridical demo --prepare`). Wall times are
worth what the machine's other work leaves of it: verdicts per core-second of the server are told
beside, and the share of it that the server got.
"""

import argparse
import base64
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from veridical.models import SourceFile, fetch_member
from veridical.models.pull import CACHE_NAME
from veridical.rehearsal.samples import build_samples
from veridical.store.tenants import Tenant, add_tenant, issue_api_key
from veridical.verification import Settings
from veridical.verification.pictures import to_jpeg

ANSWERED = (200, 201, 202)
LIVEZ_EVERY_S = 0.1
TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Counts:
    """What clients saw."""

    verdicts: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    told_to_wait: int = 0
    failures: int = 0
    to_verdict_s: list[float] = field(default_factory=list)
    livez_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def pictures() -> dict[str, bytes]:
    """Card and selfie of the genuine sample."""
    cache = Settings().models_dir / CACHE_NAME

    def cached(source: SourceFile) -> bytes:
        return fetch_member(source, cache)

    genuine = next(s for s in build_samples(cached) if s.name == "genuine").transaction
    assert genuine.document_front is not None
    assert genuine.selfie is not None
    return {"document_front": to_jpeg(genuine.document_front), "selfie": to_jpeg(genuine.selfie)}


def digest_of(data: bytes) -> str:
    """The Content-Digest header of some bytes."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def walk(client: httpx2.Client, media: dict[str, bytes], counts: Counts, until: float) -> None:
    """One transaction; what comes back after the end does not count."""
    body = {"policy": "demo", "consent": {"biometrics": True}, "subject_ref": "sandbox:accept"}
    made = client.post("/v1/transactions", json=body)
    if made.status_code != 201:
        waits(made, counts)
        return
    path = f"/v1/transactions/{made.json()['id']}"
    for kind, data in media.items():
        # Bytes behind its end do not change a picture: no selfie is handed in twice.
        own = data + os.urandom(8) if kind == "selfie" else data
        client.put(f"{path}/media/{kind}", content=own, headers={"Content-Digest": digest_of(own)})
    while time.monotonic() < until:
        started = time.monotonic()
        answer = client.post(f"{path}/submit", params={"wait_s": 60}, json={})
        if answer.status_code == 429:
            waits(answer, counts)
            continue
        elapsed_s = time.monotonic() - started
        with counts.lock:
            if answer.status_code == 200 and time.monotonic() < until:
                counts.verdicts += 1
                outcome = answer.json()["outcome"]
                counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + 1
                counts.to_verdict_s.append(elapsed_s)
            elif answer.status_code not in ANSWERED:
                counts.failures += 1
        return


def waits(answer: httpx2.Response, counts: Counts) -> None:
    """Do as one is told."""
    with counts.lock:
        if answer.status_code == 429:
            counts.told_to_wait += 1
        else:
            counts.failures += 1
    time.sleep(float(answer.headers.get("retry-after", "1")))


def load(
    address: str, headers: dict[str, str], media: dict[str, bytes], clients: int, seconds: float
) -> Counts:
    """A closed loop of some clients for some time."""
    counts, until = Counts(), time.monotonic() + seconds

    def run() -> None:
        with httpx2.Client(base_url=address, headers=headers, timeout=120) as client:
            while time.monotonic() < until:
                walk(client, media, counts, until)

    def watch() -> None:
        with httpx2.Client(base_url=address, timeout=60) as client:
            while time.monotonic() < until:
                started = time.monotonic()
                client.get("/livez")
                counts.livez_s.append(time.monotonic() - started)
                time.sleep(LIVEZ_EVERY_S)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    threads.append(threading.Thread(target=watch))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def cpu_s(process: int) -> float:
    """Processor time of a process and its children, living and dead."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == process:
            total += sum(int(word) for word in words[11:15]) / TICKS_S
        elif int(words[1]) == process:
            total += sum(int(word) for word in words[11:13]) / TICKS_S
    return total


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile in milliseconds."""
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{p}_ms": round(cuts[p - 1] * 1000, 1) for p in (50, 95, 99)}


def told(counts: Counts, seconds: float, used_s: float) -> dict[str, object]:
    """The figures of one level of load."""
    return {
        "verdicts": counts.verdicts,
        "outcomes": counts.outcomes,
        "verdicts_per_s": round(counts.verdicts / seconds, 3),
        "verdicts_per_core_s": round(counts.verdicts / used_s, 3) if used_s else None,
        "server_cores": round(used_s / seconds, 2),
        "told_to_wait": counts.told_to_wait,
        "failures": counts.failures,
        "submit_to_verdict": quantiles(counts.to_verdict_s),
        "livez": {**quantiles(counts.livez_s), "n": len(counts.livez_s)},
    }


def main() -> None:
    """Run every level and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--capacity", type=int, default=2)
    parser.add_argument("--levels", default="1c,1,4", help="1c: one client; else times capacity")
    parser.add_argument("--sandbox", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    media, rows, headers = pictures(), {}, {}
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = os.environ | {
            "VERIDICAL_DATA_DIR": folder,
            "VERIDICAL_POLICY": "demo",
            "VERIDICAL_CAPACITY": str(given.capacity),
            "VERIDICAL_LOG_LEVEL": "warning",
        }
        if given.sandbox:
            with closing(Settings(data_dir=Path(folder)).open_database()) as database:
                add_tenant(database, Tenant("load", 1_000_000, 1_000))
                key = issue_api_key(database, "load", ["transactions:write"], sandbox=True)[1]
            headers = {"Authorization": f"Bearer {key}"}
        verb = ["serve", "--port", str(port), *(() if given.sandbox else ("--dev",))]
        server = subprocess.Popen(
            [sys.executable, "-c", "from veridical.cli import main; main()", *verb],
            env=environment,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(1_200):
                try:
                    if httpx2.get(f"{address}/readyz", timeout=10).status_code == 200:
                        break
                except httpx2.HTTPError:
                    pass
                time.sleep(0.1)
            load(address, headers, media, 1, 5)  # warm
            for level in given.levels.split(","):
                clients = 1 if level == "1c" else int(level) * given.capacity
                before = cpu_s(server.pid)
                counts = load(address, headers, media, clients, given.seconds)
                used_s = cpu_s(server.pid) - before
                rows[level] = {"clients": clients, **told(counts, given.seconds, used_s)}
                print(level, json.dumps(rows[level]), flush=True)
        finally:
            server.terminate()
            server.wait(60)
    figures = {
        "sandbox": given.sandbox,
        "capacity": given.capacity,
        "seconds": given.seconds,
        "levels": rows,
    }
    figures["load_average"] = os.getloadavg()
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
