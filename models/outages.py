"""Whether it is the database that is away or overtaxed, and not a statement that is wrong."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

# Connections; deadlocks and serialization; room and slots; an operator, a shutdown, a start.
AWAY = frozenset({"08", "40", "53", "57"})


def broke_off(error: BaseException) -> bool:
    """Tell whether the same statement may do better later.

    SQLAlchemy has no class of its own for most of what a server says as it goes: it is known by its SQLSTATE.
    """
    if isinstance(error, OperationalError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or (getattr(error.orig, "sqlstate", None) or "")[:2] in AWAY
