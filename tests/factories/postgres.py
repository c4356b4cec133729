"""Questions to an embedded PostgreSQL and its processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from api.embedded import (
    Urls,
    psycopg_dsn,
)

DEADLINE_S = 30


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


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Have a server process of ours say nothing, as one does whose disk hangs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
