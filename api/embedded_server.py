"""The process of an embedded PostgreSQL: found by its own account of itself, asked, cleared away, ended."""

import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from psycopg import pq
from psycopg.conninfo import make_conninfo

from api.embedded_home import SUPERUSER, Home, Record

SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 107
# Drivers read a comma or a colon in a host as the end of it.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./ -]+")
TEMPORARY = Path("/tmp")  # noqa: S108 - the one short path there is; folders in it are made by mkdtemp
TEMPORARY_PREFIX = "showme-pg-"
STOP_S = 30.0
POLL_S = 0.01


@dataclass(frozen=True)
class Postmaster:
    """A server that lives, as its `postmaster.pid` tells it; `sockets` is the folder of its socket."""

    pid: int
    sockets: str

    def conninfo(self, record: Record) -> str:
        password = record.passwords[SUPERUSER]
        return make_conninfo(host=self.sockets, port=5432, user=SUPERUSER, password=password, dbname=SUPERUSER)

    def answers(self) -> bool:
        """Tell whether it accepts connections, and does not merely start or stop."""
        asked = make_conninfo(host=self.sockets, port=5432, user=SUPERUSER, dbname=SUPERUSER, connect_timeout=5)
        return pq.PGconn.ping(asked.encode()) == pq.Ping.OK


def find_server(home: Home) -> Postmaster | None:
    """Return the server of this cluster if its process is there; a stale or copied `postmaster.pid` is not believed."""
    try:
        lines = os.fsdecode((home.data / "postmaster.pid").read_bytes()).split("\n")
    except FileNotFoundError:
        return None
    if len(lines) < 5 or not lines[0].isdigit() or lines[1] != str(home.data) or not lines[4]:
        return None
    return Postmaster(int(lines[0]), lines[4]) if runs(int(lines[0]), home) else None


def runs(pid: int, home: Home) -> bool:
    """Tell whether this process is the server of this cluster, and not another that got its number."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsencode(home.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    said = subprocess.run(["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False)
    return os.fsencode(home.data) in said.stdout


def clear_stale(home: Home, sockets: Path | None) -> None:
    """Remove lock files whose number went to another process, which PostgreSQL would take for a server.

    A temporary folder that a killed server left goes with them, unless it is `sockets`.
    """
    for path in (sockets or home.folder / "run").glob(f"{SOCKET}*"):
        path.unlink()
    path = home.data / "postmaster.pid"
    with suppress(FileNotFoundError, ValueError, IndexError, ProcessLookupError):
        lines = os.fsdecode(path.read_bytes()).split("\n")
        if len(lines) > 4 and lines[4] != str(sockets):
            remove_temporary(lines[4])
        with suppress(PermissionError):
            os.kill(int(lines[0]), 0)
        path.unlink()


def end(pid: int, home: Home, process: subprocess.Popen[bytes] | None) -> None:
    """Ask the server to end its sessions and itself, then insist. `process`: when it is a child of ours."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            if process:
                process.poll()
            if not runs(pid, home):
                return
            time.sleep(POLL_S)


def socket_folder(home: Home) -> Path:
    """Return a folder for the socket that only the server's account enters, with a path short and plain enough."""
    folder = home.folder / "run"
    if len(os.fsencode(folder / SOCKET)) >= SOCKET_PATH_BYTES or not PLAIN_PATH.fullmatch(str(folder)):
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=TEMPORARY))
    home.account.make_folder(folder)
    return folder


def remove_temporary(sockets: str) -> None:
    folder = Path(sockets)
    if folder.parent == TEMPORARY and folder.name.startswith(TEMPORARY_PREFIX):
        rmtree(folder, ignore_errors=True)
