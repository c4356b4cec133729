"""What a world has of reviews: a delegation that is over, and a guest of the take that was handed in."""

from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from models.base import now
from models.review import Delegation, GuestReview


async def add_reviews(world: Any, session: AsyncSession) -> None:
    """The delegation is over, so that it changes nobody's relation to the rest."""
    org_id, at, take = world.org.id, now(), world.things["take-submitted"]
    lent = Delegation(
        org_id=org_id,
        person_id=world.id_of("manager"),
        delegate_id=world.id_of("elsewhere"),
        from_at=at - timedelta(days=2),
        until_at=at - timedelta(days=1),
    )
    await world.add(session, lent, "delegation")
    guest = GuestReview(
        org_id=org_id,
        take_id=take.id,
        person_id=take.person_id,
        team_id=take.team_id,
        invited_by=world.id_of("manager"),
        name="Gwen Guest",
        rubric_version_id=world.things["challenge-published"].rubric_version_id,
        expires_at=at + timedelta(days=7),
    )
    await world.add(session, guest, "guest-review")
