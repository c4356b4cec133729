from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.creation import created
from api.moments import service
from api.moments.schemas import MomentIn, MomentOut, MomentPatch
from api.paging import Cursor, Limit, Page, after, encode
from api.policy import may_edit_moment, may_remark, may_see
from api.problems import declared
from models.critique import Moment
from models.take import Take

AGAIN = {200: ResponseSpec(MomentOut, generate_examples=False, description="The remark made with this id before")}


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
    return created((await service.moment_outs(session, actor, [moment]))[0], new=new)


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
    responses=declared(403, 409),
    tags=["moments"],
)
async def change_moment(
    data: JSONBody[MomentPatch],
    moment: NamedDependency[Moment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> MomentOut:
    await service.change_moment(session, moment, data)
    return (await service.moment_outs(session, actor, [moment]))[0]


@delete(
    "/moments/{moment_id:uuid}",
    dependencies={"moment": one(Moment, may_edit_moment, lock=True)},
    operation_id="RemoveMoment",
    summary="Remove my remark, until its critique is published",
    responses=declared(403, 409),
    tags=["moments"],
)
async def remove_moment(moment: NamedDependency[Moment], session: NamedDependency[AsyncSession]) -> None:
    await service.remove_moment(session, moment)


routes = [add_moment, list_moments, change_moment, remove_moment]
