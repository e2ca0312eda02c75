"""What only some installations have."""

from collections.abc import Iterator
from contextlib import contextmanager

from veridical.errors import VeridicalError

__all__ = ["extra_of", "needed"]

_EXTRAS = {
    "fastapi": "service",
    "uvicorn": "service",
    "h11": "service",
    "multipart": "service",
    "python_multipart": "service",
    "prometheus_client": "service",
    "segno": "service",
    "onnx": "pull",
    "tflite": "pull",
    "scipy": "evaluate",
    "matplotlib": "evaluate",
    "psycopg": "postgres",
    "pyarrow": "parquet",
    "ray": "ray",
    "opentelemetry": "otel",
}
"""Which extra brings a package that an installation may do without."""


def extra_of(error: ImportError) -> str:
    """The extra to install for what could not be imported; empty when no extra brings it."""
    return _EXTRAS.get((error.name or "").partition(".")[0], "")


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Say which extra to install when an import of this block fails.

    Raises:
        VeridicalError: `environment.extra`.
    """
    try:
        yield
    except ImportError as error:
        raise VeridicalError(
            f"this needs what is not installed here: pip install 'veridical[{extra}]'",
            "environment.extra",
        ) from error
