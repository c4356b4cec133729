"""Whole files to keep, and how far a video is: what a player and a data saver choose from."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from media.storage import Storage
from models.asset import FIRST_UNTIL, Asset, Rendition
from models.base import now
from tests.client import Client
from tests.factories.assets import Video, deleted, make_upload, problem, put_playable, put_ready, retried, row_of, seen
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_asset


async def downloads(who: Somebody, video: Video) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await seen(who, video.id)).json()["playback"]["downloads"]
    return found


async def sized(video: Video, **sizes: tuple[int, int]) -> None:
    """Say how large the renditions are: bytes and height by name."""
    async with video.org.database.tenant(video.org.id) as session:
        for name, (size_bytes, height) in sizes.items():
            of_video = (Rendition.org_id == video.org.id) & (Rendition.asset_id == video.id)
            values = {"size_bytes": size_bytes, "height": height, "width": height * 16 // 9}
            await session.execute(
                update(Rendition).where(of_video, Rendition.name == name.removeprefix("_")).values(values)
            )


async def add_file(video: Video, name: str) -> None:
    asset = await video.row()
    key = f"{video.org.id}/assets/{video.id}/{name}.mp4"
    await video.storage.put_bytes(key, name.encode(), "video/mp4")
    row = {"org_id": asset.org_id, "asset_id": asset.id, "kind": "progressive", "size_bytes": 1}
    async with video.org.database.tenant(video.org.id) as session:
        session.add(Rendition(name=name, key=key, **row))


async def test_the_files_to_keep_come_smallest_first(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    await add_file(video, "720p")
    await sized(video, _720p=(9000, 720), _360p=(2000, 360), playable=(30_000, 1080))
    found = await downloads(rep, video)
    assert [(one["name"], one["height"], one["size_bytes"]) for one in found] == [
        ("360p", 360, 2000),
        ("720p", 720, 9000),
        ("playable", 1080, 30_000),
    ]


async def test_the_file_that_plays_is_the_largest_the_ladder_made(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    await add_file(video, "720p")
    await sized(video, _720p=(9000, 720), _360p=(2000, 360), playable=(30_000, 1080))
    assert "/720p.mp4" in (await seen(rep, video.id)).json()["playback"]["mp4_url"]


async def test_a_download_leads_on_to_the_file_under_a_name_to_keep(
    org: OrgKit, storage: Storage, anonymous: Client
) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    small = next(one for one in await downloads(rep, video) if one["name"] == "360p")
    answer = await anonymous.get(small["url"])
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (302, "*")
    assert "no-store" in answer.headers["cache-control"]
    file: httpx.Response = await anonymous.get(answer.headers["location"])
    assert file.status_code == 200
    assert file.content == f"{org.id}/assets/{video.id}/720.mp4".encode()
    named = file.headers["content-disposition"]
    assert named.startswith(f'attachment; filename="showme-{now():%Y-%m-%d}-')
    assert "-360p.mp4" in named


@pytest.mark.parametrize("name", ["source", "360", "audio", "1080p"])
async def test_only_whole_files_are_given_to_keep(org: OrgKit, storage: Storage, anonymous: Client, name: str) -> None:
    rep = await org.person()
    url = (await downloads(rep, await put_ready(org, storage, rep)))[0]["url"]
    folder, _, _ = url.rpartition("/")
    other = f"{folder.rpartition('/')[0]}/{name}/download.mp4"
    assert problem(await anonymous.get(other)) == (404, "/problems/not-found")


@pytest.mark.parametrize("name", ["360p", "playable"])
async def test_a_whole_file_has_no_playlist(org: OrgKit, storage: Storage, anonymous: Client, name: str) -> None:
    rep = await org.person()
    url = (await downloads(rep, await put_ready(org, storage, rep)))[0]["url"]
    folder = url.rpartition("/")[0].rpartition("/")[0]
    assert problem(await anonymous.get(f"{folder}/{name}/playlist.m3u8")) == (404, "/problems/not-found")


async def test_a_download_ends_with_the_video(org: OrgKit, storage: Storage, anonymous: Client) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    url = (await downloads(rep, video))[0]["url"]
    changed = url[:60] + ("A" if url[60] != "A" else "B") + url[61:]
    assert problem(await anonymous.get(changed)) == (403, "/problems/url-refused")
    await deleted(rep, video.id)
    assert (await anonymous.get(url)).status_code == 404


async def set_asset(org: OrgKit, asset_id: Any, **values: Any) -> None:
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, asset_id))
        for name, value in values.items():
            setattr(asset, name, value)


async def test_how_much_is_encoded_is_told_while_something_is(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    first = await make_asset(org, rep.id, "processing", encoded_percent=40)
    assert (await seen(rep, first)).json()["percent"] == 40
    ladder = await put_playable(org, storage, rep, encoded_percent=70)
    assert (await seen(rep, ladder.id)).json()["percent"] == 70
    await set_asset(org, ladder.id, renditions_pending=False, problem_code="timed_out")
    assert (await seen(rep, ladder.id)).json()["percent"] is None  # the last word of a worker that was killed
    assert (await seen(rep, await make_asset(org, rep.id, "uploading"))).json()["percent"] is None


async def test_a_voice_alone_says_so(org: OrgKit) -> None:
    rep = await org.person()
    told = [
        (await seen(rep, await make_asset(org, rep.id, "ready", audio_only=sound))).json() for sound in (True, False)
    ]
    assert [one["audio_only"] for one in told] == [True, False]


async def test_renditions_are_not_made_anew_of_a_source_that_is_not_kept(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    values = {"renditions_pending": False, "problem_code": "timed_out", "source_deleted_at": now()}
    video = await put_playable(org, storage, rep, **values)
    refused = await retried(rep, video.id)
    assert problem(refused) == (409, "/problems/not-retryable")
    assert "not kept any more" in refused.json()["detail"]
    row = await row_of(org, video.id)
    assert (row.problem_code, row.renditions_pending) == ("timed_out", False)
    failed = await make_upload(org, rep, "completed", "failed", problem_code="timed_out", source_deleted_at=now())
    assert problem(await retried(rep, failed)) == (409, "/problems/not-retryable")


async def test_a_first_file_that_will_be_erased_is_handed_out_no_more_and_still_served(
    org: OrgKit, storage: Storage, anonymous: Client
) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    [first] = [one["url"] for one in await downloads(rep, video) if one["name"] == "playable"]
    async with org.database.tenant(org.id) as session:
        asset = await session.get_one(Asset, (org.id, video.id))
        asset.facts = {**(asset.facts or {}), FIRST_UNTIL: 2_000_000_000}
    told = (await seen(rep, video.id)).json()
    assert [one["name"] for one in told["playback"]["downloads"]] == ["360p"]
    assert "playable" not in {one["name"] for one in told["renditions"]}
    assert (await anonymous.get(first)).status_code == 302
