"""Renditions on the store and in their table: brought there, written down, and fetched again to be added to."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.climb import Rendition as Made
from media.facts import Probe
from media.pipeline import Mp4
from media.playlists import AUDIO, RenditionIndex
from media.sound import Sound
from media.storage import Storage
from media.waveform import PEAKS_PER_S
from models.asset import Asset, Rendition


def playable_row(asset: Asset, path: Path, facts: Probe) -> Rendition:
    key = keys.playable(asset.org_id, asset.id)
    return _row(asset, "playable", "progressive", key, path, size=(facts.width, facts.height))


def file_row(asset: Asset, file: Mp4) -> Rendition:
    size = (file.facts.width, file.facts.height)
    return _row(asset, file.name, "progressive", file_key(asset.org_id, asset.id, file), file.path, size=size)


def rung_row(asset: Asset, one: Made, *, pieces_until: int | None = None) -> Rendition:
    """Of a rung or of the sound."""
    kind = "audio" if one.name == AUDIO else "video"
    key = rung_key(asset.org_id, asset.id, one.name)
    index = msgspec.structs.replace(one.index, pieces_until=pieces_until)
    return _row(asset, plain(one.name), kind, key, one.path, size=(one.width, one.height), index=index)


def growing_row(asset: Asset, one: Made) -> Rendition:
    """Of a rung, or of the sound, that is being made. Its object is the one that players read first."""
    row = rung_row(asset, one)
    row.key = keys.piece(asset.org_id, asset.id, row.name)
    row.size_bytes = whole_bytes(one.index)
    return row


def whole_bytes(index: RenditionIndex) -> int:
    return index.init_length + sum(segment.length for segment in index.segments)


def _row(
    asset: Asset,
    name: str,
    kind: str,
    key: str,
    path: Path,
    *,
    size: tuple[int | None, int | None],
    index: RenditionIndex | None = None,
) -> Rendition:
    return Rendition(
        org_id=asset.org_id,
        asset_id=asset.id,
        name=name,
        kind=kind,
        key=key,
        size_bytes=path.stat().st_size,
        width=size[0],
        height=size[1],
        index=msgspec.to_builtins(index) if index else None,
    )


def rung_key(org_id: UUID, asset_id: UUID, name: str) -> str:
    return keys.audio(org_id, asset_id) if name == AUDIO else keys.video(org_id, asset_id, plain(name))


def file_key(org_id: UUID, asset_id: UUID, file: Mp4) -> str:
    return keys.data_saver(org_id, asset_id) if file.data_saver else keys.progressive(org_id, asset_id)


def plain(name: str) -> str:
    """Return the name of a rung as a rendition has it: the MP4 made of it goes by the name with the p."""
    return name.removesuffix("p")


async def upload_rungs(storage: Storage, org_id: UUID, asset_id: UUID, made: Sequence[Made]) -> None:
    for one in made:
        await storage.upload(one.path, rung_key(org_id, asset_id, one.name), "video/mp4")


async def upload_files(storage: Storage, org_id: UUID, asset_id: UUID, made: Sequence[Mp4]) -> None:
    for one in made:
        await storage.upload(one.path, file_key(org_id, asset_id, one), "video/mp4")


async def upload_waveform(storage: Storage, org_id: UUID, asset_id: UUID, sound: Sound) -> None:
    if sound.waveform:
        peaks = msgspec.json.encode({"peaks_per_s": PEAKS_PER_S, "peaks": sound.waveform})
        await storage.put_bytes(keys.waveform(org_id, asset_id), peaks, "application/json")


def made_earlier(rows: Mapping[str, Rendition], folder: Path) -> tuple[Made, ...]:
    """Rungs, the largest first, and the sound, as they will be once fetched into the folder."""
    there = [
        Made(name, folder / f"{name}.m4s", msgspec.convert(row.index, RenditionIndex), row.width, row.height)
        for name, row in (
            (row.name if row.kind == "audio" else f"{row.name}p", row) for row in rows.values() if row.index
        )
    ]
    return tuple(sorted(there, key=lambda one: (one.name == AUDIO, -(one.height or 0), -(one.width or 0))))


async def fetch(storage: Storage, org_id: UUID, asset_id: UUID, there: Collection[Made]) -> None:
    for one in there:
        await storage.download(rung_key(org_id, asset_id, one.name), one.path)


async def forget_renditions(session: AsyncSession, asset: Asset) -> None:
    await session.execute(delete(Rendition).where(Rendition.org_id == asset.org_id, Rendition.asset_id == asset.id))


async def put_renditions(session: AsyncSession, asset: Asset, rows: Sequence[Rendition], *, all_: bool = False) -> None:
    """Write rows in place of those of the same names that an earlier run wrote, or in place of all there are."""
    await session.flush()
    of_asset = (Rendition.org_id == asset.org_id) & (Rendition.asset_id == asset.id)
    stale = of_asset if all_ else of_asset & Rendition.name.in_([row.name for row in rows])
    await session.execute(delete(Rendition).where(stale))
    session.add_all(rows)
    await session.flush()
