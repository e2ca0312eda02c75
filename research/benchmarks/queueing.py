"""How many cores do how many verifications a second want, if nobody may wait long?

Simulates first come, first served over identical cores: Poisson arrivals at the mean rate of a
million a day and at a peak of five times that, held for half an hour; service times drawn
log-normal around the measured processor time of one verification. What would wait longer than
`--patience` is told to come again, as the service does with 429. Seeded: the same words give the
same table.

    python research/benchmarks/queueing.py --cpu-s 1.8
"""

import argparse
import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
PER_DAY = 1_000_000
PEAK = 5.0
"""Peak over mean."""
WINDOW_S = 1_800
"""Simulated time around the peak."""


def arrivals(rate_per_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Arrival times over the window, seconds."""
    count = rng.poisson(rate_per_s * WINDOW_S)
    return np.sort(rng.uniform(0, WINDOW_S, count))


def simulate(
    times: NDArray[np.float64], work: NDArray[np.float64], cores: int, patience_s: float
) -> tuple[NDArray[np.float64], int]:
    """Answer times of those who were served, and how many were told to come again."""
    free = [0.0] * cores
    answered = np.empty(len(times))
    served = refused = 0
    for at, seconds in zip(times, work, strict=True):
        start = max(at, free[0])
        if start - at > patience_s:
            refused += 1
            continue
        heapq.heapreplace(free, start + seconds)
        answered[served] = start + seconds - at
        served += 1
    return answered[:served], refused


def rows(cpu_s: float, spread: float, patience_s: float, seed: int) -> Iterator[str]:
    """The table's rows."""
    mean_rate = PER_DAY / DAY_S
    sigma = np.sqrt(np.log1p(spread**2))
    for name, rate in (("mean", mean_rate), (f"peak, {PEAK:g}x", mean_rate * PEAK)):
        needed = rate * cpu_s
        for load in (1.2, 0.95, 0.85, 0.7):
            cores = int(np.ceil(needed / load))
            rng = np.random.default_rng(seed)
            times = arrivals(rate, rng)
            work = rng.lognormal(np.log(cpu_s) - sigma**2 / 2, sigma, len(times))
            answered, refused = simulate(times, work, cores, patience_s)
            p50, p95, p99 = np.percentile(answered, [50, 95, 99])
            yield (
                f"| {name} | {rate:.1f} | {cores} | {needed / cores:.0%} | {p50:.2f} | {p95:.2f} "
                f"| {p99:.2f} | {refused / len(times):.2%} |"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu-s", type=float, required=True, help="processor seconds each")
    parser.add_argument("--spread", type=float, default=0.35, help="standard deviation over mean")
    parser.add_argument("--patience", type=float, default=5.0, help="longest wait in seconds")
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    print("| load | a second | cores | busy | p50 s | p95 s | p99 s | refused |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows(words.cpu_s, words.spread, words.patience, words.seed):
        print(row)


if __name__ == "__main__":
    main()
