"""A hot read: the actor and one statement, in a transaction that only reads."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from litestar.datastructures import State

from api.auth import Actor, Caller, given_by, read_actor
from models.database import Database
from models.reads import Statement


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads, and where. The names of what the actor gives to a statement are those of `any_actor`."""

    actor: Actor
    state: State
    connection: Any

    async def rows(self, statement: Statement, **values: Any) -> list[Any]:
        return await statement.rows(self.connection, given_by(self.actor) | values)


@asynccontextmanager
async def reading(state: State, caller: Caller) -> AsyncGenerator[Reading]:
    """Open one for the caller.

    Raises:
        UnauthenticatedError: the session has ended.
        UnavailableError: the database does not answer.
    """
    database: Database = state.database
    async with database.reading(caller.org_id) as connection:
        yield Reading(await read_actor(connection, caller), state, connection)
