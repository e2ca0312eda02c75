"""What do 2,000 rules cost a verdict, and their policy a start?

    python research/benchmarks/bench_expressions.py --rules 2000 --verdicts 2000

Processor time on one thread. Every rule is different: two to four comparisons, drawn with a fixed
seed from scores, statuses, reasons, counts and facts under a policy with all its signals, with
lists, ranges and sums. In the mix `all_hold` they are joined by `and`, as the rules of a policy
mostly are; in `any_mix` by `and`, `or` and `not` at random, so that about half of all rules bear on
every verdict, which no policy should do. Half of the rules mind the unknown. Verdicts differ in
scores, and a tenth of scores and counts is missing. The same decisions without rules are timed
beside.
"""

import argparse
import json
import math
import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

from veridical.policy import parse_policy  # noqa: E402
from veridical.policy.decision import Decision  # noqa: E402
from veridical.policy.rules import Rules  # noqa: E402
from veridical.result import Measurement, OperatingPoint  # noqa: E402
from veridical.verification import CHECKS, Policy, decide  # noqa: E402

SEED = 7
WARM_UP = 50
REQUIRED = (
    "document.read", "document.specimen", "face.quality", "face.match", "face.same_person",
    "liveness.silent", "voice.digits", "liveness.lips",
)  # fmt: skip
Mix = Callable[[Sequence[str], random.Random], str]
COUNTS = tuple(
    f"{who}_{window}"
    for who in ("face", "document", "subject", "device", "phone", "network")
    for window in ("10m", "1h", "24h", "30d")
)


def atom(rng: random.Random, optional: Sequence[str]) -> str:
    """One comparison."""
    check = rng.choice([*REQUIRED, *optional])
    other = rng.choice(REQUIRED)
    count = f"signals.velocity.{rng.choice(COUNTS)}"
    cut = round(rng.random(), 4)
    return rng.choice(
        (
            f"{check}.score < {cut}",
            f"{check}.score between {cut / 2} and {cut}",
            f"{check}.score + {other}.score < {cut}",
            f"{check}.status != 'pass'",
            f"{check}.reason in ['low_score', 'no_face', 'not_mated']",
            f"{count} > {rng.randint(1, 40)}",
            f"facts.amount > {rng.randint(100, 100_000)}",
            f"not known({count})",
        )
    )


def all_hold(parts: Sequence[str], _: random.Random) -> str:
    """Comparisons that must all hold."""
    return " and ".join(parts)


def any_mix(parts: Sequence[str], rng: random.Random) -> str:
    """Comparisons joined in any way."""
    text = parts[0]
    for part in parts[1:]:
        text = f"({text}) {rng.choice(('and', 'or'))} {rng.choice(('', 'not '))}({part})"
    return text


MIXES = (all_hold, any_mix)


def policy_text(rules: int, optional: Sequence[str], mix: Mix) -> bytes:
    """A policy file with so many rules."""
    rng = random.Random(SEED)  # noqa: S311
    lines = [
        'id = "many"', "version = 1", f"required = {json.dumps(REQUIRED)}",
        f"optional = {json.dumps(optional)}", 'facts = ["amount"]',
    ]  # fmt: skip
    for number in range(rules):
        parts = [atom(rng, optional) for _ in range(rng.randint(2, 4))]
        lines += [
            "[[rules]]", f'id = "rule-{number}"', f'when = "{mix(parts, rng)}"', 'then = "review"',
            f'unknown = "{"review" if number % 2 else "ignore"}"',
        ]  # fmt: skip
    return "\n".join(lines).encode()


def measured(rng: random.Random, checks: Sequence[str]) -> list[Measurement]:
    """What the checks of one transaction found."""
    counts = {name: rng.randint(1, 50) for name in COUNTS if rng.random() > 0.1}
    return [
        Measurement(
            check,
            rng.random() if rng.random() > 0.1 else None,
            "low_score",
            counts if check == "signals.velocity" else {},
        )
        for check in checks
    ]


def spread(times: Sequence[float]) -> dict[str, float]:
    """Milliseconds: least, median, 99th percentile and most."""
    ordered = sorted(times)
    return {
        "min": round(ordered[0] * 1e3, 3),
        "median": round(ordered[len(ordered) // 2] * 1e3, 3),
        "p99": round(ordered[math.ceil(len(ordered) * 0.99) - 1] * 1e3, 3),
        "max": round(ordered[-1] * 1e3, 3),
    }


def timed(work: Callable[[], Decision]) -> tuple[float, Decision]:
    """Processor time in seconds, and what came."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def measure(rules: int, verdicts: int, mix: Mix) -> dict[str, object]:
    """Figures of one mix."""
    optional = [check for check in CHECKS if check not in REQUIRED]
    content = policy_text(rules, optional, mix)
    start = time.process_time()
    policy: Policy = parse_policy(content, "the benchmark", Path())
    parse_s = time.process_time() - start
    bare = replace(policy, rules=Rules())
    points = dict.fromkeys(policy.checks, OperatingPoint(0.5, 0.25))
    rng = random.Random(SEED + 1)  # noqa: S311
    with_rules, without, bearing = [], [], 0
    for number in range(-WARM_UP, verdicts):
        found, facts = measured(rng, policy.checks), {"amount": rng.uniform(10, 200_000)}
        ruled_s, decision = timed(lambda f=found, w=facts: decide(f, policy, points, facts=w))
        bare_s, _ = timed(lambda f=found: decide(f, bare, points))
        if number >= 0:
            with_rules.append(ruled_s)
            without.append(bare_s)
            bearing += len(decision.rules)
    return {
        "inputs": len(policy.rules.inputs),
        "policy_bytes": len(content),
        "parse_ms": round(parse_s * 1e3, 1),
        "decide_ms": spread(with_rules),
        "decide_without_rules_ms": spread(without),
        "bearing_rules_a_verdict": round(bearing / verdicts, 1),
    }


def main() -> None:
    """Run, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=2000)
    parser.add_argument("--verdicts", type=int, default=2000)
    options = parser.parse_args()
    print(
        json.dumps(
            {
                "bench": "expressions",
                "rules": options.rules,
                "verdicts": options.verdicts,
                **{mix.__name__: measure(options.rules, options.verdicts, mix) for mix in MIXES},
                "cpu": platform.machine(),
                "python": platform.python_version(),
            }
        )
    )


if __name__ == "__main__":
    main()
