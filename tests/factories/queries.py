"""How many queries something costs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.event import listen, remove

from tests.factories.people import OrgKit


@contextmanager
def counted(org: OrgKit) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = org.database.engine.sync_engine
    listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        remove(engine, "before_cursor_execute", note)
