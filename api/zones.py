from functools import cache
from zoneinfo import available_timezones

from models.errors import InvalidError


@cache
def _zones() -> frozenset[str]:
    """Read the folder of zones once: it takes tens of milliseconds."""
    return frozenset(available_timezones())


def check_zone(name: str | None) -> str | None:
    """Return the IANA name, or raise InvalidError."""
    if name is not None and name not in _zones():
        raise InvalidError(f"{name} is not an IANA time zone, such as Europe/Lisbon.", pointer="/time_zone")
    return name
