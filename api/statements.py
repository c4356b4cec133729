"""Statements that took long are logged: their time and their text, never their parameters, which are people's."""

import re
import time
from typing import Any

import structlog
from asyncpg.connection import LoggedQuery
from sqlalchemy import event

from models.database import Database

MOST_CHARACTERS = 2000
_SPACE = re.compile(r"\s+")
# What is written into a text instead of being a parameter: of a tenant's BEGIN, the id.
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_BEGAN = "showme_began"
log = structlog.get_logger("slow query")


def watch_statements(database: Database, slow_ms: int) -> None:
    """Log what takes `slow_ms` or longer; 0 logs nothing. The lines carry the request's id, or the job's.

    Statements of sessions are timed by SQLAlchemy's events; what goes to the driver directly, by the driver.
    """
    if not slow_ms:
        return
    engine = database.engine.sync_engine

    def before(connection: Any, *_: Any) -> None:
        connection.info[_BEGAN] = time.perf_counter()

    def after(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        _look_at(statement, time.perf_counter() - connection.info[_BEGAN], slow_ms)

    def failed(context: Any) -> None:
        if context.connection is not None and _BEGAN in context.connection.info and context.statement:
            _look_at(context.statement, time.perf_counter() - context.connection.info[_BEGAN], slow_ms, failed=True)

    def connected(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.driver_connection.add_query_logger(driven)

    def driven(query: LoggedQuery) -> None:
        _look_at(query.query, query.elapsed, slow_ms, failed=query.exception is not None)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)
    event.listen(engine, "connect", connected)


def _look_at(statement: str, seconds: float, slow_ms: int, *, failed: bool = False) -> None:
    if seconds * 1000 >= slow_ms:
        log.warning("slow query", ms=round(seconds * 1000), statement=shown(statement), failed=failed)


def shown(statement: str) -> str:
    return _SPACE.sub(" ", _QUOTED.sub("'…'", statement)).strip()[:MOST_CHARACTERS]
