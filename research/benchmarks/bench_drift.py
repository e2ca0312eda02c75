r"""How soon is drift noticed, how often is it cried for nothing, and what does watching cost?

    nice python research/benchmarks/bench_drift.py --scores face.match=FACE/scores.csv \
        --scores voice.match=VOICE/scores.csv --scores voice.digits=DIGITS/scores.csv

Scores are resampled from what `veridical evaluate face`, `speaker` and `digits` wrote of genuine
applicants, smoothed by Silverman's bandwidth: a few hundred values drawn again and again would move
from bin to bin as blocks, which no real shift does. A normal distribution stands beside them. Each
run draws a baseline of its own, then transactions in hours of a given size; the watch looks every
20 of them, as often as a service of 2,400 transactions an hour. A shift moves every score after it
by a share of the standard deviation. Delay counts transactions from the change to the alert. The
last part times the service's own counting on an SQLite file, with verdicts of 14 checks.
"""

import argparse
import csv
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.calibration.intervals import clopper_pearson
from veridical.result import CheckResult, Measurement, ModelRef, OperatingPoint, Outcome, Status
from veridical.store import Database, MasterKeys
from veridical.transactions import DriftWatch, Resources
from veridical.transactions.drift import freeze
from veridical.transactions.drift_views import HOUR_MS
from veridical.verification import Verdict
from veridical.verification.drift import Baseline, DriftRules, Series, assess, merged
from veridical.verification.evidence import SigningKey

RULES = DriftRules.read()
LOOK = 20
AN_HOUR = (50, 500, 5_000)
BASELINE = 5_000
BEFORE = 3_000
GENUINE = ("1", "genuine", "bona_fide")
"""Values of the column `mated` or `label` of an applicant as they should be."""


class Source(Protocol):
    """Draws categories of one series."""

    series: Series

    def draw(self, chance: np.random.Generator, n: int, how: float) -> list[str]:
        """Some categories, with a shift in standard deviations or at a rate."""
        ...


class Scores:
    """Where scores come from, and how they shift."""

    def __init__(self, check: str, scores: NDArray[np.float64], smoothing: float = 0.0) -> None:
        self.series = Series("score", check, "")
        self._scale = RULES.scale("score", check)
        self._scores, self._sd = scores, float(scores.std())
        self._smoothing = smoothing * self._sd

    @classmethod
    def read(cls, check: str, path: Path) -> tuple[str, "Scores"]:
        """Scores of genuine applicants in a score file of `veridical evaluate`."""
        with path.open(encoding="utf-8", newline="") as lines:
            found = [
                float(row["score"])
                for row in csv.DictReader(lines)
                if (row.get("mated") or row.get("label")) in GENUINE and row["score"]
            ]
        smoothing = 1.06 * len(found) ** -0.2
        return f"{check}, n = {len(found)}", cls(check, np.array(found), smoothing)

    def draw(self, chance: np.random.Generator, n: int, how: float) -> list[str]:
        """Bins of scores that are lower by some standard deviations."""
        found = chance.choice(self._scores, n) - how * self._sd
        if self._smoothing:
            found += chance.normal(0, self._smoothing, n)
        return [str(self._scale.bin_of(value)) for value in found]


class Reasons:
    """How often one reason comes up."""

    def __init__(self, reason: str) -> None:
        self.series = Series("reason", "a.check", "")
        self._reason = reason

    def draw(self, chance: np.random.Generator, n: int, how: float) -> list[str]:
        """Reasons at a rate."""
        return [self._reason if hit else "pass" for hit in chance.random(n) < how]


class Mixed:
    """The reasons of a check as they usually are: some frequent, some rare."""

    rates = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)

    def __init__(self) -> None:
        self.series = Series("reason", "a.check", "")

    def draw(self, chance: np.random.Generator, n: int, how: float) -> list[str]:
        """Reasons at their rates, and passes."""
        del how
        names = [f"reason {rate}" for rate in self.rates] + ["pass"]
        return [str(x) for x in chance.choice(names, n, p=[*self.rates, 1 - sum(self.rates)])]


