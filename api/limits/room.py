"""How many uploads may be open at once, and how much an organization may keep."""

from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.settings import Settings
from models.errors import ConflictError

NEARLY = 0.8

# One after the other within an organization, else two that are announced at once would both fit into the last room.
# The lock comes before those of rows, and goes with the transaction.
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('uploads of ' || CAST(:org AS text), 0))")
_OPEN = text("""
SELECT count(*) FILTER (WHERE person_id = :person) AS of_person, count(*) AS of_org
FROM upload WHERE org_id = :org AND state = 'open' AND expires_at > now()
""")
# What was announced counts from then on, as if it were here. Of what expired nothing is.
_USED = text("""
SELECT CAST(
  (SELECT coalesce(sum(size_bytes), 0) FROM asset
   WHERE org_id = :org AND state <> 'deleted' AND problem_code IS DISTINCT FROM 'upload_expired')
  + (SELECT coalesce(sum(r.size_bytes), 0) FROM rendition r JOIN asset a ON a.org_id = r.org_id AND a.id = r.asset_id
     WHERE r.org_id = :org AND a.state <> 'deleted') AS bigint)
""")


class StorageUse(msgspec.Struct, frozen=True):
    """`used_bytes` counts videos, what is made of them, and uploads that were announced."""

    used_bytes: int
    quota_bytes: int
    nearly_full: bool


async def check_room(session: AsyncSession, settings: Settings, actor: Actor, size_bytes: int) -> None:
    """Let one more upload in.

    Raises:
        ConflictError: too many are open, or the organization's storage would overflow.
    """
    keys = {"org": actor.org_id, "person": actor.person_id}
    await session.execute(_TURN, {"org": str(actor.org_id)})
    _check_open(settings, (await session.execute(_OPEN, keys)).one())
    quota = settings.org_quota_bytes
    if quota and await used_bytes(session, actor) + size_bytes > quota:
        raise ConflictError(
            f"The storage of your organization is full: {quota} bytes are allowed. Delete videos, or ask an admin.",
            code="quota-exceeded",
        )


def _check_open(settings: Settings, found: Any) -> None:
    most, most_of_org = settings.open_uploads_per_person, settings.open_uploads_per_org
    if most and found.of_person >= most:
        raise ConflictError(
            f"You have {found.of_person} uploads open. Finish one, or give one up.", code="too-many-uploads"
        )
    if most_of_org and found.of_org >= most_of_org:
        raise ConflictError(
            f"Your organization has {found.of_org} uploads open. Try again when some have ended.",
            code="too-many-uploads",
        )


async def used_bytes(session: AsyncSession, actor: Actor) -> int:
    found: int = (await session.execute(_USED, {"org": actor.org_id})).scalar_one()
    return found


async def storage_use(session: AsyncSession, settings: Settings, actor: Actor) -> StorageUse | None:
    """Return how full the storage is, for an admin of an organization with a quota."""
    quota = settings.org_quota_bytes
    if not quota or not actor.is_admin:
        return None
    used = await used_bytes(session, actor)
    return StorageUse(used, quota, nearly_full=used >= NEARLY * quota)
