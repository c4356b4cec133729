"""What plays while its first rung is being made, over real HTTP and both stores: playlists that grow, and end."""

import time
from itertools import pairwise
from typing import Any

import httpx
import msgspec
from sqlalchemy import select

from api.assets.tickets import Ticket
from media import keys
from media.playlists import RenditionIndex, Segment
from models.asset import Asset, Rendition
from tests.api.test_assets_playback import (
    Served,
    fetched,
    here,
    http,
    local_server,
    playback,
    rep,
    s3,
    served,
    urls_in,
)
from tests.factories.assets import PICTURE, SOUND, Video
from tests.factories.people import OrgKit, Somebody

__all__ = ["here", "http", "local_server", "rep", "s3", "served"]

LIFE_S = 3600
ROWS = {"360": (PICTURE, "video"), "audio": (SOUND, "audio")}


def grown(index: RenditionIndex, count: int, **values: Any) -> RenditionIndex:
    segments = tuple(Segment(2.0, 100 + 50 * number, 50) for number in range(count))
    return msgspec.structs.replace(index, segments=segments, **values)


async def put_growing(org: OrgKit, served: Served, owner: Somebody, count: int) -> Video:
    """Make what the first seconds of a first rung leave."""
    asset = Asset(
        org_id=org.id,
        owner_id=owner.id,
        purpose="response",
        state="playable",
        renditions_pending=True,
        encoded_percent=20,
        duration_ms=12_000,
        facts={"how": "encode", "growing": True},
    )
    at = (org.id, asset.id)
    rows = []
    for name, (index, kind) in ROWS.items():
        for number in (None, *range(6)):
            key = keys.piece(*at, name, number)
            await served.storage.put_bytes(key, key.encode(), "video/mp4")
        row = {"key": keys.piece(*at, name), "size_bytes": 1, "index": as_row(grown(index, count, growing=True))}
        rows.append(Rendition(org_id=org.id, asset_id=asset.id, name=name, kind=kind, **row))
    async with org.database.tenant(org.id) as session:
        session.add(asset)
        await session.flush()
        session.add_all(rows)
    return Video(org, asset.id, served.storage)


def as_row(index: RenditionIndex) -> Any:
    return msgspec.to_builtins(index)


async def grow(video: Video, count: int, **values: Any) -> None:
    async with video.org.database.tenant(video.org.id) as session:
        mine = (Rendition.org_id == video.org.id) & (Rendition.asset_id == video.id)
        for row in await session.scalars(select(Rendition).where(mine)):
            row.index = as_row(grown(ROWS[row.name][0], count, **values))


async def finish(video: Video, until: int) -> None:
    await grow(video, 6, pieces_until=until)
    at = (video.org.id, video.id)
    async with video.org.database.tenant(video.org.id) as session:
        asset = await session.get_one(Asset, at)
        asset.facts = {**(asset.facts or {}), "growing": False, "pieces_until": until}
        file = {"kind": "progressive", "key": keys.playable(*at), "size_bytes": 1}
        session.add(Rendition(org_id=video.org.id, asset_id=video.id, name="playable", **file))


def media_urls(served: Served, video: Video, life_s: int = LIFE_S) -> list[str]:
    ticket = Ticket(video.org.id, video.id, int(time.time()) + life_s)
    return [served.tickets().url(ticket, f"{name}/playlist.m3u8") for name in ROWS]


async def test_it_plays_by_its_playlist_only(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_growing(here, served, rep, 2)
    seen = (await rep.client.get(f"/v1/assets/{video.id}")).json()
    assert (seen["state"], seen["renditions_pending"], seen["percent"]) == ("playable", True, 20)
    assert [(row["name"], row["kind"]) for row in seen["renditions"]] == [("audio", "audio"), ("360", "video")]
    found = seen["playback"]
    assert [found[name] for name in ("mp4_url", "poster_url", "waveform_url")] == [None] * 3
    assert found["downloads"] == []
    assert (await rep.client.post(f"/v1/assets/{video.id}/playback")).json()["hls_url"] == found["hls_url"]
    master = await fetched(http, found["hls_url"])
    assert master.headers["cache-control"] == "private, no-cache"
    for url in urls_in(master.text):
        playlist = await fetched(http, url)
        assert playlist.headers["cache-control"] == "private, no-cache"
        names = [(await fetched(http, piece)).text.rpartition("/")[2] for piece in urls_in(playlist.text)]
        assert names == ["init.m4s", "00000.m4s", "00001.m4s"]


async def test_a_playlist_only_grows_and_then_ends(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_growing(here, served, rep, 1)
    for url in media_urls(served, video):
        await grow(video, 1, growing=True)
        told = []
        for count in (1, 3, 5):
            await grow(video, count, growing=True)
            told.append((await fetched(http, url)).text)
        await grow(video, 6, pieces_until=int(time.time()) + 2 * LIFE_S)
        told.append((await fetched(http, url)).text)
        for before, after in pairwise(told):
            assert after.startswith(before)
            assert after != before
        assert told[0].splitlines()[:7] == [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-TARGETDURATION:2",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
        ]
        assert ["#EXT-X-ENDLIST" in text for text in told] == [False, False, False, True]


async def test_who_comes_later_gets_the_whole_file_and_who_has_begun_goes_on_with_its_pieces(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_growing(here, served, rep, 2)
    begun, late = media_urls(served, video)[0], media_urls(served, video, 3 * LIFE_S)[0]
    await finish(video, int(time.time()) + 2 * LIFE_S)
    assert len(urls_in((await fetched(http, begun)).text)) == 1 + 6
    whole = (await fetched(http, late)).text
    assert "#EXT-X-PLAYLIST-TYPE:VOD\n" in whole
    assert whole.count("#EXT-X-BYTERANGE") == 6
    assert all(url.partition("?")[0].endswith("/360/init.m4s") for url in urls_in(whole))
    assert (await playback(rep, video))["mp4_url"] is not None


async def test_a_video_that_failed_half_way_plays_no_more(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_growing(here, served, rep, 2)
    urls = [(await playback(rep, video))["hls_url"], *media_urls(served, video)]
    async with here.database.tenant(here.id) as session:
        asset = await session.get_one(Asset, (here.id, video.id))
        asset.state, asset.problem_code = "failed", "truncated"
    for url in urls:
        assert (await http.get(url)).status_code == 404
    assert (await rep.client.get(f"/v1/assets/{video.id}")).json()["playback"] is None
