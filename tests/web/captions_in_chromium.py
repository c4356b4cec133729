"""Captions in hls.js, as npm has it: offered by the playlist, and in step with the pictures."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from media.binaries import find_binaries
from media.sample import make_sample
from tests.web.chromium import a_tab
from tests.web.fixtures import watch
from tests.web.house import House

VTT = """WEBVTT

00:00.500 --> 00:02.000
Most operations leaders &amp; I <img src=x onerror="document.title = 'run'">

00:02.500 --> 00:04.000
meet <i>late</i> deliveries.
"""
CUES = "[...player.video.textTracks[0].cues].map((cue) => [cue.startTime, cue.endTime, cue.text])"


async def test_captions_are_offered_and_in_step(browser: Browser, house: House, shots: Path, tmp_path: Path) -> None:
    await make_sample(tmp_path / "talk.mp4", find_binaries(), 4000)
    asset = await house.upload((tmp_path / "talk.mp4").read_bytes())
    await house.ready(asset)
    async with house.rep() as rep:
        await rep.put(f"/v1/assets/{asset}/captions/en", {"text": VTT})
    async with a_tab(browser, house, shots) as tab:
        await watch(tab, asset)
        offered = await tab.ask("player.hls.subtitleTracks.map((track) => [track.lang, track.name])")
        assert offered == [["en", "English"]]
        await tab.ask("player.hls.subtitleTrack = 0")
        await tab.until("player.video.textTracks[0]?.cues?.length === 2")
        (first, second) = await tab.ask(CUES)
        assert first[:2] == pytest.approx([0.5, 2.0], abs=0.1)
        assert second[:2] == pytest.approx([2.5, 4.0], abs=0.1)
        assert [first[2], second[2]] == ["Most operations leaders &amp; I", "meet <i>late</i> deliveries."]
        await tab.ask("await player.seek(1.0)")
        await tab.shoot("captions")
        assert await tab.ask("document.title") != "run"
        assert await tab.ask("player.errors") == []
