from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from api.auth import Actor
from api.creation import existing
from api.critiques.service import may_be_judged
from api.moments.schemas import MomentIn, MomentOut, MomentPatch
from api.policy import visible
from api.refs import PersonRef
from api.takes.representation import names_of
from api.takes.service import open_take
from models.asset import Asset
from models.challenge import Challenge, Prompt
from models.critique import Critique, Moment
from models.errors import IllegalMoveError, InvalidError
from models.ids import new_id
from models.rubric import Criterion
from models.take import Response, Take


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
    )
    await _check(session, moment, take, critique)
    session.add(moment)
    await session.flush()
    return moment, True


async def change_moment(session: AsyncSession, moment: Moment, data: MomentPatch) -> None:
    """Change a remark, whose row is locked, unless it has been published with its critique."""
    critique = await draft_of(session, moment)
    take = await session.get_one(Take, (moment.org_id, moment.take_id))
    for name in ("start_ms", "end_ms", "body", "tone", "criterion_id"):
        value = getattr(data, name)
        if value is not UNSET:
            setattr(moment, name, value)
    moment.version += 1
    with session.no_autoflush:
        await _check(session, moment, take, critique)
    await session.flush()


async def remove_moment(session: AsyncSession, moment: Moment) -> None:
    await draft_of(session, moment)
    await session.delete(moment)
    await session.flush()


async def draft_of(session: AsyncSession, moment: Moment) -> Critique | None:
    """Return the draft a remark belongs to, if any, held still.

    Raises:
        IllegalMoveError: its critique is published; what was published is superseded, never edited.
    """
    if moment.critique_id is None:
        return None
    critique = await session.get_one(Critique, (moment.org_id, moment.critique_id), with_for_update={"read": True})
    _check_draft(critique)
    return critique


def _check_draft(critique: Critique) -> None:
    if critique.state != "draft":
        raise IllegalMoveError(
            f"This critique is {critique.state}; its remarks stay as they are.", state=critique.state
        )


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
        .join(Response, (Response.org_id == Asset.org_id) & (Response.asset_id == Asset.id))
        .where(Response.org_id == take.org_id, Response.take_id == take.id, Response.prompt_id == prompt.id)
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


async def moment_outs(session: AsyncSession, actor: Actor, moments: Sequence[Moment]) -> list[MomentOut]:
    names = await names_of(session, actor.org_id, [moment.author_id for moment in moments])
    return [_out(moment, names[moment.author_id]) for moment in moments]


def _out(moment: Moment, author: str) -> MomentOut:
    return MomentOut(
        moment.id,
        moment.take_id,
        moment.prompt_id,
        moment.critique_id,
        PersonRef(moment.author_id, author),
        moment.start_ms,
        moment.end_ms,
        moment.body,
        moment.tone,
        moment.criterion_id,
        moment.created_at,
        moment.version,
    )
