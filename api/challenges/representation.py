"""Challenges as JSON."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import audience_outs
from api.auth import Actor
from api.challenges.schemas import ChallengeItem, ChallengeOut, PinnedRubric, PromptOut, common
from api.policy import may_author_challenges, visible
from models.assignments import present_state
from models.challenge import Assignment, Challenge, Prompt
from models.rubric import Rubric, RubricVersion


async def challenge_out(session: AsyncSession, actor: Actor, challenge: Challenge) -> ChallengeOut:
    org_id, authors = actor.org_id, _authors(actor, challenge)
    prompts = await prompt_outs(session, org_id, [challenge.id])
    audiences = await audience_outs(session, org_id, [challenge.audience_id]) if authors else {}
    counts = await _counts(session, actor, [challenge.id]) if authors else {}
    return ChallengeOut(
        **common(challenge, counts.get(challenge.id, {}) if authors else None),
        rubric=await _rubric(session, challenge),
        prompts=prompts.get(challenge.id, []),
        audience=audiences.get(challenge.audience_id),
    )


async def challenge_items(session: AsyncSession, actor: Actor, challenges: Sequence[Challenge]) -> list[ChallengeItem]:
    authors = may_author_challenges(actor)
    counts = await _counts(session, actor, [challenge.id for challenge in challenges]) if authors else {}
    return [
        ChallengeItem(**common(challenge, counts.get(challenge.id, {}) if authors else None))
        for challenge in challenges
    ]


async def prompt_outs(
    session: AsyncSession, org_id: UUID, challenge_ids: Collection[UUID]
) -> dict[UUID, list[PromptOut]]:
    """Return the prompts in order, by challenge, in one query for all of them."""
    rows = await session.scalars(
        select(Prompt)
        .where(Prompt.org_id == org_id, Prompt.challenge_id.in_(set(challenge_ids)))
        .order_by(Prompt.challenge_id, Prompt.position)
    )
    found: dict[UUID, list[PromptOut]] = defaultdict(list)
    for row in rows:
        found[row.challenge_id].append(
            PromptOut(row.id, row.position, row.text, row.asset_id, row.max_duration_ms, row.audio_allowed)
        )
    return found


def _authors(actor: Actor, challenge: Challenge) -> bool:
    return may_author_challenges(actor) or challenge.created_by == actor.person_id


async def _counts(session: AsyncSession, actor: Actor, ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    rows = await session.execute(
        select(Assignment.challenge_id, present_state().label("present"), func.count())
        .where(visible(actor, Assignment), Assignment.challenge_id.in_(ids))
        .group_by(Assignment.challenge_id, literal_column("present"))
    )
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for challenge_id, state, count in rows:
        found[challenge_id][state] = count
    return found


async def _rubric(session: AsyncSession, challenge: Challenge) -> PinnedRubric:
    pinned = (
        RubricVersion.id == challenge.rubric_version_id
        if challenge.rubric_version_id
        else RubricVersion.version == Rubric.latest_version
    )
    row = (
        await session.execute(
            select(Rubric.id, Rubric.title, RubricVersion.version)
            .join(RubricVersion, (RubricVersion.org_id == Rubric.org_id) & (RubricVersion.rubric_id == Rubric.id))
            .where(Rubric.org_id == challenge.org_id, Rubric.id == challenge.rubric_id, pinned)
        )
    ).one()
    return PinnedRubric(row.id, row.title, row.version)
