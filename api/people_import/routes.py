from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed
from api.auth import Actor
from api.people_import import service
from api.people_import.schemas import ImportIn, ImportOut
from api.policy import may_run_org
from api.problems import declared


@post(
    "/people/import",
    status_code=200,
    dependencies={"admin": allowed(may_run_org)},
    operation_id="ImportPeople",
    summary="Invite and change people by a table, after a preview",
    description=(
        "`dry_run` says what would become of each line, and what is wrong. Without it all lines are taken, or, when "
        "one cannot be, none. Done again it changes nothing. Nobody leaves by being absent from the table."
    ),
    responses=declared(403, 409),
    tags=["people"],
)
async def import_people(
    data: JSONBody[ImportIn], admin: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> ImportOut:
    return await service.import_people(session, admin, data)


routes = [import_people]
