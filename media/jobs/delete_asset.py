"""Erasing: an asset whose row is `deleted` has no object left, and a receipt says so."""

from uuid import UUID

import structlog

from media import keys
from media.jobs.context import WorkerContext
from media.storage import Held, StorageUnavailable
from models.asset import Asset
from models.base import now
from models.erasures import Listing, note, receipt_of, request_erasure
from models.event import write_event

log = structlog.get_logger()


async def delete_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Look what there is under the asset's prefix, write it down, erase it, and look again. Any number of times.

    Raises:
        StorageUnavailable: something is left, or there may be something that cannot be seen.
    """
    prefix = keys.asset_prefix(org_id, asset_id)
    if not await _is_deleted(context, org_id, asset_id):
        return
    at, found = now(), await context.storage.held(prefix)
    names = [key.removeprefix(prefix) for key in found.keys]
    await _note(context, org_id, asset_id, Listing(at, names, found.versions, found.multiparts))
    await context.storage.delete_prefix(prefix)
    _check_gone(await context.storage.held(prefix))
    await _complete(context, org_id, asset_id)
    log.info("objects erased", count=len(found.keys), versions=found.versions, multiparts=found.multiparts)


async def _is_deleted(context: WorkerContext, org_id: UUID, asset_id: UUID) -> bool:
    """Tell, and see to it that there is a receipt."""
    async with context.tenant(org_id) as session:
        asset = await session.get(Asset, (org_id, asset_id))
        if asset is None or asset.state != "deleted":
            return False
        await request_erasure(session, asset)
        return True


async def _note(context: WorkerContext, org_id: UUID, asset_id: UUID, found: Listing) -> None:
    """Before anything is removed: a worker that dies in the middle leaves nothing to list."""
    async with context.tenant(org_id) as session:
        receipt = await receipt_of(session, asset_id, lock=True)
        if receipt is not None:
            note(receipt, found)


async def _complete(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        receipt = await receipt_of(session, asset_id, lock=True)
        if receipt is not None and receipt.completed_at is None:
            receipt.completed_at = now()
            asset = await session.get_one(Asset, (org_id, asset_id))
            write_event(session, asset, "erased", objects=receipt.objects)


def _check_gone(left: Held) -> None:
    if left.unseen:
        raise StorageUnavailable(left.unseen)
    if not left.is_nothing:
        raise StorageUnavailable(
            f"{left.versions} versions of {len(left.keys)} objects and {left.multiparts} unfinished uploads are left."
        )
