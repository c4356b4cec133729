"""What tests stand on: a real PostgreSQL built by the migrations, one cluster a process, an organization a test."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from api.app import create_app
from api.auth import Tokens
from api.embedded import EmbeddedPostgres, Urls
from api.openapi.routes import cached
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage, open_storage
from models.database import Database
from models.migrate import migrate
from tests.client import Client, Document
from tests.factories.people import OrgKit, new_org

SECRET = b"a secret of the tests, 32 bytes or more"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stories take longest: they come first, so that none is still being told when all else is done."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("showme")


@pytest.fixture(scope="session")
def cluster(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir, fast=True)
    with postgres:
        yield postgres


@pytest.fixture(scope="session")
def urls(cluster: EmbeddedPostgres) -> Urls:
    made = cluster.create_database("of_the_tests")
    migrate(made.migrate, made.app)
    return made


@pytest.fixture(scope="session")
def settings(data_dir: Path, urls: Urls) -> Settings:
    return Settings(data_dir=data_dir, database_url=urls.app, migrate_url=urls.migrate, public_url="http://testserver")


@pytest.fixture(scope="session")
async def database(urls: Urls) -> AsyncIterator[Database]:
    opened = Database(urls.app)
    yield opened
    await opened.dispose()


@pytest.fixture(scope="session")
def storage(settings: Settings) -> Storage:
    return open_storage(settings.store, secret=SECRET, public_url=settings.base_url)


@pytest.fixture(scope="session")
def parts(settings: Settings, database: Database, storage: Storage) -> Parts:
    return Parts(settings, database, storage, SECRET)


@pytest.fixture(scope="session")
def app(parts: Parts) -> Litestar:
    return create_app(parts)


@pytest.fixture(scope="session")
def document(app: Litestar) -> Document:
    return Document(cached(app))


@pytest.fixture
async def make_org(
    app: Litestar, database: Database, document: Document, urls: Urls
) -> AsyncIterator[Callable[..., Any]]:
    """Make as many organizations as a test needs; their clients are closed at its end."""
    kits: list[OrgKit] = []

    async def make(time_zone: str = "UTC") -> OrgKit:
        org = await new_org(urls.migrate, time_zone)
        kits.append(OrgKit(org.id, org.slug, database, Tokens(SECRET), document, app))
        return kits[-1]

    yield make
    for kit in kits:
        for client in kit.clients:
            await client.aclose()


@pytest.fixture
async def org(make_org: Callable[..., Any]) -> OrgKit:
    made: OrgKit = await make_org()
    return made


@pytest.fixture
async def anonymous(app: Litestar, document: Document) -> AsyncIterator[Client]:
    async with Client(app, document) as client:
        yield client
