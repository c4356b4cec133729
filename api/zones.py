from zoneinfo import available_timezones

from models.errors import InvalidError


def check_zone(name: str | None) -> str | None:
    """Return the IANA name, or raise InvalidError."""
    if name is not None and name not in available_timezones():
        raise InvalidError(f"{name} is not an IANA time zone, such as Europe/Lisbon.", pointer="/time_zone")
    return name
