from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.creation import created
from api.etags import IfMatch, tagged
from api.moments import service, threads
from api.moments.schemas import MomentIn, MomentOut, MomentPatch, ReplyIn, ReplyOut
from api.paging import Cursor, Limit, Page, after, encode
from api.policy import may_edit_moment, may_remark, may_see
from api.problems import declared
from models.critique import Moment
from models.take import Take

AGAIN = {200: ResponseSpec(MomentOut, generate_examples=False, description="The remark made with this id before")}

REPLIED = {200: ResponseSpec(ReplyOut, generate_examples=False, description="The reply made with this id before")}


@post(
    "/takes/{take_id:uuid}/moments",
    dependencies={"take": one(Take, may_remark, lock=True)},
    operation_id="AddMoment",
    summary="Remark on a time range of a response",
    responses=AGAIN | declared(403, 409),
    tags=["moments"],
)
async def add_moment(
    data: JSONBody[MomentIn],
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[MomentOut]:
    moment, new = await service.add_moment(session, actor, take, data)
    return created(await service.moment_out(session, actor, moment), new=new, headers=tagged(moment.version))


@get(
    "/takes/{take_id:uuid}/moments",
    dependencies={"take": one(Take, may_see)},
    operation_id="ListMoments",
    summary="The remarks on a take, by prompt and time",
    responses=declared(),
    tags=["moments"],
)
async def list_moments(
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MomentOut]:
    key = [Moment.prompt_id, Moment.start_ms, Moment.id]
    query = after(service.of_take(actor, take), key, cursor, limit, kinds=(UUID, int, UUID))
    rows = (await session.scalars(query)).all()
    page = rows[:limit]
    more = encode(page[-1].prompt_id, page[-1].start_ms, page[-1].id) if len(rows) > limit else None
    return Page(await service.moment_outs(session, actor, page), more)


@patch(
    "/moments/{moment_id:uuid}",
    dependencies={"moment": one(Moment, may_edit_moment, lock=True)},
    operation_id="ChangeMoment",
    summary="Change my remark, until its critique is published",
    description=(
        "With an If-Match only the version I have seen is changed; what was refused is kept and returned in `refused`, "
        "beside `current`. Without one, a text that was replaced is kept. `ListMomentDrafts` has both."
    ),
    responses=declared(403, 409, 412),
    tags=["moments"],
)
async def change_moment(
    data: JSONBody[MomentPatch],
    moment: NamedDependency[Moment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[MomentOut]:
    if (answer := await service.unless_refused(session, actor, request, moment, data)) is not None:
        return answer
    await service.change_moment(session, actor, moment, data, blindly=if_match is None)
    return await _answer(session, actor, moment)


@delete(
    "/moments/{moment_id:uuid}",
    dependencies={"moment": one(Moment, may_edit_moment, lock=True)},
    operation_id="RemoveMoment",
    summary="Remove my remark, until its critique is published",
    description="One that somebody has answered stays.",
    responses=declared(403, 409),
    tags=["moments"],
)
async def remove_moment(moment: NamedDependency[Moment], session: NamedDependency[AsyncSession]) -> None:
    await service.remove_moment(session, moment)


@post(
    "/moments/{moment_id:uuid}/resolve",
    status_code=200,
    dependencies={"moment": one(Moment, may_see)},
    operation_id="ResolveMoment",
    summary="Say that what a remark is about has been dealt with",
    responses=declared(409),
    tags=["moments"],
)
async def resolve_moment(
    moment: NamedDependency[Moment], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[MomentOut]:
    await threads.resolve(session, actor, moment)
    return await _answer(session, actor, moment)


@post(
    "/moments/{moment_id:uuid}/reopen",
    status_code=200,
    dependencies={"moment": one(Moment, may_see)},
    operation_id="ReopenMoment",
    summary="Say that there is something to be dealt with still",
    responses=declared(409),
    tags=["moments"],
)
async def reopen_moment(
    moment: NamedDependency[Moment], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[MomentOut]:
    await threads.reopen(session, moment)
    return await _answer(session, actor, moment)


@post(
    "/moments/{moment_id:uuid}/replies",
    dependencies={"moment": one(Moment, may_see, lock=True)},
    operation_id="AddReply",
    summary="Reply to a remark",
    responses=REPLIED | declared(409),
    tags=["moments"],
)
async def add_reply(
    data: JSONBody[ReplyIn],
    moment: NamedDependency[Moment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[ReplyOut]:
    reply, new = await threads.add_reply(session, actor, moment, data)
    return created((await threads.reply_outs(session, [reply]))[0], new=new)


@get(
    "/moments/{moment_id:uuid}/replies",
    dependencies={"moment": one(Moment, may_see)},
    operation_id="ListReplies",
    summary="The thread under a remark, first to last",
    description="It stays with the remark when its critique is superseded by one that has the remark too.",
    responses=declared(),
    tags=["moments"],
)
async def list_replies(
    moment: NamedDependency[Moment],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReplyOut]:
    return await threads.list_replies(session, moment, limit, cursor)


async def _answer(session: AsyncSession, actor: Actor, moment: Moment) -> Response[MomentOut]:
    return Response(await service.moment_out(session, actor, moment), headers=tagged(moment.version))


routes = [
    add_moment,
    list_moments,
    change_moment,
    remove_moment,
    resolve_moment,
    reopen_moment,
    add_reply,
    list_replies,
]
