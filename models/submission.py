"""Submitting: how a take moves with the bytes of its responses, and how its assignment follows.

Rows are locked in one order, so that two devices and the worker never wait for each other in a circle: assets,
then the assignment, then its takes. No lock keeps others from writing rows that point at these (FOR NO KEY UPDATE):
whoever holds a take and changes it twice has its assignment looked for again, and would wait in such a circle.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge, ModelAnswer, Prompt
from models.critique import Critique
from models.errors import ConflictError, IllegalMoveError
from models.event import write_event
from models.reviewing import name_first, promise
from models.take import Response, Take

# A take in one of these has been handed in: it counts against max_takes, and reviewers see it.
HANDED_IN = ("submitting", "submitted", "needs_replacement", "reviewed")
# An asset in one of these will not become a video.
LOST = ("failed", "deleted")
# An assignment in one of these takes one more.
OPEN_TO_TAKES = ("open", "in_progress", "retake", "submitted")
# An assignment at rest; what it goes back to is kept in resume_state.
RESTING = ("excused", "closed")


async def submit(session: AsyncSession, take: Take, *, note: str | None, confidence: float | None) -> None:
    """Hand a take in; bytes may still be on their way. Done again, it changes nothing.

    A take that needs a replacement keeps its number and its time.

    Raises:
        ConflictError: it is a practice take, or prompts in `missing` have no response, or one that failed; or it is
            late, which its challenge does not accept.
        IllegalMoveError: the take, or its assignment, is past handing in.
    """
    await hold_assets(session, take)
    assignment = await lock(session, take)
    if take.state in {"submitting", "submitted", "reviewed"}:
        return
    if take.practice:
        raise ConflictError("A practice take is yours alone; it cannot be submitted.", code="practice-take")
    if take.state == "draft":
        if assignment.state not in OPEN_TO_TAKES:
            raise _closed(assignment)
        await check_due(session, assignment, at=take.created_at if take.closes_at else now())
    arrived = await _check_responses(session, take)
    take.note = take.note if note is None else note
    take.confidence = take.confidence if confidence is None else confidence
    await _clear_failures(session, take)
    await hand_in(session, take, assignment, arrived=arrived, at=take.submitted_at or now())


async def hand_in(session: AsyncSession, take: Take, assignment: Assignment, *, arrived: bool, at: datetime) -> None:
    """Move a take that may be, and its assignment, whose rows are locked. `arrived`: no bytes are on their way."""
    take.move("submitted" if arrived else "submitting")
    take.submitted_at = at
    await name_first(session, take)
    if arrived:
        await promise(session, take)
    if assignment.current_take_id is None or await _is_newest(session, take):
        if assignment.current_take_id != take.id:
            assignment.version += 1  # who saw the assignment before has not seen this take
        assignment.current_take_id = take.id
        follow(assignment, "submitted")
    await session.flush()


async def check_due(session: AsyncSession, assignment: Assignment, *, at: datetime) -> None:
    """Raise ConflictError where it was due before `at`, and its challenge takes nothing late.

    A retake is asked for after the due time as a rule, and is taken; a timed take counts from when it was started.
    """
    if assignment.due_at is None or at <= assignment.due_at or assignment.state == "retake":
        return
    challenge = await session.get_one(Challenge, (assignment.org_id, assignment.challenge_id))
    if not challenge.late_accepted:
        raise ConflictError(
            "The due time has passed, and nothing is accepted late. What you have recorded stays here; your manager "
            "can give you more time.",
            code="late-refused",
            state=assignment.state,
            due_at=assignment.due_at.isoformat(),
        )


def is_used(take: Any) -> ColumnElement[bool]:
    """Return whether a take, or an alias of it, counts against max_takes.

    What was handed in does. So does a timed one since it was started, and one that was withdrawn after its person may
    have seen the model answer.
    """
    shown = exists().where(ModelAnswer.org_id == take.org_id, ModelAnswer.challenge_id == take.challenge_id)
    return and_(
        take.practice.is_(False),
        or_(
            take.state.in_(HANDED_IN),
            take.closes_at.is_not(None),
            and_(take.state == "withdrawn", shown),
        ),
    )


async def withdraw(session: AsyncSession, take: Take) -> None:
    """Take a submission back, as long as no reviewer has opened it. Done again, it changes nothing.

    Raises:
        ConflictError: a reviewer has opened it, or it is timed.
        IllegalMoveError: it was not handed in, or has been reviewed.
    """
    assignment = await lock(session, take)
    if take.state == "withdrawn":
        return
    if take.opened_at is not None and take.state in HANDED_IN:
        raise ConflictError("A reviewer has opened this take already.", code="take-opened", state=take.state)
    _check_untimed(take)
    take.move("withdrawn")
    await _fall_back(session, assignment)


async def discard(session: AsyncSession, take: Take) -> None:
    """Throw a draft away. Done again, it changes nothing.

    Raises:
        IllegalMoveError: it is not a draft.
        ConflictError: it is timed.
    """
    assignment = await lock(session, take)
    if take.state == "discarded":
        return
    _check_untimed(take)
    take.move("discarded")
    if not take.practice and assignment.state == "in_progress":
        await _fall_back(session, assignment)
    await session.flush()


def _check_untimed(take: Take) -> None:
    if take.closes_at is not None:
        raise ConflictError(
            "This take is timed and counts from when it was started. It cannot be taken back.",
            code="timed-take",
            state=take.state,
        )


async def asset_arrived(session: AsyncSession, asset: Asset) -> None:
    """Submit the takes that were waiting for these bytes and wait for no others. It may run twice."""
    for take in await _takes_with(session, asset, "submitting"):
        states = await _asset_states(session, take)
        if "uploading" not in states.values():
            take.move("submitted")
            await promise(session, take)
    await session.flush()


async def asset_plays(session: AsyncSession, asset: Asset) -> None:
    """Tell those who review takes that were handed in with this video that it can be watched by now."""
    uses = select(Response.take_id).where(Response.org_id == asset.org_id, Response.asset_id == asset.id)
    query = select(Take).where(Take.org_id == asset.org_id, Take.id.in_(uses), Take.state.in_(HANDED_IN))
    for take in await session.scalars(query):
        write_event(session, take, "video_plays", asset_id=asset.id)


async def asset_failed(session: AsyncSession, asset: Asset) -> None:
    """Ask the rep to replace what failed in takes that were handed in. It may run twice."""
    await _lock_assignments(session, asset)
    for take in await _takes_with(session, asset, "submitting", "submitted", "needs_replacement"):
        await _mark_failed(session, take, asset)
        if take.state == "needs_replacement":
            continue
        take.move("needs_replacement")
        assignment = await session.get_one(Assignment, (take.org_id, take.assignment_id))
        if assignment.current_take_id == take.id:
            follow(assignment, "in_progress")
    await session.flush()


def follow(assignment: Assignment, to: str) -> None:
    """Move an assignment, or remember where it would be when it is excused or closed.

    What was accepted stays done, whatever becomes of takes beside it: only a retake is asked for after that.
    """
    present = assignment.resume_state if assignment.state in RESTING else assignment.state
    if present == "done" and to != "retake":
        return
    if assignment.state in RESTING:
        assignment.resume_state = to
    elif assignment.state != to:
        assignment.move(to)
        assignment.version += 1


async def lock(session: AsyncSession, take: Take) -> Assignment:
    """Lock the assignment of a take, then the take, and read both as they are now."""
    key = (take.org_id, take.assignment_id)
    assignment = await session.get_one(Assignment, key, with_for_update={"key_share": True}, populate_existing=True)
    await session.refresh(take, with_for_update={"key_share": True})
    return assignment


def _closed(assignment: Assignment) -> IllegalMoveError:
    return IllegalMoveError(
        f"This assignment is {assignment.state.replace('_', ' ')}; no take can be handed in.", state=assignment.state
    )


async def _check_responses(session: AsyncSession, take: Take) -> bool:
    """Return whether all bytes are there."""
    prompts = await session.scalars(
        select(Prompt.id)
        .where(Prompt.org_id == take.org_id, Prompt.challenge_id == take.challenge_id)
        .order_by(Prompt.position)
    )
    states = await _asset_states(session, take)
    wanted = list(prompts)
    if take.lapsed_at is not None:  # its time was over before all were answered
        wanted = [prompt for prompt in wanted if prompt in states] or wanted
    if missing := [prompt for prompt in wanted if prompt not in states]:
        raise _incomplete("Some prompts have no response yet.", "responses-missing", missing, take)
    if lost := [prompt for prompt in wanted if states[prompt] in LOST]:
        raise _incomplete("Some responses failed. Record them again.", "responses-failed", lost, take)
    return all(states[prompt] != "uploading" for prompt in wanted)


def _incomplete(detail: str, code: str, prompts: Sequence[UUID], take: Take) -> ConflictError:
    return ConflictError(detail, code=code, missing=[str(prompt) for prompt in prompts], state=take.state)


async def _asset_states(session: AsyncSession, take: Take) -> dict[UUID, str]:
    """By prompt."""
    rows = await session.execute(
        select(Response.prompt_id, Asset.state)
        .join(Asset, (Asset.org_id == Response.org_id) & (Asset.id == Response.asset_id))
        .where(Response.org_id == take.org_id, Response.take_id == take.id)
    )
    return {row.prompt_id: row.state for row in rows}


async def hold_assets(session: AsyncSession, take: Take, more: Collection[UUID] = ()) -> None:
    """Hold the states of a take's assets still, or an upload could complete unseen between reading and moving.

    `more` are held with them: what may answer it next.
    """
    held: set[UUID] = set()
    while wanted := {*more, *await _assets_of(session, take)} - held:
        await session.execute(
            select(Asset.id)
            .where(Asset.org_id == take.org_id, Asset.id.in_(wanted))
            .order_by(Asset.id)
            .with_for_update(read=True)
        )
        held |= wanted


async def _assets_of(session: AsyncSession, take: Take) -> Iterable[UUID]:
    return await session.scalars(
        select(Response.asset_id).where(Response.org_id == take.org_id, Response.take_id == take.id)
    )


async def _lock_assignments(session: AsyncSession, asset: Asset) -> None:
    used = (
        select(Take.assignment_id)
        .join(Response, (Response.org_id == Take.org_id) & (Response.take_id == Take.id))
        .where(Take.org_id == asset.org_id, Response.asset_id == asset.id)
    )
    await session.scalars(
        select(Assignment)
        .where(Assignment.org_id == asset.org_id, Assignment.id.in_(used))
        .order_by(Assignment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def _takes_with(session: AsyncSession, asset: Asset, *states: str) -> Sequence[Take]:
    uses = (
        select(Response.take_id).where(Response.org_id == asset.org_id, Response.asset_id == asset.id).scalar_subquery()
    )
    rows = await session.scalars(
        select(Take)
        .where(Take.org_id == asset.org_id, Take.id.in_(uses), Take.state.in_(states))
        .order_by(Take.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def _mark_failed(session: AsyncSession, take: Take, asset: Asset) -> None:
    rows = await session.scalars(
        select(Response).where(
            Response.org_id == take.org_id, Response.take_id == take.id, Response.asset_id == asset.id
        )
    )
    for response in rows:
        response.failed_at = now()


async def _clear_failures(session: AsyncSession, take: Take) -> None:
    of_take = (Response.org_id == take.org_id) & (Response.take_id == take.id)
    await session.execute(update(Response).where(of_take, Response.failed_at.is_not(None)).values(failed_at=None))


async def _is_newest(session: AsyncSession, take: Take) -> bool:
    newer = select(Take.id).where(
        Take.org_id == take.org_id,
        Take.assignment_id == take.assignment_id,
        Take.practice.is_(False),
        Take.state.in_(HANDED_IN),
        Take.number > take.number,
    )
    return (await session.execute(newer.limit(1))).first() is None


async def _fall_back(session: AsyncSession, assignment: Assignment) -> None:
    """Put an assignment where its remaining takes say it is."""
    await session.flush()
    newest = await session.scalar(
        select(Take)
        .where(
            Take.org_id == assignment.org_id,
            Take.assignment_id == assignment.id,
            Take.practice.is_(False),
            Take.state.in_((*HANDED_IN, "draft")),
        )
        # A draft is what is being worked on only where nothing has been handed in.
        .order_by((Take.state == "draft").asc(), Take.number.desc())
        .limit(1)
    )
    handed_in = newest is not None and newest.state != "draft"
    assignment.current_take_id = newest.id if newest is not None and handed_in else None
    follow(assignment, await _state_after(session, newest))
    await session.flush()


async def _state_after(session: AsyncSession, newest: Take | None) -> str:
    if newest is None:
        return "open"
    if newest.state in {"draft", "needs_replacement"}:
        return "in_progress"
    decision = await session.scalar(
        select(Critique.decision)
        .where(
            Critique.org_id == newest.org_id,
            Critique.take_id == newest.id,
            Critique.state == "published",
            Critique.decision.is_not(None),
        )
        .order_by(Critique.published_at.desc())
        .limit(1)
    )
    return {"retake": "retake", "pass": "done"}.get(decision or "", "submitted")
