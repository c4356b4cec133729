"""The reviewer's queue: what waits, what waits longest against its promise first, in one query."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Subquery, exists, func, literal_column, or_, select, true, union
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import LateralFromClause

from api.auth import Actor, any_actor
from api.paging import Page, given_place, keyset, page
from api.policy import visible
from api.reading import Reading
from api.refs import ChallengeRef, PersonRef
from api.reviews.schemas import ClaimOut, ReviewOut, WaitingOut
from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge
from models.critique import Critique
from models.person import Person
from models.reads import Statement, prepared
from models.reviewing import named
from models.take import Response, Take, waits_since


def _ways(me: Actor) -> list[Select[*tuple[Any, ...]]]:
    """Return by which ways takes come into a queue, each with an index that has them in its order.

    What others were named for is theirs, until nobody has reviewed it for so long that it was escalated.
    """
    left = exists().where(Person.org_id == Take.org_id, Person.id == Take.person_id, Person.state == "left")
    query = (
        select(
            Take.org_id,
            Take.id,
            Take.person_id,
            Take.challenge_id,
            Take.team_id,
            Take.submitted_at,
            Take.promised_at,
            Take.escalated_at,
            Take.claimed_by,
            Take.claimed_until,
            waits_since(Take).label("since"),
            named(Take, me.person_id).label("named"),
        )
        .join(Assignment, (Assignment.org_id == Take.org_id) & (Assignment.id == Take.assignment_id))
        .where(
            visible(me, Take),
            Take.state == "submitted",
            Take.person_id != me.person_id,
            Assignment.current_take_id == Take.id,
            Assignment.state != "excused",
            # Feedback to somebody who has left reaches nobody; it waits for them to come back.
            ~left,
        )
    )
    for_all = or_(Take.reviewer_ids == literal_column("'{}'"), Take.escalated_at.is_not(None))
    by_name = query.where(named(Take, me.person_id))
    # Of one's own none waits; what is left of the visible is the reviewed teams'.
    by_team = query.where(true() if me.is_enablement else Take.team_id.in_(me.reviewed), for_all)
    return [by_team, by_name]


def _waiting(me: Actor, *, behind: bool) -> Subquery:
    """Choose the page before anything is read about it."""
    order = [waits_since(Take), Take.id]
    parts = [keyset(query, order, behind=behind).subquery() for query in _ways(me)]
    found = union(*[select(part) for part in parts]).subquery("found")
    return keyset(select(found), [found.c.since, found.c.id], behind=False).subquery("waiting")


def _video(take: Subquery) -> LateralFromClause:
    """Return whether all responses of a take can be played, and how long they are together."""
    return (
        select(
            func.bool_and(Asset.state.in_(("playable", "ready"))).label("playable"),
            func.sum(Asset.duration_ms).label("duration_ms"),
        )
        .join(Response, (Response.org_id == Asset.org_id) & (Response.asset_id == Asset.id))
        .where(Response.org_id == take.c.org_id, Response.take_id == take.c.id)
        .lateral("video")
    )


@cache
def reviews_statement(org_role: str, *, behind: bool) -> Statement:
    me = any_actor(org_role)
    take = _waiting(me, behind=behind)
    video, claimer = _video(take), aliased(Person)
    query = (
        select(
            take.c.id.label("take_id"),
            take.c.since,
            take.c.submitted_at,
            Person.id.label("person_id"),
            Person.name,
            Challenge.id.label("challenge_id"),
            Challenge.title,
            Challenge.kind,
            Critique.id.label("draft_id"),
            video.c.playable,
            video.c.duration_ms,
            take.c.team_id,
            take.c.promised_at,
            take.c.escalated_at,
            take.c.named,
            claimer.id.label("claimed_by"),
            claimer.name.label("claimer_name"),
            take.c.claimed_until,
        )
        .select_from(take)
        .join(Person, (Person.org_id == take.c.org_id) & (Person.id == take.c.person_id))
        .join(Challenge, (Challenge.org_id == take.c.org_id) & (Challenge.id == take.c.challenge_id))
        .join(video, onclause=true())
        .outerjoin(
            Critique,
            (Critique.org_id == take.c.org_id)
            & (Critique.take_id == take.c.id)
            & (Critique.reviewer_id == me.person_id)
            & (Critique.state == "draft"),
        )
        .outerjoin(
            claimer,
            (claimer.org_id == take.c.org_id) & (claimer.id == take.c.claimed_by) & (take.c.claimed_until > func.now()),
        )
        .order_by(take.c.since, take.c.id)
    )
    return prepared(query)


async def list_reviews(read: Reading, limit: int, cursor: str | None) -> Page[ReviewOut]:
    """Return the takes that wait for this reviewer: of an assignment, the one that was handed in last."""
    statement = reviews_statement(read.actor.org_role, behind=bool(cursor))
    rows = await read.rows(statement, **given_place(cursor, limit))
    at = now()
    return page(rows, limit, place_of, lambda row: make_review_out(read.actor, at, *row))


def place_of(row: Any) -> tuple[datetime, UUID]:
    return row["since"], row["take_id"]


def make_review_out(
    me: Actor,
    at: datetime,
    take_id: UUID,
    _since: datetime,
    submitted_at: datetime,
    person_id: UUID,
    name: str,
    challenge_id: UUID,
    title: str,
    kind: str,
    draft_id: UUID | None,
    playable: bool | None,
    duration_ms: int | None,
    team_id: UUID | None,
    promised_at: datetime | None,
    escalated_at: datetime | None,
    by_name: bool,
    claimed_by: UUID | None,
    claimer: str | None,
    claimed_until: datetime | None,
) -> ReviewOut:
    claimed = None
    if claimed_by and claimer and claimed_until:
        claimed = ClaimOut(PersonRef(claimed_by, claimer), claimed_until)
    return ReviewOut(
        take_id,
        PersonRef(person_id, name),
        ChallengeRef(challenge_id, title, kind),
        submitted_at,
        seconds_since(submitted_at, at),
        draft_id,
        bool(playable),
        duration_ms,
        promised_at,
        seconds_since(promised_at, at),
        escalated_at,
        claimed,
        by_name,
        on_behalf_of(me, team_id),
    )


def seconds_since(then: datetime | None, at: datetime) -> int:
    return max(0, int((at - then).total_seconds())) if then else 0


def on_behalf_of(me: Actor, team_id: UUID | None) -> PersonRef | None:
    """Return in whose place somebody sees the work of a team, if it is not in their own."""
    if me.is_enablement or me.manages(team_id):
        return None
    return next((PersonRef(one.person_id, one.name) for one in me.stands_in if one.team_id == team_id), None)


@cache
def waiting_statement(org_role: str) -> Statement:
    me = any_actor(org_role)
    take = union(*_ways(me)).subquery("waiting")
    video = _video(take)
    query = (
        select(
            func.count(),
            func.coalesce(func.sum(video.c.duration_ms), 0),
            func.count().filter(take.c.promised_at <= func.now()),
            func.min(take.c.submitted_at),
        )
        .select_from(take)
        .join(video, onclause=true())
    )
    return prepared(query)


async def waiting(read: Reading) -> WaitingOut:
    """Return how much waits in all."""
    [row] = await read.rows(waiting_statement(read.actor.org_role))
    takes, video_ms, overdue, oldest = row
    return WaitingOut(takes, int(video_ms), overdue, oldest)
