"""The fixtures of these tests: a plugin, named on the command line, so that no other test waits for Playwright."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from media.binaries import find_binaries
from media.sample import make_sample
from media.storage import MIN_PART_BYTES
from tests.web.chromium import Tab, a_browser, a_tab
from tests.web.house import House, a_house
from tests.web.story import Sent, hand_in

FILM_MS = 12_000
PARTS = 5


@pytest.fixture(scope="session")
async def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A talking video of five parts: what players skip fills it up."""
    path = tmp_path_factory.mktemp("video") / "talk.mp4"
    await make_sample(path, find_binaries(), FILM_MS)
    missing = PARTS * MIN_PART_BYTES - MIN_PART_BYTES // 2 - path.stat().st_size
    with path.open("ab") as file:
        file.write(missing.to_bytes(4, "big") + b"free" + bytes(missing - 8))
    return path


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with a_browser() as opened:
        yield opened


@pytest.fixture(
    scope="session",
    params=[pytest.param(store, marks=pytest.mark.xdist_group(store)) for store in ("folder", "bucket")],
)
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with a_house(request.param) as opened:
        yield opened


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: `ARGS=--basetemp=<a folder>` says where that is."""
    return tmp_path_factory.mktemp("shots")


@pytest.fixture(scope="session")
async def sent(browser: Browser, house: House, shots: Path, video: Path) -> Sent:
    """A take handed in through a network that was cut, and a page that was reloaded, both in the middle."""
    async with a_tab(browser, house, shots) as tab:
        return await hand_in(tab, video)


@pytest.fixture(scope="session")
async def paused(browser: Browser, house: House, shots: Path, sent: Sent) -> AsyncIterator[tuple[Tab, Tab]]:
    """Two pages that have played a second of it. Their URLs expire while other tests look at pages of their own."""
    await house.ready(sent.asset)
    async with a_tab(browser, house, shots) as one, a_tab(browser, house, shots) as other:
        for tab in (one, other):
            await watch(tab, sent.asset)
            await tab.ask("player.video.play()")
            await tab.until("player.video.currentTime > 1")
            await tab.ask("player.video.pause()")
        yield one, other


@pytest.fixture
async def watching(
    browser: Browser, house: House, shots: Path, sent: Sent, paused: tuple[Tab, Tab]
) -> AsyncIterator[Tab]:
    """A page that is about to play what was handed in."""
    async with a_tab(browser, house, shots) as tab:
        await watch(tab, sent.asset)
        yield tab


async def watch(tab: Tab, asset: str) -> None:
    await tab.sign_in(f"/?asset={asset}")
    await tab.until("player?.video.readyState >= 3")
