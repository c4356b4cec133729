"""What holds for every table, read from the catalogue of a database that the migrations made."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, func, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from api.embedded import Urls
from models.all import metadata
from models.database import Database
from models.ids import new_id
from tests.factories.people import OrgKit, new_org
from tests.factories.rows import TENANT_TABLES, fill, make_row, targets

EVERY_TABLE = sorted(metadata.tables)
NAMES = [table.name for table in TENANT_TABLES]

DEFINERS = {
    "org_id_of_slug",
    "throttle_hit",
    "throttle_add",
    "throttle_forget",
    "throttle_give_back",
    "uploads_to_sweep",
    "assignments_to_open",
    "consents_run_out",
    "assets_without_job",
    "orgs_after",
    "clips_without_job",
    "erasures_without_job",
    "sources_to_delete",
    "takes_to_lapse",
    "series_due",
    "firsts_superseded",
    "forget_access",
    "search_bright_spots",
    "make_event_partitions",
    "events_after",
    "mend_event_order",
    "drop_event_partitions",
    "fill_critiques",
    "next_steps_due",
    "reviews_to_tell",
}


# What the checks of a table want to be written with a column.
WITH_IT: dict[str, dict[str, Any]] = {
    "moment.resolved_by": {"resolved_at": func.now()},
    "draft_version.moment_id": {"critique_id": None},
    "take.claimed_by": {"claimed_until": func.now()},
}
# What is said stays as it was said: nothing but another row can point elsewhere.
ONLY_ADDED = {"event_recipient", "critique_remark", "moment_reply"}


@pytest.fixture(scope="module")
async def owner(urls: Urls) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(urls.migrate, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def ask(database: Database, query: str, **values: Any) -> list[Any]:
    async with database.without_tenant() as session:
        return list((await session.execute(text(query), values)).all())


async def test_the_catalogue_has_the_tables_of_the_models(database: Database) -> None:
    rows = await ask(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version'",
    )
    assert sorted(row.relname for row in rows) == EVERY_TABLE


@pytest.mark.parametrize("table", EVERY_TABLE)
async def test_each_table_has_row_level_security(database: Database, table: str) -> None:
    [row] = await ask(database, "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(:name)", name=table)
    assert row.relrowsecurity


@pytest.mark.parametrize("table", [*NAMES, "org"])
async def test_each_table_of_a_tenant_has_its_one_policy(database: Database, table: str) -> None:
    [row] = await ask(
        database,
        "SELECT permissive, roles::text[] AS roles, cmd, qual, with_check FROM pg_policies WHERE tablename = :name",
        name=table,
    )
    key = "id" if table == "org" else "org_id"
    mine = f"({key} = ( SELECT (NULLIF(current_setting('app.org'::text, true), ''::text))::uuid AS \"nullif\"))"
    assert (row.permissive, row.roles, row.cmd) == ("PERMISSIVE", ["public"], "ALL")
    assert (row.qual, row.with_check) == (mine, mine)


@pytest.mark.parametrize("table", NAMES)
async def test_each_primary_key_leads_with_the_tenant(database: Database, table: str) -> None:
    rows = await ask(
        database,
        "SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = to_regclass(:name) AND i.indisprimary ORDER BY k.n",
        name=table,
    )
    assert [row.attname for row in rows][:2] == ["org_id", "id"]


async def test_each_foreign_key_carries_the_tenant(database: Database) -> None:
    rows = await ask(
        database,
        """
        SELECT c.conrelid::regclass::text AS source, c.confrelid::regclass::text AS target, c.conname,
          array_agg(s.attname || '>' || t.attname ORDER BY k.n) AS pairs
        FROM pg_constraint c
        CROSS JOIN unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(source, target, n)
        JOIN pg_attribute s ON s.attrelid = c.conrelid AND s.attnum = k.source
        JOIN pg_attribute t ON t.attrelid = c.confrelid AND t.attnum = k.target
        WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
        GROUP BY c.oid, c.conrelid, c.confrelid, c.conname
        """,
    )
    assert len(rows) > len(NAMES)
    loose = [row.conname for row in rows if ("org_id>id" if row.target == "org" else "org_id>org_id") not in row.pairs]
    assert loose == []


def test_each_column_that_names_a_thing_has_its_foreign_key() -> None:
    # What happened outlives what it happened to; a store's id of a multipart upload is no row of ours.
    free = {"upload.multipart_id", "event_recipient.event_id"}
    free |= {f"event.{name}_id" for name in ("actor", "subject", "person", "team", "audience")}
    named = {f"{t.name}.{c.name}" for t in TENANT_TABLES for c in t.columns if c.name.endswith("_id")}
    keys = {f"{t.name}.{name}" for t in TENANT_TABLES for name in targets(t)}
    assert named - keys - {f"{t.name}.org_id" for t in TENANT_TABLES} == free


async def test_the_application_role_is_plain(database: Database) -> None:
    [role] = await ask(
        database,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,"
        " (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) AS memberships,"
        " (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) AS owned"
        " FROM pg_roles r WHERE rolname = current_user",
    )
    assert not any(role)


async def test_the_application_role_makes_nothing_in_the_schema(database: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.without_tenant() as session:
            await session.execute(text("CREATE TABLE public.mine (id int)"))


@pytest.fixture(scope="module")
async def filled(urls: Urls, database: Database) -> dict[str, Any]:
    """Two organizations, each with a row in each table."""
    made = [(await new_org(urls.migrate)).id, (await new_org(urls.migrate)).id]
    rows = []
    for org in made:
        async with database.tenant(org) as session:
            rows.append(await fill(session, org))
    return {"orgs": made, "rows": rows}


@pytest.mark.parametrize("table", [*NAMES, "org"])
async def test_a_query_without_a_tenant_sees_nothing(database: Database, filled: Any, table: str) -> None:
    [row] = await ask(database, f'SELECT count(*) AS seen FROM "{table}"')  # noqa: S608  # a name of the schema
    assert row.seen == 0


@pytest.mark.parametrize("table", NAMES)
async def test_a_tenant_sees_its_own_rows_only(database: Database, filled: Any, table: str) -> None:
    mine = filled["orgs"][0]
    async with database.tenant(mine) as session:
        seen = set(await session.scalars(text(f'SELECT org_id FROM "{table}"')))  # noqa: S608  # a name of the schema
    assert seen == {mine}


@pytest.mark.parametrize("table", NAMES)
async def test_a_row_cannot_be_written_for_another_organization(database: Database, filled: Any, table: str) -> None:
    mine, other = filled["orgs"]
    row = make_row(metadata.tables[table], other, filled["rows"][1])
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.tenant(mine) as session:
            await session.execute(metadata.tables[table].insert().values(row))


@pytest.mark.parametrize("column", [f"{t.name}.{name}" for t in TENANT_TABLES for name in sorted(targets(t))])
async def test_a_row_cannot_point_at_another_organizations(database: Database, filled: Any, column: str) -> None:
    name = column.partition(".")[2]
    table = metadata.tables[column.partition(".")[0]]
    values = {name: filled["rows"][1][targets(table)[name]]["id"], **WITH_IT.get(column, {})}
    another = {**filled["rows"][0][table.name], "id": new_id(), **values}
    change = table.insert().values(another) if table.name in ONLY_ADDED else table.update().values(values)
    with pytest.raises(DBAPIError, match="foreign key constraint"):
        async with database.tenant(filled["orgs"][0]) as session:
            await session.execute(change)


async def test_partitions_are_reached_through_their_parent_only(database: Database) -> None:
    rows = await ask(
        database,
        "SELECT inhrelid::regclass::text AS name,"
        " has_table_privilege(inhrelid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS open FROM pg_inherits"
        " JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind IN ('r', 'p')",
    )
    assert rows
    assert [row.name for row in rows if row.open] == []


async def test_events_are_never_changed_nor_removed(database: Database, org: OrgKit) -> None:
    for verb in ("UPDATE event SET name = 'other'", "DELETE FROM event"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.tenant(org.id) as session:
                await session.execute(text(verb))


async def test_the_receipt_of_an_erasure_is_never_removed(database: Database, org: OrgKit) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.tenant(org.id) as session:
            await session.execute(text("DELETE FROM erasure"))


async def test_the_application_may_not_make_organizations_nor_touch_counters(database: Database, org: OrgKit) -> None:
    for verb in (
        "INSERT INTO org (id, slug, name) VALUES (uuidv7(), 'x', 'x')",
        "DELETE FROM org",
        "SELECT * FROM throttle",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.tenant(org.id) as session:
                await session.execute(text(verb))


async def test_no_view_is_a_door(database: Database) -> None:
    rows = await ask(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (relkind = 'm' OR"
        " (relkind = 'v' AND NOT coalesce(reloptions, '{}') @> '{security_invoker=true}'))",
    )
    assert rows == []


async def test_the_functions_that_run_as_the_owner_are_the_audited_ones(database: Database) -> None:
    rows = await ask(
        database, "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace::regnamespace::text !~ '^pg_'"
    )
    assert sorted(row.proname for row in rows) == sorted(DEFINERS)


@pytest.mark.parametrize("function", sorted(DEFINERS))
async def test_an_audited_function_is_closed(database: Database, function: str) -> None:
    [row] = await ask(
        database,
        "SELECT proconfig, has_function_privilege(oid, 'EXECUTE') AS ours,"
        " proowner = current_user::regrole AS owned, proargnames, proargmodes::text[] AS modes,"
        " (SELECT array_agg(grantee::int) FROM aclexplode(proacl)) AS grantees"
        " FROM pg_proc WHERE proname = :name",
        name=function,
    )
    assert [setting for setting in row.proconfig if setting.startswith("search_path=pg_catalog, public")]
    assert all(setting.endswith("pg_temp") for setting in row.proconfig)
    assert (row.ours, row.owned) == (True, False)
    assert 0 not in row.grantees  # PUBLIC
    modes = row.modes or ["i"] * len(row.proargnames or [])
    inputs = [name for name, mode in zip(row.proargnames or [], modes, strict=True) if mode == "i"]
    assert "org_id" not in inputs


async def test_a_search_finds_the_own_organizations_only(database: Database, filled: Any) -> None:
    async with database.tenant(filled["orgs"][0]) as session:
        found = set(await session.scalars(text("SELECT id FROM search_bright_spots('word')")))
    assert found == {filled["rows"][0]["bright_spot"]["id"]}
    assert await ask(database, "SELECT id FROM search_bright_spots('word')") == []


async def test_the_migrations_make_what_the_models_say(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        partitions = set(await connection.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits")))
        assert await connection.run_sync(lambda sync: _differences(sync, partitions)) == []


def _differences(connection: Connection, partitions: set[str]) -> list[Any]:
    def include(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
        return not (kind == "table" and name in partitions)

    options = {"include_object": include, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_checks_in_the_database_are_those_of_the_models(database: Database) -> None:
    rows = await ask(
        database,
        "SELECT conname, pg_get_constraintdef(oid) AS rule FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0",
    )
    there = {row.conname: _words(row.rule) for row in rows}
    ours = {
        str(check.name): _words(str(check.sqltext))
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    assert there == ours


def _words(rule: str) -> set[str]:
    return set(re.findall(r"'(\w+)'", rule))
