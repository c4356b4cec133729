"""A hint to whoever waits for events that there are new ones, given after the commit and gathered.

NOTIFY takes a lock of the whole database while its transaction commits, so it is never part of one that does anything
else: a process says it once for all that it has committed in a tenth of a second. Nobody relies on it; readers look by
themselves from time to time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models.errors import UnavailableError

if TYPE_CHECKING:  # which itself gives hints
    from models.database import Database

CHANNEL = "showme_events"
AWAY = (OSError, PostgresError, InterfaceError, InternalClientError, DBAPIError, PoolTimeoutError, UnavailableError)
GATHER_S = 0.1
# What is sent has at most 8,000 bytes; where more organizations have news, everybody looks.
MOST = 200


class Hints:
    """`notify` sends one payload: ids of organizations, or nothing, which means any of them."""

    def __init__(self, notify: Callable[[str], Awaitable[None]]) -> None:
        self._notify = notify
        self._orgs: set[UUID] = set()
        self._sending: asyncio.Task[None] | None = None

    def give(self, org_id: UUID) -> None:
        self._orgs.add(org_id)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        while self._orgs:
            orgs, self._orgs = self._orgs, set()
            try:
                await self._notify(" ".join(one.hex for one in orgs) if len(orgs) <= MOST else "")
            except AWAY:
                return  # it is a hint; the next one will do
            await asyncio.sleep(GATHER_S)


def orgs_of(payload: str) -> frozenset[UUID] | None:
    """Return the organizations a hint names; None where it may be any."""
    return frozenset(UUID(one) for one in payload.split()) or None


async def listen(database: "Database", heard: Callable[[str], None]) -> None:
    """Hear hints on a connection of its own until it is lost; at once upon its beginning, for what came before.

    Not through a pooler in transaction mode: there nobody listens.
    """
    try:
        async with database.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            lost = asyncio.Event()
            raw.add_termination_listener(lambda _raw: lost.set())
            try:
                await raw.add_listener(CHANNEL, lambda _raw, _pid, _channel, payload: heard(payload))
                heard("")
                await lost.wait()
            finally:
                raw.terminate()
                await connection.invalidate()
    except AWAY:
        return
