"""Bright spots: made, edited, agreed to, published and put away."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import AudienceIn, AudienceOut, audience_outs, replace_audience, save_audience
from api.auth import Actor
from api.bright_spots.clips import erase, order_clip
from api.bright_spots.schemas import BrightSpotIn, BrightSpotPatch, ConsentIn, SegmentIn
from api.bright_spots.segments import check_segments, kind_of, save_segments
from api.creation import existing
from api.policy import may_consent
from api.times import check_instant
from models import consents
from models.base import now
from models.bright_spot import BrightSpot, BrightSpotSkill, BrightSpotTag, Segment
from models.errors import ConflictError, ForbiddenError, IllegalMoveError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.skill import Skill


async def create_bright_spot(session: AsyncSession, actor: Actor, data: BrightSpotIn) -> tuple[BrightSpot, bool]:
    """Return the bright spot and whether it is new. Those shown are asked at once, and its clip is being cut.

    Raises:
        InvalidError, ForbiddenError, ConflictError: as `check_segments` does, and for skills and audience.
    """
    if found := await existing(session, actor, BrightSpot, data.id, made_by="maker_id"):
        return found, False
    sources = await check_segments(session, actor, data.segments)
    bright_spot = BrightSpot(
        org_id=actor.org_id,
        id=data.id or new_id(),
        maker_id=actor.person_id,
        title=data.title,
        why_it_works=data.why_it_works,
        kind=await kind_of(session, sources, data.segments[0]),
        audience_id=await save_audience(session, actor, data.audience),
    )
    session.add(bright_spot)
    await session.flush()
    await save_segments(session, bright_spot, data.segments, sources)
    await _save_tags(session, bright_spot, data.tags)
    await _save_skills(session, bright_spot, data.skill_ids)
    bright_spot.note_shown(await consents.people_shown(session, bright_spot))
    bright_spot.move("awaiting_consent")
    await order_clip(session, bright_spot)
    await _maker_agrees(session, actor, bright_spot)
    return bright_spot, True


async def edit_bright_spot(session: AsyncSession, actor: Actor, bright_spot: BrightSpot, data: BrightSpotPatch) -> None:
    """Change what is said about it, or what it shows and to whom; the latter may ask those shown again.

    Raises:
        IllegalMoveError: it is archived.
        InvalidError, ForbiddenError, ConflictError: as when it is made.
    """
    if bright_spot.state == "archived":
        raise IllegalMoveError("This bright spot is archived; it stays as it is.", state=bright_spot.state)
    await _edit_words(session, bright_spot, data)
    recut = await _edit_segments(session, actor, bright_spot, data)
    if await _edit_audience(session, actor, bright_spot, data) or recut:
        await consents.ask_again(session, bright_spot)
        if recut:
            await erase(session, await consents.drop_clip(session, bright_spot))
        await order_clip(session, bright_spot)
        await _maker_agrees(session, actor, bright_spot)
    bright_spot.version += 1
    fields = sorted(name for name, value in structs.asdict(data).items() if value is not UNSET)
    if fields:
        shown = sorted(await consents.people_shown(session, bright_spot))
        write_event(session, bright_spot, "changed", fields=fields, to=shown)
    await session.flush()


async def answer(session: AsyncSession, actor: Actor, bright_spot: BrightSpot, data: ConsentIn) -> None:
    """Take the answer of a person shown, for the present cut.

    A refusal, or a consent withdrawn, takes it out of sight and its clip out of the store.

    Raises:
        ForbiddenError: the actor is not shown in it.
        ConflictError: the answer is to another cut.
    """
    if not any(may_consent(actor, segment) for segment in await _segments(session, bright_spot)):
        raise ForbiddenError("Only those who are shown in it can agree to it.")
    if data.cut is not None and data.cut != bright_spot.cut:
        raise ConflictError("This has been cut anew; look at it again.", code="cut-changed", current=bright_spot.cut)
    if data.until is not None and (check_instant(data.until, "/until") or now()) <= now():
        raise InvalidError("This time has passed already.", pointer="/until")
    until = data.until if data.granted else None
    await consents.answer(session, bright_spot, actor.person_id, granted=data.granted, until=until)
    if bright_spot.state in {"declined", "revoked", "archived"}:
        await erase(session, await consents.drop_clip(session, bright_spot))
    elif bright_spot.state in {"awaiting_consent", "ready"}:
        await order_clip(session, bright_spot)


async def publish(session: AsyncSession, bright_spot: BrightSpot) -> None:
    """Show it to its audience. Done again, it changes nothing.

    Raises:
        ConflictError: consents or the clip are missing, named in `missing`.
    """
    if bright_spot.state == "published":
        return
    if bright_spot.state == "archived":
        raise IllegalMoveError("This bright spot is archived; it cannot become published.", state=bright_spot.state)
    if missing := await consents.missing(session, bright_spot):
        raise ConflictError(
            "It cannot be published yet: those shown have to agree, and its clip has to be there.",
            code="bright-spot-incomplete",
            missing=missing,
            state=bright_spot.state,
        )
    bright_spot.note_shown(await consents.people_shown(session, bright_spot))
    bright_spot.move("published")
    bright_spot.published_at = now()
    bright_spot.version += 1
    await session.flush()


async def archive(session: AsyncSession, bright_spot: BrightSpot) -> None:
    """Put it away for good, and have its clip erased: nothing watches over its consents from now on.

    Done again, it changes nothing.
    """
    if bright_spot.state == "archived":
        return
    bright_spot.note_shown(await consents.people_shown(session, bright_spot))
    bright_spot.move("archived")
    bright_spot.version += 1
    await session.flush()
    await erase(session, await consents.drop_clip(session, bright_spot))


async def _maker_agrees(session: AsyncSession, actor: Actor, bright_spot: BrightSpot) -> None:
    """To share a moment of one's own is to agree to it."""
    if actor.person_id in await consents.people_shown(session, bright_spot):
        await consents.answer(session, bright_spot, actor.person_id, granted=True)


