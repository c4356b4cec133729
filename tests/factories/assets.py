"""Videos that are really in the store: small stand-ins for each object, or all that the pipeline makes of a clip."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import select, text

from media import keys
from media.ladder import Tiles
from media.pipeline import make_ladder, make_playable
from media.playlists import RenditionIndex, Segment
from media.probe import probe
from media.storage import Storage
from models.asset import Asset, Rendition, Upload
from models.base import now
from models.bright_spot import BrightSpot
from models.challenge import Challenge, Prompt
from models.database import Database
from models.take import Response, Take
from models.team import Audience
from tests.clips import TOOLS, clip
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_asset

FILM = bytes(range(256)) * 8
TILES = Tiles(interval_ms=2000, count=3, columns=3, rows=1, width=160, height=90)
PLANNED = ["360", "audio", "360p"]
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
            "facts": {"how": "copy", "planned": PLANNED},
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
    facts = {"how": "copy", "planned": PLANNED, "tiles": msgspec.to_builtins(TILES), "waveform": True}
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
    waveform = msgspec.json.encode({"peaks": ladder.sound.waveform})
    await storage.put_bytes(keys.waveform(*at), waveform, "application/json")
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


async def seen(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.get(f"/v1/assets/{asset_id}")


async def retried(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.post(f"/v1/assets/{asset_id}/retry")


async def deleted(who: Somebody, asset_id: UUID) -> httpx.Response:
    return await who.client.delete(f"/v1/assets/{asset_id}")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def row_of(org: OrgKit, asset_id: UUID) -> Asset:
    async with org.database.tenant(org.id) as session:
        return await session.get_one(Asset, (org.id, asset_id))


async def take_of(org: OrgKit, take_id: UUID) -> Take:
    async with org.database.tenant(org.id) as session:
        return await session.get_one(Take, (org.id, take_id))


async def asset_of(story: Story, take_id: UUID, prompt: int = 0) -> UUID:
    async with story.database.tenant(story.org.id) as session:
        found = await session.scalar(
            select(Response.asset_id).where(
                Response.org_id == story.org.id,
                Response.take_id == take_id,
                Response.prompt_id == story.prompts[prompt],
            )
        )
    assert found is not None
    return found


async def make_upload(org: OrgKit, owner: Somebody, state: str, asset_state: str, **asset: Any) -> UUID:
    """Return the asset of an upload."""
    asset_id = await make_asset(org, owner.id, asset_state, **asset)
    upload = Upload(
        org_id=org.id,
        asset_id=asset_id,
        person_id=owner.id,
        state=state,
        filename="IMG_0042.MP4",
        content_type="video/mp4",
        size_bytes=10,
        part_size_bytes=10,
        part_count=1,
        multipart_id="m",
        expires_at=now() + timedelta(days=7),
    )
    async with org.database.tenant(org.id) as session:
        session.add(upload)
    return asset_id


async def make_clip(org: OrgKit, maker: Somebody, state: str = "ready", *, wanted: bool = True) -> UUID:
    code = "timed_out" if state == "failed" else None
    async with org.database.tenant(org.id) as session:
        audience = Audience(org_id=org.id)
        session.add(audience)
        await session.flush()
        spot = BrightSpot(
            org_id=org.id,
            maker_id=maker.id,
            title="A good opening",
            kind="open",
            state="awaiting_consent",
            audience_id=audience.id,
        )
        session.add(spot)
        await session.flush()
        clip = Asset(
            org_id=org.id,
            owner_id=maker.id,
            purpose="clip",
            state=state,
            problem_code=code,
            bright_spot_id=spot.id,
        )
        session.add(clip)
        await session.flush()
        spot.clip_asset_id = clip.id if wanted else None
    return clip.id


async def ask_with(story: Story, asset_id: UUID, challenge_state: str) -> None:
    async with story.database.tenant(story.org.id) as session:
        prompt = await session.get_one(Prompt, (story.org.id, story.prompts[0]))
        prompt.asset_id = asset_id
        challenge = await session.get_one(Challenge, (story.org.id, story.challenge_id))
        challenge.state = challenge_state
