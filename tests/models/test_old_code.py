"""The first release goes on serving while the migrations after it are applied, and afterwards.

Its code is not here any more; what it relies on is: the tables, columns, rules and rights of its own revision. What it
writes names the columns of that revision and no others.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from alembic import command
from sqlalchemy import TableClause, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from api.embedded import EmbeddedPostgres, Urls, psycopg_dsn
from models.database import Database
from models.ids import new_id
from models.migrate import config_of, migrate, newest
from tests.factories.rows import TENANT_TABLES, Row, make_row

FIRST = "2026_11_24_0001"
# Each a question to the catalogue; a row is what it is about (a table first) and then what is said of it.
CATALOGUE = {
    "columns": """
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
          a.atthasdef OR a.attidentity <> '' FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace IN ('public'::regnamespace, 'queue'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid),
          ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY(conkey))
        FROM pg_constraint
        WHERE connamespace IN ('public'::regnamespace, 'queue'::regnamespace) AND contype <> 'n'""",
    "unique indexes": """
        SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        JOIN pg_class c ON c.oid = indexrelid WHERE indisunique
          AND c.relnamespace IN ('public'::regnamespace, 'queue'::regnamespace)""",
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT tgisinternal""",
    "policies": """
        SELECT polrelid::regclass::text, polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid),
          pg_get_expr(polwithcheck, polrelid) FROM pg_policy""",
    "rights": """
        SELECT c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.relnamespace IN ('public'::regnamespace, 'queue'::regnamespace)""",
    "functions": """
        SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid), p.proacl::text, p.prosecdef FROM pg_proc p
        WHERE p.pronamespace IN ('public'::regnamespace, 'queue'::regnamespace)""",
}
# What an old row, or a row that old code writes, might not agree with.
BINDING = ("constraints", "unique indexes", "triggers", "policies")
Catalogue = dict[str, set[tuple[Any, ...]]]


BREAKING = {
    "a column that must be filled": "ALTER TABLE skill ADD COLUMN x int NOT NULL",
    "a check": "ALTER TABLE skill ADD CONSTRAINT x CHECK (name <> 'x') NOT VALID",
    "another type": "ALTER TABLE take ALTER COLUMN number TYPE bigint",
    "a right less": "REVOKE UPDATE ON take FROM showme_app",
}


@dataclass(frozen=True)
class Seen:
    """The catalogue of the first release, of today, and as each of BREAKING would leave it."""

    before: Catalogue
    after: Catalogue
    broken: dict[str, Catalogue]


def hashable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tuple(one) if isinstance(one, list) else one for one in row)


def read_catalogue(urls: Urls, first: str = "") -> Catalogue:
    with psycopg.connect(psycopg_dsn(urls.superuser)) as connection:
        connection.execute(first.encode())
        found = {name: set(map(hashable, connection.execute(query.encode()))) for name, query in CATALOGUE.items()}
        connection.rollback()
    return found


@contextmanager
def a_first_release(cluster: EmbeddedPostgres) -> Iterator[Urls]:
    """Make a database as the first release made it."""
    name = f"first_{new_id().hex}"
    made = cluster.create_database(name)
    command.upgrade(config_of(made.migrate, "showme_app"), FIRST)
    yield made
    cluster.drop_database(name)


@pytest.fixture(scope="module")
def seen(cluster: EmbeddedPostgres) -> Iterator[Seen]:
    with a_first_release(cluster) as urls:
        before = read_catalogue(urls)
        broken = {name: read_catalogue(urls, sql) for name, sql in BREAKING.items()}
        migrate(urls.migrate, urls.app)
        yield Seen(before, read_catalogue(urls), broken)


@pytest.fixture
def of_the_first(cluster: EmbeddedPostgres) -> Iterator[Urls]:
    with a_first_release(cluster) as made:
        yield made


@pytest.fixture
async def database(of_the_first: Urls) -> AsyncIterator[Database]:
    opened = Database(of_the_first.app, pool_size=1)
    yield opened
    await opened.dispose()


