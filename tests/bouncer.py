"""A pgbouncer in transaction mode before a cluster of the tests, for `make test-bouncer`."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from sqlalchemy.engine import URL, make_url

from api.embedded import EmbeddedPostgres
from tests.processes import free_port

INSTALL = "pgbouncer is not installed: apt-get install pgbouncer, or leave out `make test-bouncer`."
CONFIG = """
[databases]
{database} = host={sockets} port=5432 pool_size={pool_size}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 200
logfile = {folder}/log
pidfile =
"""


@contextmanager
def bouncer(cluster: EmbeddedPostgres, url: str, *, pool_size: int) -> Iterator[str]:
    """Run one with that many server connections, and give the URL that passes through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, INSTALL
    behind, port = make_url(url), free_port()
    assert cluster._home
    options = cluster._home.account.options  # it must enter the folder of the socket, and does not run as root either
    folder = Path(tempfile.mkdtemp(prefix="showme-bouncer-"))
    try:
        _configure(folder, behind, port, pool_size)
        if options:
            for path in (folder, *folder.iterdir()):
                os.chown(path, options["user"], options["group"])
        process = subprocess.Popen([program, "-q", str(folder / "config")], stderr=subprocess.DEVNULL, **options)
        try:
            _wait(process, port, folder)
            yield behind.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(20)
    finally:
        rmtree(folder)


def _configure(folder: Path, behind: URL, port: int, pool_size: int) -> None:
    said = {"database": behind.database, "sockets": behind.query["host"], "pool_size": pool_size}
    (folder / "config").write_text(CONFIG.format(folder=folder, port=port, **said))
    (folder / "users").write_text(f'"{behind.username}" "{behind.password}"\n')


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        log = folder / "log"
        said = log.read_text() if log.exists() else ""
        assert process.poll() is None, f"pgbouncer ended: {said}"
        assert time.monotonic() < deadline, f"pgbouncer does not listen: {said}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
