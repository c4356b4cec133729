from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post, put
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
from api.rubrics import exchange, service
from api.rubrics.examples import set_example
from api.rubrics.history import RubricHistory, history
from api.rubrics.schemas import (
    ExampleIn,
    RubricFile,
    RubricImportIn,
    RubricImportOut,
    RubricIn,
    RubricItem,
    RubricOut,
    VersionIn,
    rubric_item,
)
from api.rubrics.sheets import write_sheet
from models.rubric import Rubric
from models.rubric_rules import MOST, slug

AGAIN = {200: ResponseSpec(RubricOut, generate_examples=False, description="What was made with this id before")}
IMPORTED = {
    200: ResponseSpec(RubricImportOut, generate_examples=False, description="A preview, or what was imported before")
}
SHEET = "text/csv"
OfKey = Annotated[str | None, QueryParameter(max_length=MOST, description="One criterion, by its key.")]
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
    return created(await service.rubric_at(session, rubric, actor=author), new=new)


@post(
    "/rubrics/{rubric_id:uuid}/versions",
    dependencies={"rubric": one(Rubric, may_author_rubrics)},
    operation_id="CreateRubricVersion",
    summary="Make the next version; the old one stays with what it judged",
    description=(
        "Challenges that were published keep their version; the next one takes the latest. `warning` asks to let the "
        "version before bed down when it is younger than 28 days: two changes at once cannot be told apart."
    ),
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
    return created(await service.rubric_at(session, rubric, version, actor=actor), new=new)


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
    rubric: NamedDependency[Rubric],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    version: Version = None,
) -> RubricOut:
    return await service.rubric_at(session, rubric, version, actor=actor)


@get(
    "/rubrics/{rubric_id:uuid}/export",
    dependencies={"rubric": one(Rubric, may_see)},
    operation_id="ExportRubric",
    summary="A rubric as a file to be imported elsewhere: its skills by name, no ids",
    responses=declared(),
    tags=["rubrics"],
)
async def export_rubric(
    rubric: NamedDependency[Rubric], session: NamedDependency[AsyncSession], version: Version = None
) -> RubricFile:
    return await exchange.export(session, rubric, version)


@get(
    "/rubrics/{rubric_id:uuid}/export.csv",
    dependencies={"rubric": one(Rubric, may_see)},
    operation_id="ExportRubricSheet",
    summary="A rubric as a sheet: a line for each level, for spreadsheets",
    description="UTF-8 with a mark for it. What a spreadsheet would take for a formula has an apostrophe before it.",
    media_type=SHEET,
    responses=declared(),
    tags=["rubrics"],
)
async def export_rubric_sheet(
    rubric: NamedDependency[Rubric], session: NamedDependency[AsyncSession], version: Version = None
) -> Response[str]:
    sheet = write_sheet(await exchange.export(session, rubric, version))
    name = f"attachment; filename={slug(rubric.title)}.csv"
    return Response(sheet, media_type=SHEET, headers={"content-disposition": name})


@post(
    "/rubrics/import",
    dependencies={"author": allowed(may_author_rubrics)},
    operation_id="ImportRubric",
    summary="Make a rubric, or the next version of one, of a file: all of it or nothing",
    description=(
        "With `preview` nothing is written, and the answer lists what is wrong with it. Otherwise that is a 422 which "
        "lists the same. Skills are found by name."
    ),
    responses=IMPORTED | declared(403, 409),
    tags=["rubrics"],
)
async def import_rubric(
    data: JSONBody[RubricImportIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[RubricImportOut]:
    body, new = await exchange.import_rubric(session, author, data)
    return created(body, new=new)


@put(
    "/rubrics/{rubric_id:uuid}/examples",
    dependencies={"rubric": one(Rubric, may_author_rubrics)},
    operation_id="SetRubricExample",
    summary="Say which bright spot shows what a level means, or take that away",
    description="Of any version. It is shown to those who see the bright spot, for as long as that is published.",
    responses=declared(403),
    tags=["rubrics"],
)
async def set_rubric_example(
    data: JSONBody[ExampleIn],
    rubric: NamedDependency[Rubric],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> RubricOut:
    version = await set_example(session, actor, rubric, data)
    return await service.rubric_at(session, rubric, version, actor=actor)


@get(
    "/rubrics/{rubric_id:uuid}/history",
    dependencies={"rubric": one(Rubric, may_see)},
    operation_id="GetRubricHistory",
    summary="The criteria of a rubric through its versions: what they said, and how they were scored",
    responses=declared(),
    tags=["rubrics"],
)
async def get_rubric_history(
    rubric: NamedDependency[Rubric],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    key: OfKey = None,
) -> RubricHistory:
    return await history(session, actor, rubric, key)


routes = [
    create_rubric,
    create_rubric_version,
    list_rubrics,
    get_rubric,
    export_rubric,
    export_rubric_sheet,
    import_rubric,
    set_rubric_example,
    get_rubric_history,
]
