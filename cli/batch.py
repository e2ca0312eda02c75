"""`veridical batch`: verify every row of a manifest."""

import json
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table

from veridical.batch import BatchSummary, Shard, local_workers, merge_shards, run_batch
from veridical.batch.check import check_manifest
from veridical.batch.journal import RESULTS
from veridical.batch.report import write_report
from veridical.batch.rows import StartEngine
from veridical.batch.summary import write_summary
from veridical.cli.console import open_console
from veridical.cli.exits import Exit
from veridical.cli.extras import needed
from veridical.cli.missing import AllowMissing
from veridical.errors import InputError
from veridical.models.quota import cpu_quota
from veridical.verification import Settings
from veridical.verification.manifest_text import Format
from veridical.verification.sources import local_copy, parent_of, source_at

__all__ = ["batch"]


class WorkPlace(StrEnum):
    """Where rows are worked on."""

    LOCAL = "local"
    RAY = "ray"


def batch(
    manifest: Annotated[
        str, typer.Argument(help="CSV or JSON Lines, one transaction a row: path or URL.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.jsonl, summary.json and report.html.")
    ] = None,
    policy: Annotated[str, typer.Option(help="Policy of rows that name none.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is wrong with the manifest.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Workers; 0 takes one a core of the quota or cluster.")
    ] = 0,
    engine: Annotated[
        WorkPlace, typer.Option(help="This machine's processes, or the actors of a Ray cluster.")
    ] = WorkPlace.LOCAL,
    address: Annotated[
        str, typer.Option(help="Ray cluster, as host:port; `local` starts one here.")
    ] = "local",
    shard: Annotated[
        str, typer.Option(help="Only every n-th row, from the i-th: i/n. `--merge` ends it.")
    ] = "1/1",
    merge: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a shard; give all. Puts them together into --out."),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Of the manifest, such as gb18030; UTF-8 or UTF-16 are seen.")
    ] = "",
    delimiter: Annotated[str, typer.Option(help="Between columns of a CSV.")] = ",",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write results.parquet as well.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with earlier results.")] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Go on, and verify rows again that failed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    allow_missing: AllowMissing = False,
) -> None:
    """Verify every row of a manifest: one result line each, exactly once, over kills too.

    Exit code 0 when every row of the run has a verdict, whenever it was reached; 1 when a verdict
    differs from what its row expects; 4 when some rows could not be verified.
    """
    settings = Settings()
    if policy:
        settings.policy = policy
    settings.allow_missing |= allow_missing
    written = Format(encoding, delimiter)
    if check:
        _check(manifest, written, settings.policy, as_json)
        return
    if out is None:
        raise InputError("a run wants --out, a folder for its results", "usage.no_out")
    write_table = _table_writer() if parquet else None
    if merge:
        summary = merge_shards(Path(manifest), written, out, merge)
        write_summary(out, summary)
    else:
        start = _workers(engine, workers, address)
        with _progress() as progress:
            summary = run_batch(
                manifest,
                out,
                settings,
                start=start,
                resume=resume or retry_errors,
                retry_errors=retry_errors,
                written=written,
                shard=Shard.from_text(shard),
                progress=progress,
            )
    report = write_report(out, Path(manifest).name, summary)
    table = write_table(out) if write_table else None
    if as_json:
        typer.echo(json.dumps(summary.to_json(), indent=2))
    else:
        _print_summary(summary)
        typer.echo(f"results: {out / RESULTS}\nreport:  {report}")
        if table:
            typer.echo(f"table:   {table}")
    if summary.unexpected:
        raise typer.Exit(Exit.NOT_ACCEPTED)
    if summary.errors or summary.done < summary.rows:
        raise typer.Exit(Exit.INPUT)


def _check(manifest: str, written: Format, policy: str, as_json: bool) -> None:
    """Say what is wrong with a manifest; exit code 4 when anything is."""
    with tempfile.TemporaryDirectory() as folder:
        path = local_copy(manifest, Path(folder))
        found = check_manifest(path, written, source_at(parent_of(manifest)), policy)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        for fault in found.faults:
            typer.echo(f"{fault.code}: {fault.message}")
        policies = ", ".join(f"{name} {count}" for name, count in sorted(found.policies.items()))
        typer.echo(f"{found.rows} rows, {found.faulty} with faults; policies: {policies or 'none'}")
        if found.repeated_ids:
            typer.echo(f"{found.repeated_ids} rows repeat an id: told by `row` in the results")
    if found.faulty:
        raise typer.Exit(Exit.INPUT)


@contextmanager
def _progress() -> Iterator[Callable[[BatchSummary], None]]:
    """A bar on the standard error, and what moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        Remaining(),
    )
    with Progress(*columns, console=open_console(stderr=True)) as bar:
        task = bar.add_task("verifying", total=None, rate="")

        def show(summary: BatchSummary) -> None:
            outcomes = ", ".join(f"{name} {n}" for name, n in sorted(summary.outcomes.items()))
            bar.update(
                task,
                completed=summary.done,
                total=summary.rows,
                description=outcomes or "verifying",
                rate=f"{summary.rate_per_s:.1f}/s",
            )

        yield show


def _table_writer() -> Callable[[Path], Path]:
    """What writes the table; asked for before the run, which may take a night."""
    with needed("parquet"):
        from veridical.batch.parquet import write_parquet
    return write_parquet


def _workers(engine: WorkPlace, count: int, address: str) -> StartEngine:
    if engine is WorkPlace.LOCAL:
        return local_workers(count or math.ceil(cpu_quota()))
    with needed("ray"):
        from veridical.batch.cluster import ray_workers
    return ray_workers(count, address)


def _print_summary(summary: BatchSummary) -> None:
    table = Table(title=f"{summary.done} of {summary.rows} rows have a result")
    for title in ("", "rows"):
        table.add_column(title)
    for name, count in sorted(summary.outcomes.items()):
        table.add_row(name, str(count))
    for code, count in sorted(summary.errors.items()):
        table.add_row(f"[red]error {code}[/]", str(count))
    for cause, count in summary.first_causes.most_common(10):
        table.add_row(f"[dim]cause {cause}[/]", str(count))
    if summary.unexpected:
        table.add_row("[red]not as expected[/]", str(summary.unexpected))
    if summary.earlier:
        table.add_row("[dim]of earlier sittings[/]", str(summary.earlier))
    open_console().print(table)
