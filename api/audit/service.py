"""The audit view: who did what to what, and when. Ids, states, numbers and dates; no texts, no videos.

A filter that finds little looks through much: a page looks at so many events at most, and ends there. It may then have
fewer items, or none, although there are more: its `next_cursor` says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit.schemas import AuditOut
from api.auth import Actor
from api.changes.schemas import Subject
from api.paging import Page, decode, encode
from api.refs import PersonRef
from models.event import Event, shown
from models.person import Person
from models.take import Take

WINDOW = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """`name` is that of an event, or the first word of many."""

    name: str | None = None
    person_id: UUID | None = None
    actor_id: UUID | None = None
    subject_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, query: Any, columns: Any) -> Any:
        if self.name and "." in self.name:
            query = query.where(columns.name == self.name)
        elif self.name:
            query = query.where(func.split_part(columns.name, ".", 1) == self.name)
        for column, value in ((columns.person_id, self.person_id), (columns.actor_id, self.actor_id)):
            if value is not None:
                query = query.where(column == value)
        return query


async def list_events(
    session: AsyncSession, actor: Actor, wanted: Wanted, limit: int, cursor: str | None
) -> Page[AuditOut]:
    """Return the newest first."""
    window = _window(actor, wanted, cursor).subquery()
    query = wanted.narrow(select(window), window.c).where(~_is_practice(actor, window.c))
    query = query.order_by(window.c.id.desc()).limit(limit + 1)
    rows = (await session.execute(query)).all()
    people = await _people(session, actor, rows[:limit])
    items = [_audit_out(row, people) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(items, encode(rows[limit - 1].id))
    last = await session.scalar(_last_of(_window(actor, wanted, cursor)))
    return Page(items, encode(last) if last else None)


def _is_practice(actor: Actor, event: Any) -> ColumnElement[bool]:
    """That somebody practises is nobody's business, an admin's no more than a manager's."""
    return exists().where(Take.org_id == actor.org_id, Take.id == event.subject_id, Take.practice)


def _window(actor: Actor, wanted: Wanted, cursor: str | None) -> Select[Any]:
    """Return what is looked at: so many of the organization's events, or of one subject's, the newest first."""
    query = select(*[column for column in Event.__table__.columns if column.name != "xid"])
    query = query.where(Event.org_id == actor.org_id)
    if wanted.subject_id is not None:
        query = query.where(Event.subject_id == wanted.subject_id)
    if wanted.since is not None:
        query = query.where(Event.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Event.at < wanted.until)
    if cursor:
        query = query.where(Event.id < decode(cursor, UUID)[0])
    return query.order_by(Event.id.desc()).limit(WINDOW)


def _last_of(window: Select[Any]) -> Select[Any]:
    """Return where a full window ends."""
    rows = window.subquery()
    return select(rows.c.id).order_by(rows.c.id.desc()).offset(WINDOW - 1).limit(1)


def _audit_out(row: Any, people: dict[UUID, str]) -> AuditOut:
    return AuditOut(
        row.id,
        row.at,
        row.v,
        row.name,
        Subject(row.name.partition(".")[0], row.subject_id),
        _ref(row.actor_id, people),
        _ref(row.person_id, people),
        row.team_id,
        shown(row.data),
    )


def _ref(key: UUID | None, people: dict[UUID, str]) -> PersonRef | None:
    return PersonRef(key, people[key]) if key in people else None


async def _people(session: AsyncSession, actor: Actor, rows: Iterable[Any]) -> dict[UUID, str]:
    wanted = {key for row in rows for key in (row.actor_id, row.person_id) if key is not None}
    query = select(Person.id, Person.name).where(Person.org_id == actor.org_id, Person.id.in_(wanted))
    return {row.id: row.name for row in await session.execute(query)}
