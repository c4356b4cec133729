"""Publishing: a judgement takes effect on the take, its assignment, the person's progress and next steps."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import find
from api.auth import Actor
from api.critiques.scoring import judged, scores_of, scoring_rubrics
from api.critiques.service import may_be_judged
from models import submission
from models.base import now
from models.challenge import Assignment
from models.critique import Critique, FollowUp, Moment, NextStep
from models.critique_rules import Judged, missing, skill_values, value_of
from models.errors import ConflictError, IllegalMoveError
from models.event import write_event
from models.org import Org
from models.progress import SkillObservation
from models.take import Take


async def publish(
    session: AsyncSession, actor: Actor, critique: Critique, unchanged: Callable[[], Awaitable[None]]
) -> None:
    """Publish a draft. Done again, it changes nothing.

    Raises:
        NotFoundError: the writer does not see the take any more.
        PreconditionFailedError: by `unchanged`: another device has written since.
        ConflictError: required scores, or what the organization asks for beside them, are not there.
        IllegalMoveError: it is no draft, or its take is not there to be judged.
    """
    take = await find(session, actor, Take, critique.take_id)
    assignment = await submission.lock(session, take)
    await session.refresh(critique, with_for_update={"key_share": True})
    if critique.state == "published":
        return
    await unchanged()
    if critique.state == "draft" and take.state not in may_be_judged(actor, take):
        raise IllegalMoveError(
            f"This take is {take.state.replace('_', ' ')}; it is not there to be judged.", state=take.state
        )
    found = await _scored(session, critique)
    critique.move("published")
    critique.value, critique.published_at = value_of(found), now()
    critique.version += 1
    await _supersede(session, critique)
    _observe(session, critique, take, found)
    await _publish_next_steps(session, critique)
    if critique.perspective == "manager":
        _settle(take, assignment, critique)
    await session.flush()


async def _scored(session: AsyncSession, critique: Critique) -> list[Judged]:
    rubrics = await scoring_rubrics(session, critique.org_id, [critique.rubric_version_id])
    scores = (await scores_of(session, critique.org_id, [critique.id])).get(critique.id, {})
    found = judged(rubrics[critique.rubric_version_id], scores)
    if critique.state == "draft":
        await _check_complete(session, critique, missing(found))
    return found


async def _check_complete(session: AsyncSession, critique: Critique, keys: list[str]) -> None:
    lacking = await _lacking(session, critique)
    if keys and not lacking:
        raise ConflictError(
            f"These criteria have no score yet: {', '.join(keys)}.", code="scores-missing", missing=keys, state="draft"
        )
    if lacking:
        scores = [f"a score of {key}" for key in keys]
        raise ConflictError(
            f"Before it is published it needs {_listed([*lacking.values(), *scores])}.",
            code="critique-incomplete",
            missing=[*lacking, *(f"score:{key}" for key in keys)],
            state="draft",
        )


async def _lacking(session: AsyncSession, critique: Critique) -> dict[str, str]:
    """Return what the organization asks of managers' critiques and this one has not; a strength may be a moment."""
    if critique.perspective != "manager":
        return {}
    asked = (
        await session.execute(select(Org.require_strength, Org.require_next_step).where(Org.id == critique.org_id))
    ).one()
    found: dict[str, str] = {}
    strong = (Moment.tone == "strength", *_of(Moment, critique))
    if (
        asked.require_strength
        and not critique.strengths.strip()
        and not await session.scalar(select(exists().where(*strong)))
    ):
        found["strengths"] = "a strength"
    if asked.require_next_step and not await session.scalar(select(exists().where(*_of(NextStep, critique)))):
        found["next_step"] = "a next step"
    return found


def _of(kind: type[Moment | NextStep], critique: Critique) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return kind.org_id == critique.org_id, kind.critique_id == critique.id


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


