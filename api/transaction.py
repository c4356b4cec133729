"""One transaction per request: opened for the caller's organization, committed once, at the edge."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor, Caller, load_actor, read_caller
from api.logs import CALLER
from models.database import Database

OPEN = "transaction"


async def caller(request: Request[Any, Any, Any], state: State) -> Caller:
    found = read_caller(request, state.tokens)
    request.scope.setdefault("state", {})[CALLER] = found
    state.rates.count(found)
    return found


async def session(
    caller: NamedDependency[Caller], state: State, request: Request[Any, Any, Any]
) -> AsyncGenerator[AsyncSession]:
    """Yield the tenant's session. It commits when the handler is done, before the answer is sent."""
    database: Database = state.database
    noted = request.scope.setdefault("state", {})
    async with AsyncExitStack() as transaction:
        opened = await transaction.enter_async_context(database.tenant(caller.org_id, caller.person_id))
        opened.info["request_id"] = noted.get("request_id", "")
        noted[OPEN] = transaction
        yield opened


async def actor(caller: NamedDependency[Caller], session: NamedDependency[AsyncSession]) -> Actor:
    return await load_actor(session, caller)


class Abandoned(Exception):  # noqa: N818  # it is no error: nothing is wrong, and nobody catches it
    """Why a transaction is rolled back whose request was refused before its handler ran."""


class EndTransactions(ASGIMiddleware):
    """Roll back, before the answer is sent, what a request has left open.

    When one dependency refuses (404, 403), the framework closes none of those before it: the connection and its locks
    would be held until the generator is collected.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                await _abandon(scope)
            await send(message)

        try:
            await next_app(scope, receive, sending)
        finally:
            await _abandon(scope)


async def _abandon(scope: Scope) -> None:
    """Roll back; a transaction that was committed has nothing left to do."""
    transaction: AsyncExitStack | None = scope.get("state", {}).pop(OPEN, None)
    if transaction is not None:
        await transaction.__aexit__(Abandoned, Abandoned(), None)
