"""What every migration that makes a table must do: the policy, and what the application role may."""

from importlib import resources

import sqlalchemy as sa
from alembic import context, op


def app_role() -> str:
    """Return the plain role the application connects as, quoted."""
    name = context.config.get_main_option("app_role") or "showme_app"
    return '"' + name.replace('"', '""') + '"'


def tenant_policy(*tables: str, key: str = "org_id", verbs: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Close the tables: a row is seen and written in its own tenant's transaction only.

    `nullif` because the setting is '' and not NULL after a transaction that set it; the sub-select is run once a query.
    """
    mine = f"{key} = (SELECT nullif(current_setting('app.org', true), '')::uuid)"
    for table in tables:
        op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        op.execute(f'CREATE POLICY tenant ON "{table}" USING ({mine}) WITH CHECK ({mine})')
        op.execute(f'GRANT {verbs} ON "{table}" TO {app_role()}')


def run_sql(name: str) -> None:
    """Run a file of the folder `sql`, whole, as the driver sends it: several statements, bodies with semicolons."""
    text = resources.files("models.migrations").joinpath("sql", name).read_text()
    run_script(text)


def run_script(text: str) -> None:
    op.execute("SELECT 1")  # the driver begins a transaction with its first statement, of which this must be a part
    raw = op.get_bind().connection.dbapi_connection
    raw.run_async(lambda connection: connection.execute(text))  # type: ignore[union-attr]  # the asyncpg adapter's


def grant_functions(*signatures: str) -> None:
    for signature in signatures:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {app_role()}")


def has_column(table: str, column: str) -> bool:
    """Tell whether a migration has made it already: one with an autocommit_block may have ended in the middle."""
    query = sa.text("SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :column")
    return op.get_bind().scalar(query, {"table": table, "column": column}) is not None


def index_partitions(name: str, table: str, columns: str, where: str = "") -> None:
    """Make an index of a partitioned table without keeping anyone from writing to it. In an autocommit_block.

    PostgreSQL makes none CONCURRENTLY over all partitions. So there is first that of the parent alone, which is empty
    and made at once, and which partitions made from then on get a part of by themselves; then each partition's own,
    CONCURRENTLY, attached to it. What an attempt before has left half done is made anew.
    """
    condition = f" WHERE {where}" if where else ""
    op.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON ONLY "{table}" ({columns}){condition}')
    for partition, attached, half_done in op.get_bind().execute(sa.text(PARTS), {"table": table, "index": name}).all():
        part = f"{partition}_{name}"
        if half_done:
            op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{part}"')
        if not attached:
            op.execute(f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{part}" ON "{partition}" ({columns}){condition}')
            op.execute(f'ALTER INDEX "{name}" ATTACH PARTITION "{part}"')


# Of each partition: its name, whether it has its part of an index, and whether one was begun and not ended.
PARTS = """
SELECT c.relname,
  EXISTS (SELECT 1 FROM pg_index i JOIN pg_inherits h ON h.inhrelid = i.indexrelid
    WHERE i.indrelid = c.oid AND h.inhparent = to_regclass(quote_ident(:index))),
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indexrelid = to_regclass(quote_ident(c.relname || '_' || :index))
    AND NOT i.indisvalid)
FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid WHERE p.inhparent = to_regclass(quote_ident(:table))
"""
