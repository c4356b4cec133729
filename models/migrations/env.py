"""Run by alembic; the URL of the owner role comes from the caller (`showme migrate`) through the config."""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from models.all import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, include_schemas=False)
    with context.begin_transaction():
        # A migration that cannot get its lock soon gives up instead of stopping every query behind it.
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        context.run_migrations()


async def _online() -> None:
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_online())
