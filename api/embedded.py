"""The PostgreSQL that needs no installation: binaries of a wheel, one cluster a data folder, one unix socket."""

import asyncio
import os
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from api.embedded_home import (
    APP,
    ENVIRONMENT,
    OWNER,
    RECORD,
    SUPERUSER,
    EmbeddedError,
    EmbeddedInUseError,
    EmbeddedUnavailable,
    Home,
    Record,
    binaries_of,
    choose_home,
    home_of,
    kept_binaries,
    lock,
    make_cluster,
    new_record,
    wheel,
)
from api.embedded_server import (
    POLL_S,
    TEMPORARY,
    Postmaster,
    clear_stale,
    end,
    find_server,
    remove_temporary,
    runs,
    socket_folder,
)
from api.supervisor import Log

__all__ = [
    "EmbeddedError",
    "EmbeddedInUseError",
    "EmbeddedPostgres",
    "EmbeddedUnavailable",
    "Urls",
    "psycopg_dsn",
    "running_urls",
]

DATABASE = "showme"
START_S = 300.0  # a long recovery is no failure while the server lives
RETRY_S = 0.2
LONGEST_PAUSE_S = 30.0
MAX_LOG_BYTES = 10 << 20
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # Parallel workers need shared memory, of which a container has 64 MB.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
LIBPQ_OPTIONS = ("application_name", "options", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")
# Ends the server and its folder when the process that holds our end of stdin is gone, however it went.
WATCH = 'read -r _; kill -QUIT "$1"; for _ in 1 2 3 4 5; do kill -0 "$1" || break; sleep 1; done; rm -rf -- "$2" "$3"'


@dataclass(frozen=True)
class Urls:
    """SQLAlchemy URLs of one database, for the plain role, the owner of its tables and the superuser."""

    app: str = field(repr=False)
    migrate: str = field(repr=False)
    superuser: str = field(repr=False)


def urls_of(server: Postmaster, record: Record, database: str = DATABASE) -> Urls:
    where = f"@/{quote(database, safe='')}?host={quote(server.sockets)}"
    app, migrate, superuser = (
        f"postgresql+asyncpg://{role}:{record.passwords[role]}{where}" for role in (APP, OWNER, SUPERUSER)
    )
    return Urls(app, migrate, superuser)


def running_urls(data_dir: Path) -> Urls | None:
    """Return the URLs of the server that another process runs in this folder; None when none answers."""
    data_dir = data_dir.resolve()
    record = Record.read(data_dir)
    if record is None or not record.ready:
        return None
    server = find_server(home_of(data_dir, record))
    return urls_of(server, record) if server and server.answers() else None


def psycopg_dsn(url: str) -> str:
    """Turn a SQLAlchemy URL for asyncpg into a libpq connection string; what only asyncpg knows is left out."""
    parsed = make_url(url)
    query = dict(parsed.query)
    sent = query.get("host", parsed.host or "")
    hosts = [_host_and_port(host) for host in ((sent,) if isinstance(sent, str) else sent)]
    ports = [port or query.get("port") or parsed.port or "" for _, port in hosts]
    parts: dict[str, Any] = {name: query[name] for name in LIBPQ_OPTIONS if name in query}
    if "ssl" in query:
        parts.setdefault("sslmode", {"true": "verify-full", "false": "disable"}.get(str(query["ssl"]), query["ssl"]))
    parts |= {
        "user": parsed.username,
        "password": str(parsed.password) if parsed.password is not None else None,
        "dbname": parsed.database,
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(str(port) for port in ports),
    }
    return make_conninfo(**{name: value for name, value in parts.items() if value})


def _host_and_port(host: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?P<host>[^:/]+|\[[^\]]+\]):(?P<port>\d+)", host)
    return (found["host"].strip("[]"), found["port"]) if found else (host, "")


