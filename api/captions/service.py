"""Captions of an asset: sent as files, or made of what is said; and what its voice does."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from litestar.datastructures import State
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.playback import PLAYS
from api.assets.service import problem_out
from api.auth import Caller
from api.captions.schemas import (
    CaptionIn,
    CaptionOut,
    CaptionsOut,
    FillerOut,
    PauseOut,
    SpeechOut,
    WordsOut,
)
from media import captions, keys, queue
from media.captions import BadCaptions, Cue
from media.speech import SpeechMeasures
from media.storage import Storage, StorageError
from media.transcribe import unavailable
from media.words import measure_words
from models.asset import Asset, Caption
from models.base import now
from models.captions import captioning, captions_of, key_of, note_captioning, put_caption, remove_caption
from models.database import Database
from models.errors import ConflictError, InvalidError, NotFoundError
from models.event import write_event
from models.ids import new_id
from models.languages import name_of, written

log = structlog.get_logger()

# One that is not done by then was lost with its queue, as when a backup of the database alone is restored.
LOST_AFTER = timedelta(days=1)


async def put(state: State, caller: Caller, asset: Asset, language: str, data: CaptionIn) -> CaptionOut:
    """Check, keep and tell. `asset` is as it was read: no transaction is held across the store.

    Raises:
        ConflictError: how long the video is, is not known yet, or it is none.
        InvalidError: the file is not as it should be; `errors` says where.
    """
    language, cues = _language(language), await _cues(asset, data.text)
    storage: Storage = state.storage
    id_ = new_id()
    caption = Caption(
        org_id=asset.org_id,
        id=id_,
        asset_id=asset.id,
        language=language,
        label=data.label or name_of(language),
        origin="uploaded",
        key=keys.caption(asset.org_id, asset.id, id_),
        text=captions.words_of(cues),
        created_by=caller.person_id,
        created_at=now(),
    )
    await storage.put_bytes(caption.key, captions.write(cues).encode(), "text/vtt")
    out = caption_out(caption)
    left = await _keep(state, caller, asset, caption)
    await _erase_left(storage, left)
    if left == keys.caption(asset.org_id, asset.id, id_):
        raise NotFoundError("There is no asset with this id here.")
    return out


async def _cues(asset: Asset, text: str) -> list[Cue]:
    if asset.state not in PLAYS or asset.duration_ms is None:
        raise ConflictError("This video cannot be played yet.", code="asset-not-playable", state=asset.state)
    try:
        return await asyncio.to_thread(captions.read, text, duration_ms=asset.duration_ms)
    except BadCaptions as bad:
        invalid = InvalidError(str(bad), pointer="/text")
        invalid.errors = [{"pointer": "/text", "detail": error} for error in bad.errors]
        raise invalid from bad


def _language(tag: str) -> str:
    try:
        return written(tag)
    except ValueError as error:
        raise InvalidError(str(error), pointer="#path/language") from error


async def _keep(state: State, caller: Caller, asset: Asset, caption: Caption) -> str | None:
    """Return the key of what is not needed any more: the caption's own, when the video was deleted meanwhile."""
    database: Database = state.database
    key = caption.key
    async with database.tenant(caller.org_id, caller.person_id) as session:
        row = await _locked(session, asset)
        return key if row is None or row.state == "deleted" else await put_caption(session, row, caption)


async def _locked(session: AsyncSession, asset: Asset) -> Asset | None:
    return await session.get(Asset, (asset.org_id, asset.id), with_for_update={"key_share": True})


async def _erase_left(storage: Storage, key: str | None) -> None:
    """What cannot be erased now is found by `showme store check`: nothing names it any more."""
    try:
        await storage.delete_keys([key] if key else [])
    except StorageError as error:
        log.warning("a caption that was replaced is still in the store", key=key, error=str(error))


async def remove(state: State, caller: Caller, asset: Asset, language: str) -> None:
    """Erase the object, then the row: what failed half way is done again. Done again, it changes nothing."""
    language = _language(language)
    database: Database = state.database
    async with database.tenant(caller.org_id, caller.person_id) as session:
        key = await key_of(session, asset, language)
    if key is None:
        return
    await state.storage.delete_keys([key])
    async with database.tenant(caller.org_id, caller.person_id) as session:
        row = await _locked(session, asset)
        if row is not None and await key_of(session, row, language) == key:
            await remove_caption(session, row, language)


async def make(session: AsyncSession, state: State, asset: Asset) -> CaptionsOut:
    """Have captions made of what is said. Its row is locked. Done again while they are made, it changes nothing.

    Raises:
        ConflictError: they cannot be made here, or nothing plays.
    """
    if unavailable(state.settings.captions_model):
        detail = "Captions cannot be made here. Send a WebVTT or SubRip file."
        raise ConflictError(detail, code="captions-unavailable", state=asset.state)
    if asset.state not in PLAYS:
        raise ConflictError("This video cannot be played yet.", code="asset-not-playable", state=asset.state)
    if not _is_pending(asset):
        note_captioning(asset, "pending", at=now().isoformat())
        write_event(session, asset, "captions_asked")
        await queue.defer(session, "make_captions", queue="long", lock=f"asset:{asset.id}", asset_id=str(asset.id))
    return await captions_out(session, state, asset)


def _is_pending(asset: Asset) -> bool:
    found = captioning(asset)
    asked_at = datetime.fromisoformat(found["at"]) if "at" in found else datetime.min.replace(tzinfo=UTC)
    return found.get("state") == "pending" and now() - asked_at < LOST_AFTER


async def captions_out(session: AsyncSession, state: State, asset: Asset) -> CaptionsOut:
    found = captioning(asset)
    return CaptionsOut(
        captions=[caption_out(row) for row in await captions_of(session, asset)],
        automatic=found.get("state", "none"),
        problem=problem_out(found.get("problem")),
        can_make=not unavailable(state.settings.captions_model),
    )


def caption_out(row: Caption) -> CaptionOut:
    return CaptionOut(row.id, row.language, row.label, row.origin, row.created_by, row.created_at)


async def speech_out(session: AsyncSession, asset: Asset) -> SpeechOut:
    measured = msgspec.convert(asset.speech, SpeechMeasures) if asset.speech else None
    spoken_ms = measured.spoken_ms if measured else None
    rows = await captions_of(session, asset, words=True)
    words = await asyncio.to_thread(lambda: [_words(row, spoken_ms) for row in rows])
    return SpeechOut(
        speaking_share=measured.speaking_share if measured else None,
        spoken_ms=spoken_ms,
        pauses=[PauseOut(*pause) for pause in measured.pauses] if measured else None,
        loudness_range_lu=measured.loudness_range_lu if measured else None,
        words=words,
    )


def _words(row: Caption, spoken_ms: int | None) -> WordsOut:
    found = measure_words(row.text, row.language, spoken_ms=spoken_ms)
    fillers = None if found.fillers is None else [FillerOut(one.word, one.count) for one in found.fillers]
    return WordsOut(row.language, row.origin, found.words, found.words_per_minute, fillers)
