"""Deferring jobs on procrastinate, in the transaction of the fact that causes them: both commit, or neither."""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from media import traces, turns
from models.base import now

Queue = Literal["quick", "first", "long", "mail"]
"""`quick` never waits behind `long`: each has its own slots in every worker. `media.turns` orders the long one."""

_DEFER = text("""
SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(
  CAST(:queue AS varchar), CAST(:task AS varchar), CAST(:priority AS integer), CAST(:lock AS text),
  NULL::text, CAST(:args AS jsonb), CAST(:at AS timestamptz)
)::procrastinate_job_to_defer_v1])
""")
_DEFER_EACH = text("""
SELECT procrastinate_defer_jobs_v1(array_agg(ROW(
  CAST(:queue AS varchar), CAST(:task AS varchar), 0, NULL::text, NULL::text,
  CAST(:args AS jsonb) || jsonb_build_object(CAST(:name AS text), id), NULL::timestamptz
)::procrastinate_job_to_defer_v1))
FROM unnest(CAST(:ids AS text[])) AS id
""")
# Of a clip that is to be cut, what it will last is what its segments do.
_LASTS = text("""
SELECT CAST(coalesce(a.duration_ms, (
  SELECT sum(s.end_ms - s.start_ms) FROM segment s WHERE s.org_id = a.org_id AND s.bright_spot_id = a.bright_spot_id
)) AS bigint)
FROM asset a WHERE a.org_id = :org AND a.id = CAST(:asset AS uuid)
""")


async def defer(
    session: AsyncSession,
    task: str,
    *,
    queue: Queue,
    lock: str | None = None,
    at: datetime | None = None,
    **ids: str,
) -> None:
    """Have a worker run the task of this name once the session's transaction has committed.

    A job carries ids only, the organization's and the request's among them; in the long queue, what it will cost, too.
    Jobs of one `lock` run one after the other; `at` says not before when.
    """
    args = _args(session) | ids
    await session.flush()
    priority = 0
    if queue in ("first", "long"):
        cost = await _cost_s(session, task, ids.get("asset_id"))
        args[turns.COST], priority = str(cost), turns.priority_of(task, now(), cost)
    keys = {"queue": queue, "task": task, "priority": priority, "lock": lock, "at": at}
    await session.execute(_DEFER, {**keys, "args": msgspec.json.encode(args).decode()})


async def defer_each(session: AsyncSession, task: str, *, queue: Literal["quick", "mail"], **ids: list[str]) -> None:
    """Have the task run once for each id, by one statement: `defer_each(…, account_token_id=[…])`."""
    [(name, wanted)] = ids.items()
    await session.flush()
    if wanted:
        keys = {"queue": queue, "task": task, "name": name, "ids": wanted}
        await session.execute(_DEFER_EACH, {**keys, "args": msgspec.json.encode(_args(session)).decode()})


def _args(session: AsyncSession) -> dict[str, str]:
    # A session that is not the request's own, of a route without a token, knows only what the logs know.
    request_id = session.info.get("request_id") or get_contextvars().get("request_id", "")
    args = {"org_id": str(session.info["org_id"]), "request_id": request_id}
    if trace := traces.traceparent():
        args[traces.TRACEPARENT] = trace
    return args


async def _cost_s(session: AsyncSession, task: str, asset_id: str | None) -> float:
    keys = {"org": session.info["org_id"], "asset": asset_id}
    return turns.cost_s(task, await session.scalar(_LASTS, keys))
