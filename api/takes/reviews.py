"""The reviewer's queue: what waits, oldest first, in one query."""

from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import LateralFromClause

from api.auth import Actor
from api.paging import Page, after, page
from api.policy import visible
from api.refs import ChallengeRef, PersonRef
from api.takes.schemas import ReviewOut
from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Challenge
from models.critique import Critique
from models.person import Person
from models.take import Response, Take


def _video() -> LateralFromClause:
    """Return whether all responses of a take can be played, and how long they are together."""
    return (
        select(
            func.bool_and(Asset.state.in_(("playable", "ready"))).label("playable"),
            func.sum(Asset.duration_ms).label("duration_ms"),
        )
        .join(Response, (Response.org_id == Asset.org_id) & (Response.asset_id == Asset.id))
        .where(Response.org_id == Take.org_id, Response.take_id == Take.id)
        .lateral("video")
    )


async def list_reviews(session: AsyncSession, actor: Actor, limit: int, cursor: str | None) -> Page[ReviewOut]:
    """Return the takes that wait for this reviewer: of an assignment, the one that was handed in last."""
    video = _video()
    query = (
        select(
            Take.id.label("take_id"),
            Take.submitted_at,
            Person.id.label("person_id"),
            Person.name,
            Challenge.id.label("challenge_id"),
            Challenge.title,
            Challenge.kind,
            Critique.id.label("draft_id"),
            video.c.playable,
            video.c.duration_ms,
        )
        .select_from(Take)
        .join(Assignment, (Assignment.org_id == Take.org_id) & (Assignment.id == Take.assignment_id))
        .join(Person, (Person.org_id == Take.org_id) & (Person.id == Take.person_id))
        .join(Challenge, (Challenge.org_id == Take.org_id) & (Challenge.id == Take.challenge_id))
        .join(video, onclause=Take.id.is_not(None))
        .outerjoin(
            Critique,
            (Critique.org_id == Take.org_id)
            & (Critique.take_id == Take.id)
            & (Critique.reviewer_id == actor.person_id)
            & (Critique.state == "draft"),
        )
        .where(
            visible(actor, Take),
            Take.state == "submitted",
            Take.person_id != actor.person_id,
            Assignment.current_take_id == Take.id,
            Assignment.state != "excused",
        )
    )
    rows = (await session.execute(after(query, [Take.submitted_at, Take.id], cursor, limit))).all()
    return page(rows, limit, lambda row: (row.submitted_at, row.take_id), _out)


def _out(row: Row[*tuple[Any, ...]]) -> ReviewOut:
    return ReviewOut(
        row.take_id,
        PersonRef(row.person_id, row.name),
        ChallengeRef(row.challenge_id, row.title, row.kind),
        row.submitted_at,
        max(0, int((now() - row.submitted_at).total_seconds())),
        row.draft_id,
        bool(row.playable),
        None if row.duration_ms is None else int(row.duration_ms),
    )