class Stream:
    """Transactions of one series, hour by hour, and what the watch makes of them."""

    def __init__(self, source: Source, usual: float, an_hour: int, seed: int, n0: int) -> None:
        self._source = source
        self._chance = np.random.default_rng(seed)
        tally = _tally(source.draw(self._chance, n0, usual))
        self._baseline = Baseline(source.series, tally)
        self._an_hour = an_hour
        self._left = int(self._chance.integers(1, an_hour + 1))  # a change comes at any minute
        self._hours: list[dict[str, int]] = [{}]
        self.raised: set[str] = set()

    def goes_on(self, how: float) -> int:
        """Take some transactions in; how many alerts were raised by them."""
        self._add(self._source.draw(self._chance, LOOK, how))
        count = 0
        for finding in assess(self._baseline, self._hours, RULES):
            if finding.reason in self.raised and finding.is_low:
                self.raised.remove(finding.reason)
            elif finding.reason not in self.raised and finding.is_high:
                self.raised.add(finding.reason)
                count += 1
        return count

    def _add(self, categories: Sequence[str]) -> None:
        at = 0
        while at < len(categories):
            taken = categories[at : at + self._left]
            self._hours[-1] = merged((self._hours[-1], _tally(taken)))
            at, self._left = at + len(taken), self._left - len(taken)
            if not self._left:
                self._hours = [*self._hours, {}][-RULES.longest_h :]
                self._left = self._an_hour


