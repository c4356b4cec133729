"""What tests stand on: a real PostgreSQL built by the migrations, one cluster a process, an organization a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from litestar import Litestar

from api.app import create_app
from api.auth import Tokens
from api.embedded import EmbeddedPostgres, Urls
from api.openapi.routes import cached
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage, open_storage
from models.audits import Found, practice_seen_anywhere
from models.database import Database
from models.migrate import migrate
from tests import telling
from tests.client import Client, Document
from tests.clusters import remove_clusters
from tests.factories.people import OrgKit, new_org

telling.watch()
# Drawn with all its variables, as it is where `rich` is installed, the traceback of one 500 takes a minute.
_PLAIN = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _PLAIN])

SECRET = b"a secret of the tests, 32 bytes or more"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stories take longest: they come first, so that none is still being told when all else is done."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture(scope="session", autouse=True)
def _clusters_go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove what the tests of this session have made outside its folder, also of those that failed."""
    yield
    remove_clusters(tmp_path_factory.getbasetemp())


@pytest.hookimpl(optionalhook=True)  # there with pytest-xdist only
def pytest_testnodedown(node: Any) -> None:
    told, silent = getattr(node, "workeroutput", {}).get("telling", ({}, {}))
    telling.TOLD.update(told)
    telling.SILENT.update(silent)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of the whole suite in which an operation that changed something never wrote an event."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["telling"] = (dict(telling.TOLD), dict(telling.SILENT))
        return
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
    if whole and (found := telling.complaints(telling.TOLD, telling.SILENT)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for line in (*found, "Write one (models.event.write_event), or say in tests/telling.py why not."):
            config.get_terminal_writer().line(line)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("showme")


@pytest.fixture(scope="session")
def cluster(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir, fast=True)
    with postgres:
        yield postgres


@pytest.fixture(scope="session")
def urls(cluster: EmbeddedPostgres) -> Iterator[Urls]:
    """After all stories that were told in it, nothing in it may show a practice take to anybody but its person."""
    made = cluster.create_database("of_the_tests")
    migrate(made.migrate, made.app)
    yield made
    with ThreadPoolExecutor(1) as apart:  # whatever loop the tests ran in
        assert apart.submit(asyncio.run, _practice_seen(made)).result() == []


async def _practice_seen(urls: Urls) -> list[Found]:
    database = Database(urls.app)
    try:
        return await practice_seen_anywhere(database)
    finally:
        await database.dispose()


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
