"""Events in the order in which their transactions were committed, none of them skipped.

Ids and times are given before a commit, so a reader who remembers the last one he saw passes over what is committed
later with a smaller one. Hence an event carries the transaction that wrote it, and a reader stops below the oldest
transaction that still runs: whatever is committed after that has a greater one. A place in this order is a `Cursor`.

Who tells others of events (notices, webhooks) reads `events_after` over all organizations, keeps the cursor in the
transaction that writes what it made of them, and then reads each event in its own organization's session with `load`.
An event may come twice, after a restore; it never stays away.
"""

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import GoneError, InvalidError
from models.event import Event, EventRecipient

# How much earlier than its commit an event may have been written, and how far the clocks of machines may be apart.
SLACK = timedelta(days=1)
# Transactions end within seconds; what stands at the very beginning of what is kept may lack what was beside it.
MARGIN = timedelta(hours=1)
LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of commits. `at` is about when it was reached; `server` whose transactions are counted.

    The cursor of a server that was restored into another one goes on from about the time it was reached.
    """

    xid: int
    id: UUID
    at: datetime
    server: int

    @property
    def since(self) -> datetime:
        """No event behind this place was written earlier."""
        return max(self.at - SLACK, LONG_AGO)

    @property
    def is_recent(self) -> bool:
        """Whether what comes behind it is kept in any case: it is of the present month."""
        return self.at >= datetime.now(UTC).replace(day=1, hour=0, minute=0)

    def __str__(self) -> str:
        raw = struct.pack(">Q16sQQ", self.xid, self.id.bytes, round(self.at.timestamp() * 1000), self.server)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


START = Cursor(0, UUID(int=0), LONG_AGO, 0)


def cursor_of(said: str, *, pointer: str = "#query/after") -> Cursor:
    """Return the place a text names.

    Raises:
        InvalidError: it names none.
    """
    try:
        raw = base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)
        xid, key, at_ms, server = struct.unpack(">Q16sQQ", raw)
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError, struct.error) as error:
        raise InvalidError("This is not a cursor of these changes.", pointer=pointer) from error
    return Cursor(xid, UUID(bytes=key), max(at, LONG_AGO), server)


@dataclass(frozen=True, slots=True)
class Happened:
    """That there is an event, and whom it concerned; what it says is read in its organization's session."""

    org_id: UUID
    id: UUID
    at: datetime
    name: str
    person_id: UUID | None
    team_id: UUID | None
    audience_id: UUID | None
    circle: str | None
    others: bool
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Batch:
    """`next` is behind all that was looked at; `more` says that there are further ones already."""

    items: list[Happened]
    next: Cursor
    more: bool


_AFTER = text("""
SELECT s.server, s.below::text AS below, clock_timestamp() AS read_at, f.*
FROM (SELECT (pg_control_system()).system_identifier AS server, pg_snapshot_xmin(pg_current_snapshot()) AS below) s
LEFT JOIN LATERAL events_after(
  CASE WHEN s.server = :server THEN CAST(CAST(:xid AS text) AS xid8) ELSE '0'::xid8 END,
  CASE WHEN s.server = :server THEN :id ELSE '00000000-0000-0000-0000-000000000000'::uuid END,
  s.below, :since, :most) f ON true
ORDER BY f.xid::xid8, f.event_id
""")


async def events_after(session: AsyncSession, after: Cursor | None, limit: int) -> Batch:
    """Return what follows a place, of all organizations; without one from the oldest that is kept.

    The session has no tenant.

    Raises:
        GoneError: events behind this place are not kept any more.
    """
    await check_kept(session, after)
    values = given(after) | {"most": limit + 1}
    rows = (await session.execute(_AFTER, values)).mappings().all()
    items = [_happened(row) for row in rows if row["event_id"] is not None]
    if len(items) > limit:
        return Batch(items[:limit], items[limit - 1].cursor, more=True)
    return Batch(items, end_of(rows[0]), more=False)


def given(after: Cursor | None) -> dict[str, Any]:
    """Return a place as statements take it."""
    place = after or START
    return {"xid": str(place.xid), "id": place.id, "since": place.since, "server": place.server}


def end_of(row: Any) -> Cursor:
    """Return the place up to which the statement saw everything: the next event comes behind it, whenever it comes."""
    return Cursor(int(row["below"]), UUID(int=0), row["read_at"], row["server"])


def _happened(row: Any) -> Happened:
    place = Cursor(int(row["xid"]), row["event_id"], row["at"], row["server"])
    return Happened(
        row["of_org"],
        row["event_id"],
        row["at"],
        row["name"],
        row["person_id"],
        row["team_id"],
        row["audience_id"],
        row["circle"],
        row["others"],
        place,
    )


_NOW = text("""
SELECT (pg_control_system()).system_identifier AS server, clock_timestamp() AS read_at,
  pg_snapshot_xmin(pg_current_snapshot())::text AS below
""")


async def now_at(session: AsyncSession) -> Cursor:
    """Return the place behind all that is sure to be there."""
    return end_of((await session.execute(_NOW)).mappings().one())


# Partitions are named by their month.
_KEPT_FROM = text("""
SELECT min(to_timestamp(right(c.relname, 6) || ' +00', 'YYYYMM TZH'))
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.event'::regclass AND c.relname ~ '^event_[0-9]{6}$'
""")


async def kept_from(session: AsyncSession) -> datetime:
    """Return since when events are kept."""
    found: datetime | None = await session.scalar(_KEPT_FROM)
    return found or LONG_AGO


async def check_kept(session: AsyncSession, after: Cursor | None) -> None:
    """Raise GoneError when events behind this place have been dropped; `latest` is the place of now."""
    if after is None or after == START or after.is_recent:
        return
    if after.at < await kept_from(session) + MARGIN:
        raise GoneError(
            "What changed after this cursor is not kept any more. Read your lists again, then go on from `latest`.",
            latest=str(await now_at(session)),
        )


async def load(session: AsyncSession, happened: Iterable[Happened]) -> list[Event]:
    """Return the events themselves, of the session's organization, in their order."""
    wanted = [(one.id, one.at) for one in happened]
    query = select(Event).where(Event.org_id == session.info["org_id"], tuple_(Event.id, Event.at).in_(wanted))
    found = {event.id: event for event in await session.scalars(query)}
    return [found[key] for key, _ in wanted if key in found]


async def recipients(session: AsyncSession, happened: Iterable[Happened]) -> dict[UUID, list[UUID]]:
    """Return by event the people it was told to beside those it is routed to."""
    wanted = [one.id for one in happened if one.others]
    query = select(EventRecipient.event_id, EventRecipient.person_id).where(
        EventRecipient.org_id == session.info["org_id"], EventRecipient.event_id.in_(wanted)
    )
    found: dict[UUID, list[UUID]] = {}
    for row in await session.execute(query.order_by(EventRecipient.event_id, EventRecipient.person_id)):
        found.setdefault(row.event_id, []).append(row.person_id)
    return found
