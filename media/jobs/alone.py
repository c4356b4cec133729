"""Work that one of all workers does at a time: whoever holds the advisory lock of that name."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from media.jobs.trying import is_outage
from models.database import Database

# Taken again each round by whoever has it: which tells, too, whether its connection still lives.
TAKE = text("SELECT pg_try_advisory_lock(hashtext(:name))")
RELEASE = text("SELECT pg_advisory_unlock_all()")
log = structlog.get_logger()


async def alone(database: Database, name: str, every_s: float, round_: Callable[[], Awaitable[None]]) -> None:
    """Go round and round, for ever, while no other process does. An error is logged, and ends only its round."""
    while True:
        try:
            async with _connection(database) as connection:
                while await connection.scalar(TAKE, {"name": f"showme {name}"}):
                    await round_()
                    await asyncio.sleep(every_s)
        except Exception as error:
            if is_outage(error):
                log.warning("a round failed", work=name, error=str(error))
            else:
                log.exception("a round failed", work=name)
        await asyncio.sleep(every_s)


@asynccontextmanager
async def _connection(database: Database) -> AsyncGenerator[AsyncConnection]:
    """Open one of its own, in no transaction; without the locks it took it goes back to the pool, or not at all."""
    async with database.engine.connect() as connection:
        try:
            yield connection
            await connection.execute(RELEASE)
        except BaseException:
            await connection.invalidate()
            raise
