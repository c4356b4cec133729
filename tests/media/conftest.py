"""Both object stores over real HTTP, where a test that asks for `store` runs on each, and a house with its worker.

A module that asks for a house says which database it has: `own_urls`.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from api.embedded import Urls
from media.storage import Storage
from tests.factories.jobs import House, a_house, folder_store
from tests.s3_shim import S3Server, running_s3
from tests.stores import NO_TLS, Clock, LocalServer, open_s3, running_local


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(scope="session")
def local_server() -> Iterator[LocalServer]:
    with running_local() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["folder", "s3"])
async def store(
    request: pytest.FixtureRequest, s3: S3Server, local_server: LocalServer, tmp_path: Path, clock: Clock
) -> AsyncIterator[Storage]:
    if request.param == "folder":
        with local_server.serve(tmp_path / "store", clock) as local:
            yield local
            await local.close()
    else:
        opened = open_s3(s3, f"t-{uuid4()}", clock)
        await opened.ensure()
        yield opened
        await opened.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False, verify=NO_TLS) as client:
        yield client


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        yield made


@pytest.fixture
async def on_each_store(own_urls: Urls, store: Storage, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, store, tmp_path) as made:
        yield made
