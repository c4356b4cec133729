"""Captions in a native player, from the URL of the playlist alone."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.app import create_app
from api.parts import Parts
from api.settings import Settings
from media.commands import BEGIN_S
from media.local_store import LocalStorage
from models.database import Database
from tests.api.test_assets_playback import run, running, streams
from tests.clips import TOOLS
from tests.conftest import SECRET
from tests.factories.assets import put_real, seen
from tests.factories.people import OrgKit

VTT = (
    "WEBVTT\n\n00:00.500 --> 00:01.000\nMost operations leaders &amp; I\n\n00:01.500 --> 00:02.000\nmeet <i>late</i>.\n"
)


@pytest.fixture
async def here(org: OrgKit, settings: Settings, database: Database, tmp_path: Path) -> AsyncIterator[OrgKit]:
    """An organization whose application is served, and the store with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        store = LocalStorage(tmp_path / "store", secret=SECRET, public_url=url)
        org.app = create_app(Parts(replace(settings, public_url=url), database, store, SECRET))
        async with running(org.app, listener):
            yield org


async def test_a_native_player_reads_the_captions_of_a_playlist(here: OrgKit, tmp_path: Path) -> None:
    rep = await here.person()
    folder = tmp_path / "made"
    folder.mkdir()
    video = await put_real(here, here.app.state.storage, rep, "plain.mp4", folder)
    for language, text in (("en", VTT), ("de", VTT.replace("late", "spät"))):
        answer = await rep.client.put(f"/v1/assets/{video.id}/captions/{language}", json={"text": text})
        assert answer.status_code == 200, answer.text
    url = (await seen(rep, video.id)).json()["playback"]["hls_url"]
    listed = [stream for stream in await streams(url) if stream["codec_type"] == "subtitle"]
    assert [(one["codec_name"], one["tags"]["language"]) for one in listed] == [("webvtt", "de"), ("webvtt", "en")]
    # The file alone: what it shifts there is for players that put both on one clock.
    [_, english] = (await seen(rep, video.id)).json()["playback"]["captions"]
    options = ["-v", "error", "-nostdin", "-protocol_whitelist", "http,tcp", "-i", english["url"]]
    read = await run(TOOLS.binaries.ffmpeg, *options, "-f", "webvtt", "-")
    assert "00:00.500 --> 00:01.000\nMost operations leaders & I\n" in read
    assert "00:01.500 --> 00:02.000\nmeet <i>late</i>.\n" in read
    pictures = [stream for stream in await streams(url) if stream["codec_type"] == "video"]
    assert float(pictures[0]["start_time"]) == pytest.approx(BEGIN_S, abs=0.05)
