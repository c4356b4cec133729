"""Bare litestar and the bare driver: no token, no tenant, no transaction. It believes a header who asks."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from litestar import Litestar, Request, get
from litestar.params import PathParameter
from sqlalchemy.engine import make_url

from api.assignments.schemas import AssignmentOut
from api.auth import Actor
from api.bright_spots.schemas import BrightSpotOut
from api.paging import Page
from api.progress.schemas import PersonProgress
from api.reviews.schemas import ReviewOut
from api.takes.schemas import TakeOut
from models.reads import Statement
from tests.bench.rivals import answers
from tests.bench.rivals.answers import Values, world

STATE, ACTORS = world().state, world().actors
DSN = make_url(world().owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
Asked = Request[Any, Any, Any]
pools: list[Any] = []


async def open_pool() -> None:
    pools.append(await asyncpg.create_pool(DSN, min_size=10, max_size=20))


async def run(statement: Statement, values: Values) -> Sequence[Any]:
    found: Sequence[Any] = await pools[0].fetch(statement.text, *[values[name] for name in statement.names])
    return found


def asking(request: Asked) -> Actor:
    return ACTORS[UUID(request.headers["x-person"])]


@get("/v1/me/assignments")
async def inbox(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[AssignmentOut]:
    return await answers.inbox(run, asking(request), limit, cursor)


@get("/v1/me/reviews")
async def review_queue(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[ReviewOut]:
    return await answers.review_queue(run, asking(request), limit, cursor)


@get("/v1/bright-spots")
async def bright_spots(request: Asked, limit: int = 50, cursor: str | None = None) -> Page[BrightSpotOut]:
    return await answers.bright_spots(run, asking(request), STATE, limit, cursor)


@get("/v1/takes/{take_id:uuid}")
async def take(request: Asked, take_id: Annotated[UUID, PathParameter()]) -> TakeOut:
    return await answers.take(run, asking(request), STATE, take_id)


@get("/v1/people/{person_id:uuid}/progress")
async def progress(request: Asked, person_id: Annotated[UUID, PathParameter()]) -> PersonProgress:
    return await answers.person_progress(run, asking(request), person_id)


app = Litestar([inbox, review_queue, bright_spots, take, progress], on_startup=[open_pool], openapi_config=None)
