"""How many queries something costs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asyncpg.connection import LoggedQuery
from sqlalchemy.event import listen, remove

from tests.factories.people import OrgKit

_AROUND = ("BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def counted(org: OrgKit) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile, by sessions and to the driver directly; what begins and ends
    the transactions apart, and the hints at events, which are given behind requests, for many of them together.
    """
    sent: list[str] = []

    def of_session(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "pg_notify" not in statement:
            sent.append(statement)

    def of_driver(query: LoggedQuery) -> None:
        if not query.query.startswith(_AROUND) and "pg_notify" not in query.query:
            sent.append(query.query)

    def out(connection: Any, *_rest: object) -> None:
        connection.driver_connection.add_query_logger(of_driver)

    def back(connection: Any, *_rest: object) -> None:
        connection.driver_connection.remove_query_logger(of_driver)

    engine = org.database.engine.sync_engine
    events: list[tuple[str, Callable[..., Any]]] = [
        ("before_cursor_execute", of_session),
        ("checkout", out),
        ("checkin", back),
    ]
    for name, note in events:
        listen(engine, name, note)
    try:
        yield sent
    finally:
        for name, note in events:
            remove(engine, name, note)
