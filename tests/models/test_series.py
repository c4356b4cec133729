"""When the challenges of a series come: over months of every length, and where clocks are turned."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series import Series, instant_in_zone, plan, planned, wall_time


def series(first: datetime, unit: str = "week", every: int = 1, **values: Any) -> Series:
    return Series(org_id=UUID(int=1), state="active", first_local=first, unit=unit, every=every, **values)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_weeks_keep_their_weekday_and_hour() -> None:
    found = [wall_time(series(wall("2027-03-01T09:00"), every=2), index) for index in range(3)]
    assert found == [wall("2027-03-01T09:00"), wall("2027-03-15T09:00"), wall("2027-03-29T09:00")]


def test_the_31st_comes_back_after_a_short_month() -> None:
    found = [wall_time(series(wall("2027-12-31T09:00"), "month"), index).date() for index in range(5)]
    assert found == [date(2027, 12, 31), date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30)]


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # wall times
    st.sampled_from(["week", "month"]),
    st.integers(1, 52),
    st.integers(0, 60),
)
def test_each_comes_after_the_one_before_and_keeps_its_time(first: datetime, unit: str, every: int, index: int) -> None:
    one = series(first, unit, every)
    before, after = wall_time(one, index), wall_time(one, index + 1)
    assert after > before
    assert after.time() == first.time()
    assert after - before <= (timedelta(weeks=every) if unit == "week" else timedelta(days=31 * every))


def test_the_hour_stays_where_clocks_are_turned() -> None:
    zone = "Europe/Berlin"
    one = series(wall("2027-03-22T09:00"))
    at = [instant for (_, instant), _ in zip(planned(one, zone), range(2), strict=False)]
    assert at == [datetime(2027, 3, 22, 8, tzinfo=UTC), datetime(2027, 3, 29, 7, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2027-03-28T02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # skipped: 3:30 of summer
        ("2027-10-31T02:30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),  # twice: the first
    ],
)
def test_an_hour_that_is_not_there_or_there_twice(local: str, expected: datetime) -> None:
    assert instant_in_zone(wall(local), "Europe/Berlin") == expected
    assert expected.astimezone(ZoneInfo("Europe/Berlin")).minute == 30


def test_what_comes_next_is_the_first_after_now() -> None:
    one = series(wall("2027-03-01T09:00"))
    plan(one, "UTC", 0, datetime(2027, 3, 8, 9, tzinfo=UTC))
    assert (one.next_index, one.next_at, one.state) == (2, datetime(2027, 3, 15, 9, tzinfo=UTC), "active")


def test_after_its_last_one_a_series_has_ended() -> None:
    one = series(wall("2027-03-01T09:00"), until_local=wall("2027-03-08T09:00"))
    assert [index for index, _ in planned(one, "UTC")] == [0, 1]
    plan(one, "UTC", 2, datetime(2027, 3, 8, 9, tzinfo=UTC))
    assert (one.next_at, one.state) == (None, "ended")
