"""The receipt of an erasure, through its life: asked for with the deletion, filled by the job, kept for ever."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset, Erasure
from models.base import now
from models.ids import new_id


async def request_erasure(session: AsyncSession, asset: Asset) -> None:
    """Open the receipt of an asset that is deleted now, in the name of who acts. Done again, it changes nothing."""
    values: dict[str, Any] = {
        "org_id": asset.org_id,
        "id": new_id(),
        "asset_id": asset.id,
        "requested_by": session.info.get("actor_id"),
        "requested_at": asset.deleted_at or now(),
        "objects": 0,
        "versions": 0,
        "multiparts": 0,
        "names": [],
    }
    once = insert(Erasure).values(values).on_conflict_do_nothing(index_elements=["org_id", "asset_id"])
    await session.execute(once)


async def receipt_of(session: AsyncSession, asset_id: UUID, *, lock: bool = False) -> Erasure | None:
    query = select(Erasure).where(Erasure.org_id == session.info["org_id"], Erasure.asset_id == asset_id)
    if lock:
        query = query.with_for_update()
    found: Erasure | None = await session.scalar(query)
    return found


@dataclass(frozen=True, slots=True)
class Listing:
    """What the store held of an asset at a time: objects by name, with old versions, and uploads never finished."""

    at: datetime
    names: Collection[str]
    versions: int
    multiparts: int


def note(receipt: Erasure, found: Listing) -> None:
    """Write down what is about to be removed. It may be said twice, as by a job that begins anew.

    What comes after all seemed gone, from work that was still under way, is added, and the receipt is open again until
    that is gone too.
    """
    if receipt.completed_at is not None and (found.at <= receipt.completed_at or not found.versions + found.multiparts):
        return  # seen by two jobs at once, of which the other has removed it; or nothing
    done = (receipt.versions, receipt.multiparts) if receipt.completed_at is not None else (0, 0)
    receipt.versions = max(receipt.versions, done[0] + found.versions)
    receipt.multiparts = max(receipt.multiparts, done[1] + found.multiparts)
    receipt.names = sorted({*receipt.names, *found.names})
    receipt.objects = len(receipt.names)
    receipt.completed_at = None
