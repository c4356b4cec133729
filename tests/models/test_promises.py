from datetime import UTC, datetime

import pytest

from models.promises import promised_by


@pytest.mark.parametrize(
    ("start", "hours", "zone", "expected"),
    [
        ("2026-11-25T10:00", 24, "UTC", "2026-11-26T10:00"),  # a Wednesday
        ("2026-11-27T10:00", 24, "UTC", "2026-11-30T10:00"),  # Friday to Monday
        ("2026-11-28T10:00", 1, "UTC", "2026-11-30T01:00"),  # handed in on a Saturday
        ("2026-11-25T10:00", 72, "UTC", "2026-11-30T10:00"),
        ("2026-11-25T10:00", 240, "UTC", "2026-12-09T10:00"),  # two weekends
        ("2026-11-27T16:00", 1, "Pacific/Auckland", "2026-11-29T12:00"),  # there it is Saturday already
        ("2026-11-29T23:00", 2, "America/Los_Angeles", "2026-11-30T10:00"),  # there it is Sunday still
        ("2026-03-27T12:00", 24, "Europe/Berlin", "2026-03-30T11:00"),  # clocks go forward on that Sunday
        ("2026-10-23T12:00", 24, "Europe/Berlin", "2026-10-26T13:00"),  # and back on this
    ],
)
def test_weekends_do_not_count_where_the_person_lives(start: str, hours: int, zone: str, expected: str) -> None:
    found = promised_by(datetime.fromisoformat(start).replace(tzinfo=UTC), hours, zone)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
