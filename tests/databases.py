"""Databases for tests: SQLite files, and a PostgreSQL server of our own where one is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["postgres_server"]

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def postgres_server() -> Iterator[tuple[str, str]]:
    """Start a throw-away server on a socket in a new folder.

    Yields:
        The URL of its maintenance database, and an empty text; or an empty URL, and why.
    """
    binaries = next((place for place in _PLACES if (place / "initdb").exists()), None)
    account = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if binaries is None:
        yield "", "no PostgreSQL server is installed"
        return
    folder = Path(tempfile.mkdtemp(prefix="veridical-pg-"))
    try:
        if account:
            shutil.chown(folder, account)
        data = folder / "data"

        def run(*words: str) -> None:
            subprocess.run(
                words, user=account, cwd=folder, check=True, capture_output=True, timeout=60
            )

        try:
            run(f"{binaries}/initdb", "-D", str(data), "-U", "test", "-A", "trust", "--no-sync")
            options = f"-k {folder} -c listen_addresses='' -c fsync=off"
            run(f"{binaries}/pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o",
                options, "start")  # fmt: skip
        except (subprocess.SubprocessError, LookupError, PermissionError) as error:
            yield "", f"PostgreSQL does not start here ({type(error).__name__})"
            return
        try:
            yield f"postgresql://test@/postgres?host={folder}", ""
        finally:
            run(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
