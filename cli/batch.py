"""`veridical batch`: verify every row of a manifest."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table

from veridical.batch import BatchSummary, local_workers, run_batch
from veridical.batch.report import write_report
from veridical.batch.rows import StartEngine
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.cli.extras import needed
from veridical.cli.missing import AllowMissing
from veridical.models.quota import cpu_quota
from veridical.verification import Settings

__all__ = ["batch"]


class WorkPlace(StrEnum):
    """Where rows are worked on."""

    LOCAL = "local"
    RAY = "ray"


def batch(
    manifest: Annotated[
        str, typer.Argument(help="CSV or JSON Lines, one transaction a row: path or URL.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.jsonl and report.html.")],
    policy: Annotated[str, typer.Option(help="Policy of rows that name none.")] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="Workers; 0 takes one a core of the quota or cluster.")
    ] = 0,
    engine: Annotated[
        WorkPlace, typer.Option(help="This machine's processes, or the actors of a Ray cluster.")
    ] = WorkPlace.LOCAL,
    address: Annotated[
        str, typer.Option(help="Ray cluster, as host:port; `local` starts one here.")
    ] = "local",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write results.parquet as well.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with earlier results.")] = False,
    allow_missing: AllowMissing = False,
) -> None:
    """Verify every row of a manifest: one result line each, exactly once, over kills too.

    Exit code 0 when every row has a verdict, 4 when some rows could not be verified, 1 when a
    verdict differs from what its row expects.
    """
    settings = Settings()
    if policy:
        settings.policy = policy
    settings.allow_missing |= allow_missing
    console = open_console(stderr=True)
    start = _workers(engine, workers, address)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        Remaining(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("verifying", total=None, rate="")

        def show(summary: "BatchSummary") -> None:
            speed = bar.tasks[0].speed
            outcomes = ", ".join(f"{name} {n}" for name, n in sorted(summary.outcomes.items()))
            bar.update(
                task,
                completed=summary.done,
                total=summary.rows,
                description=outcomes or "verifying",
                rate=f"{speed:.1f}/s" if speed else "",
            )

        summary = run_batch(
            manifest,
            out,
            settings,
            start=start,
            resume=resume,
            progress=show,
        )
    report = write_report(out, Path(manifest), settings.policy)
    _print_summary(summary)
    typer.echo(f"results: {out / 'results.jsonl'}\nreport:  {report}")
    if parquet:
        with needed("parquet"):
            from veridical.batch.parquet import write_parquet
        typer.echo(f"table:   {write_parquet(out)}")
    if summary.unexpected:
        raise typer.Exit(Exit.NOT_ACCEPTED)
    if summary.errors:
        raise typer.Exit(Exit.INPUT)


def _workers(engine: WorkPlace, count: int, address: str) -> "StartEngine":
    if engine is WorkPlace.LOCAL:
        return local_workers(count or math.ceil(cpu_quota()))
    with needed("ray"):
        from veridical.batch.cluster import ray_workers
    return ray_workers(count, address)


def _print_summary(summary: "BatchSummary") -> None:

    table = Table(title=f"{summary.done} of {summary.rows} rows have a result")
    for title in ("this run", "rows"):
        table.add_column(title)
    for name, count in sorted(summary.outcomes.items()):
        table.add_row(name, str(count))
    for code, count in sorted(summary.errors.items()):
        table.add_row(f"[red]error {code}[/]", str(count))
    for cause, count in summary.first_causes.most_common(10):
        table.add_row(f"[dim]cause {cause}[/]", str(count))
    if summary.unexpected:
        table.add_row("[red]not as expected[/]", str(summary.unexpected))
    open_console().print(table)
