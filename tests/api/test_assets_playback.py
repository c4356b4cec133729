"""What plays, over real HTTP: the API served by uvicorn, and both stores behind it."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from litestar import Litestar

from api.app import create_app
from api.assets.tickets import Ticket, Tickets
from api.parts import Parts
from api.settings import Settings
from media import keys
from media.signing import url_expires_at
from media.storage import Storage
from models.asset import Asset
from models.database import Database
from models.errors import ForbiddenError
from models.ids import new_id
from tests.clips import TOOLS
from tests.conftest import SECRET
from tests.factories.assets import FILM, Video, put_playable, put_ready, put_real
from tests.factories.people import OrgKit, Somebody
from tests.s3_shim import S3Server, running_s3
from tests.stores import Clock, LocalServer, open_s3, running_local

HLS = "application/vnd.apple.mpegurl"


@dataclass(frozen=True)
class Served:
    """The API on a port of its own, over one kind of store."""

    url: str
    app: Litestar
    storage: Storage

    def tickets(self, ahead_s: float = 0) -> Tickets:
        return Tickets(SECRET, self.url, clock=lambda: time.time() + ahead_s)


@asynccontextmanager
async def running(app: Litestar, listener: socket.socket) -> AsyncIterator[None]:
    """Serve in this loop, where the connections to the database live."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server does not start"
        await asyncio.sleep(0.005)
    yield
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(scope="module")
def local_server() -> Iterator[LocalServer]:
    with running_local() as server:
        yield server


@asynccontextmanager
async def opened_store(kind: str, s3: S3Server, local_server: LocalServer, folder: Path) -> AsyncIterator[Storage]:
    if kind == "folder":
        with local_server.serve(folder, Clock()) as local:
            yield local
            await local.close()
    else:
        opened = open_s3(s3, f"t-{uuid4()}", Clock())
        await opened.ensure()
        yield opened
        await opened.close()


