"""An attachment that is a file: told by its bytes, and kept as it is to be served."""

import asyncio
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from media import keys
from media.attachments import FILE, FileKind, file_kind, saved_name
from media.image_notes import without_notes
from media.jobs.assets import still
from media.jobs.context import WorkerContext
from media.jobs.renditions import put_renditions
from models.asset import Asset, Rendition, Upload
from models.base import now


async def keep_file(context: WorkerContext, org_id: UUID, asset_id: UUID, source: Path) -> bool:
    """Return whether it is a file, which is kept then; else it is to be a recording.

    Raises:
        MediaProblem: it is a kind of file that is not taken, or damaged.
    """
    kind = await asyncio.to_thread(file_kind, source)
    if kind is None:
        return False
    served = await asyncio.to_thread(_as_served, source, kind)
    key = keys.file(org_id, asset_id, kind.ending)
    await context.storage.upload(served, key, kind.content_type)
    size_bytes = await asyncio.to_thread(lambda: served.stat().st_size)
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is None:
            return True
        uploaded = select(Upload.filename).where(Upload.org_id == org_id, Upload.asset_id == asset_id)
        name = saved_name(await session.scalar(uploaded) or FILE, kind)
        asset.facts = {FILE: {"name": name, "content_type": kind.content_type}}
        asset.content_type, asset.problem_code, asset.problem_detail = kind.content_type, None, None
        asset.move("ready")
        asset.ready_at = now()
        await put_renditions(session, asset, [_row(asset, key, size_bytes)], all_=True)
    return True


def _as_served(source: Path, kind: FileKind) -> Path:
    """Return a file without what a camera has noted of where and when; documents stay as they are."""
    if not kind.content_type.startswith("image/"):
        return source
    served = source.with_name("served.bin")
    served.write_bytes(without_notes(source.read_bytes(), kind.content_type))
    return served


def _row(asset: Asset, key: str, size_bytes: int) -> Rendition:
    return Rendition(
        org_id=asset.org_id, asset_id=asset.id, name=FILE, kind="progressive", key=key, size_bytes=size_bytes
    )