class EmbeddedPostgres:
    """One cluster in a data folder, run by this process.

    `fast` is for throw-away clusters: nothing is synced, and the server ends with this process. Where root has to keep
    a throw-away cluster outside the data folder, `stop` removes it. `kept`: by the programs that made it, of any major.
    """

    def __init__(self, data_dir: Path, *, fast: bool = False, kept: bool = False, max_connections: int = 100) -> None:
        self.data_dir = data_dir.absolute()
        self.fast = fast
        self.kept = kept
        self.max_connections = max_connections
        self._turn = threading.Lock()
        self._wanted = False
        self._locks: list[int] = []
        self._home: Home | None = None
        self._record = Record()
        self._process: subprocess.Popen[bytes] | None = None
        self._server: Postmaster | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        self._log_start = 0

    def __enter__(self) -> Urls:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        return self._home is not None and self._server is not None and runs(self._server.pid, self._home)

    def start(self) -> Urls:
        """Start the server, or adopt the one an earlier process left behind, and wait until it answers.

        Done again it starts a server that has died, and else changes nothing. Raises EmbeddedError.
        """
        with self._turn:
            self._wanted = True
            return self._start()

    def _start(self) -> Urls:
        if self.alive and self._running().answers():
            return urls_of(self._running(), self._record)
        package = wheel()
        try:
            self._take()
            home = self._prepare(package)
            binaries = kept_binaries(home) if self.kept else binaries_of(home, package, throw_away=self.fast)
            self._bring_up(home, binaries / "postgres")
            self._bootstrap()
        except (OSError, psycopg.Error) as error:
            self._stop()
            raise EmbeddedError(f"The embedded PostgreSQL of {self.data_dir} cannot start: {error}.") from error
        except BaseException:
            self._stop()
            raise
        return urls_of(self._running(), self._record)

    def stop(self) -> None:
        """End the server, sessions and all, and let go of the folder. Harmless when nothing runs."""
        with self._turn:
            self._wanted = False
            self._stop()

    def _stop(self) -> None:
        found = self._server or self._process
        if found and self._home:
            end(found.pid, self._home, self._process)
        if self._server:
            remove_temporary(self._server.sockets)
        if self._sockets:
            remove_temporary(str(self._sockets))
        self._forget_process()
        if self.fast and self._home and self._home.temporary:
            rmtree(self._home.folder, ignore_errors=True)
            (self.data_dir / RECORD).unlink(missing_ok=True)
        self._home = self._sockets = None
        while self._locks:
            os.close(self._locks.pop())

    async def keep_running(self, *, log: Log, every_s: float = 1.0) -> None:
        """Start the server again whenever it dies, until cancelled; its URLs stay the same."""
        pause_s = every_s
        while True:
            await asyncio.sleep(pause_s)
            if self._turn.locked() or self.alive:
                continue
            log.error("the database died and is started again")
            try:
                await asyncio.to_thread(self._revive)
                pause_s = every_s
            except EmbeddedError as error:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                log.warning("the database cannot start", error=str(error), next_try_in_s=pause_s)

    def _revive(self) -> None:
        with self._turn:
            if self._wanted:
                self._start()

    def create_database(self, name: str, template: str | None = None) -> Urls:
        """Create a database that the owner role owns, as a copy of `template` (which nobody may be using)."""
        command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template1")
        )
        self._execute(command)
        return urls_of(self._running(), self._record, name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, ending its sessions."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _running(self) -> Postmaster:
        if self._server is None:
            raise EmbeddedError(f"The embedded PostgreSQL of {self.data_dir} does not run.")
        return self._server

    def _execute(self, command: sql.Composed) -> None:
        with psycopg.connect(self._running().conninfo(self._record), autocommit=True) as connection:
            connection.execute(command)

    def _take(self) -> None:
        if not self._locks:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self.data_dir = self.data_dir.resolve()
            self._locks.append(lock(self.data_dir))

    def _prepare(self, package: Path) -> Home:
        """Make what is missing: the record, the folder, the binaries, the cluster."""
        kept = Record.read(self.data_dir)
        self._record = record = kept or new_record()
        self._home = home = choose_home(self.data_dir, record, throw_away=self.fast)
        if record.elsewhere and len(self._locks) == 1:
            self._locks.append(lock(home.folder))  # a copy of the data folder points at the same cluster
        if home.upgraded.exists() and not home.data.exists():  # an upgrade was killed between its last two steps
            home.upgraded.rename(home.data)
        if (home.data / "PG_VERSION").exists():
            if not self.kept:
                home.check_major()
            if kept is None:
                raise EmbeddedError(f"{home.data} is there, but {self.data_dir / RECORD} with its passwords is not.")
            return home
        record.write(self.data_dir)
        binaries = binaries_of(home, package, throw_away=self.fast)
        make_cluster(home, binaries, record.passwords[SUPERUSER], throw_away=self.fast)
        return home

    def _bring_up(self, home: Home, program: Path) -> None:
        deadline = time.monotonic() + START_S
        launched = False
        while True:
            server = find_server(home)
            if server and server.answers():
                self._server = server
                return
            if server is None and (self._process is None or self._process.poll() is not None):
                if launched:
                    self._check_retry(home)
                self._forget_process()
                self._launch(home, program)
                launched = True
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not answer in {START_S:.0f} s: {self._said(home)}")
            time.sleep(POLL_S)

    def _check_retry(self, home: Home) -> None:
        # After a kill -9 the last of the old server's processes may outlive it for a moment.
        if "pre-existing shared memory block" not in self._said(home):
            raise EmbeddedError(f"PostgreSQL ended as it started: {self._said(home)}")
        time.sleep(RETRY_S)

    def _said(self, home: Home) -> str:
        """Return the end of what the last server started here wrote."""
        with home.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read()[-1500:].decode(errors="replace").strip()

    def _launch(self, home: Home, program: Path) -> None:
        clear_stale(home, self._sockets)
        # Kept over a restart: others hold URLs with it.
        self._sockets = sockets = self._sockets or socket_folder(home)
        settings = SETTINGS | {"unix_socket_directories": str(sockets), "max_connections": str(self.max_connections)}
        settings |= FAST if self.fast else {}
        if home.log.exists() and home.log.stat().st_size > MAX_LOG_BYTES:
            home.log.replace(home.log.with_suffix(".log.1"))
        with home.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [str(program), "-D", str(home.data), *(f"--{name}={value}" for name, value in settings.items())],
                cwd=home.folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: the server ends after those who use it.
                start_new_session=True,
                **home.account.options,
            )
        if self.fast:
            self._watch_over(self._process.pid, home, sockets)

    def _watch_over(self, pid: int, home: Home, sockets: Path) -> None:
        gone = [str(sockets) if sockets.parent == TEMPORARY else "", str(home.folder) if home.temporary else ""]
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "sh", str(pid), *gone],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _forget_process(self) -> None:
        _kill(self._watch)
        _kill(self._process)
        self._server = self._process = self._watch = None

    def _bootstrap(self) -> None:
        """Create the two roles and the database, or set right what an interrupted first start left."""
        conninfo = self._running().conninfo(self._record)
        try:
            connection = psycopg.connect(conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            raise EmbeddedError(f"The embedded PostgreSQL refuses its superuser: {error}") from error
        with connection:
            for role in (OWNER, APP):
                _set_role(connection, role, self._record.passwords[role])
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            self.create_database(DATABASE)
        if not self._record.ready:
            self._record.ready = True
            self._record.write(self.data_dir)


def _set_role(connection: psycopg.Connection, role: str, password: str) -> None:
    # Hashed here, so that no statement in a log carries it.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(verifier)
        )
    )


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process:
        process.kill()
        process.communicate()
