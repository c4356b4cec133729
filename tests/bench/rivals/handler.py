"""A handler as one writes it first: the token check, the tenant's transaction, one Core query, and nothing else."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Litestar, Request, get
from litestar.params import PathParameter

from api.assignments.schemas import AssignmentOut
from api.auth import Actor, read_caller
from api.bright_spots.schemas import BrightSpotOut
from api.paging import Page
from api.progress.schemas import PersonProgress
from api.reviews.schemas import ReviewOut
from api.takes.schemas import TakeOut
from models.database import Database
from models.reads import Statement
from tests.bench.rivals import answers
from tests.bench.rivals.answers import Run, Values, world

TOKENS, STATE, ACTORS = world().tokens, world().state, world().actors
DATABASE = Database(world().app_url)
Asked = Request[Any, Any, Any]


def asked(request: Asked) -> tuple[Actor, Run]:
    caller = read_caller(request, TOKENS)

    async def run(statement: Statement, values: Values) -> Sequence[Any]:
        async with DATABASE.tenant(caller.org_id, caller.person_id) as session:
            return (await session.execute(statement.query, values)).all()

    return ACTORS[caller.person_id], run


@get("/v1/me/assignments")
async def inbox(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[AssignmentOut]:
    me, run = asked(request)
    return await answers.inbox(run, me, limit, cursor)


@get("/v1/me/reviews")
async def review_queue(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[ReviewOut]:
    me, run = asked(request)
    return await answers.review_queue(run, me, limit, cursor)


@get("/v1/bright-spots")
async def bright_spots(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[BrightSpotOut]:
    me, run = asked(request)
    return await answers.bright_spots(run, me, STATE, limit, cursor)


@get("/v1/takes/{take_id:uuid}")
async def take(request: Asked, take_id: Annotated[UUID, PathParameter()]) -> TakeOut:
    me, run = asked(request)
    return await answers.take(run, me, STATE, take_id)


@get("/v1/people/{person_id:uuid}/progress")
async def progress(request: Asked, person_id: Annotated[UUID, PathParameter()]) -> PersonProgress:
    me, run = asked(request)
    return await answers.person_progress(run, me, person_id)


app = Litestar([inbox, review_queue, bright_spots, take, progress], openapi_config=None)
