"""Deferring jobs on procrastinate, in the transaction of the fact that causes them: both commit, or neither."""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from media import traces

Queue = Literal["quick", "long", "mail"]
"""`quick` never waits behind `long`: each has its own slots in every worker."""

_DEFER = text("""
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
  CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), CAST(:lock AS text),
  NULL::text, CAST(:args AS jsonb), CAST(:at AS timestamptz)
)::procrastinate_job_to_defer_v1])
""")


async def defer(
    session: AsyncSession,
    task: str,
    *,
    queue: Queue,
    lock: str | None = None,
    priority: int = 0,
    at: datetime | None = None,
    **ids: str,
) -> None:
    """Have a worker run the task of this name once the session's transaction has committed.

    A job carries ids only, the organization's and the request's among them. Jobs of one `lock` run one after the
    other, in order. Higher priorities come first; `at` says not before when.
    """
    # A session that is not the request's own, of a route without a token, knows only what the logs know.
    request_id = session.info.get("request_id") or get_contextvars().get("request_id", "")
    args = {"org_id": str(session.info["org_id"]), "request_id": request_id, **ids}
    if trace := traces.traceparent():
        args[traces.TRACEPARENT] = trace
    await session.flush()
    keys = {"queue": queue, "task": task, "priority": priority, "lock": lock, "at": at}
    await session.execute(_DEFER, {**keys, "args": msgspec.json.encode(args).decode()})
