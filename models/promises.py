"""How long feedback may take: the hours of a promise, which weekends do not count against."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

SATURDAY = 5


def promised_by(start: datetime, hours: int, zone: str) -> datetime:
    """Return when feedback is promised for, in UTC: so many hours after `start`.

    Saturdays and Sundays do not count, as the zone of the person who waits has them. Holidays nobody knows here.
    """
    here, left, at = ZoneInfo(zone), timedelta(hours=hours), start.astimezone(UTC)
    while True:
        day = at.astimezone(here).date()
        end = datetime.combine(day + timedelta(days=1), time(), here).astimezone(UTC)
        if day.weekday() < SATURDAY:
            if at + left <= end:
                return at + left
            left -= end - at
        at = end
