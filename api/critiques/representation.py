"""Critiques as JSON: everything for a list of them in a handful of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.critiques.schemas import CritiqueOut, DisagreementOut, FollowUpOut, ScoreOut, ScoringRubric
from api.critiques.scoring import judged, scores_of, scoring_rubrics
from api.moments.schemas import MomentBrief, moment_brief
from api.progress.next_steps import NextStepOut, next_step_out, open_steps
from api.refs import PersonRef
from models.challenge import Challenge
from models.conversation import CritiqueRemark
from models.critique import Critique, FollowUp, Moment, NextStep, Score
from models.critique_rules import meets_pass_mark, value_of
from models.person import Person
from models.skill import Skill
from models.take import Take


@dataclass(frozen=True)
class _Parts:
    rubrics: dict[UUID, ScoringRubric]
    scores: dict[UUID, dict[UUID, Score]]
    names: dict[UUID, str]
    pass_marks: dict[UUID, float | None]  # by take
    next_steps: dict[UUID, list[NextStepOut]]
    follow_ups: dict[UUID, list[FollowUpOut]]
    to_ask: dict[UUID, list[NextStepOut]]  # by take
    evidence: dict[tuple[UUID, UUID], list[MomentBrief]]  # by critique and criterion
    superseded_by: dict[UUID, UUID]
    remarks: dict[UUID, int]


async def critique_out(session: AsyncSession, actor: Actor, critique: Critique) -> CritiqueOut:
    return (await critique_outs(session, actor, [critique]))[0]


async def critique_outs(session: AsyncSession, actor: Actor, critiques: Sequence[Critique]) -> list[CritiqueOut]:
    org, ids = actor.org_id, [critique.id for critique in critiques]
    takes = await _takes(session, org, {critique.take_id for critique in critiques})
    drafts = {critique.take_id for critique in critiques if critique.state == "draft"}
    parts = _Parts(
        await scoring_rubrics(session, org, [critique.rubric_version_id for critique in critiques]),
        await scores_of(session, org, ids),
        await _names(session, org, {critique.reviewer_id for critique in critiques}),
        {take.id: mark for take, mark in takes},
        await _next_steps(session, org, ids),
        await _follow_ups(session, org, ids),
        await steps_to_ask_about(session, actor, [take for take, _ in takes if take.id in drafts]),
        await _evidence(session, org, ids),
        await _superseded_by(session, critiques),
        await _remarks(session, org, ids),
    )
    return [_out(critique, parts) for critique in critiques]


async def steps_to_ask_about(
    session: AsyncSession, actor: Actor, takes: Sequence[Take]
) -> dict[UUID, list[NextStepOut]]:
    """Return, by take, the open next steps its person knew of when it was handed in."""
    if not takes:
        return {}
    steps = await open_steps(session, actor, [take.person_id for take in takes])
    return {take.id: [step for step, origin in steps if _was_known(step, origin, take)] for take in takes}


def _was_known(step: NextStepOut, origin: UUID, take: Take) -> bool:
    if step.person_id != take.person_id or origin == take.id or step.published_at is None:
        return False
    return take.submitted_at is None or step.published_at <= take.submitted_at


def _out(critique: Critique, parts: _Parts) -> CritiqueOut:
    rubric, scores = parts.rubrics[critique.rubric_version_id], parts.scores.get(critique.id, {})
    found = judged(rubric, scores)
    return CritiqueOut(
        critique.id,
        critique.take_id,
        PersonRef(critique.reviewer_id, parts.names[critique.reviewer_id]),
        critique.perspective,
        critique.state,
        rubric,
        _scores(critique, rubric, scores, parts.evidence),
        critique.summary,
        critique.strengths,
        parts.next_steps.get(critique.id, []),
        parts.follow_ups.get(critique.id, []),
        parts.to_ask.get(critique.take_id, []) if critique.state == "draft" else [],
        critique.decision,
        value_of(found) if critique.value is None else critique.value,
        meets_pass_mark(found, parts.pass_marks[critique.take_id]),
        critique.supersedes_id,
        parts.superseded_by.get(critique.id),
        critique.created_at,
        critique.updated_at,
        critique.published_at,
        critique.acknowledged_at,
        critique.reply,
        critique.reply_asset_id,
        _disagreement(critique),
        parts.remarks.get(critique.id, 0),
        critique.version,
    )


def _disagreement(critique: Critique) -> DisagreementOut | None:
    if critique.disagreed_at is None or critique.disagreement is None:
        return None
    return DisagreementOut(critique.disagreement, critique.disagreed_at, critique.disagreement_answered_at)


def _scores(
    critique: Critique,
    rubric: ScoringRubric,
    scores: dict[UUID, Score],
    evidence: dict[tuple[UUID, UUID], list[MomentBrief]],
) -> list[ScoreOut]:
    """In the order of the criteria."""
    found = zip(rubric.criteria, judged(rubric, scores), strict=True)
    return [
        ScoreOut(
            criterion.id,
            score.level_id,
            score.not_applicable,
            score.comment,
            one.value,
            evidence.get((critique.id, criterion.id), []),
        )
        for criterion, one in found
        if (score := scores.get(criterion.id)) is not None
    ]


async def _evidence(
    session: AsyncSession, org_id: UUID, critique_ids: Sequence[UUID]
) -> dict[tuple[UUID, UUID], list[MomentBrief]]:
    rows = await session.scalars(
        select(Moment)
        .where(Moment.org_id == org_id, Moment.critique_id.in_(critique_ids), Moment.criterion_id.is_not(None))
        .order_by(Moment.prompt_id, Moment.start_ms, Moment.id)
    )
    found: dict[tuple[UUID, UUID], list[MomentBrief]] = defaultdict(list)
    for row in rows:
        if row.critique_id and row.criterion_id:
            shown = moment_brief(row)
            found[row.critique_id, row.criterion_id].append(shown)
    return found


async def _superseded_by(session: AsyncSession, critiques: Sequence[Critique]) -> dict[UUID, UUID]:
    """By the critique that was superseded: the next one of its writer, which was published."""
    ids = [critique.id for critique in critiques if critique.state == "superseded"]
    if not ids:
        return {}
    rows = await session.execute(
        select(Critique.supersedes_id, Critique.id).where(
            Critique.org_id == critiques[0].org_id,
            Critique.supersedes_id.in_(ids),
            Critique.state.in_(("published", "superseded")),
        )
    )
    return {row.supersedes_id: row.id for row in rows if row.supersedes_id}


async def _remarks(session: AsyncSession, org_id: UUID, critique_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await session.execute(
        select(CritiqueRemark.critique_id, func.count())
        .where(CritiqueRemark.org_id == org_id, CritiqueRemark.critique_id.in_(critique_ids))
        .group_by(CritiqueRemark.critique_id)
    )
    return {row[0]: row[1] for row in rows}


async def _takes(session: AsyncSession, org_id: UUID, take_ids: set[UUID]) -> list[tuple[Take, float | None]]:
    rows = await session.execute(
        select(Take, Challenge.pass_mark)
        .join(Challenge, (Challenge.org_id == Take.org_id) & (Challenge.id == Take.challenge_id))
        .where(Take.org_id == org_id, Take.id.in_(take_ids))
    )
    return [(take, mark) for take, mark in rows]


async def _names(session: AsyncSession, org_id: UUID, person_ids: set[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(Person.id, Person.name).where(Person.org_id == org_id, Person.id.in_(person_ids))
    )
    return {row.id: row.name for row in rows}


async def _next_steps(
    session: AsyncSession, org_id: UUID, critique_ids: Sequence[UUID]
) -> dict[UUID, list[NextStepOut]]:
    rows = await session.execute(
        select(NextStep, Skill.name)
        .join(Skill, (Skill.org_id == NextStep.org_id) & (Skill.id == NextStep.skill_id))
        .where(NextStep.org_id == org_id, NextStep.critique_id.in_(critique_ids))
        .order_by(NextStep.critique_id, NextStep.position)
    )
    found: dict[UUID, list[NextStepOut]] = defaultdict(list)
    for step, name in rows:
        found[step.critique_id].append(next_step_out(step, name))
    return found


async def _follow_ups(
    session: AsyncSession, org_id: UUID, critique_ids: Sequence[UUID]
) -> dict[UUID, list[FollowUpOut]]:
    rows = await session.execute(
        select(FollowUp, NextStep.text)
        .join(NextStep, (NextStep.org_id == FollowUp.org_id) & (NextStep.id == FollowUp.next_step_id))
        .where(FollowUp.org_id == org_id, FollowUp.critique_id.in_(critique_ids))
        .order_by(FollowUp.critique_id, FollowUp.next_step_id)
    )
    found: dict[UUID, list[FollowUpOut]] = defaultdict(list)
    for row, text in rows:
        found[row.critique_id].append(FollowUpOut(row.next_step_id, text, row.outcome, row.comment))
    return found
