"""Makes notices of events: whom each is told to, how they want to hear of it, and when.

One process at a time reads the feed below the oldest transaction that runs, and keeps its place once what it has read
is written down. After a crash in between it reads again: an event makes one notice a person and kind, however often.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from media.jobs.context import WorkerContext
from media.jobs.trying import is_outage
from models.assignments import among
from models.base import now
from models.errors import GoneError
from models.event import Event, named_in, write_event
from models.feed import Batch, Cursor, Happened, cursor_of, events_after, load, now_at, recipients
from models.notice import BY_EVENT, KINDS, Device, Notice, NoticeSettings, Wants, default_wants
from models.org import Org
from models.person import Person
from models.quiet import next_digest, not_before
from models.team import Membership, Team

READER = "notices"
AT_ONCE = 500
# What is older than this when it is read, after a long stop, stands in the inbox only.
STALE = timedelta(days=1)
_PLACE = text("SELECT feed_place_of(:reader)")
_KEEP = text("SELECT keep_feed_place(:reader, :place)")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Telling:
    """That an event is to be told to somebody, as a notice of a kind."""

    event: Event
    kind: str
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Listener:
    """How somebody who is there wants to be told."""

    zone: str
    settings: NoticeSettings | None
    pushed: bool

    def wants(self, kind: str) -> Wants:
        return self.settings.wants(kind) if self.settings is not None else default_wants(kind)

    def awake(self, at: datetime) -> datetime:
        chosen = self.settings or NoticeSettings()
        return not_before(at, self.zone, chosen.quiet_from, chosen.quiet_until)

    def mail_at(self, kind: str, at: datetime) -> datetime | None:
        email = self.wants(kind).email
        if email == "digest":
            at = next_digest(at, self.zone, (self.settings or NoticeSettings()).digest_at)
        return None if email == "off" else self.awake(at)

    def push_at(self, kind: str, at: datetime) -> datetime | None:
        return self.awake(at) if self.pushed and self.wants(kind).push else None


async def make_notices(context: WorkerContext) -> None:
    """Read on to the end of the feed. The first reader ever begins at its end: nobody is told of the past."""
    while await _read_on(context):
        pass


async def _read_on(context: WorkerContext) -> bool:
    place, batch = await _next_batch(context)
    if batch is None:
        await _keep(context, place)
        return False
    by_org: dict[UUID, list[Happened]] = defaultdict(list)
    for one in batch.items:
        if one.name in BY_EVENT:
            by_org[one.org_id].append(one)
    for org_id, items in by_org.items():
        await _tell_all(context, org_id, items)
    await _keep(context, batch.next)
    return batch.more


async def _next_batch(context: WorkerContext) -> tuple[Cursor, Batch | None]:
    """Return what follows the place that is kept; no batch, and where to begin, if nothing follows a place surely."""
    async with context.database.without_tenant() as session:
        kept = await session.scalar(_PLACE, {"reader": READER})
        if kept is None:
            return await now_at(session), None
        place = cursor_of(kept)
        try:
            return place, await events_after(session, place, AT_ONCE)
        except GoneError as gone:
            log.exception("events were dropped before notices were made of them", since=place.at.isoformat())
            return cursor_of(gone.facts["latest"]), None


async def _keep(context: WorkerContext, place: Cursor) -> None:
    async with context.database.without_tenant() as session:
        await session.execute(_KEEP, {"reader": READER, "place": str(place)})


async def _tell_all(context: WorkerContext, org_id: UUID, items: Sequence[Happened]) -> None:
    """Make the notices of one organization's events: all at once, or else each alone, so that one stops no other."""
    try:
        await _tell(context, org_id, items)
    except Exception as error:
        if is_outage(error):
            raise
        if len(items) == 1:
            log.exception("an event could not be told", org_id=str(org_id), event_id=str(items[0].id))
            return
        for one in items:
            await _tell_all(context, org_id, [one])


async def _tell(context: WorkerContext, org_id: UUID, items: Sequence[Happened]) -> None:
    async with context.tenant(org_id) as session:
        events, others = await load(session, items), await recipients(session, items)
        found = [one for event in events for one in await _tellings(session, event, others.get(event.id, []))]
        listeners = await _listeners(session, {one.person_id for one in found})
        wanted = [one for one in found if one.person_id in listeners]
        seen = await _seen(context, session, wanted)
        rows = [_notice(context, one, listeners[one.person_id]) for one in seen]
        await _write(session, [row for row in rows if row is not None])


