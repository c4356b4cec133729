"""The engine, and the session of one tenant: `BEGIN` and the tenant go to the server in one call."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

from asyncpg import (
    InterfaceError,
    InternalClientError,
    OperatorInterventionError,
    PostgresConnectionError,
    PostgresError,
)
from sqlalchemy import event as sa_event
from sqlalchemy import inspect, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.util import greenlet_spawn

from models.base import Stateful
from models.errors import UnavailableError
from models.event import add_event
from models.hints import CHANNEL, Hints
from models.pool import WatchedPool

SILENT = "The database does not answer. Try again."
BROKE_OFF = "The database broke off. Try again."
# Whatever a server that is gone, starting or full makes the driver raise; also when it answers, but lets nobody in.
# InternalClientError: the server has said goodbye to a connection at rest, which is just about to be closed.
AWAY = (OSError, PostgresError, InterfaceError, InternalClientError, DBAPIError, PoolTimeoutError)
# What the driver raises when a connection ends in the middle, also of a statement before this one.
BROKEN = (OSError, PostgresConnectionError, OperatorInterventionError, InterfaceError, InternalClientError)
# A pool is full of ended connections after a restart, and each is found out alone.
PATIENCE = 50
# A server may also be there and say nothing: stopped, out of disk, behind a network that swallows all. So each wait has
# an end. A statement is ended by the server; only a server that does not even do that is hung up on, a second later.
BEGIN_S = 10.0  # for a place in the pool, a new connection and BEGIN together
CONNECT_S = 5.0
STATEMENT_S = 10.0
GRACE_S = 1.0
ROLLBACK_S = 2.0

# The queue's own functions name its tables without their schema.
SEARCH_PATH = "public,queue"
# What a pooler in transaction mode leaves to a client: no setting of a session, and no statement that outlives its
# transaction, since the next one is on another server connection.
POOLED: dict[str, Any] = {
    "server_settings": {"application_name": "showme"},
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
DIRECT: dict[str, Any] = {"server_settings": {"search_path": SEARCH_PATH, "application_name": "showme"}}


class Database:
    """A pool of connections as the plain application role.

    `pooled`: the URL is that of a pooler in transaction mode. Then there are no locks, settings or notifications of a
    session: what needs those takes a direct URL. `statement_s`: how long one statement may take, locks included.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, pooled: bool = False, statement_s: float = STATEMENT_S
    ) -> None:
        # AUTOCOMMIT leaves BEGIN and COMMIT to `_transaction`, which sends the tenant along with BEGIN.
        self.engine: AsyncEngine = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            # All are kept: what overflows a pool is closed after each request, and opened again for the next.
            pool_size=2 * pool_size,
            max_overflow=0,
            pool_use_lifo=True,  # a few busy ones, whose plans are made, rather than all by turns
            pool_timeout=BEGIN_S,
            poolclass=WatchedPool,
            # An error may be logged, and its parameters are people's: addresses, hashes, notes.
            hide_parameters=True,
            connect_args=_connect_args(statement_s, pooled=pooled),
        )
        limit = f" SET LOCAL statement_timeout = {_ms(statement_s)};" if pooled else ""
        self._begin_with = f"BEGIN;{limit} SET LOCAL search_path = {SEARCH_PATH};" if pooled else "BEGIN;"
        self._read_with = f"BEGIN READ ONLY;{limit}"
        sa_event.listen(self.engine.sync_engine, "handle_error", _say_silent)
        # Hints have a connection of their own: they never wait for one of the pool's, nor take it from a request.
        self._aside = create_async_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=0,
            connect_args=_connect_args(statement_s, pooled=pooled),
        )
        if pooled:
            _connect_in_one_transaction(self.engine)
            _connect_in_one_transaction(self._aside)
        self.hints = Hints(self._notify)

    async def dispose(self) -> None:
        await self.hints.close()
        await self._aside.dispose()
        await self.engine.dispose()

    @asynccontextmanager
    async def tenant(self, org_id: UUID, actor_id: UUID | None = None) -> AsyncGenerator[AsyncSession]:
        """Open one transaction that sees this organization only, and commit it at the end.

        Any exception rolls all of it back, jobs deferred in it too. `actor_id` signs the events.
        """
        async with self._transaction(f"SET LOCAL app.org = '{UUID(str(org_id))}'") as session:
            session.info["org_id"] = org_id
            session.info["actor_id"] = actor_id
            yield session

    @asynccontextmanager
    async def without_tenant(self) -> AsyncGenerator[AsyncSession]:
        """Open a transaction that sees no tenant's rows: for health, and for the audited functions."""
        async with self._transaction() as session:
            yield session

    @asynccontextmanager
    async def reading(self, org_id: UUID) -> AsyncGenerator[Any]:
        """Yield the driver's own connection in a transaction that only reads, and sees this organization only.

        Raises:
            UnavailableError: the database does not answer, or broke off.
        """
        checked_out, raw = await self._begin_reading(f"{self._read_with} SET LOCAL app.org = '{UUID(str(org_id))}'")
        try:
            yield raw
            await raw.execute("COMMIT")
        except BaseException as error:
            await _roll_back(raw, partial(greenlet_spawn, checked_out.invalidate))
            if isinstance(error, BROKEN):
                raise UnavailableError(BROKE_OFF) from error
            if isinstance(error, PostgresError):  # as a session would have said it
                raise DBAPIError("a read", None, error) from error
            raise
        finally:
            await greenlet_spawn(checked_out.close)

    async def _begin_reading(self, begin: str) -> tuple[Any, Any]:
        """Begin as `_begin` does, on a connection of the same pool, without what sessions want around it."""
        async with _in_time():
            for _ in range(PATIENCE):
                try:
                    checked_out = await self.engine.raw_connection()
                except (*AWAY, self.engine.dialect.loaded_dbapi.Error) as error:  # a session's engine would wrap it
                    raise UnavailableError(SILENT) from error
                raw: Any = checked_out.driver_connection
                try:
                    await raw.execute(begin)
                except BaseException as error:
                    raw.terminate()
                    await greenlet_spawn(checked_out.invalidate)
                    if not _ended(error):
                        raise
                else:
                    return checked_out, raw
            raise UnavailableError(SILENT)

    @asynccontextmanager
    async def _transaction(self, setting: str = "") -> AsyncGenerator[AsyncSession]:
        connection, raw = await self._begin(setting)
        try:
            async with AsyncSession(connection, expire_on_commit=False) as session:
                yield session
                await session.flush()
                await _commit(raw)
                self._hint(session)
        except BaseException:
            await _roll_back(raw, connection.invalidate)
            raise
        finally:
            await connection.close()

    def _hint(self, session: AsyncSession) -> None:
        """Say after the commit that events were written in it."""
        if session.info.pop("told", False):
            self.hints.give(session.info["org_id"])

    async def _notify(self, payload: str) -> None:
        async with self._aside.connect() as connection:
            await connection.execute(
                text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload}
            )

    async def _begin(self, setting: str) -> tuple[AsyncConnection, Any]:
        """Begin on a connection that lives: those in the pool may have ended with a server that was restarted."""
        async with _in_time():
            for _ in range(PATIENCE):
                try:
                    connection = await self.engine.connect()
                except AWAY as error:
                    raise UnavailableError(SILENT) from error
                raw = await _driver(connection)
                try:
                    await raw.execute(f"{self._begin_with} {setting}")
                except BaseException as error:
                    raw.terminate()
                    await connection.invalidate()
                    await connection.close()
                    if not _ended(error):
                        raise
                else:
                    return connection, raw
            raise UnavailableError(SILENT)


