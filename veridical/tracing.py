"""Where did the time of a request go? Spans of OpenTelemetry, where its packages are installed.

Without `veridical[otel]` every span is nothing. With it spans go where the operator says, and only
there: `OTEL_EXPORTER_OTLP_ENDPOINT`, or whatever a program that embeds this sets up itself. A span
bears names of stages, checks, routes and ids of transactions; nothing that was read or measured.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import ParamSpec, TypeVar

try:
    from opentelemetry import propagate, trace
except ImportError:
    trace = propagate = None  # type: ignore[assignment]

__all__ = ["exporting", "here", "part", "span", "trace_id"]

P = ParamSpec("P")
T = TypeVar("T")
NAME = "veridical"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def span(
    name: str, attributes: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> Iterator[Callable[[str, Mapping[str, str | int]], None]]:
    """Trace a piece of work of its own: a request, or a transaction that is judged.

    Args:
        name: What it is.
        attributes: Plain names and ids.
        headers: Of the request that asked for it, whose `traceparent` it goes on with.

    Yields:
        To be called with a better name and further attributes, once they are known.
    """
    if trace is None or propagate is None:
        yield lambda *_: None
        return
    context = propagate.extract(headers) if headers is not None else None
    kind = trace.SpanKind.SERVER if headers is not None else trace.SpanKind.INTERNAL
    tracer = trace.get_tracer(NAME)
    with tracer.start_as_current_span(
        name, context, kind, attributes, record_exception=False
    ) as started:

        def tell(name: str, attributes: Mapping[str, str | int]) -> None:
            started.update_name(name)
            started.set_attributes(attributes)

        yield tell


@contextmanager
def part(name: str) -> Iterator[None]:
    """Trace a stage of what is being traced; nothing where nothing is."""
    if trace is None or not trace.get_current_span().is_recording():
        yield
        return
    # An exception's text may quote what was handed in.
    with trace.get_tracer(NAME).start_as_current_span(name, record_exception=False):
        yield


def here(work: Callable[P, T]) -> Callable[P, T]:
    """Work that is a part of what is being traced here, whichever thread does it."""
    context = copy_context()

    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(work, *args, **kwargs)

    return done


def trace_id() -> str:
    """Of what is being traced, in 32 hex digits; empty where nothing is."""
    if trace is None:
        return ""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


@contextmanager
def exporting(version: str) -> Iterator[bool]:
    """Send spans to the endpoint that the environment names; whether it names one.

    Args:
        version: Of this release, told with every span.

    Raises:
        ModuleNotFoundError: It names one, and `veridical[otel]` is not installed.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        yield False
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import set_tracer_provider

    # What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say goes before this.
    named = Resource({"service.name": NAME, "service.version": version})
    provider = TracerProvider(resource=named.merge(Resource.create()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(provider)
    try:
        yield True
    finally:
        provider.shutdown()
