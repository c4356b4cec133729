"""Time to feedback: from handing in to the first critique by a manager, of a team and by reviewer."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar.params import QueryParameter
from sqlalchemy import CTE, ColumnElement, Select, and_, exists, func, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from api.refs import PersonRef
from api.times import INSTANT
from models.base import now
from models.challenge import Assignment
from models.critique import Critique
from models.org import Org
from models.person import Person
from models.shares import share
from models.take import Take
from models.team import Team

SINCE = timedelta(days=90)
Since = Annotated[
    str | None,
    QueryParameter(
        description="Of takes handed in since then; without, in the last 90 days.",
        pattern=INSTANT,
        max_length=40,
        schema_extra={"format": "date-time", "examples": ["2027-03-01T17:00:00Z"]},
    ),
]
Below = Annotated[bool, QueryParameter(description="The takes of the teams below as well.")]


class InsideOut(msgspec.Struct, frozen=True):
    """A share, 0 to 1, with its 95 % interval; `of` so many that were promised something."""

    value: float
    low: float
    high: float
    of: int


class FeedbackTimes(msgspec.Struct, frozen=True):
    """Of the takes that had feedback. `inside_promise` is null while nothing was promised."""

    reviewed: int
    median_minutes: float | None
    p90_minutes: float | None
    inside_promise: InsideOut | None


class ReviewerTimes(msgspec.Struct, frozen=True):
    """Of the takes that had their first feedback from this person."""

    reviewer: PersonRef
    times: FeedbackTimes


class TimeToFeedbackOut(msgspec.Struct, frozen=True):
    """`open`: takes that wait now, whenever they were handed in, `overdue` those past their promise.

    `promise_h` is what the organization promises now; each take is held to what was promised when it was handed in.
    """

    team_id: UUID
    since: datetime
    promise_h: int
    times: FeedbackTimes
    open: int
    overdue: int
    longest_open_minutes: float | None
    reviewers: list[ReviewerTimes]


async def time_to_feedback(
    session: AsyncSession, team: Team, since: datetime | None, *, include_subteams: bool
) -> TimeToFeedbackOut:
    start, at = since or now() - SINCE, now()
    teams = _tree(team, below=include_subteams)
    rows = (await session.execute(_times(team.org_id, teams, start))).all()
    whole = next((_out(row) for row in rows if row.whole), FeedbackTimes(0, None, None, None))
    waiting = (await session.execute(_open(team.org_id, teams))).one()
    promise_h = await session.scalar(select(Org.feedback_promise_h).where(Org.id == team.org_id))
    return TimeToFeedbackOut(
        team.id,
        start,
        promise_h or 0,
        whole,
        waiting.open,
        waiting.overdue,
        round((at - waiting.oldest).total_seconds() / 60, 1) if waiting.oldest else None,
        [ReviewerTimes(PersonRef(row.reviewer_id, row.name), _out(row)) for row in rows if not row.whole],
    )


def _out(row: Any) -> FeedbackTimes:
    inside = share(row.inside, row.promised) if row.promised else None
    median, p90 = (round(minutes, 1) for minutes in row.minutes) if row.minutes else (None, None)
    return FeedbackTimes(
        row.reviewed, median, p90, InsideOut(inside.value, inside.low, inside.high, row.promised) if inside else None
    )


def _tree(team: Team, *, below: bool) -> CTE:
    tree = select(Team.id).where(Team.org_id == team.org_id, Team.id == team.id).cte("tree", recursive=True)
    if below:
        tree = tree.union(select(Team.id).join(tree, Team.parent_id == tree.c.id).where(Team.org_id == team.org_id))
    return tree


def _of(org_id: UUID, teams: CTE) -> ColumnElement[bool]:
    return and_(Take.org_id == org_id, Take.team_id.in_(select(teams.c.id)), Take.practice.is_(False))


def _times(org_id: UUID, teams: CTE, since: datetime) -> Select[Any]:
    """One row for all, one a reviewer; those who were first most often first."""
    first = (
        select(
            Critique.reviewer_id,
            (func.extract("epoch", Critique.published_at - Take.submitted_at) / 60.0).label("minutes"),
            (Critique.published_at <= Take.promised_at).label("inside"),
        )
        .select_from(Take)
        .join(Critique, (Critique.org_id == Take.org_id) & (Critique.take_id == Take.id))
        .where(
            _of(org_id, teams),
            Take.submitted_at >= since,
            Critique.perspective == "manager",
            Critique.state.in_(("published", "superseded")),
        )
        .ext(distinct_on(Take.id))
        .order_by(Take.id, Critique.published_at, Critique.id)
        .subquery("first")
    )
    minutes = func.percentile_cont(literal_column("ARRAY[0.5, 0.9]")).within_group(first.c.minutes)
    figures = (
        select(
            first.c.reviewer_id,
            (func.grouping(first.c.reviewer_id) == 1).label("whole"),
            func.count().label("reviewed"),
            minutes.label("minutes"),
            func.count().filter(first.c.inside).label("inside"),
            func.count(first.c.inside).label("promised"),
        )
        .group_by(func.grouping_sets(tuple_(), tuple_(first.c.reviewer_id)))
        .having(func.count() > 0)
        .subquery("figures")
    )
    return (
        select(figures, Person.name)
        .outerjoin(Person, (Person.org_id == org_id) & (Person.id == figures.c.reviewer_id))
        .order_by(figures.c.reviewed.desc(), Person.name, figures.c.reviewer_id)
    )


def _open(org_id: UUID, teams: CTE) -> Select[*tuple[Any, ...]]:
    left = exists().where(Person.org_id == Take.org_id, Person.id == Take.person_id, Person.state == "left")
    return (
        select(
            func.count().label("open"),
            func.count().filter(Take.promised_at <= func.now()).label("overdue"),
            func.min(Take.submitted_at).label("oldest"),
        )
        .select_from(Take)
        .join(Assignment, (Assignment.org_id == Take.org_id) & (Assignment.id == Take.assignment_id))
        .where(
            _of(org_id, teams),
            Take.state == "submitted",
            Assignment.current_take_id == Take.id,
            Assignment.state != "excused",
            ~left,
        )
    )
