"""Uppy's multipart uploader, as npm has it, over our endpoints and both stores."""

import asyncio
import re
from pathlib import Path

from media import keys
from tests.web.fixtures import PARTS
from tests.web.house import House
from tests.web.story import Sent

CUT = re.compile(r"net::ERR_(?!FAILED)")  # that one is an answer which the browser kept from the page, for want of CORS
ALL = list(range(1, PARTS + 1))


async def test_when_the_network_is_back_only_what_broke_off_is_sent_again(sent: Sent) -> None:
    before, after = sent.arrived[: sent.cut], sent.arrived[sent.cut : sent.reloaded]
    assert before
    assert after
    assert sent.broken
    assert not set(before) & set(after)


async def test_after_a_reload_only_what_the_server_lacks_is_sent(sent: Sent) -> None:
    [there] = sent.there
    assert set(sent.arrived[: sent.reloaded]) <= set(there)
    assert sorted(there + sent.arrived[sent.reloaded :]) == ALL
    assert len(there) < PARTS


async def test_what_arrived_is_the_file(house: House, sent: Sent, video: Path) -> None:
    assert await house.stored(sent.asset, keys.source) == await asyncio.to_thread(video.read_bytes)


async def test_the_video_becomes_ready_and_the_take_is_handed_in(house: House, sent: Sent) -> None:
    assert (await house.ready(sent.asset))["state"] == "ready"
    async with house.rep() as rep:
        [assignment] = (await rep.get("/v1/me/assignments?state=submitted"))["items"]
        take = await rep.get(f"/v1/takes/{assignment['current_take_id']}")
    assert take["state"] == "submitted"
    assert [response["asset"]["id"] for response in take["responses"]] == [sent.asset]


async def test_the_browser_finds_nothing_wrong_but_the_cut_network(sent: Sent) -> None:
    assert [said for said in sent.errors if not CUT.search(said)] == []