def _tally(categories: Sequence[str]) -> dict[str, int]:
    names, counts = np.unique(np.asarray(categories), return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def false_alarms(
    source: Source, usual: float, an_hour: int, runs: int, n0: int, first: int = 0
) -> dict[str, object]:
    """Alerts raised without a change, in runs of 10,000 transactions."""
    count, seen = 0, runs * 10_000
    for run in range(first, first + runs):
        stream = Stream(source, usual, an_hour, run, n0)
        count += sum(stream.goes_on(usual) for _ in range(10_000 // LOOK))
    low, high = clopper_pearson(count, seen)
    return {
        "alarms": count,
        "transactions": seen,
        "per_10_000": round(count / seen * 1e4, 4),
        "ci95": [round(low * 1e4, 4), round(high * 1e4, 4)],
    }


def delays(
    source: Source, usual: float, then: float, an_hour: int, runs: int, n0: int
) -> dict[str, object]:
    """Transactions from a change to the alert."""
    found, most = [], 20_000
    for run in range(runs):
        stream = Stream(source, usual, an_hour, 10_000 + run, n0)
        for _ in range(BEFORE // LOOK):
            stream.goes_on(usual)
        if stream.raised:
            continue  # a false alarm: counted by `false_alarms`
        seen = LOOK
        while not stream.goes_on(then) and seen < most:
            seen += LOOK
        found.append(seen)
    return {
        "n": len(found),
        "median": int(median(found)),
        "p90": int(np.quantile(found, 0.9)),
        "not_within_20_000": sum(seen >= most for seen in found),
    }


def told(what: str, **figures: object) -> None:
    """Print one line."""
    print(json.dumps({"bench": "drift", "what": what, **figures}), flush=True)


def bench_shifts(files: Sequence[str], runs: int) -> None:
    """Scores that shift and scores that do not."""
    made = Scores("a.check", np.random.default_rng(1).normal(0.6, 0.1, 100_000))
    sources = {"normal, synthetic": made}
    for pair in files:
        check, _, path = pair.partition("=")
        sources.update([Scores.read(check, Path(path))])
    for name, source in sources.items():
        for an_hour in AN_HOUR:
            quiet = false_alarms(source, 0.0, an_hour, runs, BASELINE)
            told("no shift", scores=name, an_hour=an_hour, **quiet)
            for shift in (0.25, 0.5, 1.0):
                found = delays(source, 0.0, shift, an_hour, runs, BASELINE)
                told(f"shift of {shift} sd", scores=name, an_hour=an_hour, **found)


def bench_rises(reason: str, usual: float, rises: Sequence[float], runs: int, n0: int) -> None:
    """A reason that comes up more often, and one that does not."""
    source = Reasons(reason)
    for an_hour in AN_HOUR:
        quiet = false_alarms(source, usual, an_hour, 3 * runs, n0)
        told(f"{reason} stays at {usual}", an_hour=an_hour, baseline_n=n0, **quiet)
        for rate in rises:
            found = delays(source, usual, rate, an_hour, runs, n0)
            told(f"{reason} from {usual} to {rate}", an_hour=an_hour, baseline_n=n0, **found)


def bench_service(runs: int, an_hour: int = 500, distributions: int = 20, checks: int = 15) -> None:
    """Everything a tenant has watched, with nothing changed: alerts of all series together."""
    scores = Scores("a.check", np.random.default_rng(1).normal(0.6, 0.1, 100_000))
    shifts = rises = 0
    for number in range(distributions):
        found = false_alarms(scores, 0.0, an_hour, runs, BASELINE, 100_000 + number * runs)
        shifts += int(str(found["alarms"]))
    for number in range(checks):
        found = false_alarms(Mixed(), 0.0, an_hour, runs, BASELINE, 200_000 + number * runs)
        rises += int(str(found["alarms"]))
    told(
        "a whole service without a change",
        distributions=distributions,
        reasons=checks * len(Mixed.rates),
        an_hour=an_hour,
        transactions=runs * 10_000,
        shifts=shifts,
        rises=rises,
        per_10_000=(shifts + rises) / runs,
    )


CHECKED = (
    "document.read", "document.authentic", "document.specimen", "face.quality", "face.match",
    "face.same_person", "liveness.silent", "liveness.lips", "liveness.injection", "voice.digits",
    "voice.match", "voice.replay", "voice.statement", "watchlist.search",
)  # fmt: skip


def _verdict(chance: np.random.Generator) -> Verdict:
    """A verdict of every check, one in twenty of them with a reason."""
    point, results = OperatingPoint(0.5, 0.25), []
    qualities = {"sharpness": 100, "luminance_mean_raw": 1, "compression": 100,
                 "inter_eye_distance_raw": 300, "snr_db": 40, "bandwidth_hz": 8_000}  # fmt: skip
    for check in CHECKED:
        reason = "blurred" if chance.random() < 0.05 else ""
        evidence = {name: chance.random() * most for name, most in qualities.items()}
        models = (ModelRef(f"{check}-net", "ab" * 32), ModelRef("yunet-2023mar", "cd" * 32))
        scale = RULES.scale("score", check)
        score = float(chance.normal((scale.low + scale.high) / 2, (scale.high - scale.low) / 10))
        measured = Measurement(check, score, reason, evidence, models)
        results.append(CheckResult(measured, Status.PASS, point, reason))
    return Verdict(
        transaction="t", outcome=Outcome.ACCEPT, first_cause=None, causes=(),
        results=tuple(results), policy={"id": "p", "version": 1, "sha256": ""}, profile="standard",
        assurance=(), stamps=(), attempt=1, retries_left=0, decided_at=datetime.now(UTC),
    )  # fmt: skip


def bench_cost(an_hour: int = 200, hours: int = 72) -> None:
    """Processor time of counting and looking, and bytes on disk."""
    verdicts = [_verdict(np.random.default_rng(seed)) for seed in range(400)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.db"
        database = Database(path)
        database.upgrade()
        now = [1_800_000_000_000 // HOUR_MS * HOUR_MS]
        signing = SigningKey.from_file(Path(folder) / "signing.pem")
        keys = MasterKeys.from_text("a:" + "A" * 43 + "=")
        resources = Resources(database, keys, signing, lambda: now[0])
        watch = DriftWatch(resources, timedelta(days=35), lambda profile: profile)
        empty = _size(database, path)
        counted_s, kept_s, watched_s = [], [], []
        for hour in range(hours):
            start = time.process_time()
            for i in range(an_hour):
                watch.observe("bank", verdicts[(hour * an_hour + i) % len(verdicts)])
            counted_s.append((time.process_time() - start) / an_hour)
            start = time.process_time()
            watch.flush()
            (kept_s if hour < hours // 2 else watched_s).append(time.process_time() - start)
            now[0] += HOUR_MS
            if hour == hours // 2 - 1:
                freeze(database, "bank", 0, now[0], now[0])
        grown = _size(database, path) - empty
        with database.reading() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM drift_sketches").scalar_one()
        database.close()
    told(
        "cost",
        count_a_verdict_us=round(median(counted_s) * 1e6, 1),
        store_without_baseline_ms=round(median(kept_s) * 1e3, 2),
        store_and_compare_ms=round(median(watched_s) * 1e3, 2),
        series=rows // hours,
        bytes_a_day=round(grown / (hours / 24)),
        bytes_a_row=round(grown / rows),
        verdicts_an_hour=an_hour,
        hours=hours,
        cpu=platform.machine(),
        python=platform.python_version(),
    )


def _size(database: Database, path: Path) -> int:
    with database.reading() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    return path.stat().st_size


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", action="append", default=[], metavar="CHECK=FILE")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--only", choices=("shift", "rise", "duplicates", "cost", "service"))
    chosen = parser.parse_args()
    only, runs = chosen.only, chosen.runs
    if only in (None, "cost"):
        bench_cost()
    if only in (None, "rise"):
        for n0 in (1_000, BASELINE):
            bench_rises("no_face", 0.01, (0.03, 0.10), runs, n0)
    if only in (None, "duplicates"):
        bench_rises("replayed_clip", 0.0005, (0.02, 0.05, 0.20), runs, BASELINE)
    if only in (None, "service"):
        bench_service(max(1, runs // 3))
    if only in (None, "shift"):
        bench_shifts(chosen.scores, runs)


if __name__ == "__main__":
    main()
