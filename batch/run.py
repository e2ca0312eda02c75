"""Rows through workers, results into the journal."""

from collections.abc import Callable, Iterator
from pathlib import Path

from veridical.batch.journal import Journal
from veridical.batch.rows import StartEngine
from veridical.batch.summary import BatchSummary
from veridical.errors import InputError
from veridical.verification import Settings, load_policy
from veridical.verification.engines import Engines
from veridical.verification.inputs import sha256_of
from veridical.verification.manifest import Row, read_manifest
from veridical.verification.needs import Needs
from veridical.verification.sources import local_copy, parent_of

__all__ = ["run_batch"]

Progress = Callable[[BatchSummary], None]


def run_batch(
    manifest: str | Path,
    out: Path,
    settings: Settings,
    *,
    start: StartEngine,
    resume: bool,
    progress: Progress = lambda _: None,
) -> BatchSummary:
    """Verify every row of a manifest.

    A bad row becomes a result line with an error code, `internal.error` when nobody foresaw it. A
    worker that dies is replaced and its rows are handed out again; a row that keeps killing workers
    is given up with `internal.worker_died`.

    Args:
        manifest: Path or URL of CSV or JSON Lines; see `read_manifest`. Media are named relative
            to where it lies; a copy of a manifest from elsewhere stays among the results.
        out: Folder of the results.
        settings: The installation; its policy counts for rows that name none.
        start: Starts the workers: `local_workers`, `ray_workers`.
        resume: Go on with an earlier run's results.
        progress: Told after every row.

    Returns:
        The summary of this run.

    Raises:
        InputError: No such manifest or policy, or results that must not be mixed.
        NotFitError: The policy requires a check that lacks its model or operating point.
        ModelError: A model is altered.
        StoreError: Results could not be written, or media or watchlist do not answer; nothing
            written so far is lost, and `resume` goes on from it.
    """
    rows = local_copy(manifest, out)
    if not rows.is_file():
        raise InputError(f"no manifest {manifest}", "usage.no_file")
    policy = load_policy(settings.policy)
    store = settings.model_store()
    profile = store.profile(settings.profile)
    models = {name: store.card(name).file.sha256 for name in profile.models}
    identity = {
        "manifest_sha256": sha256_of(rows),
        "policy": policy.id,
        "policy_sha256": policy.sha256,
        "profile": profile.name,
        "models": models,
    }
    engines = Engines(store, profile)
    if engines.missing:  # loads what is there, so only where it is needed to know what is not
        points = engines.operating_points
        Needs(engines, points, allow_missing=settings.allow_missing).require(policy)
    with Journal(out, identity, resume=resume) as journal:
        summary = BatchSummary(sum(1 for _ in read_manifest(rows)), len(journal.done))
        engine = start(settings, parent_of(manifest), models)
        try:
            for result in engine.results(_pending(rows, journal)):
                journal.write(result)
                summary.count(result)
                progress(summary)
        finally:
            engine.close()
    return summary


def _pending(manifest: Path, journal: Journal) -> Iterator[Row]:
    return (row for row in read_manifest(manifest) if row.number not in journal.done)