async def _edit_words(session: AsyncSession, bright_spot: BrightSpot, data: BrightSpotPatch) -> None:
    if data.title is not UNSET:
        bright_spot.title = data.title
    if data.why_it_works is not UNSET:
        bright_spot.why_it_works = data.why_it_works
    if data.tags is not UNSET:
        await _save_tags(session, bright_spot, data.tags)
    if data.skill_ids is not UNSET:
        await _save_skills(session, bright_spot, data.skill_ids)


async def _edit_segments(session: AsyncSession, actor: Actor, bright_spot: BrightSpot, data: BrightSpotPatch) -> bool:
    """Return whether they are others now."""
    if data.segments is UNSET:
        return False
    present = [
        SegmentIn(row.take_id, row.prompt_id, row.start_ms, row.end_ms) for row in await _segments(session, bright_spot)
    ]
    if data.segments == present:
        return False
    sources = await check_segments(session, actor, data.segments)
    bright_spot.kind = await kind_of(session, sources, data.segments[0])
    await save_segments(session, bright_spot, data.segments, sources)
    return True


async def _edit_audience(session: AsyncSession, actor: Actor, bright_spot: BrightSpot, data: BrightSpotPatch) -> bool:
    """Return whether those shown have to be asked again: when it is wider, or when they refused the one before."""
    if data.audience is UNSET:
        return False
    key = bright_spot.audience_id
    before = (await audience_outs(session, actor.org_id, [key]))[key]
    await replace_audience(session, actor, key, data.audience)
    refused = bright_spot.state in {"declined", "revoked"} and _reach(before) != _reach(data.audience)
    return refused or is_wider(before, data.audience)


def is_wider(before: AudienceOut, after: AudienceIn) -> bool:
    """Return whether the new audience names anyone the old one may not have reached."""
    if before.everyone:
        return False
    more_teams = set(after.team_ids) - set(before.team_ids)
    deeper = after.include_subteams and not before.include_subteams and bool(after.team_ids)
    return after.everyone or bool(more_teams) or deeper or bool(set(after.person_ids) - set(before.person_ids))


def _reach(audience: AudienceIn | AudienceOut) -> tuple[bool, set[UUID], bool, set[UUID]]:
    return audience.everyone, set(audience.team_ids), audience.include_subteams, set(audience.person_ids)


async def _segments(session: AsyncSession, bright_spot: BrightSpot) -> Sequence[Segment]:
    rows = await session.scalars(
        select(Segment)
        .where(Segment.org_id == bright_spot.org_id, Segment.bright_spot_id == bright_spot.id)
        .order_by(Segment.position)
    )
    return rows.all()


async def _save_tags(session: AsyncSession, bright_spot: BrightSpot, tags: Iterable[str]) -> None:
    of_spot = (BrightSpotTag.org_id == bright_spot.org_id) & (BrightSpotTag.bright_spot_id == bright_spot.id)
    await session.execute(delete(BrightSpotTag).where(of_spot))
    for tag in dict.fromkeys(tag.strip().lower() for tag in tags):
        session.add(BrightSpotTag(org_id=bright_spot.org_id, bright_spot_id=bright_spot.id, tag=tag))
    await session.flush()


async def _save_skills(session: AsyncSession, bright_spot: BrightSpot, skill_ids: Sequence[UUID]) -> None:
    there = set(
        await session.scalars(select(Skill.id).where(Skill.org_id == bright_spot.org_id, Skill.id.in_(skill_ids)))
    )
    for index, key in enumerate(skill_ids):
        if key not in there:
            raise InvalidError("There is no skill with this id here.", pointer=f"/skill_ids/{index}")
    of_spot = (BrightSpotSkill.org_id == bright_spot.org_id) & (BrightSpotSkill.bright_spot_id == bright_spot.id)
    await session.execute(delete(BrightSpotSkill).where(of_spot))
    for key in dict.fromkeys(skill_ids):
        session.add(BrightSpotSkill(org_id=bright_spot.org_id, bright_spot_id=bright_spot.id, skill_id=key))
    await session.flush()
