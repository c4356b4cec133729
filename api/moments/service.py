from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from msgspec import UNSET
from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from api.auth import Actor
from api.creation import existing
from api.critiques.service import may_be_judged
from api.drafts import service as drafts
from api.etags import tagged
from api.moments.schemas import MomentIn, MomentOut, MomentPatch
from api.policy import visible
from api.refs import PersonRef
from api.takes.representation import names_of
from api.takes.service import open_take
from models.asset import Asset
from models.challenge import Challenge, Prompt
from models.conversation import DraftVersion, MomentReply
from models.critique import Critique, Moment
from models.errors import ConflictError, DomainError, IllegalMoveError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.rubric import Criterion
from models.take import Response as TakeResponse
from models.take import Take


async def add_moment(session: AsyncSession, actor: Actor, take: Take, data: MomentIn) -> tuple[Moment, bool]:
    """Return the remark and whether it is new. The take's row is locked.

    Raises:
        IllegalMoveError: the take is not there to be judged, or the critique is not a draft.
        InvalidError: the prompt, the range, the critique or the criterion does not belong to the take.
    """
    if found := await existing(session, actor, Moment, data.id, made_by="author_id"):
        return found, False
    if take.state not in may_be_judged(actor, take):
        raise IllegalMoveError(
            f"This take is {take.state.replace('_', ' ')}; it is not there to be remarked on.", state=take.state
        )
    await open_take(session, actor, take)
    critique = await _my_draft(session, actor, take, data.critique_id)
    moment = Moment(
        org_id=take.org_id,
        id=data.id or new_id(),
        take_id=take.id,
        prompt_id=data.prompt_id,
        critique_id=critique.id if critique else None,
        author_id=actor.person_id,
        start_ms=data.start_ms,
        end_ms=data.end_ms,
        body=data.body,
        tone=data.tone,
        criterion_id=data.criterion_id,
        market_signal=data.market_signal,
    )
    await _check(session, moment, take, critique)
    session.add(moment)
    write_event(session, moment, "added", about=critique or take)
    await session.flush()
    return moment, True


async def unless_refused(
    session: AsyncSession, actor: Actor, request: Request[Any, Any, Any], moment: Moment, data: MomentPatch
) -> Response[Any] | None:
    """Return the answer to a change that cannot be made; None where it can. The moment's row is locked.

    What it says is kept, and returned beside what is there. What stands there already is no conflict.
    """
    behind = await drafts.stale(request, moment.version, must_name=False)
    error = await _late(session, moment, data) or behind
    if error is None:
        return None
    present = await moment_out(session, actor, moment)
    if behind and _said(data) and all(getattr(present, name) == value for name, value in _said(data)):
        return Response(present, headers=tagged(moment.version))
    if behind:
        error.facts["current"] = present
    return await drafts.refuse(session, actor, request, moment, data, error)


async def _late(session: AsyncSession, moment: Moment, data: MomentPatch) -> DomainError | None:
    if _is_tag(data):
        return None
    critique = await _critique_of(session, moment)
    return None if critique is None or critique.state == "draft" else _published(critique)


def _said(data: MomentPatch) -> list[tuple[str, Any]]:
    return [(name, value) for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET]


def _is_tag(data: MomentPatch) -> bool:
    """Whether a patch is about the market, and not about who is judged."""
    return {name for name, _ in _said(data)} <= {"market_signal"}


async def change_moment(
    session: AsyncSession, actor: Actor, moment: Moment, data: MomentPatch, *, blindly: bool = False
) -> None:
    """Change a remark, whose row is locked, unless it has been published with its critique.

    A text that is replaced `blindly`, without saying which version was seen, is kept.
    """
    tag = _is_tag(data)
    critique = await _critique_of(session, moment) if tag else await draft_of(session, moment)
    take = await session.get_one(Take, (moment.org_id, moment.take_id))
    before = {name: getattr(moment, name) for name, _ in _said(data)}
    if blindly and before.get("body", data.body) != data.body:
        await drafts.keep(session, actor, moment, {"body": moment.body}, "replaced", moment.version)
    for name, value in _said(data):
        setattr(moment, name, value)
    moment.version += 1
    if not tag:
        with session.no_autoflush:
            await _check(session, moment, take, critique)
    write_event(session, moment, "changed", about=critique or take)
    await session.flush()


async def restore_moment(session: AsyncSession, actor: Actor, moment: Moment, row: DraftVersion) -> None:
    """Write what was kept into a remark, whose row is locked; what it replaces is kept in its turn.

    Raises:
        NotFoundError: it was kept of another remark.
        IllegalMoveError: the remark is published.
        InvalidError: something of it does not fit any more.
    """
    drafts.check_of(row, moment)
    data = msgspec.convert(row.content, MomentPatch)
    there = MomentPatch(**{name: getattr(moment, name) for name in row.content})
    await change_moment(session, actor, moment, data)
    await drafts.keep(session, actor, moment, drafts.content_of(there), "replaced", moment.version - 1)


async def remove_moment(session: AsyncSession, moment: Moment) -> None:
    """Remove a remark, whose row is locked.

    Raises:
        IllegalMoveError: its critique is published.
        ConflictError: somebody has answered it, and their words would go with it.
    """
    critique = await draft_of(session, moment)
    take = await session.get_one(Take, (moment.org_id, moment.take_id))
    answered = exists().where(
        MomentReply.org_id == moment.org_id,
        MomentReply.moment_id == moment.id,
        MomentReply.author_id != moment.author_id,
    )
    if await session.scalar(select(answered)):
        raise ConflictError("This remark has been answered. Mark it as resolved instead.", code="moment-answered")
    write_event(session, moment, "removed", about=critique or take)
    await session.delete(moment)
    await session.flush()


