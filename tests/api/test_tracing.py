"""One trace from a request to what its jobs do, where tracing was asked for; else nothing of it."""

import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.app import create_app
from api.embedded import EmbeddedPostgres, Urls
from api.parts import Parts
from api.settings import SettingError, Settings, read_settings
from api.tracing import start_tracing
from media import traces
from tests.client import Client, Document
from tests.factories.accounts import jobs
from tests.factories.jobs import House, a_house, folder_store, own_database
from tests.factories.people import OrgKit

PERSON = {"name": "Kim", "email": "kim@example.com"}


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_traces")


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        yield made


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces.use(provider.get_tracer("tests"), provider.shutdown)
    yield exporter
    traces.end()


def over(house: House, parts: Parts, document: Document) -> OrgKit:
    app = create_app(replace(parts, database=house.database))
    return replace(house.org, app=app, document=document)


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    [found] = [span for span in spans.get_finished_spans() if span.name == name]
    return found


async def test_a_job_belongs_to_the_trace_of_the_request_that_caused_it(
    house: House, parts: Parts, document: Document, spans: InMemorySpanExporter
) -> None:
    org = over(house, parts, document)
    ada = await org.person(org_role="admin")
    made = await ada.client.post("/v1/people", json=PERSON, headers={"x-request-id": "phone-17"})
    assert made.status_code == 201
    await house.drain()
    request, job = named(spans, "POST /v1/people"), named(spans, "send_link")
    assert request.context is not None
    assert job.context is not None
    assert job.parent is not None
    assert request.parent is None
    assert job.context.trace_id == request.context.trace_id
    assert job.parent.span_id == request.context.span_id
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/people",
        "http.response.status_code": 201,
        "showme.request_id": "phone-17",
    }


async def test_jobs_that_cause_jobs_stay_in_the_trace(house: House, spans: InMemorySpanExporter) -> None:
    with traces.span("the upload", parent=""):
        await house.upload("plain.mp4")
    await house.drain()
    first = named(spans, "the upload")
    found = {span.name: span for span in spans.get_finished_spans()}
    assert {"process_asset", "make_ladder"} <= set(found)
    assert {span.context.trace_id for span in found.values() if span.context} == {
        first.context.trace_id if first.context else 0
    }


async def test_what_a_client_says_of_its_trace_is_not_believed(
    parts: Parts, document: Document, spans: InMemorySpanExporter
) -> None:
    theirs = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    async with Client(create_app(parts), document) as client:
        await client.get("/health/live", headers={"traceparent": theirs})
    span = named(spans, "GET /health/live")
    assert span.parent is None
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" not in theirs


async def test_without_tracing_a_job_carries_nothing_of_it(org: OrgKit) -> None:
    ada = await org.person(org_role="admin")
    assert (await ada.client.post("/v1/people", json=PERSON)).status_code == 201
    [args] = await jobs(org, "send_link")
    assert "traceparent" not in args
    assert not traces.on()
    with traces.span("nothing") as span:
        assert span is None


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the server's name for it
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["", "/", "/v1/traces", "/v1/traces/"])
def test_spans_are_sent_to_the_collector_before_the_process_ends(path: str) -> None:
    with collector() as (url, got):
        start_tracing(Settings(otlp_url=url + path), "showme-api")
        with traces.span("GET /v1/me", parent=""):
            pass
        traces.end()
    [(asked, body)] = got
    assert asked == "/v1/traces"
    assert b"GET /v1/me" in body
    assert b"showme-api" in body
    assert not traces.on()


def test_to_ask_for_it_without_its_packages_is_a_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingError, match=r"pip install 'showme\[otel\]'"):
        start_tracing(Settings(otlp_url="http://127.0.0.1:4318"), "showme-api")


def test_who_does_not_ask_needs_no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    start_tracing(Settings(), "showme-api")
    assert traces.traceparent() == ""


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTLP_URL", "collector:4318", "must begin with http"),
        ("TRACE_PERCENT", "101", "between 0 and 100"),
        ("METRICS_TOKEN", "short", "16 characters"),
        ("WORKER_METRICS_PORT", "70000", "between 0 and 65535"),
    ],
)
def test_a_wrong_setting_is_a_clear_line(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read_settings({f"SHOWME_{name}": value})
