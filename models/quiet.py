"""When somebody wants to hear of things: quiet hours and the time of a digest, as wall times of their zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def is_quiet(clock: str, quiet_from: str, quiet_until: str) -> bool:
    """Return whether a time of day, `HH:MM`, lies in the quiet hours, which may pass midnight."""
    if quiet_from < quiet_until:
        return quiet_from <= clock < quiet_until
    return clock >= quiet_from or clock < quiet_until


def not_before(at: datetime, zone: str, quiet_from: str | None, quiet_until: str | None) -> datetime:
    """Return the first time from `at` on that is not quiet, in UTC."""
    if quiet_from is None or quiet_until is None or not _quiet_at(at, zone, quiet_from, quiet_until):
        return at
    return min(end for end in _next(at, zone, quiet_until) if not _quiet_at(end, zone, quiet_from, quiet_until))


def next_digest(at: datetime, zone: str, digest_at: str) -> datetime:
    """Return the next time after `at` that it is this time of day, in UTC."""
    return min(_next(at, zone, digest_at))


def _quiet_at(at: datetime, zone: str, quiet_from: str, quiet_until: str) -> bool:
    return is_quiet(at.astimezone(ZoneInfo(zone)).strftime("%H:%M"), quiet_from, quiet_until)


def _next(at: datetime, zone: str, clock: str) -> list[datetime]:
    """Return when it is this time of day next, both times where clocks are turned back.

    One that is skipped, where they are turned forward, is as far behind the turn as it says.
    """
    place, hour, minute = ZoneInfo(zone), int(clock[:2]), int(clock[3:])
    today = at.astimezone(place).replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
    found = []
    for day in (-1, 0, 1, 2):
        for fold in (0, 1):
            instant = (today + day * DAY).replace(tzinfo=place, fold=fold).astimezone(UTC)
            shown = instant.astimezone(place).replace(tzinfo=None, fold=0)
            if instant > at and (shown == today + day * DAY or fold == 0):
                found.append(instant)
    return found
