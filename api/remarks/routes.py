from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.creation import created
from api.paging import Cursor, Limit, Page
from api.policy import may_see
from api.problems import declared
from api.remarks import service
from api.remarks.schemas import RemarkIn, RemarkOut
from models.critique import Critique

AGAIN = {200: ResponseSpec(RemarkOut, generate_examples=False, description="The remark made with this id before")}


@post(
    "/critiques/{critique_id:uuid}/remarks",
    dependencies={"critique": one(Critique, may_see, lock=True)},
    operation_id="AddRemark",
    summary="Say something to a critique",
    description="Its person, its writer and who else sees it. What was said stays as it was said.",
    responses=AGAIN | declared(409),
    tags=["critiques"],
)
async def add_remark(
    data: JSONBody[RemarkIn],
    critique: NamedDependency[Critique],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[RemarkOut]:
    remark, new = await service.add_remark(session, actor, critique, data)
    return created((await service.remark_outs(session, [remark]))[0], new=new)


@get(
    "/critiques/{critique_id:uuid}/remarks",
    dependencies={"critique": one(Critique, may_see)},
    operation_id="ListRemarks",
    summary="The conversation under a critique, first to last",
    responses=declared(),
    tags=["critiques"],
)
async def list_remarks(
    critique: NamedDependency[Critique],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RemarkOut]:
    return await service.list_remarks(session, critique, limit, cursor)


routes = [add_remark, list_remarks]
