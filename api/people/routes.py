from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page, after, encode
from api.people import service
from api.people.schemas import PersonIn, PersonOut, PersonPatch, PersonState
from api.policy import may_run_org, may_see, visible
from api.problems import declared
from models.person import Person
from models.team import Membership

AGAIN = {200: ResponseSpec(PersonOut, generate_examples=False, description="The person made with this id before")}

State = Annotated[PersonState | None, QueryParameter(name="state", description="Only people in this state.")]
TeamId = Annotated[UUID | None, QueryParameter(description="Only people who are in this team now.")]
NameStart = Annotated[str | None, QueryParameter(description="How the name begins, letter case aside.", max_length=200)]


async def _answer(session: AsyncSession, person: Person, *, new: bool = False) -> Response[PersonOut]:
    body = (await service.person_outs(session, [person]))[0]
    return created(body, new=new, headers=tagged(person.version))


@post(
    "/people",
    dependencies={"author": allowed(may_run_org)},
    operation_id="CreatePerson",
    summary="Add a person; without a password they get an invitation",
    response_headers=ETAG_HEADER,
    responses=AGAIN | declared(403, 409),
    tags=["people"],
)
async def create_person(
    data: JSONBody[PersonIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[PersonOut]:
    person, new = await service.create_person(session, author, data)
    return await _answer(session, person, new=new)


@get(
    "/people",
    opt=shown(Person),
    operation_id="ListPeople",
    summary="The people the caller sees, by name",
    responses=declared(),
    tags=["people"],
)
async def list_people(
    session: NamedDependency[AsyncSession],
    actor: NamedDependency[Actor],
    person_state: State = None,
    team_id: TeamId = None,
    q: NameStart = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PersonOut]:
    query = select(Person).where(visible(actor, Person))
    if person_state:
        query = query.where(Person.state == person_state)
    if q:
        query = query.where(func.lower(Person.name).startswith(q.lower(), autoescape=True))
    if team_id:
        member = exists().where(
            Membership.org_id == actor.org_id,
            Membership.person_id == Person.id,
            Membership.team_id == team_id,
            Membership.until_at.is_(None),
        )
        query = query.where(member)
    rows = (await session.scalars(after(query, [Person.name, Person.id], cursor, limit, kinds=(str, UUID)))).all()
    found = rows[:limit]
    more = encode(found[-1].name, found[-1].id) if len(rows) > limit else None
    return Page(await service.person_outs(session, found), more)


@get(
    "/people/{person_id:uuid}",
    dependencies={"person": one(Person, may_see)},
    operation_id="GetPerson",
    summary="One person",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["people"],
)
async def get_person(person: NamedDependency[Person], session: NamedDependency[AsyncSession]) -> Response[PersonOut]:
    return await _answer(session, person)


@patch(
    "/people/{person_id:uuid}",
    dependencies={"person": one(Person, may_run_org, lock=True)},
    operation_id="UpdatePerson",
    summary="Change a person, or let them leave",
    description="Leaving ends the person's sessions, links and memberships. The last active admin cannot leave.",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["people"],
)
async def update_person(
    data: JSONBody[PersonPatch],
    person: NamedDependency[Person],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[PersonOut]:
    del if_match
    await require_match(request, person.version, (await service.person_outs(session, [person]))[0])
    await service.change_person(session, person, data)
    return await _answer(session, person)


@post(
    "/people/{person_id:uuid}/invite",
    status_code=200,
    dependencies={"person": one(Person, may_run_org, lock=True)},
    operation_id="InvitePerson",
    summary="Send the invitation again; the one before ends",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["people"],
)
async def invite_person(person: NamedDependency[Person], session: NamedDependency[AsyncSession]) -> Response[PersonOut]:
    await service.invite_again(session, person)
    return await _answer(session, person)


routes = [create_person, list_people, get_person, update_person, invite_person]
