"""Bring a database to the present schema, from an installed wheel as well as from a checkout."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine


def _config(url: str, app_role: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.set_main_option("app_role", app_role)
    return config


def migrate(owner_url: str, app_url: str) -> None:
    """Apply what is missing, as the owner role, and grant it to the role of `app_url`. Runs its own event loop."""
    command.upgrade(_config(owner_url, make_url(app_url).username or "showme_app"), "head")


def newest() -> str:
    """Return the revision this code expects."""
    return ScriptDirectory.from_config(_config("", "")).get_current_head() or ""


async def present(engine: AsyncEngine) -> str:
    """Return the revision the database is at; empty when it was never migrated."""
    async with engine.connect() as connection:
        if await connection.scalar(text("SELECT to_regclass('public.alembic_version')")) is None:
            return ""
        return await connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
