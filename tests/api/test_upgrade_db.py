"""The embedded database made anew by the PostgreSQL at hand. Only one major is here: it is upgraded to itself."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import psycopg
import pytest

from api.embedded import EmbeddedError, EmbeddedPostgres, Urls, psycopg_dsn
from api.embedded_home import MAJOR, Record, home_of, kept_binaries
from api.embedded_server import runs
from api.pg_tools import ToolError, operated
from api.settings import SettingError, Settings
from api.upgrade_db import upgrade_db
from tests.processes import run_and_leave


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that the account of the database can enter, also where root runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="showme-tests-"))
    made.chmod(0o755)
    yield made
    rmtree(made)


def run(urls: Urls, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(psycopg_dsn(urls.migrate)) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def fill(data_dir: Path) -> Urls:
    with EmbeddedPostgres(data_dir) as urls:
        run(urls, "CREATE SCHEMA queue")
        run(urls, "CREATE TABLE kept (word text PRIMARY KEY); INSERT INTO kept VALUES ('this'), ('that')")
        run(urls, "GRANT SELECT ON kept TO showme_app")
    return urls


def upgrade(data_dir: Path, *, anyway: bool = True) -> list[str]:
    said: list[str] = []
    upgrade_db(Settings(data_dir), anyway=anyway, say=said.append)
    return said


def test_the_new_cluster_takes_the_place_of_the_old_one_with_all_that_was_in_it(data_dir: Path) -> None:
    before = fill(data_dir)
    home = home_of(data_dir, Record.read(data_dir) or Record())
    old = home.data.stat().st_ino
    said = upgrade(data_dir)
    assert said[-1].startswith(f"The database is of PostgreSQL {MAJOR} now. The old one is kept in {home.folder}")
    assert (home.folder / f"data.{MAJOR}").stat().st_ino == old
    assert not (data_dir / "upgrade").exists()
    with EmbeddedPostgres(data_dir) as urls:
        assert urls == before
        assert run(urls, "SELECT word FROM kept ORDER BY 1") == [("that",), ("this",)]
        with psycopg.connect(psycopg_dsn(urls.app)) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)
    with pytest.raises(SettingError, match="is left from an upgrade before: remove it"):
        upgrade(data_dir)
    assert upgrade(data_dir, anyway=False) == [
        f"The database is of PostgreSQL {MAJOR} already: there is nothing to do."
    ]


def test_a_server_that_outlived_a_killed_supervisor_is_taken_over_and_ended(data_dir: Path) -> None:
    fill(data_dir)
    pid = run_and_leave(data_dir)
    assert upgrade(data_dir)[-1].startswith(f"The database is of PostgreSQL {MAJOR} now.")
    assert not runs(pid, home_of(data_dir, Record.read(data_dir) or Record()))
    with EmbeddedPostgres(data_dir) as urls:
        assert run(urls, "SELECT count(*) FROM kept") == [(2,)]


def test_a_command_that_has_to_be_alone_takes_over_such_a_server_as_well(data_dir: Path) -> None:
    fill(data_dir)
    pid = run_and_leave(data_dir)
    with operated(Settings(data_dir), alone=True) as urls:
        assert run(urls, "SELECT count(*) FROM kept") == [(2,)]
        with (
            pytest.raises(SettingError, match="stop `showme up` of"),
            operated(Settings(data_dir), alone=True),
        ):
            pytest.fail("two of them were alone")
    assert not runs(pid, home_of(data_dir, Record.read(data_dir) or Record()))


def test_killed_between_its_last_steps_it_is_finished_by_the_next_start(data_dir: Path) -> None:
    fill(data_dir)
    home = home_of(data_dir, Record.read(data_dir) or Record())
    home.data.rename(home.upgraded)
    with EmbeddedPostgres(data_dir) as urls:
        assert run(urls, "SELECT count(*) FROM kept") == [(2,)]


def test_what_cannot_be_dumped_leaves_the_database_as_it_was(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as urls, psycopg.connect(psycopg_dsn(urls.superuser)) as superuser:
        superuser.execute("CREATE TABLE not_the_owners (word text)")
    with pytest.raises(ToolError, match=r"pg_dump failed: .*not_the_owners"):
        upgrade(data_dir)
    with EmbeddedPostgres(data_dir) as urls:
        assert run(urls, "SELECT to_regclass('not_the_owners') IS NOT NULL") == [(True,)]
    assert not (data_dir / "upgrade").exists()


def test_it_says_what_to_do_when_it_cannot_begin(data_dir: Path) -> None:
    with pytest.raises(SettingError, match="there is no embedded database"):
        upgrade(data_dir)
    with pytest.raises(SettingError, match="is for the embedded database"):
        upgrade_db(Settings(data_dir, database_url="postgresql+asyncpg://x/y"), anyway=True, say=print)
    with EmbeddedPostgres(data_dir), pytest.raises(SettingError, match="stop `showme up`"):
        upgrade(data_dir)


def test_another_majors_folder_leads_here_and_needs_the_programs_that_made_it(data_dir: Path) -> None:
    fill(data_dir)
    home = home_of(data_dir, Record.read(data_dir) or Record())
    assert (kept_binaries(home) / "postgres").exists()
    (home.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"was made by PostgreSQL 17, .* Run `showme upgrade-db`"):
        EmbeddedPostgres(data_dir).start()
    with pytest.raises(SettingError, match=r"programs of PostgreSQL 17 .* are not in .* any more"):
        upgrade(data_dir, anyway=False)
