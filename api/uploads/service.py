from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from litestar.datastructures import State
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.schemas import AssetOut
from api.assets.service import asset_outs, erase
from api.auth import Actor
from api.creation import existing
from api.limits.room import check_room
from api.paging import Page, after, page
from api.policy import visible
from api.settings import Settings
from api.uploads import kinds
from api.uploads.schemas import (
    ArrivedPart,
    CompleteIn,
    PartsToSign,
    PartToSign,
    SentPart,
    SignedPart,
    UploadIn,
    UploadOut,
    UploadWithParts,
)
from media import asked, keys, receiving
from media.problems import PROBLEMS
from media.receiving import Receiver
from media.storage import MAX_PARTS
from models.asset import Asset, Upload, UploadPart
from models.base import now
from models.challenge import Assignment, Prompt
from models.errors import ConflictError, InvalidError, UnavailableError
from models.ids import new_id

MIB = 1024 * 1024


async def create_upload(session: AsyncSession, settings: Settings, actor: Actor, data: UploadIn) -> tuple[Upload, bool]:
    """Announce a file, and make the asset it will become. Returns whether it is new.

    The store hears of it when the first URLs are asked for: whether parts come with checksums is fixed then.

    Raises:
        InvalidError: the file is not one that can be used here, or is for something that is not asked of the actor.
        ConflictError: too many uploads are open, or the organization's storage would overflow.
    """
    if found := await existing(session, actor, Upload, data.id, made_by="person_id"):
        return found, False
    _check_size(settings, data)
    prompt = await _prompt(session, actor, data)
    content_type = _check_kind(data, audio_allowed=prompt is not None and prompt.audio_allowed)
    _check_asked(settings, data, prompt)
    await check_room(session, settings, actor, data.size_bytes)
    asset = Asset(
        org_id=actor.org_id,
        owner_id=actor.person_id,
        purpose=data.purpose,
        content_type=content_type,
        size_bytes=data.size_bytes,
    )
    session.add(asset)
    await session.flush()
    upload = _new_upload(settings, asset, data)
    session.add(upload)
    await session.flush()
    return upload, True


def _new_upload(settings: Settings, asset: Asset, data: UploadIn) -> Upload:
    part_size, part_count = parts_of(data.size_bytes, settings.part_size_bytes)
    return Upload(
        org_id=asset.org_id,
        id=data.id or new_id(),
        asset_id=asset.id,
        person_id=asset.owner_id,
        purpose=asset.purpose,
        filename=data.filename,
        content_type=asset.content_type,
        size_bytes=data.size_bytes,
        duration_ms=data.duration_ms,
        part_size_bytes=part_size,
        part_count=part_count,
        assignment_id=data.assignment_id,
        prompt_id=data.prompt_id,
        life_days=settings.upload_life_days,
        expires_at=now() + timedelta(days=settings.upload_life_days),
    )


