"""What may a log say? One JSON object a line, of words that are known to be harmless.

Only named fields pass: what a request or a person holds cannot get into a log by being passed
along. Of an exception its type and place are told, never its text, which may quote input.
"""

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import IO

__all__ = ["FIELDS", "JsonFormatter", "log_to"]

FIELDS = (
    "request", "method", "route", "status", "ms", "bytes", "tenant", "key", "transaction",
    "outcome", "attempt", "repeated", "webhook", "tries", "cause", "code", "host", "port", "models",
    "trace",
)  # fmt: skip
"""What a record may carry beside its message."""


class JsonFormatter(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {field: vars(record)[field] for field in FIELDS if field in vars(record)}
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["at"] = [f"{frame.filename}:{frame.lineno}" for frame in frames[-3:]]
        return json.dumps(line, ensure_ascii=False)


class Once(logging.Filter):
    """Lets the first few of a trouble's lines through in a while, and counts the rest.

    What repeats is one trouble: a full disk or spent descriptors must not fill the disk with lines.
    Lines of mere information are of different things, and all pass.
    """

    FEW, WHILE_S = 5, 60.0
    MOST_KINDS = 1_000

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written; it tells how many like it were not."""
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[0] if record.exc_info else None
        kind = (record.name, record.levelno, str(record.msg)[:200], error)
        with self._lock:
            since, count = self._seen.get(kind, (record.created, 0))
            if record.created - since >= self.WHILE_S:
                if count > self.FEW:
                    record.repeated = count - self.FEW
                since, count = record.created, 0
            if len(self._seen) >= self.MOST_KINDS:
                self._seen.clear()
            self._seen[kind] = since, count + 1
        return count < self.FEW


def log_to(stream: IO[str] | None = None, level: str = "info") -> None:
    """Send all logs as JSON to a stream; standard error when none is given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Once())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Other libraries know nothing of what is personal: of them only trouble is heard.
    root.setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells each client's faults
    for name in ("veridical", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
