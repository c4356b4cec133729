"""Migrations: safe beside the release before, agreed with the models, run by one process at a time."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import models.migrate
from api.embedded import EmbeddedPostgres, Urls, psycopg_dsn
from models.all import metadata
from models.database import Database
from models.ids import new_id
from models.migrate import TURN, MigrationError, config_of, known, migrate, newest, upgrade
from models.person import Person
from tests.factories.people import new_org
from tests.migration_rules import complaints
from tests.processes import ROOT, environment

VERSIONS = ROOT / "models" / "migrations" / "versions"
RELEASED = re.findall(r"^## (?:\[)?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
WRITTEN = """
import sqlalchemy as sa
from alembic import op

revision = "2999_01_01_0001"
down_revision = {newest!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{body}
"""
EXPAND = """
    op.add_column("person", sa.Column("nickname", sa.Text(), nullable=True))
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_person_nickname", "person", ["org_id", "nickname"], postgresql_concurrently=True, if_not_exists=True
        )
"""


def test_each_migration_after_the_first_may_run_while_the_release_before_serves() -> None:
    later = sorted(path for path in VERSIONS.glob("*.py") if not path.name.endswith("_0001_first.py"))
    found = {path.name: complaints(path.read_text(), RELEASED) for path in later}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


UNSAFE = {
    "drops a column": 'op.drop_column("take", "note")',
    "drops a table": 'op.drop_table("take")',
    "drops a column in SQL": 'op.execute("ALTER TABLE take DROP COLUMN note")',
    "renames a column": 'op.alter_column("take", "note", new_column_name="remark")',
    "renames a column in SQL": 'op.execute("ALTER TABLE take RENAME COLUMN note TO remark")',
    "renames a table": 'op.rename_table("take", "attempt")',
    "changes a type": 'op.alter_column("take", "number", type_=sa.BigInteger())',
    "changes a type in SQL": 'op.execute(f"ALTER TABLE {table} ALTER COLUMN number TYPE bigint")',
    "forbids what the code before leaves empty": 'op.alter_column("take", "note", nullable=False)',
    "asks for a column that is not filled": 'op.add_column("take", sa.Column("x", sa.Text(), nullable=False))',
    "makes an index under a lock": 'op.create_index("ix", "take", ["note"])',
    "makes an index under a lock in SQL": 'op.execute("CREATE UNIQUE INDEX ix ON take (note)")',
    "makes an index inside the transaction": 'op.create_index("ix", "take", ["note"], postgresql_concurrently=True)',
    "drops an index under a lock": 'op.drop_index("ix")',
    "checks all rows under a lock": 'op.create_check_constraint("ck", "take", "number > 0")',
    "checks all references under a lock": 'op.create_foreign_key("fk", "take", "org", ["org_id"], ["id"])',
    "makes a unique constraint under a lock": 'op.create_unique_constraint("uq", "take", ["note"])',
    "waits for locks without an end": 'op.execute("SET lock_timeout = 0")',
    "drops a table in a block": 'op.execute("DO $$ BEGIN DROP TABLE take; END $$")',
    "drops a table beside a function": '''op.execute("""
        CREATE FUNCTION x() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$; DROP TABLE take;
        CREATE FUNCTION y() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$;
    """)''',
    "locks out who reads": 'op.execute("LOCK TABLE take")',
}
SAFE = {
    "adds an empty column": 'op.add_column("take", sa.Column("x", sa.Text(), nullable=True))',
    "adds a column with a default": 'op.add_column("take", sa.Column("x", server_default="", nullable=False))',
    "makes a table and its index": 'op.create_table("new", sa.Column("x"))\n    op.create_index("ix", "new", ["x"])',
    "makes an index beside those who write": EXPAND.strip(),
    "adds a check for new rows": 'op.create_check_constraint("ck", "take", "number > 0", postgresql_not_valid=True)',
    "makes a function that will drop a table": 'op.execute("CREATE FUNCTION x() AS $$ DROP TABLE old; $$")',
    "validates a check": 'op.execute("ALTER TABLE take VALIDATE CONSTRAINT ck")',
}


@pytest.mark.parametrize("body", UNSAFE.values(), ids=list(UNSAFE))
def test_a_migration_is_refused_that(body: str) -> None:
    assert len(complaints(WRITTEN.format(newest="x", body=f"    {body}"), RELEASED)) == 1


@pytest.mark.parametrize("body", SAFE.values(), ids=list(SAFE))
def test_a_migration_is_accepted_that(body: str) -> None:
    assert complaints(WRITTEN.format(newest="x", body=f"    {body}"), RELEASED) == []


def test_what_no_release_in_use_needs_may_be_dropped() -> None:
    source = WRITTEN.format(newest="x", body='    op.drop_column("take", "note")')
    assert complaints(f'{source}\nUNUSED_SINCE = "0.2.0"', ["0.1.0", "0.2.0"]) == []
    unreleased = complaints(f'{source}\nUNUSED_SINCE = "0.3.0"', ["0.1.0", "0.2.0"])
    assert "UNUSED_SINCE: 0.3.0 is not a release of the changelog." in unreleased


@pytest.fixture
def fresh(cluster: EmbeddedPostgres) -> Iterator[Callable[[], Urls]]:
    """Make databases that nobody has migrated."""
    names: list[str] = []

    def make() -> Urls:
        names.append(f"fresh_{new_id().hex}")
        return cluster.create_database(names[-1])

    yield make
    for name in names:
        cluster.drop_database(name)


def schema_of(urls: Urls) -> list[Any]:
    with psycopg.connect(psycopg_dsn(urls.superuser)) as connection:
        return connection.execute(
            "SELECT c.oid, c.relname, c.relacl::text, a.attname, a.atttypid FROM pg_class c"
            " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('queue')) ORDER BY 1, 4"
        ).fetchall()


async def test_the_migrations_make_what_the_models_say(urls: Urls) -> None:
    def differences(connection: Any) -> list[Any]:
        partitions = set(connection.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits")))

        def ours(_object: Any, name: str, kind: str, *_: Any) -> bool:
            return not (kind == "table" and name in partitions)

        options = {"compare_type": True, "compare_server_default": True, "include_object": ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engine = create_async_engine(urls.migrate, poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_migrating_again_changes_nothing(urls: Urls) -> None:
    before = schema_of(urls)
    migrate(urls.migrate, urls.app)
    assert schema_of(urls) == before
    assert known(newest())
    assert not known("2999_01_01_0001")


def test_several_that_migrate_at_once_take_turns(fresh: Callable[[], Urls], tmp_path: Path) -> None:
    made = fresh()
    settings = {"database_url": made.app, "migrate_url": made.migrate, "data_dir": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "api.cli", "migrate"]
    both = [
        subprocess.Popen(command, env=environment(**settings), cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert ([process.returncode for process in both], said) == ([0, 0], ["", ""])
    assert any("procrastinate_jobs" in row for row in schema_of(made))


def test_who_waits_too_long_for_its_turn_says_so(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.migrate, "PATIENCE_S", 0.2)
    with psycopg.connect(psycopg_dsn(urls.migrate), autocommit=True) as other:
        other.execute(TURN)
        with pytest.raises(MigrationError, match="Another process has been migrating"):
            migrate(urls.migrate, urls.app)


def test_a_database_that_refuses_is_one_line(urls: Urls) -> None:
    with pytest.raises(MigrationError, match=r"cannot be migrated: .*password") as refused:
        migrate(urls.migrate.replace("showme_owner:", "showme_owner:not-"), urls.app)
    assert "\n" not in str(refused.value)


class Next:
    """A migration of a release to come, applied to a database of its own."""

    def __init__(self, urls: Urls, folder: Path) -> None:
        self.urls = urls
        self.folder = folder

    def apply(self, body: str) -> None:
        (self.folder / "2999_01_01_0001_next.py").write_text(WRITTEN.format(newest=newest(), body=body))
        config = config_of(self.urls.migrate, "showme_app")
        config.set_main_option("version_locations", f"{VERSIONS}{os.pathsep}{self.folder}")
        upgrade(config)


@pytest.fixture
def coming(fresh: Callable[[], Urls], tmp_path: Path) -> Next:
    made = fresh()
    migrate(made.migrate, made.app)
    return Next(made, tmp_path)


def test_a_database_of_a_newer_version_is_one_line_that_says_so(coming: Next) -> None:
    coming.apply(EXPAND)
    before = schema_of(coming.urls)
    with pytest.raises(MigrationError, match=r"at revision 2999_01_01_0001, .* a newer one has migrated it") as refused:
        migrate(coming.urls.migrate, coming.urls.app)
    assert "\n" not in str(refused.value)
    assert schema_of(coming.urls) == before


async def test_this_release_serves_before_during_and_after_the_next_ones_migration(coming: Next) -> None:
    org = await new_org(coming.urls.migrate)
    database = Database(coming.urls.app, pool_size=4)
    expanded, seen = threading.Event(), 0

    async def serve() -> None:
        nonlocal seen
        after = 0
        while after < 5:
            after += expanded.is_set()
            async with database.tenant(org.id) as session:
                session.add(Person(org_id=org.id, name="Robin", email=f"{new_id().hex}@example.com"))
                await session.flush()
                seen = len((await session.scalars(select(Person).where(Person.org_id == org.id))).all())

    async def expand() -> None:
        await asyncio.to_thread(coming.apply, EXPAND)
        expanded.set()

    try:
        await asyncio.gather(expand(), *(serve() for _ in range(3)))
    finally:
        await database.dispose()
    assert seen >= 15
    with psycopg.connect(psycopg_dsn(coming.urls.migrate)) as connection:
        assert connection.execute("SELECT count(nickname) FROM person").fetchone() == (0,)
        valid = connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_person_nickname'::regclass")
        assert valid.fetchone() == (True,)


def test_a_migration_that_cannot_get_its_lock_gives_up_and_changes_nothing(coming: Next) -> None:
    with psycopg.connect(psycopg_dsn(coming.urls.migrate)) as other:
        other.execute("LOCK TABLE person IN ACCESS SHARE MODE")
        with pytest.raises(MigrationError, match="canceling statement due to lock timeout"):
            coming.apply(EXPAND)
    coming.apply(EXPAND)
    assert any("nickname" in row for row in schema_of(coming.urls))