@pytest.fixture(scope="module", params=["folder", "s3"])
async def served(
    request: pytest.FixtureRequest,
    s3: S3Server,
    local_server: LocalServer,
    settings: Settings,
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("store")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with opened_store(request.param, s3, local_server, folder) as storage:
            app = create_app(Parts(replace(settings, public_url=url), database, storage, SECRET))
            async with running(app, listener):
                yield Served(url, app, storage)


@pytest.fixture
def here(org: OrgKit, served: Served) -> OrgKit:
    """An organization whose people speak to the served application."""
    org.app = served.app
    return org


@pytest.fixture
async def rep(here: OrgKit) -> Somebody:
    return await here.person()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


async def playback(somebody: Somebody, video: Video) -> dict[str, Any]:
    answer = await somebody.client.get(f"/v1/assets/{video.id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["playback"]
    return found


async def fetched(http: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    answer = await http.get(url, headers=headers)
    assert answer.status_code in {200, 206}, answer.text
    return answer


def urls_in(playlist: str) -> list[str]:
    return re.findall(r"https?://[^\s\"#]+", playlist)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_what_plays_first_is_the_playable_file_with_its_poster(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_playable(here, served.storage, rep)
    found = await playback(rep, video)
    mp4, poster = await fetched(http, found["mp4_url"]), await fetched(http, found["poster_url"])
    assert (mp4.text, mp4.headers["content-type"]) == (keys.playable(here.id, video.id), "video/mp4")
    assert (poster.text, poster.headers["content-type"]) == (keys.poster(here.id, video.id), "image/jpeg")
    assert [found[name] for name in ("hls_url", "storyboard_url", "waveform_url")] == [None, None, None]
    assert found["captions"] == []


async def test_the_ladder_brings_a_smaller_file_playlists_storyboard_and_waveform(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_ready(here, served.storage, rep)
    found = await playback(rep, video)
    assert (await fetched(http, found["mp4_url"])).text == keys.progressive(here.id, video.id)
    assert (await fetched(http, found["waveform_url"])).text == keys.waveform(here.id, video.id)
    master = await fetched(http, found["hls_url"])
    storyboard = await fetched(http, found["storyboard_url"])
    assert master.headers["content-type"] == HLS
    assert storyboard.headers["content-type"].startswith("text/vtt")
    assert master.text.startswith("#EXTM3U\n")
    assert storyboard.text.startswith("WEBVTT\n")
    assert storyboard.text.count("-->") == 3
    picture = urls_in(storyboard.text)[0]
    assert (await fetched(http, picture)).text == keys.storyboard(here.id, video.id)


async def test_each_byte_range_of_a_media_playlist_can_be_fetched(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_ready(here, served.storage, rep)
    master = await fetched(http, (await playback(rep, video))["hls_url"])
    assert len(urls_in(master.text)) == 2
    for url in urls_in(master.text):
        assert url.startswith(f"{served.url}/v1/media/")
        playlist = await fetched(http, url)
        assert playlist.headers["content-type"] == HLS
        ranges = re.findall(r"BYTERANGE:(\d+)@(\d+)\n(\S+)", playlist.text)
        assert len(ranges) == 2
        for length, offset, at in ranges:
            first, last = int(offset), int(offset) + int(length) - 1
            part = await fetched(http, at, range=f"bytes={first}-{last}")
            assert (part.status_code, part.content) == (206, FILM[first : last + 1])


async def test_every_url_holds_until_expires_at(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient, settings: Settings
) -> None:
    found = await playback(rep, await put_ready(here, served.storage, rep))
    expires_at = datetime.fromisoformat(found["expires_at"])
    life_s = (expires_at - datetime.now(UTC)).total_seconds()
    assert settings.media_url_life_s - 60 < life_s <= settings.media_url_life_s + 3600
    master = await fetched(http, found["hls_url"])
    inner = [url for one in urls_in(master.text) for url in urls_in((await fetched(http, one)).text)]
    inner += urls_in((await fetched(http, found["storyboard_url"])).text)
    for url in (found["mp4_url"], found["poster_url"], found["waveform_url"], *inner):
        assert url_expires_at(url) >= expires_at
    last, over = served.tickets(life_s - 5), served.tickets(life_s + 5)
    token = found["hls_url"].split("/")[-2]
    assert last.read(token).expires_at == int(expires_at.timestamp())
    with pytest.raises(ForbiddenError, match="expired"):
        over.read(token)


async def test_a_player_of_any_page_may_read_and_keep_a_playlist_while_it_holds(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    found = await playback(rep, await put_ready(here, served.storage, rep))
    left_s = (datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)).total_seconds()
    master = await fetched(http, found["hls_url"], origin="https://player.example")
    for url in (found["hls_url"], found["storyboard_url"], urls_in(master.text)[0]):
        answer = await fetched(http, url, origin="https://player.example")
        assert answer.headers["access-control-allow-origin"] == "*"
        kept = re.fullmatch(r"private, max-age=(\d+)", answer.headers["cache-control"])
        assert kept
        assert left_s - 60 < int(kept[1]) <= left_s + 1


async def test_urls_repeat_within_the_hour(here: OrgKit, rep: Somebody, served: Served) -> None:
    video = await put_ready(here, served.storage, rep)
    first, second, third = [await playback(rep, video) for _ in range(3)]
    assert second in (first, third)  # the hour may turn once


async def test_no_url_names_what_was_uploaded(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    for put in (put_playable, put_ready):
        video = await put(here, served.storage, rep)
        answer = await rep.client.get(f"/v1/assets/{video.id}")
        fresh = await rep.client.post(f"/v1/assets/{video.id}/playback")
        told = answer.text + fresh.text
        for url in (answer.json()["playback"][name] for name in ("hls_url", "storyboard_url")):
            for inner in urls_in((await fetched(http, url)).text) if url else []:
                told += inner + (await fetched(http, inner)).text
        assert "playable.mp4" in told or "720.mp4" in told
        assert "source.bin" not in told
        assert await served.storage.head(keys.source(here.id, video.id)) is not None


async def test_fresh_urls_are_those_the_asset_gives(here: OrgKit, rep: Somebody, served: Served) -> None:
    video = await put_ready(here, served.storage, rep)
    before = (await rep.client.post(f"/v1/assets/{video.id}/playback")).json()
    given = await playback(rep, video)
    after = (await rep.client.post(f"/v1/assets/{video.id}/playback")).json()
    assert given in (before, after)  # the hour may turn once


async def test_a_stranger_gets_no_urls(here: OrgKit, rep: Somebody, served: Served) -> None:
    video = await put_ready(here, served.storage, rep)
    stranger = await here.person("Sam Stranger", "admin")
    read = await stranger.client.get(f"/v1/assets/{video.id}")
    asked = await stranger.client.post(f"/v1/assets/{video.id}/playback")
    assert (problem(read), problem(asked)) == ((404, "/problems/not-found"),) * 2


async def test_a_changed_token_is_refused_and_an_old_one_has_expired(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video, other = [await put_ready(here, served.storage, rep) for _ in range(2)]
    until = int(time.time()) + 600
    good = served.tickets().token(Ticket(here.id, video.id, until))
    swapped = served.tickets().token(Ticket(here.id, other.id, until))[:52] + good[52:]  # the signature begins after
    forged = Tickets(b"another secret, 32 bytes or more ..", served.url).token(Ticket(here.id, video.id, until))
    flipped = good[:-1] + ("A" if good[-1] != "A" else "B")
    old = served.tickets().token(Ticket(here.id, video.id, int(time.time()) - 1))
    for name in ("master.m3u8", "360/playlist.m3u8", "storyboard.vtt"):
        assert (await http.get(f"{served.url}/v1/media/{good}/{name}")).status_code == 200
        for wrong in (swapped, forged, flipped, "x", "not a token", good + "AAAA", good[:-4], "é" * 96):
            refused = await http.get(f"{served.url}/v1/media/{wrong}/{name}")
            assert problem(refused) == (403, "/problems/url-refused"), wrong
            assert refused.headers["access-control-allow-origin"] == "*"
        expired = await http.get(f"{served.url}/v1/media/{old}/{name}")
        assert problem(expired) == (403, "/problems/url-expired")
        assert expired.headers["access-control-allow-origin"] == "*"


async def test_a_ticket_opens_what_is_there(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    ready, playable = await put_ready(here, served.storage, rep), await put_playable(here, served.storage, rep)
    until = int(time.time()) + 600
    for asset_id, name in (
        (ready.id, "1080/playlist.m3u8"),
        (ready.id, "360p/playlist.m3u8"),  # a file, not a rendition to choose
        (playable.id, "master.m3u8"),
        (playable.id, "playable/playlist.m3u8"),
        (playable.id, "storyboard.vtt"),
        (new_id(), "master.m3u8"),
    ):
        absent = await http.get(served.tickets().url(Ticket(here.id, asset_id, until), name))
        assert problem(absent) == (404, "/problems/not-found"), name
        assert absent.headers["access-control-allow-origin"] == "*"
    elsewhere = served.tickets().url(Ticket(new_id(), ready.id, until), "master.m3u8")
    assert (await http.get(elsewhere)).status_code == 404


async def test_playlists_of_a_deleted_video_are_gone_though_their_urls_hold(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient
) -> None:
    video = await put_ready(here, served.storage, rep)
    found = await playback(rep, video)
    inner = urls_in((await fetched(http, found["hls_url"])).text)
    assert (await rep.client.delete(f"/v1/assets/{video.id}")).status_code == 204
    for url in (found["hls_url"], found["storyboard_url"], *inner):
        assert problem(await http.get(url)) == (404, "/problems/not-found")


async def test_a_video_without_sound_lists_none(
    here: OrgKit, rep: Somebody, served: Served, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    video = await put_real(here, served.storage, rep, "silent.mp4", tmp_path)
    master = await fetched(http, (await playback(rep, video))["hls_url"])
    assert "TYPE=AUDIO" not in master.text
    assert [stream["codec_type"] for stream in await streams(urls_in(master.text)[0])] == ["video"]


async def run(*argv: str) -> str:
    """Run a player that may use HTTP only; without an environment, so without a proxy."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={}
    )
    out, said = await asyncio.wait_for(process.communicate(), 120)
    # Of the renditions it does not play ffmpeg says things that mean nothing; frames are counted instead.
    assert process.returncode == 0, said
    return out.decode()


async def streams(url: str) -> list[dict[str, Any]]:
    options = ["-v", "error", "-protocol_whitelist", "http,tcp", "-of", "json", "-show_streams"]
    found: list[dict[str, Any]] = json.loads(await run(TOOLS.binaries.ffprobe, *options, url))["streams"]
    return found


async def frames(url: str, which: str) -> int:
    options = ["-v", "error", "-xerror", "-nostdin", "-protocol_whitelist", "http,tcp"]
    listed = await run(TOOLS.binaries.ffmpeg, *options, "-i", url, "-map", f"0:{which}:0", "-f", "framemd5", "-")
    return sum(not line.startswith("#") for line in listed.splitlines())


async def test_a_native_player_plays_all_of_a_real_ladder_from_the_url_alone(
    here: OrgKit, rep: Somebody, served: Served, tmp_path: Path
) -> None:
    video = await put_real(here, served.storage, rep, "hd.mp4", tmp_path)
    found = await playback(rep, video)
    listed = await streams(found["hls_url"])
    assert sorted({stream["codec_name"] for stream in listed}) == ["aac", "h264"]
    assert sorted(stream["height"] for stream in listed if stream["codec_type"] == "video") == [360, 720]
    assert await frames(found["hls_url"], "v") == 100
    assert await frames(found["hls_url"], "a") > 180
    assert await frames(found["mp4_url"], "v") == 100


async def test_a_video_plays_as_long_as_its_row_says_so(here: OrgKit, rep: Somebody, served: Served) -> None:
    video = await put_ready(here, served.storage, rep)
    async with here.database.tenant(here.id) as session:
        asset = await session.get_one(Asset, (here.id, video.id))
        asset.state, asset.problem_code = "failed", "corrupt"
    assert await playback(rep, video) is None
    refused = await rep.client.post(f"/v1/assets/{video.id}/playback")
    assert (problem(refused), refused.json()["state"]) == ((409, "/problems/asset-not-playable"), "failed")
