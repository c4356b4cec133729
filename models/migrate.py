"""Bring a database to the present schema, from an installed wheel as well as from a checkout."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util.exc import CommandError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

TURN = "SELECT pg_try_advisory_lock(hashtext('showme migrate'))"
PATIENCE_S = 600.0
POLL_S = 0.1
NEWER = (
    "The database is at revision {revision}, which this version of Showme does not know: a newer one has migrated it. "
    "Run that version, or restore a backup of before."
)


class MigrationError(Exception):
    """A database that was not migrated; the message is one line that says why."""


def config_of(url: str, app_role: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.set_main_option("app_role", app_role)
    return config


def migrate(owner_url: str, app_url: str) -> None:
    """Apply what is missing, as the owner role, and grant it to the role of `app_url`. Runs its own event loop.

    Each migration is a transaction: what was applied before one that fails stays, and it can be run again. Of several
    processes at once one migrates, and the others wait and find nothing left to do.

    Raises:
        MigrationError: it could not.
    """
    upgrade(config_of(owner_url, make_url(app_url).username or "showme_app"))


def upgrade(config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except (OSError, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationError(f"The database cannot be migrated: {' '.join(str(cause).split())}") from error
    except CommandError as error:
        if isinstance(error.__cause__, ResolutionError):
            raise MigrationError(NEWER.format(revision=error.__cause__.argument)) from error
        raise MigrationError(f"The database cannot be migrated: {' '.join(str(error).split())}") from error


def newest() -> str:
    """Return the revision this code expects."""
    return ScriptDirectory.from_config(config_of("", "")).get_current_head() or ""


def known(revision: str) -> bool:
    """Tell whether this code has that revision: one it does not have is a newer version's."""
    return revision in {script.revision for script in ScriptDirectory.from_config(config_of("", "")).walk_revisions()}


async def present(session: AsyncSession) -> str:
    """Return the revision the database is at; empty when it was never migrated."""
    if await session.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
        return ""
    return await session.scalar(text("SELECT version_num FROM alembic_version")) or ""
