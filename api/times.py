"""Times as clients send them: instants with their offset, and wall times without one."""

from datetime import datetime
from typing import Annotated

import msgspec

from models.errors import InvalidError

Instant = Annotated[datetime, msgspec.Meta(tz=True, examples=["2027-03-01T17:00:00Z"])]
WallTime = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$",
        max_length=19,
        examples=["2027-03-01T17:00:00"],
        description="A wall time without an offset.",
    ),
]

# In a query the framework would take a number for an instant too, and an instant without its offset.
INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"

# Beyond these an offset could lead out of what a date can be, and no client means them.
YEARS = range(2000, 2200)


def check_instant(value: datetime | None, pointer: str) -> datetime | None:
    """Return the instant, or raise InvalidError when it lies centuries away."""
    if value is not None and value.year not in YEARS:
        raise InvalidError(f"The year must be from {YEARS.start} to {YEARS.stop - 1}.", pointer=pointer)
    return value


def read_instant(value: str | None, pointer: str) -> datetime | None:
    """Return an instant of a query, whose form `INSTANT` has checked.

    Raises:
        InvalidError: there is no such date or time of day, or it lies centuries away.
    """
    try:
        return check_instant(datetime.fromisoformat(value), pointer) if value is not None else None
    except ValueError as error:
        raise InvalidError("This is not a date and time of day.", pointer=pointer) from error


def read_wall_time(value: str | None, pointer: str) -> datetime | None:
    """Return a naive datetime.

    Raises:
        InvalidError: there is no such date or time of day, or it lies centuries away.
    """
    if value is None:
        return None
    try:
        return check_instant(datetime.fromisoformat(value), pointer)
    except ValueError as error:
        raise InvalidError("This is not a date and time of day.", pointer=pointer) from error
