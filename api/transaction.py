"""One transaction per request: opened for the caller's organization, committed once, at the edge."""

from collections.abc import AsyncGenerator
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor, Caller, load_actor, read_caller
from models.database import Database


async def caller(request: Request[Any, Any, Any], state: State) -> Caller:
    return read_caller(request, state.tokens)


async def session(
    caller: NamedDependency[Caller], state: State, request: Request[Any, Any, Any]
) -> AsyncGenerator[AsyncSession]:
    """Yield the tenant's session. It commits when the handler is done, before the answer is sent."""
    database: Database = state.database
    async with database.tenant(caller.org_id, caller.person_id) as opened:
        opened.info["request_id"] = request.scope.get("state", {}).get("request_id", "")
        yield opened


async def actor(caller: NamedDependency[Caller], session: NamedDependency[AsyncSession]) -> Actor:
    return await load_actor(session, caller)
