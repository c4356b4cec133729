"""Videos that are really in the store: small stand-ins for each object, or all that the pipeline makes of a clip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from media import keys
from media.ladder import Tiles
from media.pipeline import make_ladder, make_playable
from media.playlists import RenditionIndex, Segment
from media.probe import probe
from media.storage import Storage
from models.asset import Asset, Rendition
from models.database import Database
from tests.clips import TOOLS, clip
from tests.factories.people import OrgKit, Somebody

FILM = bytes(range(256)) * 8
TILES = Tiles(interval_ms=2000, count=3, columns=3, rows=1, width=160, height=90)
SOUND = RenditionIndex(
    init_length=100,
    segments=(Segment(4.0, 100, 300), Segment(2.0, 400, 200)),
    codecs="mp4a.40.2",
    average_bandwidth=1000,
    peak_bandwidth=1200,
)
PICTURE = msgspec.structs.replace(SOUND, codecs="avc1.640015", width=640, height=360, frame_rate=25.0)


@dataclass(frozen=True)
class Video:
    """An asset of a test, and where its objects are."""

    org: OrgKit
    id: UUID
    storage: Storage

    async def row(self) -> Asset:
        async with self.org.database.tenant(self.org.id) as session:
            return await session.get_one(Asset, (self.org.id, self.id))


async def put_playable(org: OrgKit, storage: Storage, owner: Somebody, **values: Any) -> Video:
    """Make what a remux leaves: the source, a file that plays and its poster."""
    asset = Asset(
        org_id=org.id,
        owner_id=owner.id,
        **{
            "purpose": "response",
            "state": "playable",
            "content_type": "video/mp4",
            "renditions_pending": True,
            "duration_ms": 6000,
            "poster": True,
            "facts": {"how": "copy"},
            **values,
        },
    )
    for key, content_type in (
        (keys.source(org.id, asset.id), "video/mp4"),
        (keys.playable(org.id, asset.id), "video/mp4"),
        (keys.poster(org.id, asset.id), "image/jpeg"),
    ):
        await storage.put_bytes(key, key.encode(), content_type)
    await _save(org, asset, [_file(asset, "playable", keys.playable(org.id, asset.id))])
    return Video(org, asset.id, storage)


async def put_ready(org: OrgKit, storage: Storage, owner: Somebody, **values: Any) -> Video:
    """Make what a ladder leaves besides: one rung with its sound, a smaller file, storyboard and waveform."""
    facts = {"how": "copy", "tiles": msgspec.to_builtins(TILES), "waveform": True}
    made = {"state": "ready", "renditions_pending": False, "storyboard": True, "facts": facts}
    video = await put_playable(org, storage, owner, **(made | values))
    at = (org.id, video.id)
    for key, content_type in (
        (keys.progressive(*at), "video/mp4"),
        (keys.storyboard(*at), "image/jpeg"),
        (keys.waveform(*at), "application/json"),
    ):
        await storage.put_bytes(key, key.encode(), content_type)
    for key in (keys.video(*at, "360"), keys.audio(*at)):
        await storage.put_bytes(key, FILM, "video/mp4")
    asset = await video.row()
    await _save(
        org,
        None,
        [
            _file(asset, "360p", keys.progressive(*at)),
            _hls(asset, "360", "video", keys.video(*at, "360"), PICTURE),
            _hls(asset, "audio", "audio", keys.audio(*at), SOUND),
        ],
    )
    return video


async def put_real(org: OrgKit, storage: Storage, owner: Somebody, name: str, folder: Path) -> Video:
    """Make all that the pipeline makes of a clip."""
    source = clip(name)
    facts = await probe(source, binaries=TOOLS.binaries)
    made = await make_playable(source, facts, folder, TOOLS)
    ladder = await make_ladder(source, facts, folder, TOOLS)
    tiles = msgspec.to_builtins(ladder.tiles)
    values = {"duration_ms": facts.duration_ms, "width": facts.width, "height": facts.height, "storyboard": True}
    asset = Asset(
        org_id=org.id,
        owner_id=owner.id,
        purpose="response",
        state="ready",
        poster=True,
        facts={"how": made.how, "tiles": tiles, "waveform": True},
        **values,
    )
    at, rows = (org.id, asset.id), []
    await storage.upload(made.playable, keys.playable(*at), "video/mp4")
    await storage.upload(made.poster, keys.poster(*at), "image/jpeg")
    await storage.upload(ladder.progressive, keys.progressive(*at), "video/mp4")
    assert ladder.storyboard is not None
    await storage.upload(ladder.storyboard, keys.storyboard(*at), "image/jpeg")
    await storage.put_bytes(keys.waveform(*at), msgspec.json.encode({"peaks": ladder.waveform}), "application/json")
    for one in ladder.renditions:
        kind = "audio" if one.name == "audio" else "video"
        key = keys.audio(*at) if kind == "audio" else keys.video(*at, one.name.removesuffix("p"))
        await storage.upload(one.path, key, "video/mp4")
        rows.append(_hls(asset, one.name.removesuffix("p"), kind, key, one.index))
    files = [_file(asset, "playable", keys.playable(*at)), _file(asset, "720p", keys.progressive(*at))]
    await _save(org, asset, [*files, *rows])
    return Video(org, asset.id, storage)


def _file(asset: Asset, name: str, key: str) -> Rendition:
    return Rendition(
        org_id=asset.org_id, asset_id=asset.id, name=name, kind="progressive", key=key, size_bytes=len(key)
    )


def _hls(asset: Asset, name: str, kind: str, key: str, index: RenditionIndex) -> Rendition:
    return Rendition(
        org_id=asset.org_id,
        asset_id=asset.id,
        name=name,
        kind=kind,
        key=key,
        size_bytes=len(FILM),
        width=index.width,
        height=index.height,
        index=msgspec.to_builtins(index),
    )


async def _save(org: OrgKit, asset: Asset | None, rows: list[Rendition]) -> None:
    async with org.database.tenant(org.id) as session:
        if asset is not None:
            session.add(asset)
            await session.flush()
        session.add_all(rows)


async def jobs_of(database: Database, asset_id: UUID) -> list[tuple[str, str, str | None]]:
    """Return the jobs that wait for an asset: task, queue and lock, in the order they were deferred."""
    query = text(
        "SELECT task_name, queue_name, lock FROM procrastinate_jobs WHERE args ->> 'asset_id' = :asset_id ORDER BY id"
    )
    async with database.without_tenant() as session:
        rows = (await session.execute(query, {"asset_id": str(asset_id)})).all()
    return [(row.task_name, row.queue_name, row.lock) for row in rows]
