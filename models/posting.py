"""A series posts its next challenge: what the one before asked, judged by the same version of the same rubric."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from models import assignments
from models.audiences import copy_audience, members_of
from models.base import now
from models.challenge import Challenge
from models.copying import content_of, new_challenge, write_parts
from models.event import write_event
from models.org import Org, hold_org
from models.series import Occurrence, Series, instant_in_zone, plan, planned, wall_time

# Where a day ends last: only what is over everywhere is over.
LAST_ZONE = timezone(timedelta(hours=-12))


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether somebody may address an audience now, and the teams they manage."""

    allowed: bool
    managed: Collection[UUID]


async def post_due(session: AsyncSession, org_id: UUID, series_id: UUID) -> Challenge | None:
    """Post what is due of a series, if anything. It may run twice.

    Of several that have passed, as after a long halt, the last is posted, unless it would be overdue. A series whose
    person may not address its audience any more is paused, and says why.
    """
    await hold_org(session, org_id)  # as for publishing: no joiner is left out
    series = await session.get_one(Series, (org_id, series_id), with_for_update=True, populate_existing=True)
    zone = (await session.get_one(Org, org_id)).time_zone
    at = now()
    passed = [] if series.state != "active" else _passed(series, zone, at)
    if not passed:
        if series.state == "active":
            plan(series, zone, series.next_index, at)  # the organization's zone may be another than it was
        return None
    reach = await reach_of(session, series)
    if not reach.allowed:
        pause(series, "responsible")
        return None
    index, planned_at = passed[-1]
    challenge = None if _is_over(series, index, at) else await _post(session, series, index, planned_at, reach)
    skipped = len(passed) - (challenge is not None)
    if skipped:
        write_event(session, series, "skipped", count=skipped)
    plan(series, zone, index + 1, at)
    series.version += 1
    await session.flush()
    return challenge


def pause(series: Series, because: str | None = None) -> None:
    series.move("paused")
    series.paused_because, series.next_at = because, None
    series.version += 1


async def resume(session: AsyncSession, series: Series) -> None:
    """Go on with what is still to come. What passed meanwhile is left out."""
    zone = (await session.get_one(Org, series.org_id)).time_zone
    series.move("active")
    series.paused_because = None
    plan(series, zone, series.next_index, now())
    series.version += 1


async def replan(session: AsyncSession, org: Org) -> None:
    """Give what series post next its instant in the organization's zone, which is another now."""
    rows = await session.scalars(
        select(Series)
        .where(Series.org_id == org.id, Series.state == "active")
        .order_by(Series.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for series in rows.all():
        series.next_at = instant_in_zone(wall_time(series, series.next_index), org.time_zone)
        series.version += 1
    await session.flush()


def _passed(series: Series, zone: str, at: datetime) -> list[tuple[int, datetime]]:
    found = []
    for index, instant in planned(series, zone):
        if instant > at:
            break
        found.append((index, instant))
    return found


def _due_local(series: Series, index: int) -> datetime | None:
    return wall_time(series, index) + timedelta(hours=series.due_after_h) if series.due_after_h else None


def _is_over(series: Series, index: int, at: datetime) -> bool:
    due = _due_local(series, index)
    return due is not None and due.replace(tzinfo=LAST_ZONE) <= at


async def _post(session: AsyncSession, series: Series, index: int, at: datetime, reach: Reach) -> Challenge:
    first = await session.get_one(Challenge, (series.org_id, series.challenge_id))
    content = await content_of(session, first)
    challenge = new_challenge(
        content,
        org_id=series.org_id,
        title=series.title,
        rubric_id=first.rubric_id,
        rubric_version_id=first.rubric_version_id,
        reviewer_ids=list(first.reviewer_ids),
        audience_id=await copy_audience(session, series.org_id, series.audience_id),
        due_local=_due_local(series, index),
        created_by=series.responsible_id,
    )
    session.add(challenge)
    await session.flush()
    await write_parts(session, challenge, content)
    series.posted += 1
    number = {"series_id": series.id, "number": series.posted}
    session.add(Occurrence(org_id=series.org_id, challenge_id=challenge.id, at=at, **number))
    challenge.published_at = now()
    challenge.move("published")
    await session.flush()
    write_event(session, series, "posted", challenge_id=str(challenge.id), number=series.posted)
    members = await members_of(
        session, series.org_id, challenge.audience_id, reps_only=True, prefer=list(reach.managed)
    )
    await assignments.assign(session, challenge, members)
    return challenge


_REACH = text("""
WITH RECURSIVE managed AS (
  SELECT team_id FROM membership
  WHERE org_id = :org AND person_id = :person AND role = 'manager'
    AND from_at <= now() AND (until_at IS NULL OR until_at > now())
  UNION SELECT t.id FROM team t JOIN managed m ON t.parent_id = m.team_id WHERE t.org_id = :org
)
SELECT ARRAY(SELECT team_id FROM managed) AS managed, p.state = 'active' AND (
  p.org_role = 'enablement' OR (
    EXISTS (SELECT FROM managed) AND NOT a.everyone
    AND NOT EXISTS (
      SELECT FROM audience_team x WHERE x.org_id = :org AND x.audience_id = a.id
        AND x.team_id NOT IN (SELECT team_id FROM managed))
    AND NOT EXISTS (
      SELECT FROM audience_person x JOIN person q ON q.org_id = x.org_id AND q.id = x.person_id AND q.state <> 'left'
      WHERE x.org_id = :org AND x.audience_id = a.id AND NOT EXISTS (
        SELECT FROM membership m WHERE m.org_id = :org AND m.person_id = x.person_id AND m.until_at IS NULL
          AND m.team_id IN (SELECT team_id FROM managed))))) AS allowed
FROM person p JOIN audience a ON a.org_id = :org AND a.id = :audience
WHERE p.org_id = :org AND p.id = :person
""")


async def reach_of(session: AsyncSession, series: Series) -> Reach:
    """Return what the person responsible for a series may address: enablement anyone, managers their teams."""
    await session.flush()
    keys = {"org": series.org_id, "person": series.responsible_id, "audience": series.audience_id}
    row = (await session.execute(_REACH, keys)).one()
    return Reach(row.allowed, row.managed)
