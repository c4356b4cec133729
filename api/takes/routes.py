from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, delete, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.assignments.representation import assignment_out
from api.assignments.schemas import AssignmentOut
from api.auth import Actor
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, match_if_named, require_match, tagged
from api.paging import Cursor, Limit, Page, after, encode
from api.policy import may_answer, may_edit_take, may_run_assignment, may_see, visible
from api.problems import declared
from api.takes import service
from api.takes.reading import FoundTake, first_opened, read_take
from api.takes.representation import make_take_out, take_out, take_outs
from api.takes.schemas import ResponseIn, SubmitIn, TakeIn, TakeOut
from models import submission, timed
from models.challenge import Assignment
from models.take import Take

OPEN_DRAFT = {200: ResponseSpec(TakeOut, generate_examples=False, description="The open draft, as it is")}


@post(
    "/assignments/{assignment_id:uuid}/takes",
    dependencies={"assignment": one(Assignment, may_answer, lock=True)},
    operation_id="StartTake",
    summary="Start a take, or get the open draft",
    description=(
        "With the assignment's `version` as If-Match a new take is begun only while the assignment is as the client "
        "saw it: two devices of one person, each with a recording of its own, hand in one take and not two. Of a timed "
        "challenge it begins the clock, and `GetChallenge` shows what is asked from then on."
    ),
    responses=OPEN_DRAFT | declared(403, 409, 412),
    tags=["takes"],
)
async def start_take(
    data: JSONBody[TakeIn],
    assignment: NamedDependency[Assignment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[TakeOut]:
    del if_match

    async def current() -> AssignmentOut:
        return await assignment_out(session, assignment)

    async def unchanged() -> None:
        await match_if_named(request, assignment.version, current)

    take, new = await service.start_take(session, actor, assignment, data, unchanged)
    return created(await take_out(session, actor, state, take), new=new)


@post(
    "/assignments/{assignment_id:uuid}/another-take",
    status_code=200,
    dependencies={"assignment": one(Assignment, may_run_assignment, lock=True)},
    operation_id="GrantTake",
    summary="Allow a person one more take than the challenge does",
    description="For a timed take that time or the network ran away from, too. Sent again, it is a 412: it is done.",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["takes"],
)
async def grant_take(
    assignment: NamedDependency[Assignment],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[AssignmentOut]:
    del if_match

    async def current() -> AssignmentOut:
        return await assignment_out(session, assignment)

    await require_match(request, assignment.version, current)
    await service.grant_take(session, assignment)
    return Response(await assignment_out(session, assignment), headers=tagged(assignment.version))


@get(
    "/assignments/{assignment_id:uuid}/takes",
    dependencies={"assignment": one(Assignment, may_see)},
    operation_id="ListTakes",
    summary="The takes of an assignment that the caller sees, first to last",
    responses=declared(),
    tags=["takes"],
)
async def list_takes(
    assignment: NamedDependency[Assignment],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TakeOut]:
    query = select(Take).where(visible(actor, Take), Take.assignment_id == assignment.id, Take.state != "discarded")
    rows = (await session.scalars(after(query, [Take.created_at, Take.id], cursor, limit))).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return Page(await take_outs(session, actor, state, page), more)


@get(
    "/takes/{take_id:uuid}",
    dependencies={"found": Provide(read_take)},
    operation_id="GetTake",
    summary="One take, with its responses and the next steps from last time",
    description="When a reviewer gets it for the first time it counts as opened: its rep cannot withdraw it any more.",
    responses=declared(),
    tags=["takes"],
)
async def get_take(found: NamedDependency[FoundTake], state: State) -> TakeOut:
    if found.opens:
        return await first_opened(state, found)
    return make_take_out(state, found.row)


@put(
    "/takes/{take_id:uuid}/responses/{prompt_id:uuid}",
    dependencies={"take": one(Take, may_edit_take)},
    operation_id="PutResponse",
    summary="Answer a prompt with a video, also while it uploads",
    responses=declared(403, 409),
    tags=["takes"],
)
async def put_response(
    data: JSONBody[ResponseIn],
    take: NamedDependency[Take],
    prompt_id: Annotated[UUID, PathParameter()],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
) -> TakeOut:
    await service.put_response(session, take, prompt_id, data)
    return await take_out(session, actor, state, take)


@post(
    "/takes/{take_id:uuid}/submit",
    status_code=200,
    dependencies={"take": one(Take, may_edit_take)},
    operation_id="SubmitTake",
    summary="Hand a take in, also while its videos upload or are processed",
    responses=declared(403, 409),
    tags=["takes"],
)
async def submit_take(
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    data: JSONBody[SubmitIn | None] = None,
) -> TakeOut:
    said = data or SubmitIn()
    await timed.lapse(session, take)
    await submission.submit(session, take, note=said.note, confidence=said.confidence)
    return await take_out(session, actor, state, take)


@post(
    "/takes/{take_id:uuid}/withdraw",
    status_code=200,
    dependencies={"take": one(Take, may_edit_take)},
    operation_id="WithdrawTake",
    summary="Take a submission back, until a reviewer has opened it",
    responses=declared(403, 409),
    tags=["takes"],
)
async def withdraw_take(
    take: NamedDependency[Take], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession], state: State
) -> TakeOut:
    await submission.withdraw(session, take)
    return await take_out(session, actor, state, take)


@delete(
    "/takes/{take_id:uuid}",
    dependencies={"take": one(Take, may_edit_take)},
    operation_id="DiscardTake",
    summary="Throw a draft away",
    description="Not a timed one, which counts from when it was started.",
    responses=declared(403, 409),
    tags=["takes"],
)
async def discard_take(take: NamedDependency[Take], session: NamedDependency[AsyncSession]) -> None:
    await submission.discard(session, take)


routes = [
    start_take,
    grant_take,
    list_takes,
    get_take,
    put_response,
    submit_take,
    withdraw_take,
    discard_take,
]
