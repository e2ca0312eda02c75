"""One manifest over many machines that know nothing of each other, and their results together."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from veridical.batch.journal import RESULTS, RUN, Journal
from veridical.batch.summary import BatchSummary
from veridical.errors import InputError
from veridical.verification.inputs import sha256_of
from veridical.verification.manifest import read_manifest
from veridical.verification.manifest_text import Format

__all__ = ["WHOLE", "Shard", "merge_shards"]


@dataclass(frozen=True, slots=True)
class Shard:
    """Every n-th row.

    Attributes:
        index: Which, from 1.
        count: Of how many.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read `i/n`, such as `2/8`.

        Raises:
            InputError: `usage.shard`.
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(
                "a shard is i/n with i from 1 to n, such as 2/8 for the second of eight",
                "usage.shard",
            )
        return cls(int(match[1]), int(match[2]))

    def has(self, number: int) -> bool:
        """Whether a row is of this shard."""
        return number % self.count == self.index % self.count

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()


def merge_shards(
    manifest: Path, written: Format, out: Path, folders: Sequence[Path]
) -> BatchSummary:
    """Put the results of all shards of one run together, each row once.

    What comes out is the folder of a whole run: rows that a shard did not come to are done by
    going on with it.

    Args:
        manifest: That of the shards, on this machine.
        written: What is known of how it is written.
        out: Folder of the whole; when results stand there, the missing ones are added.
        folders: Output folders of the shards, all of them.

    Raises:
        InputError: `usage.other_run`: a folder is of another manifest, policy or model set;
            `usage.shard`: a shard is missing, or there twice.
        StoreError: As `Journal`.
    """
    runs = [_run_in(folder) for folder in folders]
    shards = [str(run.pop("shard", "1/1")) for run in runs]
    if any(run != runs[0] for run in runs) or runs[0]["manifest_sha256"] != sha256_of(manifest):
        raise InputError(
            "these folders hold results of different manifests, policies or model sets, or of "
            "another manifest than this",
            "usage.other_run",
        )
    count = Shard.from_text(shards[0]).count
    if sorted(shards) != sorted(str(Shard(index, count)) for index in range(1, count + 1)):
        raise InputError(
            f"all shards are wanted, each once; these are {', '.join(sorted(shards))}",
            "usage.shard",
        )
    with Journal(out, runs[0], resume=True) as journal:
        for folder in folders:
            with (folder / RESULTS).open("rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):  # a line cut off by a kill is no result
                        journal.write(json.loads(line))
        summary = BatchSummary(sum(1 for _ in read_manifest(manifest, written)))
        for result in journal.results():
            summary.count(result)
        summary.earlier = summary.done
    return summary


def _run_in(folder: Path) -> dict[str, Any]:
    try:
        run = json.loads((folder / RUN).read_bytes())
    except (OSError, ValueError):
        run = None
    if not isinstance(run, dict) or not (folder / RESULTS).is_file():
        raise InputError(f"{folder} holds no results of a batch", "usage.no_file")
    return run
