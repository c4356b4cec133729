"""Challenges that are asked again: at set times (a series), or once more to see what has changed (a pair)."""

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of

UNITS = ("week", "month")


class Series(Stateful):
    """Asks what `challenge_id` asks again and again, judged by the same version of its rubric.

    `first_local` is a wall time in the organization's zone; the time `next_index` units of `every` later comes next, as
    the instant `next_at` (none, once it has ended). It acts with the rights of `responsible_id`.
    """

    __tablename__ = "series"
    MOVES = moves(active="paused ended", paused="active ended", ended="")

    title: Mapped[str]
    challenge_id: Mapped[UUID]
    audience_id: Mapped[UUID]
    responsible_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default="active")
    paused_because: Mapped[str | None]
    unit: Mapped[str]
    every: Mapped[int]
    first_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    until_local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    due_after_h: Mapped[int | None]
    next_index: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    posted: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("audience_id", "audience"),
        belongs_to("responsible_id", "person"),
        belongs_to("created_by", "person"),
        one_of("state", MOVES),
        one_of("unit", UNITS),
        CheckConstraint("every > 0", name="every"),
        CheckConstraint("due_after_h > 0", name="due_after_h"),
        Index("ix_series_challenge", "org_id", "challenge_id"),
        Index("ix_series_list", "org_id", "created_at", "id"),
        Index("ix_series_next", "next_at", postgresql_where=text("state = 'active'")),
    )

    def concerns(self) -> Concerns:
        """Those who run it; its audience hears of the challenges it posts."""
        return Concerns(self.responsible_id, circle=WORK, also=(self.created_by,))


class Occurrence(Tenant):
    """A challenge that a series has posted; `at` is when it was to be."""

    __tablename__ = "occurrence"

    series_id: Mapped[UUID]
    number: Mapped[int]
    challenge_id: Mapped[UUID]
    at: Mapped[datetime]

    __table_args__ = (
        belongs_to("series_id", "series"),
        belongs_to("challenge_id", "challenge"),
        Index("uq_occurrence_number", "org_id", "series_id", "number", unique=True),
        Index("uq_occurrence_challenge", "org_id", "challenge_id", unique=True),
    )


class ChallengePair(Tenant):
    """A follow-up asks what its baseline asked, judged by the same version of its rubric."""

    __tablename__ = "challenge_pair"

    baseline_id: Mapped[UUID]
    follow_up_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("baseline_id", "challenge"),
        belongs_to("follow_up_id", "challenge"),
        Index("uq_challenge_pair", "org_id", "follow_up_id", unique=True),
        Index("ix_challenge_pair_baseline", "org_id", "baseline_id"),
    )


def wall_time(series: Series, index: int) -> datetime:
    """Return the wall time of an occurrence.

    Months are counted from the first one: after the 31st of January come the last of February and the 31st of March.
    """
    if series.unit == "week":
        return series.first_local + timedelta(weeks=index * series.every)
    years, month = divmod(series.first_local.month - 1 + index * series.every, 12)
    year, month = series.first_local.year + years, month + 1
    day = min(series.first_local.day, calendar.monthrange(year, month)[1])
    return series.first_local.replace(year=year, month=month, day=day)


def instant_in_zone(local: datetime, zone: str) -> datetime:
    """Return the instant of a wall time. Of an hour that comes twice, the first; one that is skipped, an hour later."""
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def planned(series: Series, zone: str, start: int | None = None) -> Iterator[tuple[int, datetime]]:
    """Yield the index and the instant of each occurrence that is to come, until the series is over."""
    for index in count(series.next_index if start is None else start):
        local = wall_time(series, index)
        if series.until_local is not None and local > series.until_local:
            return
        yield index, instant_in_zone(local, zone)


def plan(series: Series, zone: str, start: int, after: datetime) -> None:
    """Set what comes next: the first occurrence from this index on that lies after a time. Without one it ends."""
    found = next(((index, at) for index, at in planned(series, zone, start) if at > after), None)
    series.next_index, series.next_at = found or (series.next_index, None)
    if found is None and series.state != "ended":
        series.move("ended")
