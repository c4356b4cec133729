"""The stream of changes over two API processes: what one writes the other tells, and between them nothing is lost."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from api.embedded import Urls
from models.ids import new_id
from tests.factories.people import OrgKit, Somebody
from tests.factories.streams import Blocks, streaming
from tests.factories.takes import make_story
from tests.processes import free_port, running

SECRET = "a secret of the tests, 32 bytes or more"
SKILLS = 30


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, urls: Urls) -> Iterator[dict[str, Popen[bytes]]]:
    """Two APIs, each with a folder of its own, over one database."""
    with ExitStack() as stack:
        store = f"file:{tmp_path_factory.mktemp('store')}"
        found = {}
        for _ in range(2):
            port, folder = free_port(), tmp_path_factory.mktemp("api")
            settings = {"database_url": urls.app, "store_url": store, "secret_key": SECRET, "port": str(port)}
            settings |= {"data_dir": str(folder), "log_format": "json", "requests_per_minute": "0"}
            found[f"http://127.0.0.1:{port}"] = stack.enter_context(running("serve", Path(folder), settings))
        yield found


def token(who: Somebody) -> str:
    return str(who.client.headers["authorization"])


async def ready(url: str) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{url}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def name_skills(url: str, who: Somebody, count: int) -> list[str]:
    async with httpx.AsyncClient(base_url=url, headers={"authorization": token(who)}, timeout=30) as client:
        made = []
        for _ in range(count):
            answer = await client.post("/v1/skills", json={"name": new_id().hex})
            assert answer.status_code == 201, answer.text
            made.append(answer.json()["id"])
        return made


async def hear(blocks: Blocks, count: int) -> list[str]:
    return [(await blocks.change())["subject"]["id"] for _ in range(count)]


async def until_the_end(blocks: Blocks) -> tuple[list[str], str, str]:
    """Return what is heard until a stream ends, why it does, and the place it leaves."""
    heard, why = [], ""
    while (block := await blocks.next()) is not None:
        said = json.loads(block.get("data", "{}"))
        if block.get("event") == "change":
            heard.append(said["subject"]["id"])
        why = said.get("reason", why)
    return heard, why, blocks.last_id


async def test_what_one_process_writes_is_told_by_the_other_and_after_its_end_by_those_left(
    servers: dict[str, Popen[bytes]], org: OrgKit
) -> None:
    first, second = servers
    await asyncio.gather(ready(first), ready(second))
    admin, story = await org.person(org_role="admin"), await make_story(org)
    async with streaming(first, token(story.rep)) as at_first, streaming(second, token(story.rep)) as at_second:
        made = await name_skills(second, admin, SKILLS)
        assert await hear(at_first, SKILLS) == made
        assert await hear(at_second, SKILLS) == made
        servers[first].send_signal(signal.SIGTERM)
        writing = asyncio.create_task(name_skills(second, admin, SKILLS))
        heard, why, last_id = await until_the_end(at_first)
        assert why == "shutdown"
        assert await asyncio.to_thread(servers[first].wait, 30) == -signal.SIGTERM
        later = await writing
        assert await hear(at_second, SKILLS) == later
    async with streaming(second, token(story.rep), last_id) as again:
        rest = await hear(again, SKILLS - len(heard))
    assert heard + rest == later
