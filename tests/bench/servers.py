"""The servers that are compared: ours as it is run, and its rivals, each one process with one worker."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.auth import Caller, read_actor
from api.demo.command import free_port, stop
from api.embedded import Urls
from models.database import Database
from tests.bench.data import Who
from tests.bench.rivals.answers import World

SECRET = "a secret of the bench, 32 bytes or more"
RIVALS = ("handler", "bare", "fast")
# Limits are counted, but not reached: a bench asks more than any person.
NO_LIMIT = {"SHOWME_REQUESTS_PER_MINUTE": "1000000", "SHOWME_ORG_REQUESTS_PER_MINUTE": "1000000"}


async def describe(urls: Urls, folder: Path, people: list[Who]) -> World:
    """Return what rivals are told: their actors among it, as ours would find them."""
    database = Database(urls.app)
    actors = {}
    for who in people:
        caller = Caller(who.org_id, who.person_id, who.session_id)
        async with database.reading(who.org_id) as connection:
            actors[who.person_id] = await read_actor(connection, caller)
    await database.dispose()
    return World(urls.app, urls.migrate, SECRET.encode(), "http://127.0.0.1:8080", folder, actors)


@contextmanager
def running(world: World, folder: Path) -> Generator[dict[str, int]]:
    """Start all of them, and return the port of each by its name."""
    (folder / "world").write_bytes(pickle.dumps(world))
    ports = {name: free_port() for name in ("ours", *RIVALS)}
    processes = [_ours(world, folder, ports["ours"])]
    try:
        processes += [_rival(name, folder, ports[name]) for name in RIVALS]
        for name, port in ports.items():
            _wait(name, port, folder)
        yield ports
    finally:
        for process in processes:
            stop(process)


def _ours(world: World, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "SHOWME_DATA_DIR": str(world.data_dir),
        "SHOWME_PORT": str(port),
        "SHOWME_PUBLIC_URL": world.base_url,
        "SHOWME_DATABASE_URL": world.app_url,
        "SHOWME_SECRET_KEY": SECRET,
        "SHOWME_LOG_FORMAT": "json",
    }
    return _start([sys.executable, "-P", "-m", "api.cli", "serve"], settings | NO_LIMIT, folder / "ours.log")


def _rival(name: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    app = f"tests.bench.rivals.{name}:app"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "warning", "--no-access-log"]
    return _start(command, {"BENCH_WORLD": str(folder / "world")}, folder / f"{name}.log")


def _start(command: list[str], settings: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWME_")}
    with log.open("wb") as file:
        return subprocess.Popen(command, env=kept | settings, stdout=file, stderr=file, start_new_session=True)


def _wait(name: str, port: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health/live")
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not listen: {(folder / f'{name}.log').read_text()[-2000:]}") from error
            time.sleep(0.05)
        else:
            return
