from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.takes.schemas import ResponseIn, TakeIn
from media import asked
from media.problems import PROBLEMS
from models.asset import Asset, Upload
from models.base import now
from models.challenge import Assignment, Challenge, Prompt
from models.errors import ConflictError, IllegalMoveError, InvalidError, NotFoundError
from models.event import write_event
from models.ids import new_id
from models.submission import HANDED_IN, LOST, OPEN_TO_TAKES, check_due, is_used
from models.take import Response, Take
from models.timed import check_in_time, start_clock


async def start_take(
    session: AsyncSession,
    actor: Actor,
    assignment: Assignment,
    data: TakeIn,
    unchanged: Callable[[], Awaitable[None]],
) -> tuple[Take, bool]:
    """Return the open draft, or a new one, and whether it is new. The assignment's row is locked.

    Raises:
        PreconditionFailedError: by `unchanged`: the assignment is not as the client saw it, and there is no draft.
        IllegalMoveError: the assignment is not to be answered now.
        ConflictError: no takes are left, there are no practice takes, or it would be late and not accepted.
    """
    if found := await existing(session, actor, Take, data.id, made_by="person_id"):
        return found, False
    if draft := await _open_draft(session, assignment, practice=data.practice):
        return draft, False
    await unchanged()
    challenge = await session.get_one(Challenge, (assignment.org_id, assignment.challenge_id))
    _check_open(assignment, challenge)
    if data.practice:
        _check_practice(assignment, challenge)
    else:
        await _check_takes_left(session, assignment, challenge)
        await check_due(session, assignment, at=now())
    take = await _new_take(session, assignment, data)
    if not take.practice:
        await start_clock(session, take, challenge)
    if not take.practice and assignment.state == "open":
        assignment.move("in_progress")
        assignment.version += 1
    await session.flush()
    return take, True


async def _open_draft(session: AsyncSession, assignment: Assignment, *, practice: bool) -> Take | None:
    found: Take | None = await session.scalar(
        select(Take).where(
            Take.org_id == assignment.org_id,
            Take.assignment_id == assignment.id,
            Take.practice.is_(practice),
            Take.state == "draft",
        )
    )
    return found


def _check_open(assignment: Assignment, challenge: Challenge) -> None:
    if assignment.state == "scheduled" and assignment.opens_at and assignment.opens_at <= now():
        assignment.move("open")
    if assignment.state not in OPEN_TO_TAKES or challenge.state != "published":
        state = assignment.state if assignment.state not in OPEN_TO_TAKES else challenge.state
        raise IllegalMoveError(f"This assignment is {state.replace('_', ' ')}; it takes no new take.", state=state)


def _check_practice(assignment: Assignment, challenge: Challenge) -> None:
    if not challenge.practice_allowed:
        raise ConflictError(
            "This challenge has no practice takes. Start the one that counts.",
            code="practice-not-allowed",
            state=assignment.state,
        )


async def _check_takes_left(session: AsyncSession, assignment: Assignment, challenge: Challenge) -> None:
    if challenge.max_takes is None:
        return
    allowed = challenge.max_takes + assignment.extra_takes
    used = await session.scalar(
        select(func.count()).where(Take.org_id == assignment.org_id, Take.assignment_id == assignment.id, is_used(Take))
    )
    if (used or 0) >= allowed:
        raise ConflictError(f"All {allowed} takes have been submitted.", code="no-takes-left", state=assignment.state)


async def grant_take(session: AsyncSession, assignment: Assignment) -> None:
    """Allow one more take than the challenge does. The assignment's row is locked.

    A timed take whose time was over before anything was recorded makes room for it.

    Raises:
        IllegalMoveError: the assignment takes none now.
        ConflictError: a take is under way.
    """
    if assignment.state not in OPEN_TO_TAKES:
        state = assignment.state
        raise IllegalMoveError(f"This assignment is {state.replace('_', ' ')}; it takes no new take.", state=state)
    draft = await _open_draft(session, assignment, practice=False)
    if draft is not None and draft.closes_at is not None:
        await session.refresh(draft, with_for_update={"key_share": True})
        if draft.state == "draft" and draft.lapsed_at is None:
            raise ConflictError("A timed take is under way.", code="take-under-way", state=assignment.state)
        if draft.state == "draft":
            draft.move("discarded")
    assignment.extra_takes += 1
    assignment.version += 1
    write_event(session, assignment, "take_granted", extra_takes=assignment.extra_takes)
    await session.flush()


async def _new_take(session: AsyncSession, assignment: Assignment, data: TakeIn) -> Take:
    last = await session.scalar(
        select(func.max(Take.number)).where(
            Take.org_id == assignment.org_id,
            Take.assignment_id == assignment.id,
            Take.practice.is_(data.practice),
        )
    )
    take = Take(
        org_id=assignment.org_id,
        id=data.id or new_id(),
        assignment_id=assignment.id,
        challenge_id=assignment.challenge_id,
        person_id=assignment.person_id,
        team_id=assignment.team_id,
        number=(last or 0) + 1,
        practice=data.practice,
    )
    session.add(take)
    return take


