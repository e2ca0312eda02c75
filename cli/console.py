"""How verdicts and tables look in a terminal, and in a pipe."""

import os

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from veridical.catalogue.reasons import explain_cause
from veridical.policy.present import PRESENT, bars
from veridical.result import CheckResult, Outcome, Status
from veridical.verification import CHECKS, Verdict

__all__ = ["OUTCOME_STYLES", "STATUS_STYLES", "open_console", "print_verdict"]

OUTCOME_STYLES = {
    Outcome.ACCEPT: "bold green",
    Outcome.REVIEW: "bold yellow",
    Outcome.RETRY: "bold cyan",
    Outcome.REJECT: "bold red",
}
BLOCK = "\u2588"
PIPED_WIDTH = 10_000
"""Columns of a console that is no terminal: no row is broken or cut."""
STATUS_STYLES = {
    Status.PASS: "green",
    Status.REVIEW: "yellow",
    Status.FAIL: "red",
    Status.NOT_ASSESSED: "dim",
}


def open_console(*, stderr: bool = False) -> Console:
    """A console that shortens nothing when its output goes to a file or another program."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console


def print_verdict(verdict: Verdict) -> None:
    """Print the outcome, its first cause, and one line a check."""
    console = open_console()
    style = OUTCOME_STYLES[verdict.outcome]
    console.print(f"[{style}]{verdict.outcome.upper()}[/]", end="")
    if verdict.first_cause:
        told = {found.rule.id: found.rule.reason for found in verdict.rules}
        text = escape(explain_cause(verdict.first_cause, told))
        console.print(f"  {verdict.first_cause}  [dim]{text}[/]", end="")
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("check", "status", "score", "accept/reject", "ms", "reason"):
        number = title in ("score", "ms")
        table.add_column(title, justify="right" if number else "left", no_wrap=title != "reason")
    for result in verdict.results:
        table.add_row(*_row(result))
    console.print(table)
    for result in verdict.results:
        if result.check == PRESENT and result.score is not None:
            _print_sum(console, result)
    for found in verdict.rules:
        held = "holds" if found.holds else "unknown"
        console.print(f"[yellow]{found.cause} ({held}): {escape(found.rule.reason)}[/]")
    policy = verdict.policy
    console.print(
        f"[dim]policy {policy['id']} v{policy['version']} ({str(policy['sha256'])[:12]}), "
        f"profile {verdict.profile}, attempt {verdict.attempt}, "
        f"{verdict.retries_left} left[/]"
    )
    for stamp in verdict.stamps:
        console.print(f"[yellow]stamp: {stamp}[/]")
    for weaker in verdict.assurance:
        console.print(f"[yellow]weaker than it could be: {weaker}[/]")


def _print_sum(console: Console, result: CheckResult) -> None:
    """Print six witnesses as bars that add up to a sum, against the line it must reach."""
    evidence, labels = result.measurement.evidence, CHECKS[PRESENT].evidence
    needed = "" if result.point is None else f", {result.point.accept_at:g} needed"
    console.print(f"[dim]against {evidence.get('weakest')}: {result.score:+.1f}{needed}[/]")
    found = bars(evidence)
    lowest = min([0.0, *(one.start + (one.value or 0.0) for one in found)])
    for one in found:
        label = labels[f"witness_{one.name}"].en
        if one.value is None:
            console.print(f"  [dim]{label:24} not assessed[/]")
            continue
        low = min(one.start, one.start + one.value) - lowest
        drawn = " " * round(2 * low) + BLOCK * round(2 * abs(one.value))
        style = "red" if one.value < 0 else "green"
        console.print(f"  {label:24} {one.value:+5.1f} [{style}]{drawn}[/]")


def _row(result: CheckResult) -> tuple[str, ...]:
    point = result.point
    return (
        result.check,
        f"[{STATUS_STYLES[result.status]}]{result.status}[/]",
        "" if result.score is None else f"{result.score:.3f}",
        f"{point.accept_at:g} / {point.reject_below:g}" if point else "",
        f"{result.measurement.elapsed_ms:.0f}",
        result.reason,
    )
