"""What is counted of requests, of the database and of the queue, and where Prometheus reads it.

`GET /metrics` answers to the bearer of SHOWME_METRICS_TOKEN only; without that setting there is no such path. A worker
has a port of its own for it, on the loopback address unless settings say otherwise. Both look whether the database
answers when they are asked.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from functools import cache
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

import structlog
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
    start_http_server,
)
from prometheus_client.registry import RestrictedRegistry
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.access import OPT
from api.settings import SettingError, Settings
from media.metrics import REGISTRY
from models.database import Database, ping
from models.errors import NotFoundError, UnauthenticatedError, UnavailableError

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUEUES = ("quick", "first", "long", "mail")
NOWHERE = "unmatched"
ASK_S = 5.0  # Prometheus waits for ten seconds: a database that is silent must not make the page so
log = structlog.get_logger()

REQUESTS = Counter(
    "showme_requests", "Requests, by route, method and status.", ["route", "method", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "showme_request_seconds",
    "From the request to the end of its answer, by route and method.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge("showme_requests_in_flight", "Requests that are being answered.", registry=REGISTRY)
DATABASE_UP = Gauge("showme_database_up", "Whether the database answered the last scrape.", registry=REGISTRY)
WAITING = Gauge("showme_queue_waiting", "Jobs whose time has come, by queue.", ["queue"], registry=REGISTRY)
DOING = Gauge("showme_queue_doing", "Jobs that a worker has, by queue.", ["queue"], registry=REGISTRY)
FAILED = Gauge("showme_queue_failed", "Jobs that failed for good and are kept, by queue.", ["queue"], registry=REGISTRY)
OLDEST = Gauge("showme_queue_oldest_seconds", "How long the oldest waits, by queue.", ["queue"], registry=REGISTRY)

# What each row of the queue's own table tells, and since when: its time, else when it was deferred.
_QUEUE = text("""
SELECT j.queue_name AS name,
  count(*) FILTER (WHERE j.status = 'todo') AS waiting,
  count(*) FILTER (WHERE j.status = 'doing') AS doing,
  count(*) FILTER (WHERE j.status = 'failed') AS failed,
  CAST(coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at)) FILTER (WHERE j.status = 'todo')), 0)
    AS float8) AS oldest_s
FROM procrastinate_jobs j
LEFT JOIN LATERAL (
  SELECT min(d.at) AS at FROM procrastinate_events d
  WHERE d.job_id = j.id AND d.type = 'deferred' AND j.status = 'todo') e ON true
WHERE j.status IN ('todo', 'doing', 'failed') AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
GROUP BY j.queue_name
""")


class _Flight:
    """All of it happens on one event loop: a lock a request would be for nothing."""

    count = 0


IN_FLIGHT.set_function(lambda: _Flight.count)


@cache
def _requests(route: str, method: str, status: int) -> Counter:
    """Looking a counter up takes longer than counting."""
    return REQUESTS.labels(route, method, str(status))


@cache
def _seconds(route: str, method: str) -> Histogram:
    return REQUEST_SECONDS.labels(route, method)


class Metered(ASGIMiddleware):
    """Count each request by the template of its route, never by its path."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        route, method = str(scope.get("path_template") or NOWHERE), method_of(scope)
        status, started, streams = 500, time.perf_counter(), False

        async def sending(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                if streams := is_stream(message):  # it is answered; how long it is listened to is up to the client
                    _Flight.count -= 1
                    _seconds(route, method).observe(time.perf_counter() - started)
            await send(message)

        _Flight.count += 1
        try:
            await next_app(scope, receive, sending)
        finally:
            _requests(route, method, status).inc()
            if not streams:
                _Flight.count -= 1
                _seconds(route, method).observe(time.perf_counter() - started)


def is_stream(message: HTTPResponseStartEvent) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])


async def count_unmatched(message: Message, scope: Scope) -> None:
    """Count what no route was found for, and so passes no middleware: a hook of the application."""
    if message["type"] == "http.response.start" and "path_template" not in scope:
        REQUESTS.labels(NOWHERE, method_of(scope), str(message["status"])).inc()


def method_of(scope: Any) -> str:
    """A stranger may send any word as a method."""
    return scope["method"] if scope["method"] in METHODS else "other"


async def read_queue(database: Database) -> None:
    """Look at the queue as it is now; every process that is asked says the same."""
    try:
        async with asyncio.timeout(ASK_S), database.without_tenant() as session:
            rows = {row.name: row for row in await session.execute(_QUEUE)}
    except (UnavailableError, TimeoutError):
        DATABASE_UP.set(0)
        return
    DATABASE_UP.set(1)
    for name in QUEUES:
        row = rows.get(name)
        WAITING.labels(name).set(row.waiting if row else 0)
        DOING.labels(name).set(row.doing if row else 0)
        FAILED.labels(name).set(row.failed if row else 0)
        OLDEST.labels(name).set(row.oldest_s if row else 0)


@get("/metrics", opt={OPT: "the token of SHOWME_METRICS_TOKEN"}, include_in_schema=False)
async def get_metrics(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    _check_token(state.settings, request.headers.get("authorization", ""))
    await read_queue(state.database)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _check_token(settings: Settings, said: str) -> None:
    if not settings.metrics_token:
        raise NotFoundError("There is nothing here.")
    wanted = f"Bearer {settings.metrics_token}"
    if not hmac.compare_digest(said.encode(), wanted.encode()):
        raise UnauthenticatedError("Send the token of SHOWME_METRICS_TOKEN: Authorization: Bearer <token>.")


class _WorkersRegistry(CollectorRegistry):
    """What is counted, read from a thread, after a look from the worker's own loop whether the database answers."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._loop = asyncio.get_running_loop()

    def collect(self) -> Iterable[Metric]:
        self._ask()
        return REGISTRY.collect()

    def restricted_registry(self, names: Iterable[str]) -> RestrictedRegistry:
        self._ask()
        return REGISTRY.restricted_registry(names)

    def _ask(self) -> None:
        asked = asyncio.run_coroutine_threadsafe(_look(self._database), self._loop)
        try:
            asked.result(ASK_S + 1)
        except TimeoutError:  # the loop itself is stuck: nobody knows
            asked.cancel()
            DATABASE_UP.set(0)


async def _look(database: Database) -> None:
    try:
        async with asyncio.timeout(ASK_S):
            await ping(database)
    except (UnavailableError, TimeoutError, DBAPIError):
        DATABASE_UP.set(0)
    else:
        DATABASE_UP.set(1)


@asynccontextmanager
async def worker_metrics(settings: Settings, database: Database) -> AsyncGenerator[None]:
    """Let Prometheus read a worker's counters meanwhile, on a port of their own, where settings name one.

    Raises:
        SettingError: the port is taken.
    """
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry=_WorkersRegistry(database))
    except OSError as error:
        raise SettingError(f"cannot listen on {host} port {port}: {error.strerror}.") from error
    log.info("metrics are served", host=host, port=port)
    try:
        yield
    finally:
        await asyncio.to_thread(_end, server, thread)


def _end(server: WSGIServer, thread: Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join()
