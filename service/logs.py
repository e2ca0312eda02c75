"""What may a log say? One JSON object a line, of words that are known to be harmless.

Only named fields pass: what a request or a person holds cannot get into a log by being passed
along. Of an exception its type and place are told, never its text, which may quote input.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import IO

__all__ = ["FIELDS", "JsonFormatter", "log_to"]

FIELDS = (
    "request", "method", "route", "status", "ms", "bytes", "tenant", "key", "transaction",
    "outcome", "attempt", "webhook", "tries", "cause", "code", "host", "port", "models",
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


def log_to(stream: IO[str] | None = None, level: str = "info") -> None:
    """Send all logs as JSON to a stream; standard error when none is given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Other libraries know nothing of what is personal: of them only trouble is heard.
    root.setLevel(logging.WARNING)
    for name in ("veridical", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