async def put_response(session: AsyncSession, take: Take, prompt_id: UUID, data: ResponseIn) -> None:
    """Answer a prompt with a video of one's own, in a draft, or in place of one that failed.

    Raises:
        InvalidError: it is not a response video of this person, or not what the prompt asks for.
        NotFoundError: the challenge has no such prompt.
        ConflictError: the video failed, or this response may not change any more.
    """
    asset = await _own_asset(session, take, data.asset_id)
    await session.refresh(take, with_for_update={"key_share": True})
    prompt = await session.get(Prompt, (take.org_id, prompt_id))
    if prompt is None or prompt.challenge_id != take.challenge_id:
        raise NotFoundError("There is no prompt with this id in this challenge.")
    response = await _response(session, take, prompt_id)
    if response is not None and response.asset_id == asset.id:
        return
    await _check_replaceable(session, take, response, asset)
    if asset.state in LOST:
        raise ConflictError("This video failed; it cannot answer a prompt.", code="asset-failed", state=asset.state)
    await _check_asked(session, asset, prompt)
    if response is None:
        session.add(Response(org_id=take.org_id, take_id=take.id, prompt_id=prompt_id, asset_id=asset.id))
    else:
        response.asset_id, response.updated_at = asset.id, now()
    write_event(session, take, "response_put", prompt_id=prompt_id, asset_id=asset.id)
    await session.flush()


async def _own_asset(session: AsyncSession, take: Take, asset_id: UUID) -> Asset:
    """Share its lock: assets come before takes in the order of locks, and the foreign key will want it."""
    asset = await session.scalar(
        select(Asset)
        .where(
            Asset.org_id == take.org_id,
            Asset.id == asset_id,
            Asset.owner_id == take.person_id,
            Asset.purpose == "response",
        )
        .with_for_update(read=True)
    )
    if asset is None:
        raise InvalidError("There is no response video of yours with this id.", pointer="/asset_id")
    return asset


async def _check_asked(session: AsyncSession, asset: Asset, prompt: Prompt) -> None:
    """Hold a video that was looked at against what is asked; one that was not is, when the worker looks at it."""
    if asset.duration_ms is None:
        mine = (Upload.org_id == asset.org_id) & (Upload.asset_id == asset.id)
        await session.execute(update(Upload).where(mine).values(prompt_id=prompt.id))
        return
    code = asked.refusal(
        duration_ms=asset.duration_ms,
        audio_only=asset.audio_only,
        max_duration_ms=prompt.max_duration_ms,
        audio_allowed=prompt.audio_allowed,
    )
    if code is not None:
        raise InvalidError(PROBLEMS[code].message, pointer="/asset_id")


async def _response(session: AsyncSession, take: Take, prompt_id: UUID) -> Response | None:
    found: Response | None = await session.scalar(
        select(Response).where(
            Response.org_id == take.org_id, Response.take_id == take.id, Response.prompt_id == prompt_id
        )
    )
    return found


async def _check_replaceable(session: AsyncSession, take: Take, response: Response | None, asset: Asset) -> None:
    if take.state == "needs_replacement" and response is not None and response.failed_at is not None:
        return
    if take.state == "draft" or _is_missing(take, response):
        challenge = await session.get_one(Challenge, (take.org_id, take.challenge_id))
        check_in_time(take, challenge, asset)
        return
    if take.state == "needs_replacement":
        raise ConflictError(
            "Only the responses that failed may be replaced.", code="response-not-failed", state=take.state
        )
    raise IllegalMoveError(
        f"This take is {take.state.replace('_', ' ')}; its responses stay as they are.", state=take.state
    )


def _is_missing(take: Take, response: Response | None) -> bool:
    """Tell whether a timed take was handed in without this one, and nobody has looked at it yet."""
    handed_in = take.state in {"submitting", "submitted", "needs_replacement"}
    return handed_in and response is None and take.lapsed_at is not None and take.opened_at is None


def opens(actor: Actor, person_id: UUID, opened_at: datetime | None) -> bool:
    """Return whether to look at a take now opens it."""
    return person_id != actor.person_id and opened_at is None


async def open_take(session: AsyncSession, actor: Actor, take: Take) -> None:
    """Note that a reviewer has seen it: from then on its rep cannot withdraw it.

    Raises:
        NotFoundError: its rep withdrew it at this moment.
    """
    if not opens(actor, take.person_id, take.opened_at):
        return
    # No stronger than the loader's lock of it: to make one stronger, one waits behind who waits for this one.
    await session.refresh(take, with_for_update={"key_share": True})
    if take.state not in HANDED_IN:
        raise NotFoundError("There is no take with this id here.")
    if take.opened_at is None:
        take.opened_at = now()
        write_event(session, take, "opened")
