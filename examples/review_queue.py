"""Decide what was left to a person; the page `/operator` does the same.

python examples/review_queue.py http://127.0.0.1:8080 KEY "staff 117"
"""

import sys
from collections.abc import Callable

from veridical.client import Client, ConflictError, Transaction


def main(
    url: str, key: str, operator: str, decide: Callable[[Transaction], tuple[str, str]]
) -> dict[str, str]:
    """Go through the queue, oldest first; answers what was decided by transaction."""
    decided = {}
    with Client(url, key) as client:
        for item in client.each_review():
            outcome, reason = decide(client.get(item.id))
            try:
                client.review(item.id, operator=operator, outcome=outcome, reason=reason)
            except ConflictError:
                continue  # a colleague was quicker
            decided[item.id] = outcome
    return decided


def ask(found: Transaction) -> tuple[str, str]:
    """Show what was measured, and ask."""
    for check in found.verdict.checks if found.verdict else ():
        print(f"  {check.check:20} {check.status:14} {check.score} {check.reason}")
    return input(f"{found.id}: accept or reject? "), input("reason? ")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], ask)
