"""Two APIs and two workers, each a machine of its own with its own folder, over one PostgreSQL and one S3."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.demo.org import token
from api.demo.story import Stage, Story
from api.demo.telling import Telling
from api.embedded import Urls
from api.orgs import NewOrg, create_org
from api.settings import Settings
from media.binaries import find_binaries
from media.sample import make_sample
from models.ids import new_id
from tests.balancer import Balancer, balancing, wait_for_ready
from tests.processes import free_port, running
from tests.s3_shim import running_s3

PASSWORD = "a password of the tests"
EMAIL = "ada@example.com"
VIDEO_MS = 10_000
CLIENTS = 4
LEAST_REQUESTS = 300
PACE_S = 0.25


@dataclass
class House:
    """The machines, and the balancer before the APIs."""

    folder: Path
    common: dict[str, str]
    stack: ExitStack
    servers: list[str] = field(default_factory=list)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    url: str = ""
    balancer: Balancer | None = None

    def start(self, command: str, name: str, **settings: str) -> None:
        machine = self.folder / name
        machine.mkdir(exist_ok=True)
        mine = self.common | {"data_dir": str(machine / "data")} | settings
        self.processes[name] = self.stack.enter_context(running(command, machine, mine))

    def serve(self, server: str) -> None:
        port = server.rsplit(":", 1)[1]
        self.start("serve", f"api-{port}", port=port, drain_s="1")

    def restart(self, server: str) -> None:
        """End one as an operator would, wait, and start it anew under its old address. Blocks."""
        assert self.balancer
        process = self.processes[f"api-{server.rsplit(':', 1)[1]}"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
        wait_for_ready(self.balancer, [server], ready=False)
        self.serve(server)
        wait_for_ready(self.balancer, [server])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, urls: Urls) -> Iterator[House]:
    with ExitStack() as stack:
        port = free_port()
        common = {
            "database_url": urls.app,
            "store_url": stack.enter_context(running_s3()).store_url,
            "secret_key": "a secret of all machines, 32 bytes or more",
            "part_size_bytes": str(5 * 1024 * 1024),
            "log_format": "json",
            # What limits a person is not what this is about.
            "requests_per_minute": "0",
            "org_requests_per_minute": "0",
            "public_url": f"http://127.0.0.1:{port}",
        }
        made = House(tmp_path_factory.mktemp("machines"), common, stack)
        made.servers = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
        for server in made.servers:
            made.serve(server)
        for name in ("worker-1", "worker-2"):
            made.start("worker", name)
        made.url, made.balancer = stack.enter_context(balancing(made.servers, port))
        yield made


@pytest.fixture(scope="module")
async def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "talk.mp4"
    await make_sample(path, find_binaries(), VIDEO_MS)
    return path


async def an_org(settings: Settings) -> str:
    slug = f"many-{new_id().hex[-8:]}"
    await create_org(settings, NewOrg(slug, "Many", "UTC", EMAIL, "Ada", PASSWORD))
    return slug


async def test_the_story_holds_when_each_request_goes_to_the_other_api(
    house: House, settings: Settings, video: Path
) -> None:
    assert house.balancer
    slug = await an_org(settings)
    before = len(house.balancer.order)
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
        stage = Stage(client, slug, EMAIL, PASSWORD, video, VIDEO_MS, find_binaries())
        made = await Story(stage, Telling(quiet=True)).tell()
    told = house.balancer.order[before:]
    assert made["bright_spot"]["state"] == "published"
    assert all(one != other for one, other in pairwise(told))
    assert set(told) == set(house.servers)


class Load:
    """Persons who read and write at their pace; each answer is counted, and what went wrong is kept."""

    def __init__(self, client: httpx.AsyncClient, access: str) -> None:
        self.client = client
        self.headers = {"authorization": f"Bearer {access}"}
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self.made: list[str] = []
        self.much, self.enough = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._person())

    async def _person(self) -> None:
        while not self.enough.is_set():
            skill_id = str(new_id())
            written = await self._ask("POST", "/v1/skills", {"id": skill_id, "name": f"Skill {skill_id}"})
            self.made += [skill_id] if written == 201 else []
            await self._ask("GET", "/v1/me")
            await self._ask("GET", "/v1/skills")
            await asyncio.sleep(PACE_S)

    async def _ask(self, method: str, path: str, body: Any = None) -> int:
        try:
            answer = await self.client.request(method, path, json=body, headers=self.headers)
        except httpx.TransportError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return 0
        self.statuses[answer.status_code] += 1
        if self.statuses.total() >= LEAST_REQUESTS:
            self.much.set()
        if answer.status_code not in (200, 201):
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer.status_code


async def test_a_rolling_restart_under_load_fails_no_request(house: House, settings: Settings) -> None:
    slug = await an_org(settings)
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
        load = Load(client, await token(client, slug, EMAIL, PASSWORD))
        running_load = asyncio.create_task(load.run())
        try:
            for server in house.servers:
                await asyncio.to_thread(house.restart, server)
            await asyncio.wait_for(load.much.wait(), 60)
        finally:
            load.enough.set()
            await running_load
        kept = await all_skills(client, load.headers)
    assert load.failures == []
    assert set(load.made) == kept


async def all_skills(client: httpx.AsyncClient, headers: dict[str, str]) -> set[str]:
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/skills", params=query, headers=headers)).json()
        found |= {item["id"] for item in page["items"]}
        cursor = page["next_cursor"]
    return found
