"""Receiving an upload, as the API and the workers' sweep do it: short transactions, and the store between them.

Each step may run twice, or stop anywhere: what the store has is the truth, and is looked at before a row is moved.
Rows are locked in one order: the asset, its upload, then what `models.submission` locks.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from media import keys, queue
from media.storage import NoSuchMultipart, PartRefused, Storage, StoredPart
from media.verbs import ABANDONED_DAYS
from models.asset import Asset, Upload, UploadPart
from models.base import now
from models.database import Database
from models.errors import ConflictError, IllegalMoveError
from models.submission import asset_arrived, asset_failed

log = structlog.get_logger()

# A bucket forgets a multipart so many days after it began, however lively it is.
LONGEST_DAYS = ABANDONED_DAYS - 1


@dataclass(frozen=True, slots=True)
class Receiver:
    """In which organization, and for whom, bytes are received; a sweep has no `person_id`."""

    database: Database
    storage: Storage
    org_id: UUID
    person_id: UUID | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        async with self.database.tenant(self.org_id, self.person_id) as session:
            session.info["request_id"] = get_contextvars().get("request_id", "")
            yield session


def part_size_of(upload: Upload, part_number: int) -> int:
    """Return the bytes a part must have: all the same, and the last what is left."""
    if part_number < upload.part_count:
        return upload.part_size_bytes
    return upload.size_bytes - (upload.part_count - 1) * upload.part_size_bytes


def ended(upload: Upload, state: str | None = None) -> IllegalMoveError:
    state = state or upload.state
    return IllegalMoveError(f"This upload is {state}; it takes no more parts.", state=state)


def check_open(upload: Upload) -> None:
    """Raise IllegalMoveError unless it takes parts. Once its time is over it stays over, swept or not."""
    if upload.state != "open":
        raise ended(upload)
    if upload.expires_at <= now():
        raise ended(upload, "expired")


def extend(upload: Upload) -> None:
    """Let its time begin anew, since parts arrive."""
    most = upload.created_at + timedelta(days=max(upload.life_days, LONGEST_DAYS))
    upload.expires_at = max(upload.expires_at, min(now() + timedelta(days=upload.life_days), most))


async def load(to: Receiver, upload_id: UUID) -> Upload | None:
    async with to.transaction() as session:
        return await session.get(Upload, (to.org_id, upload_id))


async def lock_upload(session: AsyncSession, upload: Upload) -> Upload:
    """Return the row as it is now, locked."""
    key = (upload.org_id, upload.id)
    return await session.get_one(Upload, key, with_for_update={"key_share": True}, populate_existing=True)


async def lock_both(session: AsyncSession, upload: Upload) -> tuple[Asset, Upload]:
    key = (upload.org_id, upload.asset_id)
    asset = await session.get_one(Asset, key, with_for_update={"key_share": True}, populate_existing=True)
    return asset, await lock_upload(session, upload)


async def begin(to: Receiver, upload: Upload, *, with_checksums: bool) -> Upload:
    """Return the upload with its multipart, which is begun when it is wanted first.

    If the process ends between, the store keeps an empty multipart nobody knows of, and forgets it in time.
    """
    if upload.multipart_id:
        return upload
    key = _key(upload)
    begun = await to.storage.create_multipart(key, upload.content_type, checksum=with_checksums)
    async with to.transaction() as session:
        row = await lock_upload(session, upload)
        if row.state == "open" and not row.multipart_id:
            row.multipart_id, row.with_checksums = begun, with_checksums
            return row
    await to.storage.abort_multipart(key, begun)  # another request was first
    return row


async def arrived(to: Receiver, upload: Upload) -> list[StoredPart] | None:
    """Return the parts of an open upload that are there; None when the store has joined them already.

    Of a multipart that the store has forgotten nothing is left, so the upload begins anew.
    """
    if not upload.multipart_id:
        return []
    try:
        return await to.storage.list_parts(_key(upload), upload.multipart_id)
    except NoSuchMultipart:
        found = await to.storage.head(_key(upload))
        if found is not None and found.size_bytes == upload.size_bytes:
            return None
    await _begin_anew(to, upload)
    return []


async def _begin_anew(to: Receiver, upload: Upload) -> None:
    async with to.transaction() as session:
        row = await lock_upload(session, upload)
        if row.state != "open" or row.multipart_id != upload.multipart_id:
            return
        log.warning("the store has forgotten the parts of an upload", upload_id=str(row.id))
        row.multipart_id, row.with_checksums, row.received_bytes = "", None, 0
        of_upload = (UploadPart.org_id == row.org_id) & (UploadPart.upload_id == row.id)
        await session.execute(delete(UploadPart).where(of_upload))


def missing_parts(upload: Upload, parts: Iterable[StoredPart], etags: Mapping[int, str] | None = None) -> list[int]:
    """Return the numbers of parts that are absent, of a wrong size, or other than the etags say."""
    there = {part.part_number: part for part in parts}
    return [number for number in range(1, upload.part_count + 1) if not _is_right(upload, number, there, etags)]


def _is_right(upload: Upload, number: int, there: Mapping[int, StoredPart], etags: Mapping[int, str] | None) -> bool:
    part = there.get(number)
    if part is None or part.size_bytes != part_size_of(upload, number):
        return False
    return etags is None or _bare(etags.get(number, "")) == _bare(part.etag)


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


async def complete(
    to: Receiver, upload: Upload, *, etags: Mapping[int, str] | None = None, sha256: str | None = None
) -> None:
    """Join the parts and hand the asset on to be processed. Done again, it changes nothing.

    Raises:
        IllegalMoveError: the upload was aborted, or has expired.
        ConflictError: parts in `missing` are not there, or not as they should be.
    """
    while not await _join(to, upload, etags):
        upload = await load(to, upload.id) or upload
    await _settle(to, upload, sha256)


async def _join(to: Receiver, upload: Upload, etags: Mapping[int, str] | None) -> bool:
    """Have the store join the parts; return False when it was overtaken, so that all must be looked at again."""
    if upload.state == "completed":
        return True
    if upload.state != "open":
        raise ended(upload)
    parts = await arrived(to, upload)
    if parts is None:
        return True
    if missing := missing_parts(upload, parts, etags):
        raise _lacking(f"{len(missing)} of {upload.part_count} parts are not there as they should be.", missing)
    wanted = await _to_join(to, upload, parts)
    try:
        await to.storage.complete_multipart(_key(upload), upload.multipart_id, wanted)
    except NoSuchMultipart:
        return False
    except PartRefused as error:
        await _check_overtaken(to, upload, parts, error)
        return False
    return True


async def _check_overtaken(to: Receiver, upload: Upload, parts: Sequence[StoredPart], error: PartRefused) -> None:
    """Raise ConflictError unless it was because a part was replaced at this moment."""
    if await arrived(to, upload) == parts:
        log.warning("the store refused to join parts", upload_id=str(upload.id), why=str(error))
        everything = range(1, upload.part_count + 1)
        raise _lacking("The store refused the parts. Ask for their URLs and send them again.", everything) from error


def _lacking(detail: str, parts: Iterable[int]) -> ConflictError:
    return ConflictError(detail, code="upload-incomplete", missing=[str(number) for number in parts], state="open")


async def _to_join(to: Receiver, upload: Upload, parts: Sequence[StoredPart]) -> list[tuple[int, str, str | None]]:
    """Give each part its checksum: as the store tells it, else as it was signed for."""
    async with to.transaction() as session:
        rows = await session.execute(
            select(UploadPart.part_number, UploadPart.checksum_sha256).where(
                UploadPart.org_id == upload.org_id, UploadPart.upload_id == upload.id
            )
        )
    kept = {row.part_number: row.checksum_sha256 for row in rows}
    return [
        (part.part_number, part.etag, part.checksum_sha256 or kept.get(part.part_number))
        for part in parts
        if part.part_number <= upload.part_count
    ]


async def _settle(to: Receiver, upload: Upload, sha256: str | None) -> None:
    """Write down that the bytes are there. Raises IllegalMoveError when nobody wants them any more."""
    async with to.transaction() as session:
        asset, row = await lock_both(session, upload)
        if row.state == "completed":
            return
        if row.state == "open" and asset.state == "uploading":
            row.move("completed")
            row.completed_at, row.sha256, row.received_bytes = now(), sha256, row.size_bytes
            await _hand_on(session, asset)
            return
        if row.state == "open":
            row.move("aborted")
    await to.storage.delete_keys([_key(upload)])
    raise ended(row)


async def _hand_on(session: AsyncSession, asset: Asset) -> None:
    asset.move("processing")
    asset.processing_at = now()
    await session.flush()
    await asset_arrived(session, asset)
    await queue.defer(session, "process_asset", queue="quick", lock=f"asset:{asset.id}", asset_id=str(asset.id))


async def sweep_upload(database: Database, storage: Storage, org_id: UUID, upload_id: UUID) -> None:
    """Complete an open upload whose parts are all there, or expire it when its time is over, or note that it lives."""
    to = Receiver(database, storage, org_id)
    upload = await load(to, upload_id)
    if upload is None or upload.state != "open":
        return
    parts = await arrived(to, upload)
    if (parts is None or not missing_parts(upload, parts)) and await _completed(to, upload):
        return
    if upload.expires_at <= now():
        await _expire(to, upload)
    else:
        await _note(to, upload, sum(part.size_bytes for part in parts or ()))


async def _completed(to: Receiver, upload: Upload) -> bool:
    try:
        await complete(to, upload)
    except ConflictError as error:
        log.warning("an upload could not be completed", upload_id=str(upload.id), why=error.detail)
        return False
    return True


async def _expire(to: Receiver, upload: Upload) -> None:
    """Clear the store, then write it down: should this process end between, the next sweep does both again."""
    if upload.multipart_id:
        await to.storage.abort_multipart(_key(upload), upload.multipart_id)
    async with to.transaction() as session:
        asset, row = await lock_both(session, upload)
        if row.state != "open" or row.expires_at > now():
            return
        row.move("expired")
        if asset.state == "uploading":
            asset.problem_code = "upload_expired"
            asset.move("failed")
            await session.flush()
            await asset_failed(session, asset)


async def _note(to: Receiver, upload: Upload, received_bytes: int) -> None:
    async with to.transaction() as session:
        row = await lock_upload(session, upload)
        if row.state != "open":
            return
        row.checked_at = now()
        if received_bytes > row.received_bytes and row.expires_at > now():
            extend(row)
        row.received_bytes = received_bytes


def _key(upload: Upload) -> str:
    return keys.source(upload.org_id, upload.asset_id)