async def draft_of(session: AsyncSession, moment: Moment) -> Critique | None:
    """Return the draft a remark belongs to, if any, held still.

    Raises:
        IllegalMoveError: its critique is published; what was published is superseded, never edited.
    """
    critique = await _critique_of(session, moment)
    if critique is not None:
        _check_draft(critique)
    return critique


def _check_draft(critique: Critique) -> None:
    if critique.state != "draft":
        raise _published(critique)


def _published(critique: Critique) -> IllegalMoveError:
    return IllegalMoveError(f"This critique is {critique.state}; its remarks stay as they are.", state=critique.state)


async def _critique_of(session: AsyncSession, moment: Moment) -> Critique | None:
    """Return the critique a remark belongs to, if any, held still."""
    if moment.critique_id is None:
        return None
    return await session.get_one(Critique, (moment.org_id, moment.critique_id), with_for_update={"read": True})


async def _my_draft(session: AsyncSession, actor: Actor, take: Take, critique_id: UUID | None) -> Critique | None:
    if critique_id is None:
        return None
    critique = await session.get(Critique, (take.org_id, critique_id), with_for_update={"read": True})
    if critique is None or critique.take_id != take.id or critique.reviewer_id != actor.person_id:
        raise InvalidError("There is no critique of yours with this id on this take.", pointer="/critique_id")
    _check_draft(critique)
    return critique


async def _check(session: AsyncSession, moment: Moment, take: Take, critique: Critique | None) -> None:
    prompt = await session.get(Prompt, (take.org_id, moment.prompt_id))
    if prompt is None or prompt.challenge_id != take.challenge_id:
        raise InvalidError("The challenge has no such prompt.", pointer="/prompt_id")
    if moment.end_ms is not None and moment.end_ms <= moment.start_ms:
        raise InvalidError("A remark ends after it starts.", pointer="/end_ms")
    duration_ms = await _duration_ms(session, take, prompt)
    if duration_ms is not None and moment.start_ms >= duration_ms:
        raise InvalidError(f"The video is {duration_ms} ms long.", pointer="/start_ms")
    if duration_ms is not None and moment.end_ms is not None and moment.end_ms > duration_ms:
        raise InvalidError(f"The video is {duration_ms} ms long.", pointer="/end_ms")
    if moment.criterion_id is not None:
        await _check_criterion(session, moment.criterion_id, take, critique)


async def _duration_ms(session: AsyncSession, take: Take, prompt: Prompt) -> int | None:
    found: int | None = await session.scalar(
        select(Asset.duration_ms)
        .join(TakeResponse, (TakeResponse.org_id == Asset.org_id) & (TakeResponse.asset_id == Asset.id))
        .where(
            TakeResponse.org_id == take.org_id,
            TakeResponse.take_id == take.id,
            TakeResponse.prompt_id == prompt.id,
        )
    )
    return found


async def _check_criterion(session: AsyncSession, criterion_id: UUID, take: Take, critique: Critique | None) -> None:
    challenge = await session.get_one(Challenge, (take.org_id, take.challenge_id))
    version_id = critique.rubric_version_id if critique else challenge.rubric_version_id
    criterion = await session.get(Criterion, (take.org_id, criterion_id))
    if criterion is None or criterion.rubric_version_id != version_id:
        raise InvalidError("The rubric version has no such criterion.", pointer="/criterion_id")


def of_take(actor: Actor, take: Take) -> Select[Moment]:
    """Return the query of the remarks on a take: of drafts the actor's own, of critiques those in force."""
    critique = aliased(Critique)  # visibility has a Critique of its own
    in_force = or_(Moment.critique_id.is_(None), critique.state.in_(("draft", "published")))
    return (
        select(Moment)
        .outerjoin(critique, (critique.org_id == Moment.org_id) & (critique.id == Moment.critique_id))
        .where(visible(actor, Moment), Moment.take_id == take.id, in_force)
    )


async def moment_out(session: AsyncSession, actor: Actor, moment: Moment) -> MomentOut:
    return (await moment_outs(session, actor, [moment]))[0]


async def moment_outs(session: AsyncSession, actor: Actor, moments: Sequence[Moment]) -> list[MomentOut]:
    people = {moment.author_id for moment in moments} | {one.resolved_by for one in moments if one.resolved_by}
    names = await names_of(session, actor.org_id, people)
    replies = await _replies(session, actor.org_id, {moment.thread for moment in moments})
    return [_out(moment, names, replies.get(moment.thread, 0)) for moment in moments]


async def _replies(session: AsyncSession, org_id: UUID, threads: set[UUID]) -> dict[UUID, int]:
    rows = await session.execute(
        select(MomentReply.moment_id, func.count())
        .where(MomentReply.org_id == org_id, MomentReply.moment_id.in_(threads))
        .group_by(MomentReply.moment_id)
    )
    return {row[0]: row[1] for row in rows}


def _out(moment: Moment, names: dict[UUID, str], replies: int) -> MomentOut:
    resolver = moment.resolved_by
    return MomentOut(
        moment.id,
        moment.take_id,
        moment.prompt_id,
        moment.critique_id,
        PersonRef(moment.author_id, names[moment.author_id]),
        moment.start_ms,
        moment.end_ms,
        moment.body,
        moment.tone,
        moment.criterion_id,
        moment.market_signal,
        moment.resolved_at,
        PersonRef(resolver, names[resolver]) if resolver else None,
        replies,
        moment.created_at,
        moment.version,
    )
