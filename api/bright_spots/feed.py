"""Lists of bright spots: what is published for me, what is mine, what is asked of me."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from litestar.datastructures import State
from sqlalchemy import ColumnElement, Double, Text, and_, cast, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor, any_actor
from api.bright_spots.representation import bright_spot_outs, bright_spot_rows, make_bright_spot_out
from api.bright_spots.schemas import BrightSpotOut
from api.paging import Page, after, encode, given_place, keyset, page
from api.policy import visible
from api.reading import Reading
from models.bright_spot import BrightSpot, BrightSpotSkill, BrightSpotTag, Consent, Segment
from models.reads import Statement, given, prepared


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


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement of the feed depends on; the values are given when it runs."""

    org_role: str
    filters: tuple[str, ...]
    mine: bool
    ranked: bool
    behind: bool


@cache
def feed_statement(shape: Shape) -> Statement:
    """The page is chosen first, so that what belongs to each is read for those on it only."""
    me = any_actor(shape.org_role)
    query = select(BrightSpot).where(visible(me, BrightSpot), _of(me, shape))
    first: Any = BrightSpot.created_at if shape.mine else BrightSpot.published_at
    if shape.ranked:
        found = func.search_bright_spots(given("q", Text)).table_valued("id", "rank", name="found")
        query, first = query.join(found, BrightSpot.id == found.c.id), cast(found.c.rank, Double)
    query = query.add_columns(first.label("first"))
    spot = keyset(query, [first, BrightSpot.id], behind=shape.behind, descending=True).subquery("chosen")
    rows = bright_spot_rows(me, spot).add_columns(spot.c.first)
    return prepared(rows.order_by(spot.c.first.desc(), spot.c.id.desc()))


async def list_bright_spots(read: Reading, filters: Filters, place: Place) -> Page[BrightSpotOut]:
    """Return them newest first, or by rank when words are looked for."""
    ranked = bool(filters.q and filters.q.strip())
    chosen = {"kind": filters.kind, "skill_id": filters.skill_id, "tag": filters.tag and filters.tag.strip().lower()}
    named = tuple(name for name, value in chosen.items() if value is not None)
    shape = Shape(read.actor.org_role, named, filters.mine, ranked, bool(place.cursor))
    kinds = (float if ranked else datetime, UUID)
    rows = await read.rows(
        feed_statement(shape), q=filters.q, **chosen, **given_place(place.cursor, place.limit, kinds)
    )
    return page(
        rows, place.limit, lambda row: (row["first"], row["id"]), lambda row: make_bright_spot_out(read.state, row)
    )


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
    listed = rows[: place.limit]
    more = encode(listed[-1].created_at, listed[-1].id) if len(rows) > place.limit else None
    return Page(await bright_spot_outs(session, actor, state, listed), more)


def _of(me: Actor, shape: Shape) -> ColumnElement[bool]:
    chosen = [or_(BrightSpot.maker_id == me.person_id, _shows(me)) if shape.mine else BrightSpot.state == "published"]
    if "kind" in shape.filters:
        chosen.append(BrightSpot.kind == given("kind", Text))
    if "skill_id" in shape.filters:
        chosen.append(
            exists().where(
                BrightSpotSkill.org_id == me.org_id,
                BrightSpotSkill.bright_spot_id == BrightSpot.id,
                BrightSpotSkill.skill_id == given("skill_id"),
            )
        )
    if "tag" in shape.filters:
        chosen.append(
            exists().where(
                BrightSpotTag.org_id == me.org_id,
                BrightSpotTag.bright_spot_id == BrightSpot.id,
                BrightSpotTag.tag == given("tag", Text),
            )
        )
    return and_(*chosen)


def _shows(actor: Actor) -> ColumnElement[bool]:
    return exists().where(
        Segment.org_id == actor.org_id,
        Segment.bright_spot_id == BrightSpot.id,
        Segment.person_id == actor.person_id,
    )
