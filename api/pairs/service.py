"""Baselines and follow-ups: the same challenge again, and who they are compared by."""

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.challenges.copying import CopyIn, check_sees_all, draft_copy
from api.creation import existing
from api.policy import visible
from models.challenge import Challenge
from models.copying import content_of
from models.errors import IllegalMoveError, InvalidError, NotFoundError
from models.series import ChallengePair


async def follow_up(session: AsyncSession, actor: Actor, baseline: Challenge, data: CopyIn) -> tuple[Challenge, bool]:
    """Return a draft that asks the same people the same, judged by the same version, and whether it is new.

    Raises:
        IllegalMoveError: the baseline is a draft.
        ForbiddenError, InvalidError: as `draft_copy`.
    """
    if found := await existing(session, actor, Challenge, data.id):
        return found, False
    await check_sees_all(session, actor, baseline)
    if baseline.state == "draft":
        raise IllegalMoveError("This challenge is a draft; publish it first.", state=baseline.state)
    made = await draft_copy(
        session,
        actor,
        await content_of(session, baseline),
        data,
        rubric_id=baseline.rubric_id,
        rubric_version_id=baseline.rubric_version_id,
        like=baseline.audience_id,
        reviewer_ids=baseline.reviewer_ids,
        baseline_id=baseline.id,
    )
    session.add(ChallengePair(org_id=actor.org_id, baseline_id=baseline.id, follow_up_id=made.id))
    await session.flush()
    return made, True


async def compared_with(
    session: AsyncSession, actor: Actor, challenge: Challenge, other_id: UUID | None
) -> tuple[Challenge, Challenge]:
    """Return the earlier and the later one of two challenges that are compared.

    Raises:
        NotFoundError: no other one is named, and it has no follow-up that the actor sees.
        InvalidError: the other is not there, the same, or judged by another rubric.
    """
    other = await (_named(session, actor, challenge, other_id) if other_id else _partner(session, actor, challenge))
    return (challenge, other) if _order(challenge) <= _order(other) else (other, challenge)


def _order(challenge: Challenge) -> tuple[bool, object, UUID]:
    """Drafts come last."""
    return challenge.published_at is None, challenge.published_at or challenge.created_at, challenge.id


async def _named(session: AsyncSession, actor: Actor, challenge: Challenge, other_id: UUID) -> Challenge:
    other = await session.scalar(select(Challenge).where(visible(actor, Challenge), Challenge.id == other_id))
    if other is None or other.id == challenge.id:
        raise InvalidError("There is no other challenge with this id here.", pointer="#query/with_challenge_id")
    if other.rubric_id != challenge.rubric_id:
        raise InvalidError("It is judged by another rubric.", pointer="#query/with_challenge_id")
    return other


async def _partner(session: AsyncSession, actor: Actor, challenge: Challenge) -> Challenge:
    """Return its baseline, or else the last of its follow-ups that was published."""
    pair = ChallengePair
    paired = or_(
        (pair.follow_up_id == challenge.id) & (pair.baseline_id == Challenge.id),
        (pair.baseline_id == challenge.id) & (pair.follow_up_id == Challenge.id) & (Challenge.state != "draft"),
    )
    found = await session.scalar(
        select(Challenge)
        .join(pair, (pair.org_id == Challenge.org_id) & paired)
        .where(visible(actor, Challenge))
        .order_by((pair.follow_up_id == challenge.id).desc(), Challenge.published_at.desc(), Challenge.id)
        .limit(1)
    )
    if found is None:
        raise NotFoundError("This challenge has no follow-up to be compared with here.")
    return found
