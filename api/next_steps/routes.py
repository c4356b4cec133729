from datetime import timedelta
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, one
from api.auth import Actor
from api.next_steps import service
from api.next_steps.schemas import FollowThroughOut, ReportIn, TrackedStep
from api.next_steps.service import Which
from api.paging import Cursor, Limit, Page
from api.policy import may_report_step, may_see, may_see_progress
from api.problems import declared
from api.times import INSTANT, read_instant
from models.base import now
from models.critique import NextStep
from models.person import Person

LATELY = timedelta(days=180)

State = Annotated[Which, QueryParameter(name="state", description="Open ones, those found done, or all.")]
Since = Annotated[
    str | None,
    QueryParameter(
        description="Steps published since; without, of the last 180 days.",
        pattern=INSTANT,
        max_length=40,
        schema_extra={"format": "date-time", "examples": ["2027-03-01T17:00:00Z"]},
    ),
]


async def read_subject(
    session: NamedDependency[AsyncSession], actor: NamedDependency[Actor], person_id: Annotated[UUID, PathParameter()]
) -> Person:
    """Read a person the actor sees (404), and ask the rule with their teams (403)."""
    return await service.subject(session, actor, person_id)


read_subject.rule = may_see_progress  # type: ignore[attr-defined]  # read by the test that walks the routes
read_subject.model = Person  # type: ignore[attr-defined]  # likewise


@get(
    "/me/next-steps",
    opt=OWN,
    operation_id="ListMyNextSteps",
    summary="My next steps, oldest first; without a state, the open ones",
    responses=declared(),
    tags=["next steps"],
)
async def list_my_next_steps(
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    which: State = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TrackedStep]:
    mine = (NextStep.org_id == actor.org_id) & (NextStep.person_id == actor.person_id)
    return await service.list_steps(session, mine, which, limit, cursor)


@get(
    "/people/{person_id:uuid}/next-steps",
    dependencies={"person": Provide(read_subject)},
    operation_id="ListPersonNextSteps",
    summary="A person's next steps, oldest first; without a state, the open ones",
    description="They follow the person: whoever manages them now sees what was agreed before.",
    responses=declared(403),
    tags=["next steps"],
)
async def list_person_next_steps(
    person: NamedDependency[Person],
    session: NamedDependency[AsyncSession],
    which: State = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TrackedStep]:
    theirs = (NextStep.org_id == person.org_id) & (NextStep.person_id == person.id)
    return await service.list_steps(session, theirs, which, limit, cursor)


@get(
    "/next-steps/{next_step_id:uuid}",
    dependencies={"step": one(NextStep, may_see)},
    operation_id="GetNextStep",
    summary="One next step, and what came of it",
    responses=declared(),
    tags=["next steps"],
)
async def get_next_step(step: NamedDependency[NextStep], session: NamedDependency[AsyncSession]) -> TrackedStep:
    return await service.one_step(session, step)


@post(
    "/next-steps/{next_step_id:uuid}/report",
    status_code=200,
    dependencies={"step": one(NextStep, may_report_step, lock=True)},
    operation_id="ReportNextStep",
    summary="Say how far I am with a next step of mine",
    description="It is shown beside what reviewers find, who are told. Said again, the last word stays.",
    responses=declared(403, 409),
    tags=["next steps"],
)
async def report_next_step(
    data: JSONBody[ReportIn], step: NamedDependency[NextStep], session: NamedDependency[AsyncSession]
) -> TrackedStep:
    await service.report(session, step, data)
    return await service.one_step(session, step)


@get(
    "/people/{person_id:uuid}/follow-through",
    dependencies={"person": Provide(read_subject)},
    operation_id="GetFollowThrough",
    summary="What came of a person's next steps, and of those they gave",
    responses=declared(403),
    tags=["next steps"],
)
async def get_follow_through(
    person: NamedDependency[Person], session: NamedDependency[AsyncSession], since: Since = None
) -> FollowThroughOut:
    start = read_instant(since, "#query/since") or now() - LATELY
    return await service.follow_through_of(session, person, start)


routes = [list_my_next_steps, list_person_next_steps, get_next_step, report_next_step, get_follow_through]
