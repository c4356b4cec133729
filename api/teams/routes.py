from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page, after, page
from api.policy import may_run_org, may_see, visible
from api.problems import declared
from api.teams import service
from api.teams.schemas import MemberIn, MemberOut, TeamDetail, TeamIn, TeamOut, TeamPatch, team_out
from models.person import Person
from models.team import Team

AGAIN = {200: ResponseSpec(TeamOut, generate_examples=False, description="The team made with this id before")}

ParentId = Annotated[UUID | None, QueryParameter(description="Only teams directly below this one.")]


@post(
    "/teams",
    dependencies={"author": allowed(may_run_org)},
    operation_id="CreateTeam",
    summary="Add a team, at the top or below another",
    response_headers=ETAG_HEADER,
    responses=AGAIN | declared(403, 409),
    tags=["teams"],
)
async def create_team(
    data: JSONBody[TeamIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[TeamOut]:
    team, new = await service.create_team(session, author, data)
    return created(team_out(team), new=new, headers=tagged(team.version))


@get(
    "/teams",
    opt=shown(Team),
    operation_id="ListTeams",
    summary="The teams of the organization, by name",
    responses=declared(),
    tags=["teams"],
)
async def list_teams(
    session: NamedDependency[AsyncSession],
    actor: NamedDependency[Actor],
    parent_id: ParentId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TeamOut]:
    query = select(Team).where(visible(actor, Team))
    if parent_id:
        query = query.where(Team.parent_id == parent_id)
    rows = (await session.scalars(after(query, [Team.name, Team.id], cursor, limit, kinds=(str, UUID)))).all()
    return page(rows, limit, lambda team: (team.name, team.id), team_out)


@get(
    "/teams/{team_id:uuid}",
    dependencies={"team": one(Team, may_see)},
    operation_id="GetTeam",
    summary="One team, with its members of now whom the caller sees",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["teams"],
)
async def get_team(
    team: NamedDependency[Team], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[TeamDetail]:
    return Response(await service.team_detail(session, actor, team), headers=tagged(team.version))


@patch(
    "/teams/{team_id:uuid}",
    dependencies={"team": one(Team, may_run_org, lock=True)},
    operation_id="UpdateTeam",
    summary="Rename a team, or hang it below another",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["teams"],
)
async def update_team(
    data: JSONBody[TeamPatch],
    team: NamedDependency[Team],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[TeamOut]:
    del if_match
    await require_match(request, team.version, team_out(team))
    await service.change_team(session, team, data)
    return Response(team_out(team), headers=tagged(team.version))


@put(
    "/teams/{team_id:uuid}/members/{person_id:uuid}",
    dependencies={"team": one(Team, may_run_org), "person": one(Person, may_run_org, lock=True, after="team")},
    operation_id="PutMember",
    summary="Make a person rep or manager of a team, from now on",
    description="Another role in the same team ends. A new rep gets the open challenges that take joiners.",
    responses=declared(403, 409),
    tags=["teams"],
)
async def put_member(
    data: JSONBody[MemberIn],
    team: NamedDependency[Team],
    person: NamedDependency[Person],
    session: NamedDependency[AsyncSession],
) -> MemberOut:
    return await service.put_member(session, team, person, data.role)


@delete(
    "/teams/{team_id:uuid}/members/{person_id:uuid}",
    dependencies={"team": one(Team, may_run_org), "person": one(Person, may_run_org, lock=True, after="team")},
    operation_id="RemoveMember",
    summary="End a person's membership now",
    responses=declared(403),
    tags=["teams"],
)
async def remove_member(
    team: NamedDependency[Team], person: NamedDependency[Person], session: NamedDependency[AsyncSession]
) -> None:
    await service.remove_member(session, team, person)


routes = [create_team, list_teams, get_team, update_team, put_member, remove_member]
