"""What both processes are made of, opened from the settings; and the migration. It knows nothing of routes."""

import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from api.embedded import EmbeddedError, Urls, running_urls
from api.pool_metrics import watch_pool
from api.settings import SettingError, Settings, secret_key
from api.statements import watch_statements
from media.storage import Storage, open_storage
from models.database import STATEMENT_S, Database

WORK_STATEMENT_S = 60.0  # nobody waits for the answers of a worker or of a command


@dataclass(frozen=True)
class Parts:
    """What the application is made of; each is opened and closed by whoever made it."""

    settings: Settings
    database: Database
    storage: Storage
    secret: bytes


def database_urls(settings: Settings) -> Urls:
    """Return the URLs of the database: the settings', or the embedded one's that `showme up` runs.

    Raises:
        SettingError: there is no database to speak to.
    """
    if not settings.embedded_database:
        return Urls(app=settings.database_url, migrate=settings.migrate_url, superuser="")
    try:
        found = running_urls(settings.data_dir)
    except EmbeddedError as error:
        raise SettingError(str(error)) from error
    if found is None:
        raise SettingError(
            f"no database runs for {settings.data_dir}: start `showme up` first, or set SHOWME_DATABASE_URL."
        )
    return found


@contextlib.asynccontextmanager
async def opened_parts(settings: Settings) -> AsyncGenerator[Parts]:
    database = open_database(settings, statement_s=WORK_STATEMENT_S)
    secret = secret_key(settings)
    try:
        yield Parts(settings, database, store_of(settings, secret), secret)
    finally:
        await database.dispose()


def open_database(settings: Settings, *, statement_s: float = STATEMENT_S) -> Database:
    pooled = settings.database_pooler == "transaction"
    url, size = database_urls(settings).app, settings.pool_size
    database = Database(url, pool_size=size, pooled=pooled, statement_s=statement_s)
    watch_pool(database)
    watch_statements(database, settings.slow_query_ms)
    return database


def directly(settings: Settings) -> Settings:
    """Return the settings of a process that needs sessions of its own: locks and notifications pass no pooler.

    Raises:
        SettingError: there is a pooler, and no way around it.
    """
    if not settings.database_pooler:
        return settings
    if not settings.direct_url:
        raise SettingError("a worker cannot use the pooler: set SHOWME_DIRECT_URL to the database's own URL.")
    return replace(settings, database_url=settings.direct_url, database_pooler="")


def store_of(settings: Settings, secret: bytes) -> Storage:
    try:
        return open_storage(settings.store, secret=secret, public_url=settings.base_url)
    except ValueError as error:
        raise SettingError(f"SHOWME_STORE_URL: {error}") from error


def listen(settings: Settings) -> socket.socket:
    """Take the port now, so that a taken one is a clear line and not a crash later."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        where = f"{settings.host} port {settings.port}"
        raise SettingError(f"cannot listen on {where}: {error.strerror}. Set SHOWME_HOST or SHOWME_PORT.") from error
    listener.listen(1024)
    return listener


def migrate_database(settings: Settings) -> None:
    urls = database_urls(settings)
    if not urls.migrate:
        raise SettingError("set SHOWME_MIGRATE_URL to the owner role's URL to migrate.")
    migrate_to_head(urls)


def migrate_to_head(urls: Urls) -> None:
    from models.migrate import MigrationError, migrate  # noqa: PLC0415 - alembic loads slowly; few processes migrate

    try:
        migrate(urls.migrate, urls.app)
    except MigrationError as error:
        raise SettingError(str(error)) from error
