"""The API and the worker as processes of their own, for tests that tell whole stories."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.demo.command import free_port, stop

ROOT = Path(__file__).parent.parent


def environment(**settings: str) -> dict[str, str]:
    """Return ours without any SHOWME_ setting, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWME_")}
    return kept | {f"SHOWME_{name.upper()}": value for name, value in settings.items()}


@contextmanager
def running(command: str, folder: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `showme <command>`; its log is `<folder>/<command>.log`."""
    with (folder / f"{command}.log").open("wb") as log:
        argv = [sys.executable, "-P", "-m", "api.cli", command]
        process = subprocess.Popen(argv, env=environment(**settings), stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        stop(process)


def run_and_leave(data_dir: Path, *, fast: bool = False) -> int:
    """Run an embedded PostgreSQL from a process that is killed, and return the server's number."""
    program = (
        "import os, sys; from pathlib import Path; from api.embedded import EmbeddedPostgres; "
        "postgres = EmbeddedPostgres(Path(sys.argv[1]), fast=bool(sys.argv[2])); postgres.start(); "
        "print(postgres._server.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, data_dir, "fast" if fast else ""],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert said.returncode == -signal.SIGKILL
    return int(said.stdout)


__all__ = ["ROOT", "environment", "free_port", "run_and_leave", "running"]
