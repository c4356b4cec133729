from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.creation import created
from api.paging import Cursor, Limit, Page, after, page
from api.policy import may_author_rubrics, may_see, visible
from api.problems import declared
from api.rubrics import service
from api.rubrics.schemas import RubricIn, RubricItem, RubricOut, VersionIn, rubric_item
from models.rubric import Rubric

AGAIN = {200: ResponseSpec(RubricOut, generate_examples=False, description="What was made with this id before")}
Version = Annotated[int | None, QueryParameter(ge=1, le=1_000_000, description="A version; the latest by default.")]


@post(
    "/rubrics",
    dependencies={"author": allowed(may_author_rubrics)},
    operation_id="CreateRubric",
    summary="Make a rubric: criteria with levels, each level an anchor one can see",
    responses=AGAIN | declared(403, 409),
    tags=["rubrics"],
)
async def create_rubric(
    data: JSONBody[RubricIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[RubricOut]:
    rubric, new = await service.create_rubric(session, author, data)
    return created(await service.rubric_at(session, rubric), new=new)


@post(
    "/rubrics/{rubric_id:uuid}/versions",
    dependencies={"rubric": one(Rubric, may_author_rubrics)},
    operation_id="CreateRubricVersion",
    summary="Make the next version; the old one stays with what it judged",
    responses=AGAIN | declared(403, 409),
    tags=["rubrics"],
)
async def create_rubric_version(
    data: JSONBody[VersionIn],
    rubric: NamedDependency[Rubric],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[RubricOut]:
    version, new = await service.add_version(session, actor, rubric, data)
    return created(await service.rubric_at(session, rubric, version), new=new)


@get(
    "/rubrics",
    opt=shown(Rubric),
    operation_id="ListRubrics",
    summary="The rubrics of the organization, newest first, without their criteria",
    responses=declared(),
    tags=["rubrics"],
)
async def list_rubrics(
    session: NamedDependency[AsyncSession],
    actor: NamedDependency[Actor],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RubricItem]:
    query = select(Rubric).where(visible(actor, Rubric))
    keys = [Rubric.created_at, Rubric.id]
    query = after(query, keys, cursor, limit, kinds=(datetime, UUID), descending=True)
    rows = (await session.scalars(query)).all()
    return page(rows, limit, lambda rubric: (rubric.created_at, rubric.id), rubric_item)


@get(
    "/rubrics/{rubric_id:uuid}",
    dependencies={"rubric": one(Rubric, may_see)},
    operation_id="GetRubric",
    summary="One rubric: its latest version, or the one asked for",
    responses=declared(),
    tags=["rubrics"],
)
async def get_rubric(
    rubric: NamedDependency[Rubric], session: NamedDependency[AsyncSession], version: Version = None
) -> RubricOut:
    return await service.rubric_at(session, rubric, version)


routes = [create_rubric, create_rubric_version, list_rubrics, get_rubric]
