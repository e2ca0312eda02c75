"""Rows through workers, results into the journal."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from veridical.analysis.engines import Engines
from veridical.batch.journal import Journal
from veridical.batch.rows import StartEngine
from veridical.batch.shards import WHOLE, Shard
from veridical.batch.summary import BatchSummary, write_summary
from veridical.catalogue.points import points_of
from veridical.verification import Settings, load_policy
from veridical.verification.inputs import sha256_of
from veridical.verification.manifest import Row, check_columns, read_manifest
from veridical.verification.manifest_text import PLAIN, Format
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
    retry_errors: bool = False,
    written: Format = PLAIN,
    shard: Shard = WHOLE,
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
        retry_errors: Going on, verify rows again that ended with an error.
        written: What is known of how the manifest is written.
        shard: Which rows of the manifest are this run's.
        progress: Told after every row.

    Returns:
        The summary of the whole run, rows of earlier sittings included; `summary.json` says the
        same.

    Raises:
        InputError: No such manifest or policy, a file that is no manifest (see `read_records`), a
            column that nothing reads, or results that must not be mixed.
        NotFitError: The policy requires a check that lacks its model or operating point.
        ModelError: A model is altered.
        StoreError: Results could not be written, or media or watchlist do not answer; nothing
            written so far is lost, and `resume` goes on from it.
    """
    begun = time.monotonic()
    rows = _Rows(local_copy(manifest, out), written, shard)
    count = rows.check()  # before models load: a mistyped header must not cost minutes
    policy = load_policy(settings.policy)
    store = settings.model_store()
    profile = store.profile(settings.profile)
    models = {name: store.card(name).file.sha256 for name in profile.models}
    identity = {
        "manifest_sha256": sha256_of(rows.path),
        "policy": policy.id,
        "policy_sha256": policy.sha256,
        "profile": profile.name,
        "models": models,
    }
    if shard.count > 1:
        identity["shard"] = str(shard)
    engines = Engines(store, profile)
    if engines.missing:  # loads what is there, so only where it is needed to know what is not
        points = points_of(engines)
        Needs(engines, points, allow_missing=settings.allow_missing).require(policy)
    with Journal(out, identity, resume=resume, retry_errors=retry_errors) as journal:
        summary = BatchSummary(count)
        for result in journal.results():
            summary.count(result)
        summary.earlier = summary.done
        engine = start(settings, parent_of(manifest), models)
        try:
            for result in engine.results(rows.without(journal.done)):
                journal.write(result)
                summary.count(result)
                summary.duration_s = time.monotonic() - begun
                progress(summary)
        finally:
            engine.close()
            write_summary(out, summary)
    return summary


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a run."""

    path: Path
    written: Format
    shard: Shard

    def __iter__(self) -> Iterator[Row]:
        return (row for row in read_manifest(self.path, self.written) if self.shard.has(row.number))

    def check(self) -> int:
        """How many there are; refuses a file that is no manifest, and columns nobody reads."""
        count = 0
        for row in self:
            check_columns(row)
            count += 1
        return count

    def without(self, done: set[int]) -> Iterator[Row]:
        """Those that are not done."""
        return (row for row in self if row.number not in done)
