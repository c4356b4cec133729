"""Captions of what is said in a video, made by a model; those that a person sent stay."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from media import captions, keys
from media.jobs.assets import locked, order, renditions_of
from media.jobs.context import WorkerContext
from media.problems import MediaProblem
from media.transcribe import Transcript, cues_of, transcribe
from models.asset import Asset, Caption
from models.base import now
from models.captions import captioning, note_captioning, put_caption
from models.ids import new_id
from models.languages import name_of

PLAYS = ("playable", "ready")
HEARD_IN = ("audio", "playable")  # the sound alone, where it is there already


@dataclass(frozen=True, slots=True)
class _Sound:
    key: str
    duration_ms: int


async def make_captions(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make them where they are asked for. Any number of times.

    Raises:
        MediaProblem: they cannot be made, or not now.
    """
    async with context.tenant(org_id) as session:
        sound = await _sound(session, asset_id)
    if sound is None:
        return
    async with context.folder() as folder:
        heard = await _hear(context, sound, folder)
    cues = cues_of(heard.words, duration_ms=sound.duration_ms)
    if not cues:
        raise MediaProblem("no_speech", f"{len(heard.words)} words were heard")
    caption = _caption(org_id, asset_id, heard.language, captions.words_of(cues))
    await context.storage.put_bytes(caption.key, captions.write(cues).encode(), "text/vtt")
    await keep(context, org_id, asset_id, caption)


async def fail(context: WorkerContext, org_id: UUID, asset_id: UUID, problem: MediaProblem) -> None:
    """Say on the asset that they did not come. The video is as it was."""
    async with context.tenant(org_id) as session:
        asset = _still_wanted(await locked(session, asset_id))
        if asset is not None:
            note_captioning(asset, "failed", problem=problem.code, at=now().isoformat())


def _still_wanted(asset: Asset | None) -> Asset | None:
    wanted = asset is not None and asset.state in PLAYS and captioning(asset).get("state") == "pending"
    return asset if wanted else None


async def _sound(session: AsyncSession, asset_id: UUID) -> _Sound | None:
    """Return nothing when nobody wants them any more. Raises MediaProblem where there is no sound."""
    asset = _still_wanted(await locked(session, asset_id))
    if asset is None:
        return None
    renditions = await renditions_of(session, asset)
    key = next((renditions[name].key for name in HEARD_IN if name in renditions), None)
    source = (asset.facts or {}).get("source")  # of a clip there is none
    if key is None or (source and source.get("audio") is None):
        raise MediaProblem("no_speech", "it has no sound")
    return _Sound(key, asset.duration_ms or 0)


async def _hear(context: WorkerContext, sound: _Sound, folder: Path) -> Transcript:
    path = folder / f"sound{Path(sound.key).suffix}"
    await context.storage.download(sound.key, path)
    return await transcribe(path, context.captions_model, context.tools, duration_ms=sound.duration_ms)


def _caption(org_id: UUID, asset_id: UUID, language: str, words: str) -> Caption:
    id_ = new_id()
    return Caption(
        org_id=org_id,
        id=id_,
        asset_id=asset_id,
        language=language,
        label=name_of(language),
        origin="automatic",
        key=keys.caption(org_id, asset_id, id_),
        text=words,
    )


async def keep(context: WorkerContext, org_id: UUID, asset_id: UUID, caption: Caption) -> None:
    """Say that they are there; what came too late, or was sent by a person meanwhile, is erased again."""
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is not None and asset.state == "deleted":
            await order(session, "delete_asset", asset_id)
            return
        left: str | None = caption.key
        if asset is not None and asset.state in PLAYS:
            left = await put_caption(session, asset, caption)
            note_captioning(asset, "made", language=caption.language, at=now().isoformat())
    if left is not None:
        await context.storage.delete_keys([left])
