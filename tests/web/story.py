"""A take, handed in from a page whose network is cut and which is reloaded, each in the middle of a part."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Request, Response

from tests.web.chromium import Tab

SLOW_BYTES_S = 4 * 1024 * 1024
PART = re.compile(r"[?&]part_?number=(\d+)", re.IGNORECASE)


@dataclass
class Sent:
    """`arrived`: the numbers of the parts that were answered 200, in order; `cut` and `reloaded` tell how many of them
    came before each. `broken`: of those that got no answer. `there`: what the page heard to be there, when it asked."""

    asset: str = ""
    arrived: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    there: list[list[int]] = field(default_factory=list)
    cut: int = 0
    reloaded: int = 0
    errors: list[str] = field(default_factory=list)


async def hand_in(tab: Tab, video: Path) -> Sent:
    sent = Sent()
    _follow(tab, sent)
    await tab.sign_in()
    await tab.until("uppy")
    await tab.network(upload_bytes_s=SLOW_BYTES_S)
    await tab.page.locator("#file").set_input_files(video)
    await _cut(tab, sent)
    await _reload(tab, sent)
    await tab.network()
    await tab.until("asset")
    await tab.shoot("sent")
    sent.asset = str(await tab.ask("asset"))
    sent.errors = tab.complaints
    return sent


def _follow(tab: Tab, sent: Sent) -> None:
    """Note what happens to each part, and each time the page asks which parts are there."""

    async def answered(response: Response) -> None:
        part = PART.search(response.url)
        if response.request.method == "PUT" and part and response.ok:
            sent.arrived.append(int(part[1]))
        if response.request.method == "GET" and "/v1/uploads/" in response.url:
            sent.there.append([part["part_number"] for part in (await response.json())["parts"]])

    def failed(request: Request) -> None:
        part = PART.search(request.url)
        if request.method == "PUT" and part:
            sent.broken.append(int(part[1]))

    tab.page.on("response", answered)
    tab.page.on("requestfailed", failed)


async def _cut(tab: Tab, sent: Sent) -> None:
    """Take the network away while a part is on its way, and give it back."""
    await _arrived(tab, sent, 1)
    await tab.network(offline=True)
    tab.house.wire.cut()
    sent.cut = len(sent.arrived)
    await tab.says("No network")
    await _broken(tab, sent)
    await tab.shoot("cut")
    tab.house.wire.mend()
    await tab.network(upload_bytes_s=SLOW_BYTES_S)
    await tab.says("The network is back")


async def _reload(tab: Tab, sent: Sent) -> None:
    await _arrived(tab, sent, sent.cut + 1)
    await tab.page.reload()
    sent.reloaded = len(sent.arrived)
    await tab.says("Going on")
    await tab.shoot("reloaded")


async def _arrived(tab: Tab, sent: Sent, count: int) -> None:
    await _until(tab, lambda: len(sent.arrived) >= count, f"{count} parts", sent)


async def _broken(tab: Tab, sent: Sent) -> None:
    await _until(tab, lambda: bool(sent.broken), "a part that broke off", sent)


async def _until(tab: Tab, holds: Callable[[], bool], what: str, sent: Sent) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            await tab.fail(f"{what} did not come: {sent}")
        await asyncio.sleep(0.02)
