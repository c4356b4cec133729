"""`showme upgrade-db`: the embedded database, made anew by the PostgreSQL that this version of Showme brings.

The old programs run the old cluster, the new ones dump it and fill a new cluster beside it, which takes its place when
it is whole. Until then nothing of the old one is changed, and afterwards it is kept until its owner removes it.
"""

import os
from pathlib import Path
from shutil import rmtree

import psycopg
from psycopg import sql

from api.backup import DUMP, Say, run_dump
from api.embedded import EmbeddedError, EmbeddedInUseError, EmbeddedPostgres
from api.embedded_home import MAJOR, Home, Record, home_of, lock
from api.pg_tools import connect, find_tools, in_use
from api.restore import fill
from api.settings import SettingError, Settings

TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'queue') ORDER BY 1, 2
"""


def upgrade_db(settings: Settings, *, anyway: bool, say: Say) -> None:
    """Upgrade the embedded database of the data folder; `anyway` also from the present major.

    Raises:
        SettingError: there is none, or it is in use.
        ToolError: a program did not do its work; the database is as it was.
    """
    if not settings.embedded_database:
        raise SettingError("upgrade-db is for the embedded database; upgrade yours where it runs.")
    data_dir = settings.data_dir.resolve()
    try:
        record = Record.read(data_dir)
        if record is None:
            raise SettingError(f"there is no embedded database in {data_dir}.")
        home = home_of(data_dir, record)
        if home.major == MAJOR and not anyway:
            say(f"The database is of PostgreSQL {MAJOR} already: there is nothing to do.")
            return
        os.close(lock(data_dir))  # said before a folder is made
        _upgrade(data_dir, record, home, say)
    except EmbeddedInUseError as error:
        raise in_use(data_dir) from error
    except EmbeddedError as error:
        raise SettingError(str(error)) from error


def _upgrade(data_dir: Path, record: Record, home: Home, say: Say) -> None:
    beside = data_dir / "upgrade"
    _remove(beside)
    beside.mkdir(mode=0o700)
    if home.data.stat().st_uid != beside.stat().st_uid:  # the account of the database must be able to enter it
        beside.chmod(0o755)
    Record(passwords=record.passwords).write(beside)
    try:
        _fill_beside(data_dir, beside, say)
        place = _take_place(data_dir, home, home_of(beside, Record.read(beside) or Record()))
    finally:
        _remove(beside)
    say(f"The database is of PostgreSQL {MAJOR} now. The old one is kept in {place}: remove it when all is well.")


def _fill_beside(data_dir: Path, beside: Path, say: Say) -> None:
    with EmbeddedPostgres(data_dir, kept=True) as old, connect(old.migrate) as source:
        run_dump(find_tools(old.migrate, source), beside / DUMP, say)
        say("Filling a new one ...")
        with EmbeddedPostgres(beside) as new, connect(new.migrate) as target:
            fill(find_tools(new.migrate, target), beside / DUMP)
            if _counts(source) != _counts(target):
                raise SettingError("something wrote to the database meanwhile: stop it, and upgrade again.")


def _counts(connection: psycopg.Connection) -> dict[str, int]:
    """Return how many rows each table has, as its owner sees them."""
    return {
        name: connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))).fetchall()[0][
            0
        ]
        for schema, name in connection.execute(TABLES).fetchall()
    }


def _take_place(data_dir: Path, home: Home, new: Home) -> Path:
    """Put the new cluster where the old one was, under the lock; started again after any kill, there is one of them."""
    place = home.folder / f"data.{home.major}"
    with open(lock(data_dir), "rb"):  # noqa: PTH123  # a descriptor, not a path
        if place.exists():
            raise SettingError(f"{place} is left from an upgrade before: remove it, and upgrade again.")
        rmtree(home.upgraded, ignore_errors=True)
        new.data.rename(home.upgraded)
        home.data.rename(place)
        home.upgraded.rename(home.data)
    return place


def _remove(beside: Path) -> None:
    """Remove the new cluster's folders, also where root keeps it elsewhere."""
    record = Record.read(beside) if beside.exists() else None
    if record:
        rmtree(home_of(beside, record).folder, ignore_errors=True)
    rmtree(beside, ignore_errors=True)