async def _supersede(session: AsyncSession, critique: Critique) -> None:
    """Retire what this writer published of the take before, with all it did; its rows stay as they were."""
    before = await session.scalars(
        select(Critique)
        .where(
            Critique.org_id == critique.org_id,
            Critique.take_id == critique.take_id,
            Critique.reviewer_id == critique.reviewer_id,
            Critique.state == "published",
            Critique.id != critique.id,
        )
        .with_for_update(key_share=True)
    )
    for old in before.all():
        old.move("superseded")
        old.version += 1
        critique.supersedes_id = old.id  # also where the draft was older than it, and was taken back
        if old.disagreed_at is not None and old.disagreement_answered_at is None:
            old.disagreement_answered_at = critique.published_at
        for kind, column in ((SkillObservation, "superseded_at"), (NextStep, "retired_at")):
            await session.execute(
                update(kind)
                .where(kind.org_id == old.org_id, kind.critique_id == old.id)
                .values({column: critique.published_at})
            )


def _observe(session: AsyncSession, critique: Critique, take: Take, found: Sequence[Judged]) -> None:
    """Write one observation a skill, dated by the take: a slow reviewer must not bend a curve."""
    for skill_id, said in skill_values(found).items():
        session.add(
            SkillObservation(
                org_id=take.org_id,
                person_id=take.person_id,
                skill_id=skill_id,
                team_id=take.team_id,
                take_id=take.id,
                critique_id=critique.id,
                reviewer_id=critique.reviewer_id,
                rubric_version_id=critique.rubric_version_id,
                perspective=critique.perspective,
                value=said.value,
                step=said.step,
                observed_at=take.submitted_at,
                published_at=critique.published_at,
            )
        )


async def _publish_next_steps(session: AsyncSession, critique: Critique) -> None:
    await session.flush()
    of_critique = (NextStep.org_id == critique.org_id) & (NextStep.critique_id == critique.id)
    await session.execute(update(NextStep).where(of_critique).values(published_at=critique.published_at))
    own = [critique.id, critique.supersedes_id] if critique.supersedes_id else [critique.id]
    asked = await session.scalars(
        select(FollowUp.next_step_id).where(FollowUp.org_id == critique.org_id, FollowUp.critique_id.in_(own))
    )
    await _apply_outcomes(session, critique.org_id, set(asked))


async def _apply_outcomes(session: AsyncSession, org_id: UUID, step_ids: set[UUID]) -> None:
    """Give each step what the last published critique found of it: a manager's, or its own writer's."""
    steps = await session.execute(
        select(NextStep, Critique.reviewer_id)
        .join(Critique, (Critique.org_id == NextStep.org_id) & (Critique.id == NextStep.critique_id))
        .where(NextStep.org_id == org_id, NextStep.id.in_(step_ids))
        .order_by(NextStep.id)
        .with_for_update(of=NextStep)
    )
    for step, writer_id in steps.all():
        said = await session.execute(
            select(FollowUp.outcome, Critique.published_at)
            .join(Critique, (Critique.org_id == FollowUp.org_id) & (Critique.id == FollowUp.critique_id))
            .where(
                FollowUp.org_id == org_id,
                FollowUp.next_step_id == step.id,
                Critique.state == "published",
                or_(Critique.perspective == "manager", Critique.reviewer_id == writer_id),
            )
            .order_by(Critique.published_at.desc())
            .limit(1)
        )
        last = said.one_or_none()
        before = step.outcome
        step.outcome, step.outcome_at = (last.outcome, last.published_at) if last else (None, None)
        if step.outcome != before:
            write_event(session, step, "settled", outcome=step.outcome, to=[writer_id])


def _settle(take: Take, assignment: Assignment, critique: Critique) -> None:
    """Let the take and its assignment follow a manager's judgement; without a decision the assignment stays."""
    if take.state == "submitted":
        take.move("reviewed")
        take.reviewed_at = critique.published_at
    if critique.decision == "pass":
        assignment.accepted_take_id = take.id
        submission.follow(assignment, "done")
    elif critique.decision == "retake" and assignment.current_take_id == take.id:
        _ask_again(assignment)


def _ask_again(assignment: Assignment) -> None:
    """Grant one more take, unless it is granted already and not used."""
    at_rest = assignment.state in submission.RESTING
    granted = (assignment.resume_state if at_rest else assignment.state) == "retake"
    assignment.accepted_take_id = None
    if not granted:
        assignment.extra_takes += 1
    submission.follow(assignment, "retake")
