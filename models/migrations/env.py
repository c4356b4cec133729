"""Run by alembic; the URL of the owner role comes from the caller (`showme migrate`) through the config."""

import asyncio
import time

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from models.all import metadata
from models.migrate import PATIENCE_S, POLL_S, TURN, MigrationError


def _run(connection: Connection) -> None:
    # Each migration on its own: the locks of one are not held while the next one waits for its.
    context.configure(
        connection=connection, target_metadata=metadata, include_schemas=False, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def _take_turn(connection: AsyncConnection) -> None:
    """Let one process migrate at a time; it has its turn until its connection ends.

    It is asked for again and again: whoever waits inside a statement holds up a CREATE INDEX CONCURRENTLY, for ever.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not await connection.scalar(text(TURN)):
        await connection.rollback()
        if time.monotonic() > deadline:
            raise MigrationError("Another process has been migrating this database for ten minutes: look at it first.")
        await asyncio.sleep(POLL_S)
    # A migration that cannot get its lock soon gives up instead of stopping every query behind it.
    await connection.execute(text("SET lock_timeout = '5s'"))
    await connection.commit()


async def _mend(connection: AsyncConnection) -> None:
    """Have events read that came with a restore: this server counts transactions from somewhere else."""
    if await connection.scalar(text("SELECT to_regprocedure('mend_event_order()') IS NOT NULL")):
        await connection.execute(text("SELECT mend_event_order()"))
    await connection.commit()


async def _online() -> None:
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await _take_turn(connection)
            await connection.run_sync(_run)
            await connection.commit()
            await _mend(connection)
    finally:
        await engine.dispose()


asyncio.run(_online())
