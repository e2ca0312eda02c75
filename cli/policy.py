"""`veridical policy`: check, try, compare and replay policies."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from veridical.analysis.engines import Engines
from veridical.catalogue.points import points_of
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.cli.extras import needed
from veridical.errors import InputError
from veridical.policy.lint import lint_policy
from veridical.policy.replay import compare_policies, stored_verdicts
from veridical.policy.replay import replay as decide_again
from veridical.policy.trials import refuse_failing, try_examples
from veridical.verification import load_policy

if TYPE_CHECKING:  # linting, testing and replaying do without the service
    from veridical.transactions.rules import PolicyRepository
    from veridical.transactions.shadow import Shadows

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Lint, test, compare and replay policies.")
shadow = typer.Typer(
    no_args_is_help=True, help="A candidate that judges live verdicts beside the policy in force."
)
app.add_typer(shadow, name="shadow")

Name = Annotated[str, typer.Argument(help="Name of a shipped policy, or path of a policy file.")]


@app.command()
def lint(policy: Name) -> None:
    """Check a policy file and its examples; exit code 2 with the fault when it has one."""
    found = load_policy(policy)
    typer.echo(
        f"{found.id} v{found.version} ({found.sha256[:12]}): "
        f"{len(found.required)} required, {len(found.optional)} optional checks, "
        f"{len(found.rules)} rules, {len(found.examples)} examples, {found.attempts} attempts"
    )
    for warning in lint_policy(found):
        typer.echo(f"warning: {warning}")
    refuse_failing(found)


@app.command("test")
def try_out(policy: Name) -> None:
    """Decide the examples inside a policy file; exit code 1 when one ends otherwise."""
    found = load_policy(policy)
    trials = list(try_examples(found))
    failed = sum(not trial.passed for trial in trials)
    table = Table(title=f"{found.id} v{found.version}: {len(trials)} examples, {failed} failed")
    for title in ("example", "outcome", "causes", ""):
        table.add_column(title)
    for trial in trials:
        decision = trial.decision
        table.add_row(
            escape(trial.example.name),
            str(decision.outcome),
            "\n".join(decision.causes),
            "[green]as expected[/]" if trial.passed else f"[red]{escape(trial.fault())}[/]",
        )
    open_console().print(table)
    if failed:
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def diff(old: Name, new: Name) -> None:
    """Say what differs between two policies; exit code 1 when something does."""
    lines = compare_policies(load_policy(old), load_policy(new))
    typer.echo("\n".join(lines) or "no difference")
    if lines:
        raise typer.Exit(Exit.NOT_ACCEPTED)


@app.command()
def replay(
    policy: Name,
    verdicts: Annotated[
        Path, typer.Argument(help="Stored verdicts, one JSON a line; - reads standard input.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Decide stored verdicts again under another policy, by their scores alone."""
    points = points_of(Engines.open())
    if str(verdicts) != "-" and not verdicts.is_file():
        raise InputError(f"no file {verdicts} of stored verdicts", "usage.no_file")
    with sys.stdin if str(verdicts) == "-" else verdicts.open(encoding="utf-8") as lines:
        result = decide_again(stored_verdicts(lines, str(verdicts)), load_policy(policy), points)
    if as_json:
        json.dump(
            {
                "n": result.n,
                "outcomes": {f"{a} -> {b}": n for (a, b), n in sorted(result.outcomes.items())},
                "unmeasured": dict(result.unmeasured),
                "changes": [
                    {
                        "transaction": c.transaction,
                        "before": c.before,
                        "after": c.after,
                        "first_cause": c.cause,
                    }
                    for c in result.changes
                ],
            },
            sys.stdout,
            indent=2,
        )
        sys.stdout.write("\n")
        return
    table = Table(title=f"{result.n} verdicts, {len(result.changes)} end differently")
    for title in ("before", "after", "verdicts"):
        table.add_column(title)
    for (before, after), count in sorted(result.outcomes.items()):
        table.add_row(before, after, str(count))
    console = open_console()
    console.print(table)
    for check, count in sorted(result.unmeasured.items()):
        console.print(f"{check} is required but was not measured in {count} verdicts")


Tenant = Annotated[str, typer.Option(help="Whose policy.")]
Own = Annotated[str, typer.Argument(help="Name of the policy in force.")]


@shadow.command("start")
def shadow_start(
    candidate: Annotated[Path, typer.Argument(help="Policy file; its id names that in force.")],
    tenant: Tenant = "default",
) -> None:
    """Let a candidate judge every live verdict from now on; nobody is told of what it says.

    It decides by what the policy in force measured. Another one that judged beside it ends.
    """
    if not candidate.is_file():
        raise InputError(f"no file {candidate}", "usage.no_file")
    with _shadows() as (shadows, _):
        found = shadows.start(tenant, candidate.read_bytes())
    typer.echo(f"{found.id} v{found.version} judges beside the policy in force of {tenant}")


@shadow.command("report")
def shadow_report(
    policy: Own,
    tenant: Tenant = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what a candidate would have decided, where it disagreed, and whether that is chance."""
    with _shadows() as (shadows, _):
        seen = shadows.compare(tenant, policy)
    if as_json:
        told = {
            "policy": seen.policy.id,
            "version": seen.policy.version,
            "n": seen.n,
            "outcomes": {f"{a} -> {b}": n for (a, b), n in sorted(seen.outcomes.items())},
            "accepted_in_force_only": seen.fewer,
            "accepted_by_candidate_only": seen.more,
            "p": seen.p,
            "unmeasured": dict(seen.unmeasured),
            "disagreements": [asdict(one) for one in seen.disagreements],
        }
        typer.echo(json.dumps(told, indent=2))
        return
    table = Table(title=f"{seen.policy.id} v{seen.policy.version} beside {seen.n} verdicts")
    for title in ("in force", "candidate", "verdicts"):
        table.add_column(title)
    for (before, after), count in sorted(seen.outcomes.items()):
        table.add_row(before, after, str(count))
    console = open_console()
    console.print(table)
    console.print(
        f"accepted in force only: {seen.fewer}; by the candidate only: {seen.more}; "
        f"p = {seen.p:.3g} were neither stricter"
    )
    for check, count in sorted(seen.unmeasured.items()):
        console.print(f"{check} is required but was not measured in {count} verdicts")
    for one in seen.disagreements[:20]:
        console.print(f"{one.transaction}: {one.outcome} -> {one.would_be} ({one.cause})")


@shadow.command("promote")
def shadow_promote(
    policy: Own,
    operator: Annotated[str, typer.Option(help="Who decides so; stands in the evidence.")],
    tenant: Tenant = "default",
) -> None:
    """Put a candidate in force as the tenant's newest version, and record who did so."""
    with _shadows() as (shadows, book):
        found = shadows.promote(tenant, policy, book, operator)
    typer.echo(f"{found.id} v{found.version} is in force for {tenant}")


@shadow.command("stop")
def shadow_stop(policy: Own, tenant: Tenant = "default") -> None:
    """End a candidate's judging, and delete what came of it."""
    with _shadows() as (shadows, _):
        shadows.stop(tenant, policy)
    typer.echo("ended")


@contextmanager
def _shadows() -> Iterator["tuple[Shadows, PolicyRepository]"]:
    with needed("service"):
        from veridical.service.settings import ServiceSettings
        from veridical.transactions.rules import PolicyRepository
        from veridical.transactions.shadow import Shadows
    settings = ServiceSettings()
    resources = settings.resources()
    try:
        yield Shadows(resources), PolicyRepository(resources, settings.policy)
    finally:
        resources.database.close()
