"""A request that is traced elsewhere is gone on with here, down to the stages of a verdict."""

import json
import logging
import threading
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service_house import House, house
from veridical import tracing
from veridical.service.logs import JsonFormatter

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is traced, in the order in which it ended; no other test's spans go there."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("tracing")
    with house(folder / "v.db", folder) as made:
        yield made


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {each.name: each for each in spans.get_finished_spans()}


def test_a_request_goes_on_with_its_caller_s_trace(
    here: House, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    key = here.key()
    made = here.start(key)
    spans.clear()
    caplog.set_level(logging.INFO, "veridical.service.access")
    caplog.clear()
    asked = {**key, **TRACEPARENT, "X-Request-Id": "order-17.a"}
    answer = here.client.get(f"/v1/transactions/{made['id']}", headers=asked)
    assert answer.headers["x-request-id"] == "order-17.a"
    found = named(spans)["GET /v1/transactions/{transaction}"]
    assert found.context is not None
    assert found.parent is not None
    assert (f"{found.context.trace_id:032x}", f"{found.parent.span_id:016x}") == (TRACE, PARENT)
    assert found.attributes is not None
    assert found.attributes["veridical.transaction"] == made["id"]
    assert found.attributes["http.response.status_code"] == 200
    (line,) = (json.loads(JsonFormatter().format(r)) for r in caplog.records)
    assert (line["transaction"], line["trace"]) == (made["id"], TRACE)
    assert line["request"] == "order-17.a"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a\tb", "<b>", ""])
def test_a_request_id_that_could_do_harm_is_not_taken_over(here: House, given: str) -> None:
    answer = here.client.get("/livez", headers={"X-Request-Id": given})
    assert len(answer.headers["x-request-id"]) == 32


def test_a_verdict_is_traced_by_check_and_nothing_of_the_applicant_with_it(
    here: House, spans: InMemorySpanExporter
) -> None:
    key = here.key()
    made = here.finished(key, 7, subject_ref="canary-4711")
    for _ in range(200):  # the span ends a moment after its verdict is kept
        if "judge" in named(spans):
            break
        threading.Event().wait(0.01)
    found = named(spans)
    judged = found["judge"]
    assert judged.context is not None
    assert judged.attributes is not None
    assert judged.attributes["veridical.transaction"] == made["id"]
    parts = {
        s.name for s in found.values() if s.parent and s.parent.span_id == judged.context.span_id
    }
    assert {"face.match", "document.read", "liveness.silent"} <= parts
    assert "canary" not in "".join(each.to_json() for each in spans.get_finished_spans())


def test_a_thread_s_stage_belongs_to_what_asked_for_it(spans: InMemorySpanExporter) -> None:
    def work() -> None:
        with tracing.part("stage"):
            pass

    with tracing.part("nothing is traced yet"):
        pass
    with tracing.span("whole", {}):
        thread = threading.Thread(target=tracing.here(work))
        thread.start()
        thread.join()
    found = named(spans)
    assert set(found) == {"whole", "stage"}
    assert found["stage"].parent == found["whole"].context


def test_without_the_packages_nothing_is_traced(
    monkeypatch: pytest.MonkeyPatch, spans: InMemorySpanExporter
) -> None:
    monkeypatch.setattr(tracing, "trace", None)
    with tracing.span("a", {}, {}) as tell, tracing.part("b"):
        tell("c", {})
    assert (tracing.trace_id(), spans.get_finished_spans()) == ("", ())


def test_nothing_is_sent_where_no_endpoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with tracing.exporting("0") as sends:
        assert not sends
