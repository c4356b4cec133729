"""Whom an audience reaches, and audiences like another."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.person import Person
from models.team import Audience, AudiencePerson, AudienceTeam, Team

# One row a person. Where several memberships count, the preferred team wins, then the role of a rep, then the oldest.
# A person named without a team of the audience keeps the team they are in, so that its manager sees the work.
_MEMBERS = text("""
WITH RECURSIVE a AS (
  SELECT id, everyone, include_subteams FROM audience WHERE org_id = :org AND id = :audience
), wanted AS (
  SELECT team_id FROM audience_team WHERE org_id = :org AND audience_id = :audience
  UNION
  SELECT t.id FROM team t JOIN wanted w ON t.parent_id = w.team_id CROSS JOIN a
  WHERE t.org_id = :org AND a.include_subteams
), current AS (
  SELECT person_id, team_id, role, from_at FROM membership
  WHERE org_id = :org AND from_at <= now() AND (until_at IS NULL OR until_at > now())
), found AS (
  SELECT m.person_id, m.team_id, m.role, m.from_at, 0 AS source FROM current m CROSS JOIN a
  WHERE (a.everyone OR m.team_id IN (SELECT team_id FROM wanted)) AND (m.role = 'rep' OR NOT :reps_only)
  UNION ALL
  SELECT n.person_id, m.team_id, m.role, m.from_at, 1 FROM audience_person n
  LEFT JOIN current m ON m.person_id = n.person_id
  WHERE n.org_id = :org AND n.audience_id = :audience
  UNION ALL
  SELECT p.id, NULL, NULL, NULL, 2 FROM person p CROSS JOIN a
  WHERE p.org_id = :org AND a.everyone AND NOT :reps_only
)
SELECT DISTINCT ON (f.person_id) f.person_id, f.team_id FROM found f
JOIN person p ON p.org_id = :org AND p.id = f.person_id AND p.state <> 'left'
ORDER BY f.person_id, f.source, f.team_id = ANY(CAST(:prefer AS uuid[])) DESC NULLS LAST,
  f.role = 'rep' DESC NULLS LAST, f.from_at, f.team_id
""")


async def members_of(
    session: AsyncSession, org_id: UUID, audience_id: UUID, *, reps_only: bool, prefer: Collection[UUID] = ()
) -> list[tuple[UUID, UUID | None]]:
    """Return everyone the audience reaches now, once each, with the team they are reached through.

    `reps_only` takes the reps of its teams (and those named, whatever they are); otherwise managers count as well.
    Of several teams one of `prefer` is taken. People who left are nobody's audience.
    """
    await session.flush()
    keys = {"org": org_id, "audience": audience_id, "reps_only": reps_only, "prefer": list(prefer)}
    return [(row.person_id, row.team_id) for row in await session.execute(_MEMBERS, keys)]


async def copy_audience(session: AsyncSession, org_id: UUID, audience_id: UUID) -> UUID:
    """Write down the same teams and people once more, without those who left and teams that are put away."""
    old = await session.get_one(Audience, (org_id, audience_id))
    new = Audience(org_id=org_id, everyone=old.everyone, include_subteams=old.include_subteams, joiners=old.joiners)
    session.add(new)
    await session.flush()
    teams = (
        select(AudienceTeam.team_id)
        .join(Team, (Team.org_id == AudienceTeam.org_id) & (Team.id == AudienceTeam.team_id))
        .where(AudienceTeam.org_id == org_id, AudienceTeam.audience_id == old.id, Team.archived_at.is_(None))
        .order_by(AudienceTeam.id)
    )
    people = (
        select(AudiencePerson.person_id)
        .join(Person, (Person.org_id == AudiencePerson.org_id) & (Person.id == AudiencePerson.person_id))
        .where(AudiencePerson.org_id == org_id, AudiencePerson.audience_id == old.id, Person.state != "left")
        .order_by(AudiencePerson.id)
    )
    team_ids, person_ids = (await session.scalars(teams)).all(), (await session.scalars(people)).all()
    session.add_all(AudienceTeam(org_id=org_id, audience_id=new.id, team_id=key) for key in team_ids)
    session.add_all(AudiencePerson(org_id=org_id, audience_id=new.id, person_id=key) for key in person_ids)
    await session.flush()
    return new.id
