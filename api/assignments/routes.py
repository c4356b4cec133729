from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.datastructures import State as AppState
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, one
from api.assignments import service
from api.assignments.representation import assignment_detail
from api.assignments.schemas import AssignmentDetail, AssignmentOut, AssignmentPatch, PeopleIn, State
from api.auth import Actor, Caller
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page
from api.policy import may_edit_challenge, may_run_assignment, may_see
from api.problems import declared
from api.reading import reading
from models.challenge import Assignment, Challenge

THERE = {200: ResponseSpec(Page[AssignmentOut], generate_examples=False, description="Everybody named had it already")}

InState = Annotated[State | None, QueryParameter(name="state", description="Only assignments in this state.")]


@get(
    "/me/assignments",
    opt=OWN,
    operation_id="ListMyAssignments",
    summary="My inbox: what is open for me to do, soonest due first",
    description=(
        "Without a `state`: open, in progress (a video that has to be replaced too) and retakes. What has no due time "
        "comes last."
    ),
    responses=declared(),
    tags=["assignments"],
)
async def list_my_assignments(
    caller: NamedDependency[Caller],
    state: AppState,
    in_state: InState = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AssignmentOut]:
    async with reading(state, caller) as read:
        return await service.list_inbox(read, in_state, limit, cursor)


@get(
    "/challenges/{challenge_id:uuid}/assignments",
    dependencies={"challenge": one(Challenge, may_see)},
    operation_id="ListChallengeAssignments",
    summary="The assignments of a challenge that the caller sees, by the person's name",
    responses=declared(),
    tags=["assignments"],
)
async def list_challenge_assignments(
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    in_state: InState = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AssignmentOut]:
    return await service.list_assignments(session, actor, challenge, in_state, limit, cursor)


@post(
    "/challenges/{challenge_id:uuid}/assignments",
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="AddAssignments",
    summary="Give a published challenge to more people",
    description="Answers with the assignments of everybody named, whether they are new or were there.",
    responses=THERE | declared(403, 409),
    tags=["assignments"],
)
async def add_assignments(
    data: JSONBody[PeopleIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[Page[AssignmentOut]]:
    items, new = await service.add_people(session, actor, challenge, data.person_ids)
    return created(Page(items), new=new)


@get(
    "/assignments/{assignment_id:uuid}",
    dependencies={"assignment": one(Assignment, may_see)},
    operation_id="GetAssignment",
    summary="One assignment, with the next steps agreed last time",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["assignments"],
)
async def get_assignment(
    assignment: NamedDependency[Assignment], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[AssignmentDetail]:
    return Response(await assignment_detail(session, actor, assignment), headers=tagged(assignment.version))


@patch(
    "/assignments/{assignment_id:uuid}",
    dependencies={"assignment": one(Assignment, may_run_assignment)},
    operation_id="UpdateAssignment",
    summary="Give a person more time, or let them off",
    description="`excused: false` takes an excuse back: the assignment is where it was.",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["assignments"],
)
async def update_assignment(
    data: JSONBody[AssignmentPatch],
    assignment: NamedDependency[Assignment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[AssignmentDetail]:
    del if_match

    async def current() -> AssignmentDetail:
        return await assignment_detail(session, actor, assignment)

    challenge = await service.lock(session, assignment)
    await require_match(request, assignment.version, current)
    await service.change_assignment(session, assignment, challenge, data)
    return Response(await assignment_detail(session, actor, assignment), headers=tagged(assignment.version))


routes = [list_my_assignments, list_challenge_assignments, add_assignments, get_assignment, update_assignment]
