"""Challenges as JSON."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import audience_outs
from api.auth import Actor
from api.challenges.schemas import (
    AttachmentOut,
    ChallengeItem,
    ChallengeOut,
    ModelAnswerOut,
    PinnedRubric,
    PromptOut,
    common,
)
from api.policy import may_author_challenges, visible
from api.policy_challenges import model_answer_open, prompts_open
from models.asset import Asset, Upload
from models.assignments import present_state
from models.challenge import Assignment, Attachment, Challenge, ModelAnswer, Prompt
from models.rubric import Rubric, RubricVersion


async def challenge_out(session: AsyncSession, actor: Actor, challenge: Challenge) -> ChallengeOut:
    org_id, authors = actor.org_id, _authors(actor, challenge)
    shown = await shown_of(session, actor, challenge)
    audiences = await audience_outs(session, org_id, [challenge.audience_id]) if authors else {}
    counts = await _counts(session, actor, [challenge.id]) if authors else {}
    return ChallengeOut(
        **common(challenge, counts.get(challenge.id, {}) if authors else None),
        rubric=await _rubric(session, challenge),
        prompts=await _prompts(session, challenge, hidden=not shown.prompts),
        model_answer=await _model_answer(session, challenge, hidden=not shown.model_answer),
        attachments=await _attachments(session, challenge),
        audience=audiences.get(challenge.audience_id),
    )


async def challenge_items(session: AsyncSession, actor: Actor, challenges: Sequence[Challenge]) -> list[ChallengeItem]:
    authors = may_author_challenges(actor)
    counts = await _counts(session, actor, [challenge.id for challenge in challenges]) if authors else {}
    return [
        ChallengeItem(**common(challenge, counts.get(challenge.id, {}) if authors else None))
        for challenge in challenges
    ]


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a challenge its viewer is shown now."""

    prompts: bool
    model_answer: bool


async def shown_of(session: AsyncSession, actor: Actor, challenge: Challenge) -> Shown:
    said = prompts_open(actor).label("prompts"), model_answer_open(actor).label("model_answer")
    query = select(*said).select_from(Challenge)
    row = (await session.execute(query.where(Challenge.org_id == actor.org_id, Challenge.id == challenge.id))).one()
    return Shown(*row)


async def _prompts(session: AsyncSession, challenge: Challenge, *, hidden: bool) -> list[PromptOut]:
    """Return them in order; of hidden ones, how long they are and no more."""
    rows = await session.scalars(
        select(Prompt)
        .where(Prompt.org_id == challenge.org_id, Prompt.challenge_id == challenge.id)
        .order_by(Prompt.position)
    )
    return [
        PromptOut(
            row.id,
            row.position,
            "" if hidden else row.text,
            None if hidden else row.asset_id,
            row.max_duration_ms,
            row.audio_allowed,
            row.preparation_ms,
            "" if hidden else row.notes,
            hidden,
        )
        for row in rows
    ]


async def _model_answer(session: AsyncSession, challenge: Challenge, *, hidden: bool) -> ModelAnswerOut | None:
    row = await session.scalar(
        select(ModelAnswer).where(ModelAnswer.org_id == challenge.org_id, ModelAnswer.challenge_id == challenge.id)
    )
    if row is None:
        return None
    return ModelAnswerOut(None, "", hidden) if hidden else ModelAnswerOut(row.asset_id, row.text, hidden)


async def _attachments(session: AsyncSession, challenge: Challenge) -> list[AttachmentOut]:
    rows = await session.execute(
        select(
            Attachment.asset_id,
            Attachment.title,
            func.coalesce(Asset.facts["file"]["name"].astext, Upload.filename, ""),
            Asset.content_type,
            Asset.size_bytes,
            Asset.state,
        )
        .join(Asset, (Asset.org_id == Attachment.org_id) & (Asset.id == Attachment.asset_id))
        .outerjoin(Upload, (Upload.org_id == Asset.org_id) & (Upload.asset_id == Asset.id))
        .where(Attachment.org_id == challenge.org_id, Attachment.challenge_id == challenge.id)
        .order_by(Attachment.position)
    )
    return [AttachmentOut(*row) for row in rows]


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
