"""Questions whose answer is to be nothing, ever: what a rule of the house forbids, looked for in the rows themselves.

They are made from the tables there are, so that a table of tomorrow is asked too.
"""

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Select, Table, exists, literal, or_, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from models.all import metadata
from models.asset import Asset
from models.database import Database
from models.event import Event, EventRecipient
from models.take import Response, Take

MOST = 20
PAGE = 500
# What belongs to a response itself, and shows it to nobody.
_OF_A_RESPONSE = frozenset({"response"})
_OF_AN_ASSET = frozenset({"response", "upload", "rendition", "caption", "erasure"})


class Found(NamedTuple):
    """A row that should not be: `what` names the rule and where, `id` the row."""

    org_id: UUID
    what: str
    id: UUID


async def practice_seen(session: AsyncSession, org_id: UUID, most: int = MOST) -> list[Found]:
    """Return what would show a practice take, or a video of one, to anybody but its person."""
    query = union_all(*_practice_questions(org_id)).limit(most)
    return [Found(org_id, *row) for row in await session.execute(query)]


async def practice_seen_anywhere(database: Database) -> list[Found]:
    """Ask each organization; a few findings are enough."""
    found: list[Found] = []
    async for org_id in _org_ids(database):
        async with database.tenant(org_id) as session:
            found += await practice_seen(session, org_id, MOST - len(found))
        if len(found) >= MOST:
            break
    return found


def _practice_questions(org_id: UUID) -> list[Select[str, UUID]]:
    takes = [_of_take(org_id, *one) for one in _pointing_at("take", _OF_A_RESPONSE)]
    videos = [_of_video(org_id, *one) for one in _pointing_at("asset", _OF_AN_ASSET)]
    return [*takes, *videos, _handed_in(org_id), _foreign_video(org_id), *_told(org_id)]


def _pointing_at(target: str, free: frozenset[str]) -> list[tuple[Table, Column[Any]]]:
    return [
        (table, column)
        for table in metadata.sorted_tables
        if table.name not in free
        for key in table.foreign_key_constraints
        if key.referred_table.name == target
        for column in key.columns
        if column.name != "org_id"
    ]


def _of_take(org_id: UUID, table: Table, column: Column[Any]) -> Select[str, UUID]:
    what = literal(f"practice: {table.name}.{column.name}")
    return select(what, table.c.id).where(table.c.org_id == org_id, _is_practice(org_id, column))


def _of_video(org_id: UUID, table: Table, column: Column[Any]) -> Select[str, UUID]:
    what = literal(f"practice: {table.name}.{column.name}")
    return select(what, table.c.id).where(table.c.org_id == org_id, _is_practised(org_id, column))


def _handed_in(org_id: UUID) -> Select[str, UUID]:
    """A practice take that went where only reviewers are."""
    went = or_(
        Take.state.not_in(("draft", "discarded")),
        Take.submitted_at.is_not(None),
        Take.opened_at.is_not(None),
        Take.reviewed_at.is_not(None),
    )
    return select(literal("practice: take"), Take.id).where(Take.org_id == org_id, Take.practice, went)


def _foreign_video(org_id: UUID) -> Select[str, UUID]:
    """A video in a practice take that is not its person's: its owner would see it."""
    return (
        select(literal("practice: response.asset_id"), Response.id)
        .join(Take, (Take.org_id == Response.org_id) & (Take.id == Response.take_id))
        .join(Asset, (Asset.org_id == Response.org_id) & (Asset.id == Response.asset_id))
        .where(Response.org_id == org_id, Take.practice, Asset.owner_id != Take.person_id)
    )


def _told(org_id: UUID) -> list[Select[str, UUID]]:
    """What happened to one, told to more than its person: as a feed, or by name."""
    of_another = exists().where(
        Take.org_id == org_id, Take.id == Event.subject_id, Take.practice, Take.person_id != Event.person_id
    )
    to_more = or_(Event.team_id.is_not(None), Event.audience_id.is_not(None), Event.circle.is_not(None), of_another)
    by_name = (
        select(literal("practice: event_recipient"), EventRecipient.id)
        .join(Event, (Event.org_id == EventRecipient.org_id) & (Event.id == EventRecipient.event_id))
        .where(EventRecipient.org_id == org_id, _is_practice(org_id, Event.subject_id))
    )
    fed = select(literal("practice: event"), Event.id)
    return [fed.where(Event.org_id == org_id, _is_practice(org_id, Event.subject_id), to_more), by_name]


def _is_practice(org_id: UUID, take_id: Any) -> ColumnElement[bool]:
    """Asked of the practice takes there are, which an index knows: far fewer than of most things."""
    ids: ColumnElement[bool] = take_id.in_(select(Take.id).where(Take.org_id == org_id, Take.practice))
    return ids


def _is_practised(org_id: UUID, asset_id: Any) -> ColumnElement[bool]:
    of_practice = (
        select(Response.asset_id)
        .join(Take, (Take.org_id == Response.org_id) & (Take.id == Response.take_id))
        .where(Response.org_id == org_id, Take.practice)
    )
    ids: ColumnElement[bool] = asset_id.in_(of_practice)
    return ids


async def _org_ids(database: Database) -> AsyncGenerator[UUID]:
    last: UUID | None = None
    while True:
        async with database.without_tenant() as session:
            query = text("SELECT orgs_after(CAST(:last AS uuid), :most)")
            found = list(await session.scalars(query, {"last": last, "most": PAGE}))
        for org_id in found:
            yield org_id
        if len(found) < PAGE:
            return
        last = found[-1]
