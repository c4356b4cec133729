from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor, Caller
from api.paging import Cursor, Limit
from api.policy import may_see_progress, may_see_team_progress
from api.problems import declared
from api.progress import service
from api.progress.schemas import AsOf, IncludeSubteams, PersonProgress, TeamProgress
from api.reading import reading
from api.times import read_instant
from models.person import Person
from models.team import Team


async def read_person(
    caller: NamedDependency[Caller], state: State, person_id: Annotated[UUID, PathParameter()], as_of: AsOf = None
) -> service.Known:
    """Read a person the actor sees (404), and ask the rule with their teams (403)."""
    async with reading(state, caller) as read:
        return await service.read_person(read, person_id, read_instant(as_of, "#query/as_of"))


read_person.rule = may_see_progress  # type: ignore[attr-defined]  # read by the test that walks the routes
read_person.model = Person  # type: ignore[attr-defined]  # likewise


@get(
    "/people/{person_id:uuid}/progress",
    dependencies={"known": Provide(read_person)},
    operation_id="GetPersonProgress",
    summary="A person's progress, skill by skill",
    description=(
        "The standing is the recent average of the managers' critiques: for a rising person it lags. What peers and "
        "the person say stands beside it and is never mixed in."
    ),
    responses=declared(403),
    tags=["progress"],
)
async def get_person_progress(known: NamedDependency[service.Known]) -> PersonProgress:
    return await service.person_progress(known)


@get(
    "/teams/{team_id:uuid}/progress",
    dependencies={"team": one(Team, may_see_team_progress)},
    operation_id="GetTeamProgress",
    summary="The progress of a team's reps: person by skill",
    responses=declared(403),
    tags=["progress"],
)
async def get_team_progress(
    team: NamedDependency[Team],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    include_subteams: IncludeSubteams = False,
    as_of: AsOf = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TeamProgress:
    return await service.team_progress(
        session,
        actor,
        team,
        include_subteams=include_subteams,
        as_of=read_instant(as_of, "#query/as_of"),
        limit=limit,
        cursor=cursor,
    )


routes = [get_person_progress, get_team_progress]
