"""The embedded PostgreSQL as it runs: its roles, its settings, and who else finds it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api import embedded_home
from api.embedded import (
    EmbeddedInUseError,
    EmbeddedPostgres,
    psycopg_dsn,
    running_urls,
)
from api.embedded_home import Record, home_of
from tests.factories.postgres import ask, write


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One cluster for the tests that only look at it."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("cluster"), fast=True)
    with postgres:
        yield postgres


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What root would keep in /var/lib goes to a folder of the test."""
    folder = Path(mkdtemp(prefix="showme-test-"))
    folder.chmod(0o755)
    monkeypatch.setattr(embedded_home, "ELSEWHERE", folder / "showme")
    yield folder / "showme"
    rmtree(folder)


async def test_the_urls_open_the_database_as_their_roles_through_sqlalchemy(cluster: EmbeddedPostgres) -> None:
    urls = cluster.start()
    found = []
    for url in (urls.app, urls.migrate, urls.superuser):
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found.append((await connection.execute(text("SELECT current_user, current_database()"))).one())
        await engine.dispose()
    assert found == [("showme_app", "showme"), ("showme_owner", "showme"), ("postgres", "showme")]


def test_the_app_and_the_owner_are_plain_roles(cluster: EmbeddedPostgres) -> None:
    query = (
        "SELECT bool_or(rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication) "
        "FROM pg_roles WHERE rolname IN ('showme_app', 'showme_owner')"
    )
    assert ask(cluster.start().app, query) is False


def test_the_owner_role_owns_the_database_and_the_app_role_cannot_make_tables(cluster: EmbeddedPostgres) -> None:
    urls = cluster.start()
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert ask(urls.app, owner) == "showme_owner"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        write(urls.app, "CREATE TABLE public.theirs ()")


def test_nobody_gets_in_without_the_password(cluster: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(psycopg_dsn(cluster.start().app), password="a guess")


def test_the_server_listens_on_no_network_and_needs_no_shared_memory_for_workers(cluster: EmbeddedPostgres) -> None:
    url = cluster.start().app
    names = ("listen_addresses", "max_parallel_workers_per_gather", "max_parallel_maintenance_workers", "TimeZone")
    assert [ask(url, f"SHOW {name}") for name in names] == ["", "0", "0", "UTC"]


def test_text_is_utf8_with_the_builtin_provider(cluster: EmbeddedPostgres) -> None:
    url = cluster.start().app
    query = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = current_database()"
    assert ask(url, query) == "b C.UTF-8"
    assert ask(url, "SELECT upper('größe')") == "GRÖßE"


def test_passwords_are_kept_where_only_their_owner_reads(cluster: EmbeddedPostgres) -> None:
    assert (cluster.data_dir / "embedded.json").stat().st_mode & 0o777 == 0o600


def test_passwords_are_not_shown_with_the_urls(cluster: EmbeddedPostgres) -> None:
    assert repr(cluster.start()) == "Urls()"


def test_a_database_is_made_from_a_template_and_dropped_while_it_is_used(cluster: EmbeddedPostgres) -> None:
    template = cluster.create_database("a template")
    write(template.migrate, "CREATE TABLE public.kept AS SELECT 7 AS value")
    copy = cluster.create_database("copy", template="a template")
    assert ask(copy.migrate, "SELECT value FROM public.kept") == 7
    with psycopg.connect(psycopg_dsn(copy.app)):
        cluster.drop_database("copy")
    cluster.drop_database("copy")
    assert ask(cluster.start().app, "SELECT count(*) FROM pg_database WHERE datname = 'copy'") == 0


def test_another_process_finds_the_running_server_through_the_data_folder(cluster: EmbeddedPostgres) -> None:
    program = (
        "import sys; from pathlib import Path; from api.embedded import running_urls; "
        "print(running_urls(Path(sys.argv[1])).app)"
    )
    said = subprocess.run([sys.executable, "-c", program, cluster.data_dir], capture_output=True, check=True, text=True)
    assert said.stdout.strip() == cluster.start().app


def test_a_second_manager_of_the_same_folder_is_refused(cluster: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedInUseError, match="Another process"):
        EmbeddedPostgres(cluster.data_dir).start()
    assert cluster.alive


def test_a_copy_of_a_data_folder_does_not_speak_for_the_original(cluster: EmbeddedPostgres, tmp_path: Path) -> None:
    record = Record.read(cluster.data_dir)
    assert record
    home = home_of(cluster.data_dir, record)
    record.elsewhere = None
    record.write(tmp_path)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "postmaster.pid").write_bytes((home.data / "postmaster.pid").read_bytes())
    assert running_urls(tmp_path) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql+asyncpg://a:p%40s@/d?host=/run/x%20y",
            {"user": "a", "password": "p@s", "dbname": "d", "host": "/run/x y"},
        ),
        ("postgresql+asyncpg://a:p@db.local:5433/d", {"host": "db.local", "port": "5433"}),
        ("postgresql+asyncpg://a@/d?host=one:5433&host=two", {"host": "one,two", "port": "5433,"}),
        ("postgresql+asyncpg://a@h/d?ssl=require&command_timeout=5", {"sslmode": "require"}),
        ("postgresql+asyncpg://a@h/d?ssl=false&application_name=x", {"sslmode": "disable", "application_name": "x"}),
        ("postgresql+asyncpg://a:p@[::1]:5433/d", {"host": "::1", "port": "5433"}),
        ("postgresql+asyncpg:///d", {"dbname": "d"}),
    ],
)
def test_a_url_becomes_a_connection_string_of_libpq(url: str, expected: dict[str, str]) -> None:
    found = conninfo_to_dict(psycopg_dsn(url))
    assert {name: found[name] for name in expected} == expected
    assert "command_timeout" not in found
