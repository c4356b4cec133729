"""The reviewer's queue: what waits, oldest first, in one query."""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Subquery, func, select, true
from sqlalchemy.sql.selectable import LateralFromClause

from api.auth import Actor, any_actor
from api.paging import Page, given_place, keyset, page
from api.policy import visible
from api.reading import Reading
from api.refs import ChallengeRef, PersonRef
from api.takes.schemas import ReviewOut
from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge
from models.critique import Critique
from models.person import Person
from models.reads import Statement, prepared
from models.take import Response, Take


def _waiting(me: Actor, *, behind: bool) -> Subquery:
    """Choose the page before anything is read about it: an index has them in this order."""
    query = (
        select(Take.org_id, Take.id, Take.person_id, Take.challenge_id, Take.submitted_at)
        .join(Assignment, (Assignment.org_id == Take.org_id) & (Assignment.id == Take.assignment_id))
        .where(
            visible(me, Take),
            # Of one's own none waits; what is left of the visible is the managed teams'.
            true() if me.is_enablement else Take.team_id.in_(me.managed),
            Take.state == "submitted",
            Take.person_id != me.person_id,
            Assignment.current_take_id == Take.id,
            Assignment.state != "excused",
        )
    )
    return keyset(query, [Take.submitted_at, Take.id], behind=behind).subquery("waiting")


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
    video = _video(take)
    query = (
        select(
            take.c.id.label("take_id"),
            take.c.submitted_at,
            Person.id.label("person_id"),
            Person.name,
            Challenge.id.label("challenge_id"),
            Challenge.title,
            Challenge.kind,
            Critique.id.label("draft_id"),
            video.c.playable,
            video.c.duration_ms,
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
        .order_by(take.c.submitted_at, take.c.id)
    )
    return prepared(query)


async def list_reviews(read: Reading, limit: int, cursor: str | None) -> Page[ReviewOut]:
    """Return the takes that wait for this reviewer: of an assignment, the one that was handed in last."""
    statement = reviews_statement(read.actor.org_role, behind=bool(cursor))
    rows = await read.rows(statement, **given_place(cursor, limit))
    at = now()
    return page(rows, limit, lambda row: (row["submitted_at"], row["take_id"]), lambda row: make_review_out(at, *row))


def make_review_out(
    at: datetime,
    take_id: UUID,
    submitted_at: datetime,
    person_id: UUID,
    name: str,
    challenge_id: UUID,
    title: str,
    kind: str,
    draft_id: UUID | None,
    playable: bool | None,
    duration_ms: int | None,
) -> ReviewOut:
    return ReviewOut(
        take_id,
        PersonRef(person_id, name),
        ChallengeRef(challenge_id, title, kind),
        submitted_at,
        max(0, int((at - submitted_at).total_seconds())),
        draft_id,
        bool(playable),
        duration_ms,
    )
