"""PostgreSQL's own programs for what no driver does: pg_dump, pg_restore, psql. Passwords go in the environment."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from api.embedded import EmbeddedError, EmbeddedInUseError, EmbeddedPostgres, Urls, psycopg_dsn, running_urls
from api.embedded_home import MAJOR, RECORD, wheel
from api.parts import database_urls
from api.settings import SettingError, Settings, make_data_dir

PROGRAMS = ("pg_dump", "pg_restore", "psql")
VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


class ToolError(Exception):
    """A program that is missing, or did not do its work; the message is one line."""


@dataclass(frozen=True)
class Tools:
    """A `bin` folder, and the environment that leads its programs to one database as one role."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.folder / program), *arguments]


@contextmanager
def operated(settings: Settings, *, alone: bool) -> Iterator[Urls]:
    """Give the URLs of the database, and run the embedded one if nobody does.

    `alone`: nobody else may use it meanwhile. A server that outlived a killed `showme up` is taken over, and ends.

    Raises:
        SettingError: it cannot be, or others use it.
    """
    if not settings.embedded_database:
        if not settings.migrate_url:
            raise SettingError("set SHOWME_MIGRATE_URL to the owner role's URL: the tables are its own.")
        yield database_urls(settings)
        return
    try:
        if not alone and (running := running_urls(settings.data_dir)):
            yield running
        else:
            make_data_dir(settings)
            with EmbeddedPostgres(settings.data_dir) as urls:
                yield urls
    except EmbeddedInUseError as error:
        raise in_use(settings.data_dir) from error
    except EmbeddedError as error:
        raise SettingError(str(error)) from error


def in_use(data_dir: Path) -> SettingError:
    return SettingError(f"stop `showme up` of {data_dir} first.")


def has_embedded(settings: Settings) -> bool:
    return (settings.data_dir / RECORD).exists()


def connect(url: str) -> psycopg.Connection:
    """Raises ToolError."""
    try:
        return psycopg.connect(psycopg_dsn(url), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise ToolError(f"the database does not answer: {one_line(str(error))}") from error


def find_tools(url: str, connection: psycopg.Connection) -> Tools:
    """Return the oldest programs that know this server: newer ones write what older servers do not read.

    Raises:
        ToolError: there are none.
    """
    wanted = connection.info.server_version // 10_000
    able = [(major, folder) for major, folder in _installed() if major >= wanted]
    if not able:
        raise ToolError(
            f"pg_dump, pg_restore and psql of PostgreSQL {wanted} or newer are needed on PATH, or the extra `embedded`."
        )
    said = {name: str(value) for name, value in conninfo_to_dict(psycopg_dsn(url)).items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return Tools(min(able)[1], kept | {VARIABLES[name]: value for name, value in said.items() if name in VARIABLES})


def _installed() -> Iterator[tuple[int, Path]]:
    with suppress(EmbeddedError):
        yield MAJOR, wheel() / f"pginstall{MAJOR}" / "bin"
    for folder in dict.fromkeys(Path(part) for part in os.get_exec_path()):
        if all(shutil.which(program, path=str(folder)) for program in PROGRAMS):
            yield _major(folder), folder


def _major(folder: Path) -> int:
    said = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def one_line(text: str, *, most: int = 500) -> str:
    return " ".join(text.split())[:most]
