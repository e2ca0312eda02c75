"""A run's results as one table, for those who count with other tools."""

# pyright: reportMissingImports=false

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from veridical.batch.journal import RESULTS

__all__ = ["write_parquet"]

TABLE = "results.parquet"
PIECE = 5_000
"""Rows in memory at once, and in one row group."""

_TEXT, _NUMBER = pa.string(), pa.float64()
_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("id", _TEXT),
        ("outcome", _TEXT),
        ("first_cause", _TEXT),
        ("as_expected", pa.bool_()),
        ("error_code", _TEXT),
        ("error_field", _TEXT),
        ("error", _TEXT),
        ("policy", _TEXT),
        ("profile", _TEXT),
        (
            "checks",
            pa.list_(
                pa.struct(
                    [("check", _TEXT), ("status", _TEXT), ("score", _NUMBER), ("reason", _TEXT)]
                )
            ),
        ),
    ]
)


def write_parquet(out: Path, piece: int = PIECE) -> Path:
    """Write `results.parquet` beside the results of a run; answer its path.

    One row a result: its verdict, first cause or error, and each check's status, score and
    reason. What the documents said is left out: it stays in the result lines.

    Args:
        out: Folder of the results.
        piece: Results in memory at once.
    """
    path = out / TABLE
    with (
        (out / RESULTS).open(encoding="utf-8") as lines,
        ParquetWriter(path, _SCHEMA, compression="zstd") as writer,
    ):
        while rows := [_row(json.loads(line)) for line in islice(lines, piece)]:
            writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
    return path


def _row(result: dict[str, Any]) -> dict[str, Any]:
    verdict = result.get("verdict")
    # An id may hold half a surrogate pair, which no table takes.
    row = {"row": result["row"], "id": result["id"].encode(errors="replace").decode()}
    if verdict is None:
        error = result["error"]
        told = {"error_code": error["code"], "error_field": error.get("field")}
        return row | told | {"error": error["message"]}
    return row | {
        "outcome": verdict["outcome"],
        "first_cause": verdict["first_cause"],
        "as_expected": result.get("as_expected"),
        "policy": f"{verdict['policy']['id']}@{verdict['policy']['version']}",
        "profile": verdict["profile"],
        "checks": verdict["checks"],
    }
