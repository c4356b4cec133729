"""The conversation under a critique: between its person, its writer, and who else sees it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.critiques.service import judged
from api.critiques.writing import check_video
from api.paging import Page, after, encode
from api.refs import PersonRef
from api.remarks.schemas import RemarkIn, RemarkOut
from api.takes.representation import names_of
from models.base import now
from models.conversation import CritiqueRemark
from models.critique import Critique
from models.errors import IllegalMoveError, InvalidError
from models.event import write_event
from models.ids import new_id


async def add_remark(
    session: AsyncSession, actor: Actor, critique: Critique, data: RemarkIn
) -> tuple[CritiqueRemark, bool]:
    """Return the remark and whether it is new. The critique's row is locked.

    What anybody but its person says answers their disagreement.

    Raises:
        IllegalMoveError: it is not published.
        InvalidError: it says nothing, or with a video that is not theirs.
    """
    if found := await existing(session, actor, CritiqueRemark, data.id, made_by="author_id"):
        return found, False
    await _check(session, actor, critique, data)
    person_id = (await judged(session, critique)).person_id
    people = {critique.reviewer_id, person_id, *await _who_spoke(session, critique)} - {actor.person_id}
    remark = CritiqueRemark(
        org_id=critique.org_id,
        id=data.id or new_id(),
        critique_id=critique.id,
        author_id=actor.person_id,
        body=data.body,
        asset_id=data.asset_id,
    )
    session.add(remark)
    critique.version += 1
    if actor.person_id != person_id and critique.disagreed_at and critique.disagreement_answered_at is None:
        critique.disagreement_answered_at = now()
    write_event(session, critique, "remarked", remark_id=remark.id, to=sorted(people))
    await session.flush()
    return remark, True


async def _check(session: AsyncSession, actor: Actor, critique: Critique, data: RemarkIn) -> None:
    if critique.state not in {"published", "superseded"}:
        raise IllegalMoveError(
            f"This critique is {critique.state}; it is talked about once it is published.", state=critique.state
        )
    if not data.body.strip() and data.asset_id is None:
        raise InvalidError("Say something, in words or in a video.", pointer="/body")
    await check_video(session, actor, data.asset_id, pointer="/asset_id")


async def _who_spoke(session: AsyncSession, critique: Critique) -> Sequence[UUID]:
    query = select(CritiqueRemark.author_id).where(
        CritiqueRemark.org_id == critique.org_id, CritiqueRemark.critique_id == critique.id
    )
    return (await session.scalars(query.distinct())).all()


async def list_remarks(session: AsyncSession, critique: Critique, limit: int, cursor: str | None) -> Page[RemarkOut]:
    """Return the conversation, first to last; that the actor sees the critique, the caller knows."""
    query = select(CritiqueRemark).where(
        CritiqueRemark.org_id == critique.org_id, CritiqueRemark.critique_id == critique.id
    )
    rows = (await session.scalars(after(query, [CritiqueRemark.created_at, CritiqueRemark.id], cursor, limit))).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Page(await remark_outs(session, page), more)


async def remark_outs(session: AsyncSession, remarks: Sequence[CritiqueRemark]) -> list[RemarkOut]:
    names = await names_of(session, session.info["org_id"], {remark.author_id for remark in remarks})
    return [
        RemarkOut(
            remark.id,
            remark.critique_id,
            PersonRef(remark.author_id, names[remark.author_id]),
            remark.body,
            remark.asset_id,
            remark.created_at,
        )
        for remark in remarks
    ]
