from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.critiques.schemas import CritiqueIn
from api.policy import may_acknowledge, perspective
from api.takes.service import open_take
from models.base import now
from models.challenge import Challenge
from models.critique import Critique, FollowUp, Moment, NextStep, Score
from models.errors import ConflictError, ForbiddenError, IllegalMoveError
from models.event import write_event
from models.ids import new_id
from models.reviewing import claim_if_free
from models.take import Take

Part = TypeVar("Part", Score, NextStep, FollowUp, Moment)


async def start_critique(session: AsyncSession, actor: Actor, take: Take, data: CritiqueIn) -> tuple[Critique, bool]:
    """Return my open draft of this take, or a new one, and whether it is new. The take's row is locked.

    After I have published one, the new draft is a copy that will supersede it.

    Raises:
        IllegalMoveError: the take is not there to be judged.
    """
    if found := await existing(session, actor, Critique, data.id, made_by="reviewer_id"):
        return found, False
    if draft := await _mine(session, actor, take, "draft"):
        return draft, False
    if take.state not in may_be_judged(actor, take):
        raise IllegalMoveError(
            f"This take is {take.state.replace('_', ' ')}; it is not there to be judged.", state=take.state
        )
    await open_take(session, actor, take)
    # Before anything is written: written twice, the row would be waited for behind a rep who withdraws it.
    if perspective(actor, take) == "manager":
        claim_if_free(session, take, actor.person_id)
    critique = await _new_critique(session, actor, take, data.id)
    if published := await _mine(session, actor, take, "published"):
        await _copy(session, published, critique)
    await session.flush()
    return critique, True


def may_be_judged(actor: Actor, take: Take) -> tuple[str, ...]:
    """Return the states a take may be judged in: once its bytes are here; one's own as soon as it is handed in."""
    judged = ("submitted", "reviewed")
    return (*judged, "submitting") if take.person_id == actor.person_id else judged


async def judged(session: AsyncSession, critique: Critique, *, lock: bool = False) -> Take:
    """Return what a critique judges, also where the actor does not see it any more."""
    held = {"key_share": True} if lock else None
    return await session.get_one(Take, (critique.org_id, critique.take_id), with_for_update=held)


async def _mine(session: AsyncSession, actor: Actor, take: Take, state: str) -> Critique | None:
    found: Critique | None = await session.scalar(
        select(Critique)
        .where(
            Critique.org_id == take.org_id,
            Critique.take_id == take.id,
            Critique.reviewer_id == actor.person_id,
            Critique.state == state,
        )
        .order_by(Critique.published_at.desc())
        .limit(1)
    )
    return found


async def _new_critique(session: AsyncSession, actor: Actor, take: Take, key: UUID | None) -> Critique:
    challenge = await session.get_one(Challenge, (take.org_id, take.challenge_id))
    critique = Critique(
        org_id=take.org_id,
        id=key or new_id(),
        take_id=take.id,
        person_id=take.person_id,
        team_id=take.team_id,
        reviewer_id=actor.person_id,
        perspective=perspective(actor, take),
        rubric_version_id=challenge.rubric_version_id,
    )
    session.add(critique)
    await session.flush()
    return critique


async def _copy(session: AsyncSession, old: Critique, new: Critique) -> None:
    new.supersedes_id, new.rubric_version_id = old.id, old.rubric_version_id
    new.summary, new.strengths, new.reply_asset_id = old.summary, old.strengths, old.reply_asset_id
    new.decision = old.decision if new.perspective == "manager" else None
    await _copy_rows(session, Score, old, new)
    await _copy_rows(session, NextStep, old, new)
    await _copy_rows(session, FollowUp, old, new)
    await _copy_rows(session, Moment, old, new)


async def _copy_rows(session: AsyncSession, kind: type[Part], old: Critique, new: Critique) -> None:
    rows = await session.scalars(select(kind).where(kind.org_id == old.org_id, kind.critique_id == old.id))
    session.add_all([_copied(row, new) for row in rows])


def _copied(row: Part, critique: Critique) -> Part:
    """Return the row as one of the new draft: with a key of its own, and not published yet."""
    own: dict[str, Any] = {"id": new_id(), "critique_id": critique.id}
    if isinstance(row, Moment):
        own["thread_id"] = row.thread
    if isinstance(row, NextStep):
        own |= {"published_at": None, "retired_at": None}
    columns = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return type(row)(**(columns | own))


async def acknowledge(session: AsyncSession, actor: Actor, critique: Critique, reply: str | None) -> None:
    """Note that the rep has read it, with their answer. Done again, the first time and the first answer stay.

    Raises:
        ForbiddenError: it is not their take.
        IllegalMoveError: it is not published.
    """
    take = await judged(session, critique)
    if not may_acknowledge(actor, take):
        raise ForbiddenError("Only the person whose take it is acknowledges a critique.")
    if critique.acknowledged_at is None and critique.state != "published":
        raise IllegalMoveError(f"This critique is {critique.state}; it cannot be acknowledged.", state=critique.state)
    if critique.acknowledged_at is not None and (reply is None or critique.reply is not None):
        return
    critique.acknowledged_at = critique.acknowledged_at or now()
    critique.reply = reply
    critique.version += 1
    write_event(session, critique, "acknowledged", replied=reply is not None)
    await session.flush()


async def disagree(session: AsyncSession, actor: Actor, critique: Critique, reason: str) -> None:
    """Note that the person sees it otherwise, and why; that they have read it with it. Its row is locked.

    Done again, the first time and the first reason stay: what comes to mind later is a remark.

    Raises:
        ForbiddenError: it is not their take.
        IllegalMoveError: it is not in force.
    """
    take = await judged(session, critique)
    if not may_acknowledge(actor, take):
        raise ForbiddenError("Only the person whose take it is disagrees with a critique.")
    if critique.disagreed_at is not None:
        return
    if critique.state != "published":
        raise IllegalMoveError(f"This critique is {critique.state}; it cannot be disagreed with.", state=critique.state)
    critique.disagreed_at, critique.disagreement = now(), reason
    if critique.acknowledged_at is None:
        critique.acknowledged_at = critique.disagreed_at
        write_event(session, critique, "acknowledged", replied=False)
    critique.version += 1
    write_event(session, critique, "disputed")
    await session.flush()


async def discard(session: AsyncSession, critique: Critique) -> None:
    """Throw a draft away; its row is locked. Done again, it changes nothing."""
    if critique.state != "discarded":
        critique.move("discarded")
        critique.version += 1
        await session.flush()


async def take_back(session: AsyncSession, actor: Actor, critique: Critique) -> None:
    """Undo the discarding of a draft, with all that was in it. Of an open draft it changes nothing.

    Raises:
        ConflictError: there is another draft of the same take by now.
        IllegalMoveError: it is published.
    """
    take = await judged(session, critique, lock=True)
    await session.refresh(critique, with_for_update=True)
    if critique.state == "draft":
        return
    if critique.state == "discarded" and await _mine(session, actor, take, "draft"):
        raise ConflictError(
            "You have begun another draft of this take since. Discard that one first.",
            code="draft-open",
            state=critique.state,
        )
    critique.move("draft")
    critique.version += 1
    await session.flush()
