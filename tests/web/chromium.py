"""Debian's Chromium, driven by Playwright, and the network between it and everything else."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from playwright.async_api import Browser, CDPSession, ConsoleMessage, Error, Page, async_playwright

from tests.web.house import House

ANSWER_S = 20
PHONE = {"width": 390, "height": 844}
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    *(["--no-sandbox"] if os.getuid() == 0 else []),
]


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "there is no chromium: apt-get install chromium, or name another in CHROMIUM"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One page of the web client; `complaints` is what the browser wrote to its console as errors."""

    def __init__(self, page: Page, network: CDPSession, house: House, shots: Path) -> None:
        self.page = page
        self.house = house
        self.complaints: list[str] = []
        self._network = network
        self._shots = shots
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    async def sign_in(self, path: str = "/") -> None:
        await self.page.goto(self.house.page + path)
        for name, value in self.house.account.items():
            await self.page.locator(f"[name={name}]").fill(value)
        await self.page.get_by_role("button", name="Sign in").click()

    async def until(self, holds: str, seconds: float = 30, look_s: float = 0.02) -> None:
        """Wait for a fact of the page, an expression of `showme`, and look so often."""
        deadline = time.monotonic() + seconds
        while not await self._holds(holds):
            if time.monotonic() > deadline:
                await self.fail(f"it never holds that {holds}")
            await asyncio.sleep(look_s)

    async def _holds(self, fact: str) -> bool:
        try:
            return bool(await self.ask(f"!!({fact})"))
        except Error:
            if self.page.is_closed():
                raise
            return False  # the page is being loaded

    async def ask(self, what: str) -> Any:
        names = "const { uppy, player, asset } = window.showme ?? {}"
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self.page.evaluate(f"async () => {{ {names}; return {what}; }}")
        except TimeoutError:
            await self.fail(f"{what} has no end")

    async def fail(self, what: str) -> NoReturn:
        """Tell what is seen on both sides."""
        await self.shoot("late")
        said = await self.page.get_by_role("status").text_content()
        seen = [said, await self.page.evaluate("showme.player?.facts"), self.complaints]
        raise AssertionError(f"{what}; the page: {seen}\n{self.house.log()}")

    async def says(self, sentence: str) -> None:
        await self.until(f"document.getElementById('status').textContent.includes('{sentence}')")

    async def shoot(self, name: str) -> None:
        await self.page.screenshot(path=self._shots / f"{name}.png")

    async def network(self, *, offline: bool = False, upload_bytes_s: int = -1, download_bytes_s: int = -1) -> None:
        """Let the network be so, -1 being as fast as it goes; what is under way is cut when it goes offline."""
        conditions = {"latency": 0, "uploadThroughput": upload_bytes_s, "downloadThroughput": download_bytes_s}
        await self._network.send("Network.emulateNetworkConditions", {"offline": offline, **conditions})


@asynccontextmanager
async def a_tab(browser: Browser, house: House, shots: Path) -> AsyncIterator[Tab]:
    context = await browser.new_context(viewport=PHONE, has_touch=True)  # type: ignore[arg-type]
    try:
        page = await context.new_page()
        network = await context.new_cdp_session(page)
        await network.send("Network.enable")
        yield Tab(page, network, house, shots)
    finally:
        await context.close()