def parts_of(size_bytes: int, part_size_bytes: int) -> tuple[int, int]:
    """Return the size of each part but the last, grown by whole MiB where there would be too many, and their count."""
    least = -(-size_bytes // MAX_PARTS)
    part_size = max(part_size_bytes, -(-least // MIB) * MIB)
    return part_size, -(-size_bytes // part_size)


def _check_size(settings: Settings, data: UploadIn) -> None:
    if data.size_bytes == 0:
        raise InvalidError(PROBLEMS["empty_file"].message, pointer="/size_bytes")
    most = settings.max_upload_bytes
    if data.purpose == "attachment":
        most = min(most, settings.max_attachment_bytes)
    if data.size_bytes > most:
        raise InvalidError(
            f"This file has {data.size_bytes} bytes; {most} are allowed here.",
            pointer="/size_bytes",
        )


def _check_kind(data: UploadIn, *, audio_allowed: bool) -> str:
    """Return the content type without parameters."""

    def words(code: str) -> str:
        return PROBLEMS[asked.worded(code, audio_allowed=audio_allowed)].message

    if not kinds.is_one_line(data.filename):
        raise InvalidError("A file name has no line breaks and no other control characters.", pointer="/filename")
    kind = kinds.essence(data.content_type)
    if data.purpose == "attachment":
        if not kinds.is_attached(kind, data.filename):
            raise InvalidError(PROBLEMS["unsupported_file"].message, pointer="/filename")
        return kind
    if code := kinds.refused_type(kind):
        known = "" if code == asked.NOT_TAKEN else f" Where the kind is not known, say {kinds.UNKNOWN}."
        raise InvalidError(words(code) + known, pointer="/content_type")
    if code := kinds.refused_name(data.filename):
        raise InvalidError(words(code), pointer="/filename")
    return kind


def _check_asked(settings: Settings, data: UploadIn, prompt: Prompt | None) -> None:
    """Refuse what the worker would refuse, in its words: what is too long, and a voice alone where that will not do."""
    if (data.duration_ms or 0) > settings.max_duration_ms:
        raise InvalidError(PROBLEMS["too_long"].message, pointer="/duration_ms")
    code = asked.refusal(
        duration_ms=data.duration_ms,
        audio_only=kinds.is_sound(kinds.essence(data.content_type), data.filename),
        max_duration_ms=prompt.max_duration_ms if prompt else None,
        audio_allowed=data.purpose == "attachment" or (prompt is not None and prompt.audio_allowed),
    )
    if code is not None:
        pointer = "/content_type" if code == asked.NO_PICTURE else "/duration_ms"
        raise InvalidError(PROBLEMS[code].message, pointer=pointer)


async def _prompt(session: AsyncSession, actor: Actor, data: UploadIn) -> Prompt | None:
    """Return the prompt it answers, where it says so. Raises InvalidError when that is not asked of the actor."""
    if data.purpose != "response" and (data.assignment_id or data.prompt_id):
        pointer = "/assignment_id" if data.assignment_id else "/prompt_id"
        raise InvalidError("Only a response belongs to an assignment.", pointer=pointer)
    if data.assignment_id is None:
        if data.prompt_id is not None:
            raise InvalidError("Name the assignment that the prompt is of.", pointer="/assignment_id")
        return None
    mine = select(Assignment).where(visible(actor, Assignment), Assignment.person_id == actor.person_id)
    assignment = await session.scalar(mine.where(Assignment.id == data.assignment_id))
    if assignment is None:
        raise InvalidError("There is no assignment of yours with this id.", pointer="/assignment_id")
    if data.prompt_id is None:
        return None
    prompt = await session.get(Prompt, (actor.org_id, data.prompt_id))
    if prompt is None or prompt.challenge_id != assignment.challenge_id:
        raise InvalidError("There is no prompt with this id in this challenge.", pointer="/prompt_id")
    return prompt


async def list_uploads(
    session: AsyncSession, actor: Actor, state: str | None, limit: int, cursor: str | None
) -> Page[UploadOut]:
    query = select(Upload).where(visible(actor, Upload))
    if state:
        query = query.where(Upload.state == state)
    rows = (await session.scalars(after(query, [Upload.created_at, Upload.id], cursor, limit))).all()
    return page(rows, limit, lambda row: (row.created_at, row.id), upload_out)


async def sign_parts(to: Receiver, upload: Upload, data: PartsToSign) -> list[SignedPart]:
    """Return a signed request for each part, and let the upload live longer.

    Raises:
        InvalidError: numbers beyond the last part or named twice, or checksums for some parts only.
        ConflictError: earlier parts had checksums and these have none, or the other way round.
        IllegalMoveError: the upload takes no more parts.
    """
    with_checksums = _check_parts(upload, data.parts)
    receiving.check_open(upload)
    upload = await receiving.begin(to, upload, with_checksums=with_checksums)
    async with to.transaction() as session:
        upload = await receiving.lock_upload(session, upload)
        receiving.check_open(upload)
        _check_mode(upload, with_checksums=with_checksums)
        receiving.extend(upload)
        if with_checksums:
            await _keep_checksums(session, upload, data.parts)
    return [_signed(to, upload, part, data.valid_for_s) for part in data.parts]


def _check_parts(upload: Upload, parts: list[PartToSign]) -> bool:
    """Return whether they have checksums."""
    _check_numbers(upload, (part.part_number for part in parts))
    with_checksums = parts[0].checksum_sha256 is not None
    for place, part in enumerate(parts):
        if (part.checksum_sha256 is not None) != with_checksums:
            raise InvalidError("Give a checksum for each part, or for none.", pointer=f"/parts/{place}/checksum_sha256")
    return with_checksums


def _check_numbers(upload: Upload, numbers: Iterable[int]) -> None:
    seen: set[int] = set()
    for place, number in enumerate(numbers):
        pointer = f"/parts/{place}/part_number"
        if number > upload.part_count:
            raise InvalidError(f"This upload has {upload.part_count} parts.", pointer=pointer)
        if number in seen:
            raise InvalidError(f"Part {number} is named twice.", pointer=pointer)
        seen.add(number)


def _check_mode(upload: Upload, *, with_checksums: bool) -> None:
    if not upload.multipart_id:
        raise UnavailableError("The store has just begun this upload anew. Try again.")
    if upload.with_checksums != with_checksums:
        raise ConflictError(
            "The parts of this upload come with checksums: give one for each."
            if upload.with_checksums
            else "The parts of this upload come without checksums: give none.",
            code="checksum-mode",
            state=upload.state,
        )


async def _keep_checksums(session: AsyncSession, upload: Upload, parts: list[PartToSign]) -> None:
    rows = [
        {
            "org_id": upload.org_id,
            "id": new_id(),
            "upload_id": upload.id,
            "part_number": part.part_number,
            "checksum_sha256": part.checksum_sha256,
        }
        for part in parts
    ]
    statement = insert(UploadPart).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "upload_id", "part_number"],
            set_={"checksum_sha256": statement.excluded.checksum_sha256},
        )
    )


def _signed(to: Receiver, upload: Upload, part: PartToSign, valid_for_s: int) -> SignedPart:
    signed = to.storage.sign_part(
        keys.source(upload.org_id, upload.asset_id),
        upload.multipart_id,
        part.part_number,
        size_bytes=receiving.part_size_of(upload, part.part_number),
        checksum_sha256=part.checksum_sha256,
        expires_in_s=valid_for_s,
    )
    return SignedPart(part.part_number, signed.url, signed.method, signed.headers, signed.expires_at)


async def with_parts(to: Receiver, upload: Upload) -> UploadWithParts:
    """Look in the store. An upload that the store has joined, and whose answer was lost, is completed by this."""
    parts = await receiving.arrived(to, upload) if upload.state == "open" else []
    if parts is None:
        await receiving.complete(to, upload)
        upload, parts = await receiving.load(to, upload.id) or upload, []
    fields = _fields(upload)
    if upload.state == "open":
        fields["received_bytes"] = sum(part.size_bytes for part in parts)
    return UploadWithParts(
        **fields,
        parts=[ArrivedPart(part.part_number, part.size_bytes, part.etag, part.checksum_sha256) for part in parts],
    )


async def complete(to: Receiver, state: State, upload: Upload, data: CompleteIn) -> AssetOut:
    """Complete the upload and return its asset; when that was done before, the asset as it is.

    Raises:
        InvalidError: a part is named twice, or is none of this upload.
        ConflictError: parts in `missing` are not there, or others than named.
        IllegalMoveError: the upload was aborted, or has expired.
    """
    if data.parts is not None:
        _check_numbers(upload, (part.part_number for part in data.parts))
    await receiving.complete(to, upload, etags=_etags(data.parts), sha256=data.sha256)
    async with to.transaction() as session:
        return (await asset_outs(session, state, [upload.asset_id]))[upload.asset_id]


def _etags(parts: list[SentPart] | None) -> dict[int, str] | None:
    return None if parts is None else {part.part_number: part.etag for part in parts}


async def abort(session: AsyncSession, upload: Upload) -> None:
    """Give an upload up: its asset is deleted, and a job erases what has arrived. Done again, it changes nothing.

    Raises:
        IllegalMoveError: it was completed, or has expired.
        ConflictError: a challenge that was published asks with its video.
    """
    asset, upload = await receiving.lock_both(session, upload)
    if upload.state == "aborted":
        return
    upload.move("aborted")
    await session.flush()
    await erase(session, asset)


def upload_out(upload: Upload) -> UploadOut:
    return UploadOut(**_fields(upload))


def _fields(upload: Upload) -> dict[str, Any]:
    return {name: getattr(upload, name) for name in UploadOut.__struct_fields__}
