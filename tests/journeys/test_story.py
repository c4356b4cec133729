"""One journey: the whole story over HTTP, with a real API and a real worker, on the embedded store.

On S3 `test_many_machines` tells it again, with two of each.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.demo.story import Stage, Story
from api.demo.telling import Telling
from api.embedded import Urls
from api.orgs import NewOrg, create_org
from api.settings import Settings
from api.up import wait_until_ready
from media.binaries import find_binaries
from media.sample import make_sample
from models.asset import Asset
from models.database import Database
from models.event import Event
from models.ids import new_id
from tests.processes import free_port, running

PASSWORD = "a password of the tests"
VIDEO_MS = 10_000


@pytest.fixture(scope="module")
async def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "talk.mp4"
    await make_sample(path, find_binaries(), VIDEO_MS)
    return path


@contextmanager
def _house(folder: Path, urls: Urls, store_url: str) -> Iterator[str]:
    port = free_port()
    settings = {
        "data_dir": str(folder / "data"),
        "database_url": urls.app,
        "store_url": store_url,
        "port": str(port),
        "part_size_bytes": str(5 * 1024 * 1024),
        "secret_key": "a secret of the journey, 32 bytes or more",
        "log_format": "json",
    }
    with ExitStack() as stack:
        for command in ("serve", "worker"):
            stack.enter_context(running(command, folder, settings))
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def base_url(tmp_path: Path, urls: Urls) -> AsyncIterator[str]:
    with _house(tmp_path, urls, f"file:{tmp_path / 'store'}") as url:
        await wait_until_ready(url)
        yield url


async def _tell(base_url: str, settings: Settings, video: Path) -> tuple[Any, Any]:
    slug = f"journey-{new_id().hex[-8:]}"
    org_id = await create_org(settings, NewOrg(slug, "Journey", "UTC", "ada@example.com", "Ada", PASSWORD))
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        stage = Stage(client, slug, "ada@example.com", PASSWORD, video, VIDEO_MS, find_binaries())
        return org_id, await Story(stage, Telling(quiet=True)).tell()


async def test_the_story_holds_from_challenge_to_bright_spot(
    base_url: str, settings: Settings, database: Database, video: Path
) -> None:
    org_id, made = await _tell(base_url, replace(settings, store_url=""), video)
    async with database.tenant(org_id) as session:
        states = (await session.scalars(select(Asset.state).where(Asset.org_id == org_id))).all()
        moves = (await session.scalars(select(Event.name).where(Event.org_id == org_id).order_by(Event.at))).all()
        takes = await session.scalar(select(func.count()).where(Event.org_id == org_id, Event.name == "take.submitted"))
    assert sorted(states) == ["ready", "ready"]
    assert takes == 1
    story = ["challenge.published", "take.submitting", "take.submitted", "critique.published", "bright_spot.published"]
    assert [name for name in moves if name in story] == story
    assert made["bright_spot"]["state"] == "published"
