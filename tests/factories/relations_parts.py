"""What comes with challenges that the rep of a world has answered, has yet to answer, or has yet to begin."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset
from models.base import now
from models.challenge import Assignment, Attachment, Challenge, ModelAnswer, Prompt
from models.take import Take
from models.team import Audience


async def add_parts(world: Any, session: AsyncSession) -> None:
    """Add, to the challenges that are there and two more, a model answer, an attachment and a prompt's video."""
    org_id, manager = world.org.id, world.id_of("manager")
    for name in ("published", "draft"):
        await _add(world, session, world._challenges[name], name, Attachment, position=0)
    await _add(world, session, world._challenges["published"], "answered", ModelAnswer, text="So.")
    for name, timed in (("unanswered", False), ("timed", True)):
        audience = await world.add(session, Audience(org_id=org_id))
        challenge = Challenge(
            org_id=org_id,
            title="Again",
            kind="positioning",
            state="published",
            timed=timed,
            rubric_id=world._challenges["published"].rubric_id,
            rubric_version_id=world._version.id,
            audience_id=audience.id,
            created_by=manager,
            published_at=now(),
        )
        await world.add(session, challenge)
        await _add(world, session, challenge, name, Prompt, position=0)
        await _add(world, session, challenge, name, ModelAnswer, text="So.")
        await _assign(world, session, challenge, begun=not timed)


async def _add(world: Any, session: AsyncSession, challenge: Challenge, name: str, part: Any, **values: Any) -> None:
    kind = part.__tablename__
    asset = Asset(org_id=world.org.id, owner_id=world.id_of("manager"), purpose=kind, state="ready")
    await world.add(session, asset, f"asset-{kind.replace('_', '-')}-{name}")
    row = part(org_id=world.org.id, challenge_id=challenge.id, asset_id=asset.id, **values)
    await world.add(session, row)


async def _assign(world: Any, session: AsyncSession, challenge: Challenge, *, begun: bool) -> None:
    ids = {"challenge_id": challenge.id, "person_id": world.id_of("rep"), "team_id": world.teams["north"]}
    assignment = await world.add(session, Assignment(org_id=world.org.id, **ids))
    if begun:
        await world.add(session, Take(org_id=world.org.id, assignment_id=assignment.id, number=1, **ids))
