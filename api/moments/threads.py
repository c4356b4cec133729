"""The thread under a moment, and whether what it says has been dealt with."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.moments.schemas import ReplyIn, ReplyOut
from api.paging import Page, after, encode
from api.refs import PersonRef
from api.takes.representation import names_of
from models.base import now
from models.conversation import MomentReply
from models.critique import Critique, Moment
from models.errors import IllegalMoveError
from models.event import write_event
from models.ids import new_id
from models.take import Take


async def add_reply(session: AsyncSession, actor: Actor, moment: Moment, data: ReplyIn) -> tuple[MomentReply, bool]:
    """Return the reply and whether it is new. The moment's row is locked.

    It is told to the moment's author and to all who replied before.

    Raises:
        IllegalMoveError: the moment is not out yet.
    """
    if found := await existing(session, actor, MomentReply, data.id, made_by="author_id"):
        return found, False
    await _check_out(session, moment)
    reply = MomentReply(
        org_id=moment.org_id,
        id=data.id or new_id(),
        moment_id=moment.thread,
        author_id=actor.person_id,
        body=data.body,
    )
    take = await session.get_one(Take, (moment.org_id, moment.take_id))
    people = {moment.author_id, *await _who_replied(session, moment)} - {actor.person_id}
    session.add(reply)
    write_event(session, moment, "replied", about=take, reply_id=reply.id, to=sorted(people))
    await session.flush()
    return reply, True


async def _check_out(session: AsyncSession, moment: Moment) -> None:
    if moment.critique_id is None:
        return
    critique = await session.get_one(Critique, (moment.org_id, moment.critique_id))
    if critique.state not in {"published", "superseded"}:
        raise IllegalMoveError(
            f"This critique is {critique.state}; its remarks are talked about once it is published.",
            state=critique.state,
        )


async def _who_replied(session: AsyncSession, moment: Moment) -> Sequence[UUID]:
    of_thread = (MomentReply.org_id == moment.org_id) & (MomentReply.moment_id == moment.thread)
    return (await session.scalars(select(MomentReply.author_id).where(of_thread).distinct())).all()


async def list_replies(session: AsyncSession, moment: Moment, limit: int, cursor: str | None) -> Page[ReplyOut]:
    """Return the thread, first to last; that the actor sees the moment, the caller knows."""
    query = select(MomentReply).where(MomentReply.org_id == moment.org_id, MomentReply.moment_id == moment.thread)
    rows = (await session.scalars(after(query, [MomentReply.created_at, MomentReply.id], cursor, limit))).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Page(await reply_outs(session, page), more)


async def reply_outs(session: AsyncSession, replies: Sequence[MomentReply]) -> list[ReplyOut]:
    names = await names_of(session, session.info["org_id"], {reply.author_id for reply in replies})
    return [
        ReplyOut(reply.id, PersonRef(reply.author_id, names[reply.author_id]), reply.body, reply.created_at)
        for reply in replies
    ]


async def resolve(session: AsyncSession, actor: Actor, moment: Moment) -> None:
    """Note that what a moment says has been dealt with. Done again, the first time and person stay.

    Raises:
        IllegalMoveError: the moment is not out yet.
    """
    take = await _hold(session, moment)
    if moment.resolved_at is None:
        moment.resolved_at, moment.resolved_by = now(), actor.person_id
        await _tell(session, moment, take, "resolved")


async def reopen(session: AsyncSession, moment: Moment) -> None:
    """Note that there is something to be dealt with still. Done again, it changes nothing.

    Raises:
        IllegalMoveError: the moment is not out yet.
    """
    take = await _hold(session, moment)
    if moment.resolved_at is not None:
        moment.resolved_at = moment.resolved_by = None
        await _tell(session, moment, take, "reopened")


async def _hold(session: AsyncSession, moment: Moment) -> Take:
    """Hold the take still, of which no copies are made meanwhile, then the moment."""
    await _check_out(session, moment)
    take = await session.get_one(Take, (moment.org_id, moment.take_id), with_for_update={"key_share": True})
    await session.refresh(moment, with_for_update={"key_share": True})
    return take


async def _tell(session: AsyncSession, moment: Moment, take: Take, what: str) -> None:
    """It holds for all copies: a critique that is being written anew takes the moment along as it is now."""
    moment.version += 1
    thread = moment.thread
    copies = (
        Moment.org_id == moment.org_id,
        Moment.take_id == moment.take_id,
        Moment.id != moment.id,
        or_(Moment.id == thread, Moment.thread_id == thread),
    )
    resolved = {"resolved_at": moment.resolved_at, "resolved_by": moment.resolved_by}
    await session.execute(update(Moment).where(*copies).values(resolved))
    write_event(session, moment, what, about=take, to=[moment.author_id])
    await session.flush()