def _connect_args(statement_s: float, *, pooled: bool) -> dict[str, Any]:
    args = {**(POOLED if pooled else DIRECT), "timeout": CONNECT_S, "command_timeout": statement_s + GRACE_S}
    if not pooled:
        args["server_settings"] = args["server_settings"] | {"statement_timeout": str(_ms(statement_s))}
    return args


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _say_silent(context: ExceptionContext) -> UnavailableError | None:
    """Say what the driver's TimeoutError means; SQLAlchemy, which knows it for no error of a database, lets it pass."""
    return UnavailableError(SILENT) if isinstance(context.original_exception, TimeoutError) else None


@asynccontextmanager
async def _in_time() -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(BEGIN_S):
            yield
    except TimeoutError as error:
        raise UnavailableError(SILENT) from error


def _ended(error: BaseException) -> bool:
    """Tell whether this connection is at an end, so that another may do; without an answer, none would have one."""
    return isinstance(error, AWAY) and not isinstance(error, TimeoutError)


def _connect_in_one_transaction(engine: AsyncEngine) -> None:
    """Keep what SQLAlchemy asks of a new connection on one server connection behind the pooler."""

    def run(statement: str) -> Callable[..., None]:
        return lambda connection, _record: connection.run_async(lambda raw: raw.execute(statement))

    sa_event.listen(engine.sync_engine, "connect", run("BEGIN"), insert=True)
    sa_event.listen(engine.sync_engine, "connect", run("COMMIT"))


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


async def _commit(raw: Any) -> None:
    """Commit. Whether it was done when the connection breaks just then, nobody knows: repeating must do no harm."""
    try:
        await raw.execute("COMMIT")
    except BROKEN as error:
        raise UnavailableError(BROKE_OFF) from error


async def _roll_back(raw: Any, invalidate: Callable[[], Awaitable[Any]]) -> None:
    """Leave the connection clean, or out of the pool; what went wrong first stays the error."""
    try:
        await raw.execute("ROLLBACK", timeout=ROLLBACK_S)
    except BaseException as error:
        raw.terminate()  # else it would be waited for again, in good manners
        await invalidate()
        if not isinstance(error, Exception):
            raise


@sa_event.listens_for(OrmSession, "before_flush")
def _write_moves_down(session: OrmSession, _context: Any, _instances: Any) -> None:
    for row in [*session.new, *session.dirty]:
        if isinstance(row, Stateful):
            before, after = inspect(row).attrs.state.history.deleted, inspect(row).attrs.state.history.added
            if after and list(before or ()) != list(after):
                _write_down(session, row, before[0] if before else None)


def _write_down(session: OrmSession, row: Stateful, before: str | None) -> None:
    concerns = row.concerns()
    if before:
        concerns = concerns.with_(row.concerned_before(before))
    add_event(session, row, row.state, concerns, ({"from": before} if before else {}) | row.told())


async def ping(database: Database) -> None:
    """Raise whatever the driver raises when the database does not answer."""
    async with database.without_tenant() as session:
        await session.execute(text("SELECT 1"))
