"""Drafts that ask what another challenge or a template asks."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import AudienceIn, audience_outs, check_manages, save_audience
from api.auth import Actor
from api.challenges import drafting
from api.challenges.schemas import Opening, Title
from api.policy import visible
from api.policy_challenges import sees_all_of
from api.times import Instant, WallTime
from models.audiences import copy_audience
from models.challenge import Challenge
from models.copying import Content, new_challenge, write_parts
from models.errors import ConflictError, ForbiddenError
from models.event import write_event
from models.ids import new_id
from models.series import ChallengePair


class CopyIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the draft asks, and when. Without a `title` it keeps the one it had."""

    title: Title | None = None
    audience: AudienceIn | None = None
    opens_at: Opening | None = None
    due_at: Instant | None = None
    due_local: WallTime | None = None
    id: UUID | None = None


async def draft_copy(
    session: AsyncSession,
    actor: Actor,
    content: Content,
    data: CopyIn,
    *,
    rubric_id: UUID,
    rubric_version_id: UUID | None = None,
    like: UUID | None = None,
    reviewer_ids: Sequence[UUID] = (),
    **source: Any,
) -> Challenge:
    """Write a draft of this content, by the actor. `source` is what its event says it was made of.

    Where the client names no audience, it asks those of the audience `like`, or nobody yet.

    Raises:
        ForbiddenError: the audience reaches beyond what the actor manages.
        InvalidError: team or person are not there, or the dates contradict each other.
    """
    dates = drafting.read_dates(data.opens_at, data.due_at, data.due_local)
    own: dict[str, Any] = {"title": data.title} if data.title else {}
    challenge = new_challenge(
        content,
        **own,
        org_id=actor.org_id,
        id=data.id or new_id(),
        rubric_id=rubric_id,
        rubric_version_id=rubric_version_id,
        reviewer_ids=list(reviewer_ids),
        audience_id=await audience_for(session, actor, data.audience, like),
        opens_at=dates.opens_at,
        due_at=dates.due_at,
        due_local=dates.due_local,
        created_by=actor.person_id,
    )
    session.add(challenge)
    await session.flush()
    await write_parts(session, challenge, content)
    write_event(session, challenge, "copied", **source)
    return challenge


async def audience_for(session: AsyncSession, actor: Actor, named: AudienceIn | None, like: UUID | None) -> UUID:
    """Write down the audience that is named, else one like another, and return its id.

    Raises:
        ForbiddenError: it reaches beyond what the actor manages.
        InvalidError: a team or a person is not there.
    """
    if named is not None or like is None:
        await check_manages(session, actor, named or AudienceIn())
        return await save_audience(session, actor, named or AudienceIn())
    copied = await copy_audience(session, actor.org_id, like)
    out = (await audience_outs(session, actor.org_id, [copied]))[copied]
    await check_manages(session, actor, AudienceIn(out.everyone, out.team_ids, out.include_subteams, out.person_ids))
    return copied


async def check_sees_all(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    """Raise ForbiddenError when something of it is kept from the actor until they have answered it."""
    whole = select(Challenge.id).where(visible(actor, Challenge), Challenge.id == challenge.id, sees_all_of(actor))
    if await session.scalar(whole) is None:
        raise ForbiddenError("You have yet to answer this challenge yourself; it cannot be copied by you.")


# What a follow-up shares with its baseline, or the two could not be compared.
SHARED = frozenset({"kind", "prompts", "rubric_id", "timed", "pass_mark"})


async def check_unbound(session: AsyncSession, challenge: Challenge, named: set[str]) -> None:
    """Raise ConflictError when a change would make a follow-up another challenge than its baseline."""
    if not named & SHARED:
        return
    query = select(ChallengePair.id).where(
        ChallengePair.org_id == challenge.org_id, ChallengePair.follow_up_id == challenge.id
    )
    if await session.scalar(query):
        raise ConflictError(
            f"A follow-up asks what its baseline asked; {', '.join(sorted(named & SHARED))} cannot change.",
            code="follow-up-bound",
            state=challenge.state,
        )
