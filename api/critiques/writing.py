"""Writing a draft: what a PATCH may say, checked against the rubric version it scores."""

from uuid import UUID

from msgspec import UNSET
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.critiques.representation import steps_to_ask_about
from api.critiques.schemas import CritiquePatch, FollowUpIn, NextStepIn, ScoreIn, ScoringCriterion
from api.critiques.scoring import scores_of, scoring_rubrics
from models.asset import Asset
from models.base import now
from models.critique import Critique, FollowUp, NextStep, Score
from models.errors import ConflictError, IllegalMoveError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.skill import Skill
from models.submission import LOST
from models.take import Take


async def write(session: AsyncSession, actor: Actor, critique: Critique, data: CritiquePatch) -> None:
    """Write what the patch says into a draft, whose row is locked.

    Raises:
        IllegalMoveError: it is not a draft any more.
        InvalidError: something does not fit the rubric version, the person, or the writer's perspective.
    """
    if critique.state != "draft":
        raise IllegalMoveError(f"This critique is {critique.state}; only a draft is written.", state=critique.state)
    if all(getattr(data, name) is UNSET for name in data.__struct_fields__):
        return
    _write_words(critique, data)
    if data.scores is not UNSET:
        await _merge_scores(session, critique, data.scores)
    if data.next_steps is not UNSET:
        await _replace_next_steps(session, critique, data.next_steps)
    if data.follow_ups is not UNSET:
        await _replace_follow_ups(session, actor, critique, data.follow_ups)
    if data.reply_asset_id is not UNSET:
        await check_video(session, actor, data.reply_asset_id, pointer="/reply_asset_id")
        critique.reply_asset_id = data.reply_asset_id
    critique.version += 1
    critique.updated_at = now()
    write_event(session, critique, "written", version=critique.version)
    await session.flush()


async def check_video(session: AsyncSession, actor: Actor, asset_id: UUID | None, *, pointer: str) -> None:
    """Let a video through in which the actor says something of a take; it may still be on its way.

    Raises:
        InvalidError: there is no such video of theirs.
        ConflictError: it failed, or was deleted.
    """
    if asset_id is None:
        return
    asset = await session.get(Asset, (actor.org_id, asset_id))
    if asset is None or asset.owner_id != actor.person_id or asset.purpose != "critique_reply":
        raise InvalidError("There is no video of yours with this id that was uploaded as a reply.", pointer=pointer)
    if asset.state in LOST:
        raise ConflictError("This video failed. Record it again.", code="asset-failed", state=asset.state)


def _write_words(critique: Critique, data: CritiquePatch) -> None:
    if data.summary is not UNSET:
        critique.summary = data.summary
    if data.strengths is not UNSET:
        critique.strengths = data.strengths
    if data.decision is not UNSET:
        if data.decision is not None and critique.perspective != "manager":
            raise InvalidError("Only a manager's critique decides.", pointer="/decision")
        critique.decision = data.decision


async def _merge_scores(session: AsyncSession, critique: Critique, sent: list[ScoreIn]) -> None:
    rubrics = await scoring_rubrics(session, critique.org_id, [critique.rubric_version_id])
    criteria = {criterion.id: criterion for criterion in rubrics[critique.rubric_version_id].criteria}
    scores = (await scores_of(session, critique.org_id, [critique.id])).get(critique.id, {})
    if len({one.criterion_id for one in sent}) != len(sent):
        raise InvalidError("Each criterion is scored once.", pointer="/scores")
    for place, one in enumerate(sent):
        pointer = f"/scores/{place}"
        criterion = criteria.get(one.criterion_id)
        if criterion is None:
            raise InvalidError("The rubric version has no such criterion.", pointer=f"{pointer}/criterion_id")
        _check_score(one, criterion, pointer)
        await _merge_score(session, critique, scores, one, pointer)


def _check_score(one: ScoreIn, criterion: ScoringCriterion, pointer: str) -> None:
    level_id = None if one.level_id is UNSET else one.level_id
    if one.not_applicable and level_id is not None:
        raise InvalidError("Say a level or not_applicable, not both.", pointer=f"{pointer}/not_applicable")
    if one.not_applicable and not criterion.allow_na:
        raise InvalidError(f"{criterion.title} always applies.", pointer=f"{pointer}/not_applicable")
    if level_id is not None and level_id not in {level.id for level in criterion.levels}:
        raise InvalidError("The criterion has no such level.", pointer=f"{pointer}/level_id")


