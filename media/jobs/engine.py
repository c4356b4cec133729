"""procrastinate as it is used here: over psycopg, in the schema `queue`, with its weak places mended."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import Notify
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.waiting import wait_async
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.engine import URL, make_url

from media import turns
from media.jobs.context import WorkerContext
from media.jobs.tasks import TASKS
from media.jobs.trying import Strategy, Task, attempt
from models.database import GRACE_S, SILENT

FAIR = (("long",), ("first",), ("first", "long"))
PATIENCE = 2
INTERVAL_S = 0.1  # how often the driver looks up while it waits
POOL_TIMEOUT_S = 4.0
RECONNECT_S = 1.0
STATEMENT_S = 10.0  # then the server ends it, and who does not even do that is hung up on
OURS: dict[str, Any] = {
    "application_name": "showme worker",
    # A host that vanished is noticed in a minute, not in hours. A unix socket ignores these.
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
SSL_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")

# As its own function for putting a job back, except that the try need not count, that only a job is taken from a worker
# which that worker still has, and that idle workers hear of it.
PUT_BACK = """
WITH back AS (
  UPDATE procrastinate_jobs
  SET status = 'todo', worker_id = NULL, abort_requested = false, attempts = attempts + %(counted)s,
      scheduled_at = coalesce(%(at)s::timestamptz, scheduled_at)
  WHERE id = %(job_id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s
  RETURNING id, queue_name
)
SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
  json_build_object('type', 'job_inserted', 'job_id', id)::text) FROM back
"""
log = structlog.get_logger()


class Jobs(JobManager):
    """The queue's rows. `lost` is set when something failed after which only a fresh worker can be trusted.

    A worker whose heart stopped beating, or which could not say how a job ended, would otherwise go on as if nothing
    had happened, and the job would be `doing` for ever.
    """

    def __init__(self, connector: PsycopgConnector, clock: Callable[[], datetime | None] = lambda: None) -> None:
        """`clock`: what time it is for the long queue; None is the database's own."""
        super().__init__(connector)
        self.lost = asyncio.Event()
        self._clock = clock

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take the job whose turn it is, if there is one."""
        try:
            if queues is not None and (asked := tuple(queues)) in FAIR:
                return await self._fetch_fairly(asked, worker_id)
            return await super().fetch_job(queues, worker_id)
        except UniqueViolation:  # two workers took jobs of one lock in the same moment: the other has it
            return None

    async def _fetch_fairly(self, queues: Sequence[str], worker_id: int) -> Job | None:
        keys = {
            "queues": list(queues),
            "worker_id": worker_id,
            "now": self._clock(),
            "for_share": turns.FOR_SHARE,
            "half_life_s": turns.HALF_LIFE_S,
            "cost_s": turns.cost_s("", None),
        }
        for most in (turns.FIRST_FEW, None):
            if rows := await self.connector.execute_query_all_async(turns.FETCH, most=most, **keys):
                return Job.from_row(rows[0])
        return None

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        try:
            await self._insist(lambda: super(Jobs, self).finish_job(job, status, delete_job))
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            log.warning("a job that ended is another worker's by now", job=job.id, task=job.task_name)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job back; one without a time was interrupted, which does not count as a try."""
        del priority, queue, lock
        await self._insist(lambda: self.put_back(job, at=retry_at, counted=retry_at is not None))

    async def put_back(self, job: Job, *, at: datetime | None, counted: bool) -> None:
        """Put a job back, unless the worker that the job knows of has it no more."""
        keys = {"job_id": job.id, "worker_id": job.worker_id}
        await self.connector.execute_query_async(PUT_BACK, **keys, at=at, counted=int(counted))

    async def update_heartbeat(self, worker_id: int) -> None:
        await self._insist(lambda: super(Jobs, self).update_heartbeat(worker_id))

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        while True:
            try:
                await super().listen_for_jobs(on_notification=on_notification, queues=queues)
            except ConnectorException as error:
                log.warning("the queue cannot be listened to", error=str(error.__cause__))
            await asyncio.sleep(RECONNECT_S)

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Try it on another connection when one breaks."""
        for tried in range(1, PATIENCE + 1):
            try:
                return await call()
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.OperationalError):
                    raise
                if tried == PATIENCE:
                    self.lost.set()
                    raise
        return None


class Connection(psycopg.AsyncConnection[TupleRow]):
    """One whose server may fall silent: it waits a second longer than a statement may take, but for ever for news."""

    _for_news = False

    async def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> AsyncGenerator[Notify]:  # noqa: ASYNC109 - as it is inherited
        self._for_news = True
        try:
            async for news in super().notifies(timeout=timeout, stop_after=stop_after):
                yield news
        finally:
            self._for_news = False

    async def wait(self, gen: PQGen[RV], interval: float = INTERVAL_S, timeout: float | None = None) -> RV:  # noqa: ASYNC109 - likewise
        if self._for_news:
            return await super().wait(gen, interval, timeout)
        try:
            async with asyncio.timeout(STATEMENT_S + GRACE_S):
                return await wait_async(gen, self.pgconn.socket, interval=interval)
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(SILENT) from error
        except asyncio.CancelledError:
            self.pgconn.finish()  # asked to cancel, a server that is silent would have to be waited for
            raise


def make_pool(database_url: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(
        conninfo(database_url),
        connection_class=Connection,
        min_size=1,
        max_size=5,
        timeout=POOL_TIMEOUT_S,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )


def make_app(context: WorkerContext) -> tuple[App, Jobs]:
    """Return procrastinate's app, with every kind of job, and its rows."""
    connector = PsycopgConnector()
    app, jobs = App(connector=connector), Jobs(connector)
    app.job_manager = jobs
    for task in TASKS.values():
        _register(app, context, task)
    logging.getLogger("procrastinate.worker").addFilter(_is_news)
    return app, jobs


def _register(app: App, context: WorkerContext, task: Task) -> None:
    @app.task(name=task.name, queue=task.queue, retry=Strategy(), pass_context=True)
    async def run(job_context: JobContext, /, **_ids: str) -> None:
        await attempt(context, task, job_context.job)


def _is_news(record: logging.LogRecord) -> bool:
    """How a job ended stands in our own log already."""
    return getattr(record, "action", "") not in ("job_error", "job_error_retry")


def conninfo(database_url: str) -> str:
    """Return for psycopg what SQLAlchemy's `postgresql+asyncpg://` URL says, hosts and sockets in its query too."""
    url = make_url(database_url)
    hosts = [_host_and_port(host) for host in _many(url, "host") or [url.host or ""]]
    port = (_many(url, "port") or [str(url.port or "")])[0]
    said: dict[str, Any] = {
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(own or port for _, own in hosts),
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        **{name: url.query[name] for name in SSL_OPTIONS if name in url.query},
    }
    if ssl := url.query.get("ssl"):
        said["sslmode"] = {"true": "verify-full", "false": "disable"}.get(str(ssl), ssl)
    options = f"-c search_path=public,queue -c statement_timeout={round(STATEMENT_S * 1000)}"
    return make_conninfo(**{name: value for name, value in said.items() if value}, **OURS, options=options)


def _many(url: URL, name: str) -> list[str]:
    found = url.query.get(name, ())
    return [found] if isinstance(found, str) else list(found)


def _host_and_port(host: str) -> tuple[str, str]:
    found = re.fullmatch(r"([\w.-]+):(\d+)", host)
    return (found[1], found[2]) if found else (host, "")
