import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from tempfile import mkdtemp
from typing import Any

import pytest

from api import embedded_home
from api.embedded import (
    EmbeddedError,
    EmbeddedPostgres,
    EmbeddedUnavailable,
    running_urls,
)
from api.embedded_home import PACKAGE, WHEEL, WHOSE, new_record, wheel
from tests.factories.postgres import ask, exists, pid_of, wait_until, write
from tests.processes import run_and_leave


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


def test_a_server_that_outlived_its_manager_is_found_and_adopted_and_ended(stopped: Path) -> None:
    pid = run_and_leave(stopped)
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
        assert not (note := place.parent / WHOSE).exists() or note.read_text() == str(data_dir.resolve())
        assert note.exists() is (os.geteuid() == 0)
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
