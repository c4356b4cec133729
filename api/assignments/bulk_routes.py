from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.assignments import bulk
from api.assignments.bulk_schemas import BulkOut, ChosenIn, ExcuseIn, ExtendIn
from api.auth import Actor
from api.policy import may_run_challenge
from api.problems import declared
from models.challenge import Challenge


@post(
    "/challenges/{challenge_id:uuid}/assignments/extend",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_run_challenge)},
    operation_id="ExtendAssignments",
    summary="Give many people more time",
    description="For those of the challenge whom the caller manages. What is handed in or done stays as it is.",
    responses=declared(403, 409),
    tags=["assignments"],
)
async def extend_assignments(
    data: JSONBody[ExtendIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> BulkOut:
    return await bulk.extend(session, actor, challenge, data)


@post(
    "/challenges/{challenge_id:uuid}/assignments/excuse",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_run_challenge)},
    operation_id="ExcuseAssignments",
    summary="Let many people off, or take it back",
    responses=declared(403, 409),
    tags=["assignments"],
)
async def excuse_assignments(
    data: JSONBody[ExcuseIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> BulkOut:
    return await bulk.excuse(session, actor, challenge, data)


@post(
    "/challenges/{challenge_id:uuid}/assignments/remind",
    status_code=200,
    dependencies={"challenge": one(Challenge, may_run_challenge)},
    operation_id="RemindAssignments",
    summary="Remind many people",
    description=(
        "Each hears of it among their changes (`assignment.reminded`); nothing is mailed. Who was reminded of this "
        "challenge within the last twenty hours is not reminded again."
    ),
    responses=declared(403, 409),
    tags=["assignments"],
)
async def remind_assignments(
    data: JSONBody[ChosenIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> BulkOut:
    return await bulk.remind(session, actor, challenge, data)


routes = [extend_assignments, excuse_assignments, remind_assignments]
