"""How do templates that somebody has already get in? From a file, some thousands a transaction."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.gallery.entry import Attributes, Enrolment
from veridical.types import Template

__all__ = ["read_templates"]

BLOCK = 5_000


def read_templates(file: Path, subjects: Path | None, model: str) -> Iterator[list[Enrolment]]:
    """Read a file of templates, block by block.

    Args:
        file: `.npy` of (n, d) floats, with a file of subjects beside it; or `.parquet` with columns
            `subject`, `vector` (a list of floats), and `birth_year` and `sex` where they are known.
        subjects: One reference a line, in the order of the rows of an `.npy`.
        model: Mark of the recogniser that made them; nothing in a file says so.

    Raises:
        InputError: `gallery.file`: it is none of these, or subjects and rows are not as many;
            `gallery.template`: a row is no direction, named by its number.
    """
    if file.suffix == ".npy":
        yield from _of_array(file, subjects, model)
    elif file.suffix == ".parquet":
        yield from _of_parquet(file, model)
    else:
        raise _no_file(f"{file.name} is neither .npy nor .parquet")


def _of_array(file: Path, subjects: Path | None, model: str) -> Iterator[list[Enrolment]]:
    if subjects is None:
        raise _no_file("an .npy wants --subjects: a file with one reference a line")
    try:
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _no_file(f"{file.name} cannot be read as .npy") from error
    names = subjects.read_text(encoding="utf-8-sig").splitlines()
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or len(vectors) != len(names):
        raise _no_file(
            f"wanted (n, d) floats and n subjects, got {vectors.dtype} of {vectors.shape} and "
            f"{len(names)} subjects"
        )
    for start in range(0, len(names), BLOCK):
        part = _of_unit_length(np.asarray(vectors[start : start + BLOCK], np.float32), start)
        yield [
            Enrolment(name, Template(vector, model))
            for name, vector in zip(names[start : start + BLOCK], part, strict=True)
        ]


def _of_parquet(file: Path, model: str) -> Iterator[list[Enrolment]]:
    import pyarrow as pa  # an extra: only who has such a file needs it
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise _no_file(f"{file.name} cannot be read as .parquet") from error
    names = set(opened.schema_arrow.names)
    if missing := {"subject", "vector"} - names:
        raise _no_file(f"{file.name} lacks column {sorted(missing)[0]}")
    columns = ["subject", "vector", *sorted({"birth_year", "sex"} & names)]
    start = 0
    for batch in opened.iter_batches(BLOCK, columns=columns):
        rows = batch.to_pydict()
        try:
            vectors = np.asarray(rows["vector"], np.float32)
        except ValueError as error:
            raise _no_file("vectors of one length are wanted") from error
        if vectors.ndim != 2:
            raise _no_file("vectors of one length are wanted")
        part = _of_unit_length(vectors, start)
        known = _attributes(rows, len(part))
        yield [
            Enrolment(str(name), Template(vector, model), attributes)
            for name, vector, attributes in zip(rows["subject"], part, known, strict=True)
        ]
        start += len(part)


def _attributes(rows: dict[str, list[object]], count: int) -> Sequence[Attributes]:
    years = rows.get("birth_year", [None] * count)
    sexes = rows.get("sex", [""] * count)
    return [
        Attributes(int(str(year)) if year else None, str(sex or ""))
        for year, sex in zip(years, sexes, strict=True)
    ]


def _of_unit_length(vectors: NDArray[np.float32], start: int) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise InputError(
            f"row {start + int(bad[0]) + 1} is no direction: all zeros, or not finite",
            "gallery.template",
        )
    made: NDArray[np.float32] = vectors / lengths[:, None]
    return made


def _no_file(why: str) -> InputError:
    return InputError(f"templates from a file: {why}", "gallery.file")
