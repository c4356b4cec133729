"""Lists of bright spots: what is published for me, what is mine, what is asked of me."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar.datastructures import State
from sqlalchemy import ColumnElement, Double, Select, and_, cast, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.bright_spots.representation import bright_spot_outs
from api.bright_spots.schemas import BrightSpotOut
from api.paging import Page, after, encode
from api.policy import visible
from models.bright_spot import BrightSpot, BrightSpotSkill, BrightSpotTag, Consent, Segment


@dataclass(frozen=True, slots=True)
class Filters:
    """`mine` lists what I made and what I am shown in, whatever its state, instead of what is published."""

    q: str | None = None
    skill_id: UUID | None = None
    kind: str | None = None
    tag: str | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Which page of a list."""

    limit: int
    cursor: str | None


async def list_bright_spots(
    session: AsyncSession, actor: Actor, state: State, filters: Filters, place: Place
) -> Page[BrightSpotOut]:
    """Return them newest first, or by rank when words are looked for."""
    query = select(BrightSpot).where(visible(actor, BrightSpot), _of(actor, filters))
    if filters.q and filters.q.strip():
        return await _ranked(session, actor, state, query, (filters.q, place))
    time = BrightSpot.created_at if filters.mine else BrightSpot.published_at
    rows = (
        await session.scalars(after(query, [time, BrightSpot.id], place.cursor, place.limit, descending=True))
    ).all()
    page = rows[: place.limit]
    more = None
    if len(rows) > place.limit:
        more = encode(page[-1].created_at if filters.mine else page[-1].published_at, page[-1].id)
    return Page(await bright_spot_outs(session, actor, state, page), more)


async def list_asked(session: AsyncSession, actor: Actor, state: State, place: Place) -> Page[BrightSpotOut]:
    """Return what waits for the actor's own consent, oldest first."""
    answered = exists().where(
        Consent.org_id == actor.org_id,
        Consent.bright_spot_id == BrightSpot.id,
        Consent.person_id == actor.person_id,
        Consent.cut == BrightSpot.cut,
    )
    query = select(BrightSpot).where(
        visible(actor, BrightSpot), BrightSpot.state == "awaiting_consent", _shows(actor), ~answered
    )
    rows = (
        await session.scalars(after(query, [BrightSpot.created_at, BrightSpot.id], place.cursor, place.limit))
    ).all()
    page = rows[: place.limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > place.limit else None
    return Page(await bright_spot_outs(session, actor, state, page), more)


async def _ranked(
    session: AsyncSession, actor: Actor, state: State, query: Select[Any], words: tuple[str, Place]
) -> Page[BrightSpotOut]:
    wanted, place = words
    found = func.search_bright_spots(wanted).table_valued("id", "rank", name="found")
    rank = cast(found.c.rank, Double)
    query = query.join(found, BrightSpot.id == found.c.id).add_columns(rank.label("rank"))
    keyed = after(query, [rank, BrightSpot.id], place.cursor, place.limit, kinds=(float, UUID), descending=True)
    rows = (await session.execute(keyed)).all()
    page = rows[: place.limit]
    more = encode(page[-1].rank, page[-1].BrightSpot.id) if len(rows) > place.limit else None
    return Page(await bright_spot_outs(session, actor, state, [row.BrightSpot for row in page]), more)


def _of(actor: Actor, filters: Filters) -> ColumnElement[bool]:
    mine = or_(BrightSpot.maker_id == actor.person_id, _shows(actor))
    chosen = [mine if filters.mine else BrightSpot.state == "published"]
    if filters.kind is not None:
        chosen.append(BrightSpot.kind == filters.kind)
    if filters.skill_id is not None:
        chosen.append(
            exists().where(
                BrightSpotSkill.org_id == actor.org_id,
                BrightSpotSkill.bright_spot_id == BrightSpot.id,
                BrightSpotSkill.skill_id == filters.skill_id,
            )
        )
    if filters.tag is not None:
        chosen.append(
            exists().where(
                BrightSpotTag.org_id == actor.org_id,
                BrightSpotTag.bright_spot_id == BrightSpot.id,
                BrightSpotTag.tag == filters.tag.strip().lower(),
            )
        )
    return and_(*chosen)


def _shows(actor: Actor) -> ColumnElement[bool]:
    return exists().where(
        Segment.org_id == actor.org_id,
        Segment.bright_spot_id == BrightSpot.id,
        Segment.person_id == actor.person_id,
    )
