"""What every migration that makes a table must do: the policy, and what the application role may."""

from importlib import resources

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
