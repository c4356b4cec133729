"""hls.js, as npm has it, over a first rung that is being made: it begins at once, and goes on to the end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.factories.jobs import eventually
from tests.growing import SECONDS, foreign_clip, slow
from tests.web.chromium import Tab, a_tab
from tests.web.fixtures import watch
from tests.web.house import House, a_folder, a_house

FASTER = 1.5
DETAILS = "player.hls.levels[0].details"


@pytest.fixture
async def slow_house() -> AsyncIterator[House]:
    """It makes a first rung at not much more than the speed it is played at."""
    with a_folder() as folder:
        async with a_house("folder", ffmpeg=slow(folder, speed=1.1 * FASTER).binaries.ffmpeg) as house:
            yield house


async def growing(house: House, asset: str) -> dict[str, Any]:
    async with house.rep() as rep:

        async def look() -> dict[str, Any]:
            found: dict[str, Any] = await rep.get(f"/v1/assets/{asset}")
            return found

        return await eventually(look, lambda found: found["playback"] or found["problem"], "something that plays")


async def test_it_plays_from_the_first_seconds_on_through_the_growth_to_the_end(
    browser: Browser, slow_house: House, shots: Path
) -> None:
    asset = await slow_house.upload(foreign_clip())
    found = await growing(slow_house, asset)
    assert (found["state"], found["renditions_pending"], found["problem"]) == ("playable", True, None)
    assert (found["playback"]["mp4_url"], found["playback"]["downloads"]) == (None, [])
    async with a_tab(browser, slow_house, shots) as tab:
        await watch(tab, asset)
        assert await tab.ask(f"{DETAILS}.live")
        assert await tab.ask("player.video.currentTime") == 0
        assert await tab.ask(f"{DETAILS}.edge") < SECONDS - 2
        await tab.ask(f"player.video.playbackRate = {FASTER}")
        await tab.ask("player.video.play()")
        await _plays_to_the_end(tab)
        assert not await tab.ask(f"{DETAILS}.live")
        assert abs(await tab.ask("player.video.currentTime") - SECONDS) < 0.3
        assert await tab.ask("player.video.getVideoPlaybackQuality().totalVideoFrames") > 24 * SECONDS
        assert await tab.ask("player.errors") == []
        assert await tab.ask("player.renewals") == []
        assert tab.complaints == []
    assert (await slow_house.ready(asset))["playback"]["mp4_url"]


async def _plays_to_the_end(tab: Tab) -> None:
    """From the beginning on, and never back."""
    await tab.until("player.video.currentTime > 0.5")
    assert await tab.ask("player.video.currentTime") < 3
    await tab.shoot("grows")
    await tab.until("player.video.ended", SECONDS + 10)
