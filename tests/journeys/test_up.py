"""`make run` without make: everything under one supervisor, in a folder of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from api.demo.command import start_up, stop, wait_until_up
from api.demo.org import ADMIN, MANAGER, REP, SLUG, demo_password
from api.demo.telling import until
from api.embedded import Urls, running_urls
from tests.processes import ROOT, environment, free_port

EVERYBODY = (ADMIN, MANAGER, REP)


@contextmanager
def up(data_dir: Path, base_url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = start_up(data_dir, base_url)
    try:
        yield process
    finally:
        stop(process)


def processes_of(data_dir: Path) -> list[str]:
    """Return the command lines of what runs for this folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is nobody's business of ours
        if os.fsencode(data_dir) in said and int(folder.name) != os.getpid():
            found.append(said.decode(errors="replace")[:200])
    return found


async def sign_in(base_url: str, email: str, password: str) -> int:
    async with httpx.AsyncClient(base_url=base_url) as client:
        body = {"org": SLUG, "email": email, "password": password}
        return (await client.post("/v1/auth/sign-in", json=body)).status_code


async def test_it_starts_with_the_demo_stops_at_ctrl_c_and_keeps_everything(tmp_path: Path) -> None:
    data_dir, base_url = tmp_path / "data", f"http://127.0.0.1:{free_port()}"
    with up(data_dir, base_url) as process:
        await wait_until_up(process, base_url, data_dir)
        told = (data_dir / "log").read_text()
        password = demo_password(data_dir)
        assert f"Showme listens on {base_url}" in told
        assert all(email in told for email in EVERYBODY)
        assert password in told
        assert [await sign_in(base_url, email, password) for email in EVERYBODY] == [200, 200, 200]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert processes_of(data_dir) == []
    with up(data_dir, base_url) as process:
        await wait_until_up(process, base_url, data_dir)
        assert demo_password(data_dir) == password
        assert await sign_in(base_url, REP, password) == 200


async def test_a_killed_part_is_started_again(tmp_path: Path) -> None:
    data_dir, base_url = tmp_path / "data", f"http://127.0.0.1:{free_port()}"
    with up(data_dir, base_url) as process:
        await wait_until_up(process, base_url, data_dir)
        os.kill(pid_of(data_dir, "serve"), signal.SIGKILL)
        told = await until(partial(read, data_dir), lambda text: "died" in text, "noticing it", 30)
        assert await sign_in_when_back(base_url, demo_password(data_dir)) == 200
    assert "child=serve" in told
    assert "SIGKILL" in told


async def read(data_dir: Path) -> str:
    return (data_dir / "log").read_text()


async def sign_in_when_back(base_url: str, password: str) -> int:
    async def ask() -> int | None:
        try:
            return await sign_in(base_url, REP, password)
        except httpx.TransportError:
            return None

    answer: int = await until(ask, lambda status: status is not None, "coming back", 30)
    return answer


def pid_of(data_dir: Path, child: str) -> int:
    [line] = [
        line for line in (data_dir / "log").read_text().splitlines() if "started" in line and f"child={child}" in line
    ]
    return int(line.partition("pid=")[2].split()[0])


async def test_asked_to_end_while_it_starts_it_leaves_nothing_running(tmp_path: Path) -> None:
    data_dir, base_url = tmp_path / "data", f"http://127.0.0.1:{free_port()}"
    with up(data_dir, base_url) as process:
        await until(partial(has_database, data_dir), bool, "starting the database", 60)
        process.terminate()
        assert process.wait(60) in {0, 128 + signal.SIGTERM}
    assert not await has_database(data_dir)
    assert processes_of(data_dir) == []


async def has_database(data_dir: Path) -> bool:
    return await asyncio.to_thread(lambda: data_dir.exists() and running_urls(data_dir) is not None)


def test_a_folder_that_cannot_be_used_is_one_clear_line() -> None:
    refused = run("up", data_dir="/proc/showme", port=str(free_port()))
    assert refused.returncode == 2
    assert refused.stderr.startswith("showme: SHOWME_DATA_DIR: /proc/showme cannot be used: ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    port = free_port()
    settings = {"data_dir": str(tmp_path / "data"), "port": str(port)}
    with socket.create_server(("127.0.0.1", port)):
        refused = run("up", **settings)
    assert refused.returncode == 2
    assert refused.stderr.strip().splitlines() == [
        f"showme: cannot listen on 127.0.0.1 port {port}: Address already in use. Set SHOWME_HOST or SHOWME_PORT."
    ]


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
def test_a_part_without_a_database_says_what_to_start(tmp_path: Path, command: str) -> None:
    refused = run(command, data_dir=str(tmp_path / "data"), port=str(free_port()))
    assert refused.returncode == 2
    assert "start `showme up` first, or set SHOWME_DATABASE_URL." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_worker_without_ffmpeg_says_which_setting_is_wrong(tmp_path: Path, urls: Urls) -> None:
    refused = run("worker", data_dir=str(tmp_path / "data"), ffmpeg="/nowhere", database_url=urls.app)
    assert (refused.returncode, refused.stderr.strip()) == (
        2,
        "showme: SHOWME_FFMPEG names '/nowhere', which is no program that can be run",
    )


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-P", "-m", "api.cli", *arguments]
    return subprocess.run(argv, env=environment(**settings), cwd=ROOT, capture_output=True, text=True, check=False)