async def _merge_score(
    session: AsyncSession, critique: Critique, scores: dict[UUID, Score], one: ScoreIn, pointer: str
) -> None:
    score = scores.get(one.criterion_id)
    if one.level_id is None and not one.not_applicable:
        if score is not None:
            await session.delete(scores.pop(one.criterion_id))
        return
    if score is None:
        if one.level_id is UNSET and not one.not_applicable:
            raise InvalidError("Say a level_id, or not_applicable.", pointer=f"{pointer}/level_id")
        score = Score(org_id=critique.org_id, critique_id=critique.id, criterion_id=one.criterion_id)
        scores[one.criterion_id] = score
        session.add(score)
    if one.level_id is not UNSET or one.not_applicable:
        score.level_id = None if one.level_id is UNSET else one.level_id
        score.not_applicable = one.not_applicable
    if one.comment is not UNSET:
        score.comment = one.comment


async def _replace_next_steps(session: AsyncSession, critique: Critique, sent: list[NextStepIn]) -> None:
    take = await session.get_one(Take, (critique.org_id, critique.take_id))
    await _check_skills(session, critique.org_id, sent)
    there = {
        step.id: step
        for step in await session.scalars(
            select(NextStep).where(NextStep.org_id == critique.org_id, NextStep.critique_id == critique.id)
        )
    }
    await _check_ids_free(session, critique.org_id, [one.id for one in sent if one.id and one.id not in there])
    for position, one in enumerate(sent):
        step = there.pop(one.id, None) if one.id else None
        if step is None:
            step = NextStep(org_id=critique.org_id, id=one.id or new_id(), critique_id=critique.id)
            step.person_id = take.person_id
            session.add(step)
        elif step.text != one.text:
            step.outcome = step.outcome_at = step.reported_outcome = step.reported_at = None
            step.report_note = ""  # what was said was said of other words
        if step.due_at != one.due_at:
            step.due_told_at = None
        step.position, step.skill_id, step.text, step.due_at = position, one.skill_id, one.text, one.due_at
    for gone in there.values():
        await session.delete(gone)


async def _check_skills(session: AsyncSession, org_id: UUID, sent: list[NextStepIn]) -> None:
    wanted = {one.skill_id for one in sent}
    known = set(await session.scalars(select(Skill.id).where(Skill.org_id == org_id, Skill.id.in_(wanted))))
    for place, one in enumerate(sent):
        if one.skill_id not in known:
            raise InvalidError("There is no skill with this id.", pointer=f"/next_steps/{place}/skill_id")
    named = [one.id for one in sent if one.id]
    if len(named) != len(set(named)):
        raise InvalidError("Each next step has an id of its own.", pointer="/next_steps")


async def _check_ids_free(session: AsyncSession, org_id: UUID, ids: list[UUID]) -> None:
    taken = await session.scalar(select(NextStep.id).where(NextStep.org_id == org_id, NextStep.id.in_(ids)).limit(1))
    if taken is not None:
        raise ConflictError("This id has been used already. Make a new one.", code="id-taken")


async def _replace_follow_ups(session: AsyncSession, actor: Actor, critique: Critique, sent: list[FollowUpIn]) -> None:
    of_critique = (FollowUp.org_id == critique.org_id) & (FollowUp.critique_id == critique.id)
    known = set(await session.scalars(select(FollowUp.next_step_id).where(of_critique)))
    take = await session.get_one(Take, (critique.org_id, critique.take_id))
    known |= {step.id for step in (await steps_to_ask_about(session, actor, [take]))[take.id]}
    for place, one in enumerate(sent):
        if one.next_step_id not in known:
            raise InvalidError("This is not an open next step.", pointer=f"/follow_ups/{place}/next_step_id")
    if len({one.next_step_id for one in sent}) != len(sent):
        raise InvalidError("Each next step is asked about once.", pointer="/follow_ups")
    await session.execute(delete(FollowUp).where(of_critique))
    for one in sent:
        session.add(
            FollowUp(
                org_id=critique.org_id,
                critique_id=critique.id,
                next_step_id=one.next_step_id,
                outcome=one.outcome,
                comment=one.comment,
            )
        )
