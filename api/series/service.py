"""Series: made, changed, paused and ended by people. The worker posts their challenges (`models.posting`)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import AudienceIn, audience_outs, check_manages, replace_audience
from api.auth import Actor
from api.challenges.copying import audience_for, check_sees_all
from api.creation import existing
from api.policy import visible
from api.refs import PersonRef
from api.series.schemas import SeriesIn, SeriesItem, SeriesOut, SeriesPatch
from api.times import read_wall_time
from models import posting
from models.base import now
from models.challenge import Challenge
from models.errors import IllegalMoveError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.org import Org
from models.person import Person
from models.series import Series, instant_in_zone, plan, planned, wall_time

SCHEDULE = {"unit", "every", "first_local"}


async def create_series(session: AsyncSession, actor: Actor, data: SeriesIn) -> tuple[Series, bool]:
    """Return the series and whether it is new.

    Raises:
        InvalidError: there is no such challenge, or its first time has passed or lies behind the last.
        IllegalMoveError: the challenge is a draft: there is no version of a rubric to keep to.
        ForbiddenError: the audience reaches beyond what the actor manages.
    """
    if found := await existing(session, actor, Series, data.id):
        return found, False
    challenge = await _source(session, actor, data.challenge_id)
    zone = await zone_of(session, actor.org_id)
    series = Series(
        org_id=actor.org_id,
        id=data.id or new_id(),
        title=data.title or challenge.title,
        challenge_id=challenge.id,
        audience_id=await audience_for(session, actor, data.audience, challenge.audience_id),
        responsible_id=actor.person_id,
        created_by=actor.person_id,
        unit=data.unit,
        every=data.every,
        first_local=_first(data.first_local, zone),
        until_local=read_wall_time(data.until_local, "/until_local"),
        due_after_h=data.due_after_h,
    )
    _plan(series, zone)
    session.add(series)
    await session.flush()
    return series, True


async def change_series(session: AsyncSession, actor: Actor, series: Series, data: SeriesPatch) -> None:
    """Change what is still to come; the row is locked. Who names another audience answers for it from then on.

    Raises:
        IllegalMoveError: it has ended.
        InvalidError, ForbiddenError: as for a new one.
    """
    named = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if not named:
        return
    if series.state == "ended":
        raise IllegalMoveError("This series is ended; it changes no more.", state=series.state)
    audience: AudienceIn | None = named.get("audience")
    if audience is not None:
        await check_manages(session, actor, audience)
        await replace_audience(session, actor, series.audience_id, audience)
        series.responsible_id = actor.person_id
    zone = await zone_of(session, series.org_id)
    _set_schedule(series, named, zone)
    for name in ("title", "due_after_h"):
        setattr(series, name, named.get(name, getattr(series, name)))
    if series.state == "active":
        _plan(series, zone)
    series.version += 1
    write_event(session, series, "changed", fields=sorted(named))
    await session.flush()


async def pause(session: AsyncSession, series: Series) -> None:
    """Post nothing until it is resumed. Done again, it changes nothing."""
    if series.state != "paused":
        posting.pause(series)
        await session.flush()


async def resume(session: AsyncSession, actor: Actor, series: Series) -> None:
    """Go on with what is still to come; the actor answers for it from now on. Done again, it changes nothing.

    Raises:
        ForbiddenError: its audience reaches beyond what the actor manages.
        IllegalMoveError: it has ended.
    """
    if series.state == "active":
        return
    if series.state == "paused":
        out = (await audience_outs(session, series.org_id, [series.audience_id]))[series.audience_id]
        named = AudienceIn(out.everyone, out.team_ids, out.include_subteams, out.person_ids)
        await check_manages(session, actor, named)
        series.responsible_id = actor.person_id
    await posting.resume(session, series)
    await session.flush()


async def end(session: AsyncSession, series: Series) -> None:
    """Post nothing any more; what it has posted stays. Done again, it changes nothing."""
    if series.state != "ended":
        series.move("ended")
        series.next_at = None
        series.version += 1
        await session.flush()


async def zone_of(session: AsyncSession, org_id: UUID) -> str:
    return (await session.get_one(Org, org_id)).time_zone


async def series_out(session: AsyncSession, series: Series) -> SeriesOut:
    zone = await zone_of(session, series.org_id)
    [item] = await series_items(session, [series])
    audiences = await audience_outs(session, series.org_id, [series.audience_id])
    coming = planned(series, zone) if series.state == "active" else iter(())
    return SeriesOut(
        **msgspec.structs.asdict(item),
        time_zone=zone,
        upcoming=[at for _, at in islice(coming, 3)],
        audience=audiences[series.audience_id],
    )


async def series_items(session: AsyncSession, rows: Sequence[Series]) -> list[SeriesItem]:
    people = await _people(session, rows)
    return [_item(series, people[series.responsible_id]) for series in rows]


async def _people(session: AsyncSession, rows: Sequence[Series]) -> dict[UUID, PersonRef]:
    if not rows:
        return {}
    wanted = {series.responsible_id for series in rows}
    query = select(Person.id, Person.name).where(Person.org_id == rows[0].org_id, Person.id.in_(wanted))
    return {row.id: PersonRef(row.id, row.name) for row in await session.execute(query)}


def _item(series: Series, responsible: PersonRef) -> SeriesItem:
    own = {"first_local", "until_local", "responsible"}
    fields = {name: getattr(series, name) for name in SeriesItem.__struct_fields__ if name not in own}
    until = series.until_local
    return SeriesItem(
        **fields,
        first_local=series.first_local.isoformat(timespec="seconds"),
        until_local=until.isoformat(timespec="seconds") if until else None,
        responsible=responsible,
    )


async def _source(session: AsyncSession, actor: Actor, key: UUID) -> Challenge:
    challenge = await session.scalar(select(Challenge).where(visible(actor, Challenge), Challenge.id == key))
    if challenge is None:
        raise InvalidError("There is no challenge with this id here.", pointer="/challenge_id")
    await check_sees_all(session, actor, challenge)
    if challenge.state == "draft":
        raise IllegalMoveError("This challenge is a draft; publish it first.", state=challenge.state)
    return challenge


def _first(value: str, zone: str) -> datetime:
    first = read_wall_time(value, "/first_local")
    assert first is not None
    if instant_in_zone(first, zone) <= now():
        raise InvalidError("This time has passed already.", pointer="/first_local")
    return first


def _set_schedule(series: Series, named: dict[str, Any], zone: str) -> None:
    """Count anew from the day that is named, or from what would have come next."""
    if named.keys() & SCHEDULE:
        first = _first(named["first_local"], zone) if "first_local" in named else _next_local(series, zone)
        series.unit, series.every = named.get("unit", series.unit), named.get("every", series.every)
        series.first_local, series.next_index = first, 0
    if "until_local" in named:
        series.until_local = read_wall_time(named["until_local"], "/until_local")


def _next_local(series: Series, zone: str) -> datetime:
    at = now()
    index = next((index for index, instant in planned(series, zone) if instant > at), series.next_index)
    return wall_time(series, index)


def _plan(series: Series, zone: str) -> None:
    """Raise InvalidError when nothing would come."""
    at = now()
    if not any(instant > at for _, instant in planned(series, zone)):
        raise InvalidError("Until then nothing would be posted.", pointer="/until_local")
    plan(series, zone, series.next_index, at)