async def _tellings(session: AsyncSession, event: Event, others: Iterable[UUID]) -> list[Telling]:
    """Return to whom an event is told; nobody is told of their own act."""
    word = BY_EVENT[event.name]
    kind = KINDS[word]
    if kind.came_from is not None and event.data.get("from") not in kind.came_from:
        return []
    person, people = [event.person_id] if event.person_id else [], list(others)
    whom: Collection[UUID] = {
        "person": person,
        "others": people,
        "both": [*person, *people],
        "named": named_in(event.data),
        "managers": [],
    }[kind.to]
    if kind.to == "managers" and event.team_id is not None:
        whom = [one for one in await _managers(session, event.team_id) if one != event.person_id]
    return [Telling(event, word, one) for one in sorted(set(whom)) if one != event.actor_id]


async def _managers(session: AsyncSession, team_id: UUID | None) -> Sequence[UUID]:
    """Return who manages a team, or the nearest above it that somebody manages."""
    org_id = session.info["org_id"]
    while team_id is not None:
        mine = (Membership.org_id == org_id, Membership.team_id == team_id, Membership.role == "manager")
        rows = await session.scalars(select(Membership.person_id).where(*mine, _lasts()))
        if found := rows.all():
            return found
        team_id = await session.scalar(select(Team.parent_id).where(Team.org_id == org_id, Team.id == team_id))
    return []


def _lasts() -> Any:
    return (Membership.from_at <= func.now()) & or_(Membership.until_at.is_(None), Membership.until_at > func.now())


async def _listeners(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Listener]:
    """Return how those of the people want to be told who are there."""
    org_id = session.info["org_id"]
    devices = select(Device.person_id).where(Device.org_id == org_id, Device.person_id == Person.id).exists()
    rows = await session.execute(
        select(Person.id, func.coalesce(Person.time_zone, Org.time_zone), NoticeSettings, devices)
        .join(Org, Org.id == Person.org_id)
        .outerjoin(NoticeSettings, (NoticeSettings.org_id == Person.org_id) & (NoticeSettings.person_id == Person.id))
        .where(Person.org_id == org_id, among(Person.id, ids), Person.state == "active")
    )
    return {row[0]: Listener(row[1], row[2], row[3]) for row in rows}


async def _seen(context: WorkerContext, session: AsyncSession, found: Sequence[Telling]) -> list[Telling]:
    """Return those whose subject the person sees."""
    by_whom: dict[tuple[UUID, str], set[UUID]] = defaultdict(set)
    for one in found:
        by_whom[one.person_id, _subject(one)].add(one.event.subject_id)
    seen = {
        whom: await context.sees(session, whom[0], whom[1], subjects)
        for whom, subjects in sorted(by_whom.items(), key=lambda item: item[0])
    }
    return [one for one in found if one.event.subject_id in seen[one.person_id, _subject(one)]]


def _subject(one: Telling) -> str:
    return Notice(event_name=one.event.name).subject_kind


def _notice(context: WorkerContext, one: Telling, listener: Listener) -> Notice | None:
    """Return the notice as its person wants it; None where they want none."""
    at, event = now(), one.event
    wants, fresh = listener.wants(one.kind), event.at > at - STALE
    mail_at = listener.mail_at(one.kind, at) if fresh and context.smtp_url else None
    push_at = listener.push_at(one.kind, at) if fresh and context.pushes else None
    if not wants.in_app and mail_at is None and push_at is None:
        return None
    return Notice(
        org_id=event.org_id,
        person_id=one.person_id,
        kind=one.kind,
        event_id=event.id,
        event_name=event.name,
        subject_id=event.subject_id,
        actor_id=event.actor_id,
        at=at,
        in_app=wants.in_app,
        read_at=None if wants.in_app else at,
        mail_at=mail_at,
        push_at=push_at,
    )


async def _write(session: AsyncSession, rows: Sequence[Notice]) -> None:
    """Write those down that are not there yet, and tell each person's clients of them."""
    if not rows:
        return
    columns = [column.key for column in Notice.__table__.columns]
    made = await session.scalars(
        insert(Notice)
        .values([{key: getattr(row, key) for key in columns} for row in rows])
        .on_conflict_do_nothing(index_elements=["org_id", "event_id", "person_id", "kind"])
        .returning(Notice.id)
    )
    new = set(made.all())
    for row in rows:
        if row.id in new and row.in_app:
            write_event(session, row, "made", kind=row.kind)
    log.info("notices made", org_id=str(session.info["org_id"]), count=len(new))