def missing(before: Catalogue, after: Catalogue) -> Catalogue:
    """Return what the first release relies on and does not find any more."""
    gone = {name: before[name] - after[name] for name in before}
    return {name: rows for name, rows in gone.items() if rows}


def added(before: Catalogue, after: Catalogue, name: str) -> set[tuple[Any, ...]]:
    """Return what is new about tables that the first release has."""
    tables = {row[0] for row in before["columns"]}
    return {row for row in after[name] - before[name] if row[0] in tables}


def unfilled(before: Catalogue, after: Catalogue) -> list[tuple[Any, ...]]:
    """Return the new columns that must be filled, and do not fill themselves."""
    return [row for row in sorted(added(before, after, "columns")) if row[3] and not row[4]]


def binding(before: Catalogue, after: Catalogue) -> Catalogue:
    """Return what may refuse an old row. Constraints of columns it does not have, which stay empty in it, are left to
    the test that writes such rows.
    """
    known = {row[:2] for row in before["columns"]}
    new = {name: added(before, after, name) for name in BINDING}
    new["constraints"] = {
        row for row in new["constraints"] if any((row[0], name) in known for name in row[3] if name != "org_id")
    }
    return {name: rows for name, rows in new.items() if rows}


def test_nothing_that_the_first_release_relies_on_is_taken_away_or_changed(seen: Seen) -> None:
    assert newest() != FIRST
    assert missing(seen.before, seen.after) == {}


def test_nothing_new_binds_the_rows_that_the_first_release_writes(seen: Seen) -> None:
    assert added(seen.before, seen.after, "columns")
    assert unfilled(seen.before, seen.after) == []
    assert binding(seen.before, seen.after) == {}


@pytest.mark.parametrize("what", list(BREAKING))
def test_what_would_break_it_is_seen(seen: Seen, what: str) -> None:
    after = seen.broken[what]
    assert missing(seen.before, after) or unfilled(seen.before, after) or binding(seen.before, after)


def old_tables(catalogue: Catalogue) -> list[TableClause]:
    """Return the tenants' tables with the columns of the first release alone, in an order to write to them."""
    known = {(row[0], row[1]) for row in catalogue["columns"]}
    made = [
        table(one.name, *[column(c.name, c.type) for c in one.columns if (one.name, c.name) in known])
        for one in TENANT_TABLES
    ]
    return [one for one in made if one.c]


def an_org(urls: Urls) -> UUID:
    key = new_id()
    with psycopg.connect(psycopg_dsn(urls.migrate)) as connection:
        named = "INSERT INTO org (id, slug, name, created_at) VALUES (%s, %s, 'Acme', now())"
        connection.execute(named, [key, f"org-{key.hex}"])
    return key


async def write_all(session: AsyncSession, tables: list[TableClause], org_id: UUID) -> dict[str, Row]:
    today, rows = {one.name: one for one in TENANT_TABLES}, dict[str, Row]()
    for one in tables:
        row = make_row(today[one.name], org_id, rows)
        rows[one.name] = {name: value for name, value in row.items() if name in one.c}
        await session.execute(one.insert().values(rows[one.name]))
    return rows


async def read_all(session: AsyncSession, tables: list[TableClause], rows: dict[str, Row]) -> dict[str, Row]:
    found = {}
    for one in tables:
        row = (await session.execute(select(one).where(one.c.id == rows[one.name]["id"]))).one()
        found[one.name] = {name: value for name, value in row._mapping.items() if name in rows[one.name]}
    return found


async def test_what_the_first_release_writes_before_and_after_is_written_and_read_back(
    of_the_first: Urls, database: Database
) -> None:
    tables = old_tables(read_catalogue(of_the_first))
    assert len(tables) > 30
    orgs = [an_org(of_the_first) for _ in range(2)]
    async with database.tenant(orgs[0]) as session:
        early = await write_all(session, tables, orgs[0])
    await asyncio.to_thread(migrate, of_the_first.migrate, of_the_first.app)
    async with database.tenant(orgs[1]) as session:
        late = await write_all(session, tables, orgs[1])
    for org_id, rows in zip(orgs, (early, late), strict=True):
        async with database.tenant(org_id) as session:
            assert await read_all(session, tables, rows) == rows
