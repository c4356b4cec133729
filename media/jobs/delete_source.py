"""Letting go of what a client has sent, once nothing more will be made of it."""

from uuid import UUID

from sqlalchemy import select

from media import keys
from media.jobs.context import WorkerContext
from media.problems import PROBLEMS
from models.asset import Asset
from models.base import now


async def delete_source(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Erase the source of an asset whose row says that it is not kept. Any number of times."""
    async with context.tenant(org_id) as session:
        gone = await session.scalar(select(Asset.source_deleted_at).where(Asset.org_id == org_id, Asset.id == asset_id))
    if gone is not None:
        await context.storage.delete_keys([keys.source(org_id, asset_id)])


def give_up_source(asset: Asset) -> None:
    """Write down that it is not kept: what could have been tried again cannot be any more, and the problem says so."""
    asset.source_deleted_at = now()
    code = asset.problem_code
    if code is None or (code in PROBLEMS and not PROBLEMS[code].retryable):
        return
    asset.problem_code = "source_not_kept" if asset.state == "failed" else "source_lost"
    asset.problem_detail = f"{code}: {asset.problem_detail}" if asset.problem_detail else code
