from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.policy import may_see
from api.problems import declared
from api.side_by_side import service
from api.side_by_side.schemas import SideBySideOut
from models.take import Take

Other = Annotated[UUID | None, QueryParameter(name="with", description="The other take; it must be named.")]


@get(
    "/takes/{take_id:uuid}/side-by-side",
    dependencies={"take": one(Take, may_see)},
    operation_id="GetSideBySide",
    summary="Two takes side by side: scores by criterion, and moments that belong together",
    description=(
        "Both players show their own take; a cue says where to seek each. For a reviewer this opens both takes, as "
        "looking at each does."
    ),
    responses=declared(),
    tags=["takes"],
)
async def get_side_by_side(
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    state: State,
    other: Other = None,
) -> SideBySideOut:
    return await service.side_by_side(session, actor, state, take, other)


routes = [get_side_by_side]
