"""Walls around a process. Where the system allows none, each test tells what holds then."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from media import ffmpeg, isolation
from media.ffmpeg import Bounds, FfmpegFailed
from media.jobs.work_dir import PREFIX, own_folder
from tests.at_work import at_work, gone, python

ROOMY = Bounds(wall_s=30, cpu_s=20, memory_bytes=2 << 30, file_bytes=1 << 30)


@pytest.fixture(autouse=True)
def _untried() -> Iterator[None]:
    isolation.attempt.cache_clear()
    yield
    isolation.attempt.cache_clear()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def connections(server: socket.socket) -> int:
    with contextlib.suppress(BlockingIOError):
        server.accept()[0].close()
        return 1
    return 0


def connecting(server: socket.socket) -> list[str]:
    return python(f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)")


async def test_there_is_no_network_inside(listener: socket.socket, tmp_path: Path) -> None:
    if isolation.walls(sys.executable, tmp_path.parent):
        with pytest.raises(FfmpegFailed, match="Network is unreachable"):
            await ffmpeg.run(connecting(listener), folder=tmp_path, bounds=ROOMY)
        assert connections(listener) == 0
    else:
        await ffmpeg.run(connecting(listener), folder=tmp_path, bounds=ROOMY)
        assert connections(listener) == 1


async def test_without_the_tools_it_runs_without_walls(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    await ffmpeg.run(connecting(listener), folder=tmp_path, bounds=ROOMY)
    assert connections(listener) == 1
    assert "util-linux" in isolation.attempt(sys.executable, tmp_path.parent)[1]


def test_they_are_tried_once_for_a_program_and_a_place(tmp_path: Path) -> None:
    for _ in range(3):
        isolation.walls(sys.executable, tmp_path)
    assert isolation.attempt.cache_info().misses == 1


def test_what_cannot_be_reached_from_inside_is_reached_without_them(tmp_path: Path) -> None:
    walls, reason = isolation.attempt("/nowhere/ffmpeg", tmp_path)
    assert walls is None
    assert reason


def test_a_program_that_is_in_the_way_is_no_wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As busybox's, which knows another set of options."""
    for name in ("unshare", "timeout", "prlimit", "test"):
        (tmp_path / name).write_text("#!/bin/sh\necho unrecognized option >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isolation.attempt(sys.executable, tmp_path) == (None, "unrecognized option")


NAMELESS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, stdout=-3, stderr=-3)
print("born", flush=True)
"""


async def test_a_child_that_left_its_group_ends_with_the_process(tmp_path: Path) -> None:
    walled = isolation.walls(sys.executable, tmp_path.parent) is not None
    await ffmpeg.run(python(NAMELESS), folder=tmp_path, bounds=ROOMY)
    try:
        assert await gone(tmp_path) if walled else at_work(tmp_path)
    finally:
        for pid in at_work(tmp_path):
            os.kill(pid, signal.SIGKILL)


async def test_it_sees_and_ends_no_process_outside(tmp_path: Path) -> None:
    walled = isolation.walls(sys.executable, tmp_path.parent) is not None
    outside = f"import os; os.kill({os.getpid()}, 0)"
    if walled:
        with pytest.raises(FfmpegFailed, match="ProcessLookupError"):
            await ffmpeg.run(python(outside), folder=tmp_path, bounds=ROOMY)
    else:
        await ffmpeg.run(python(outside), folder=tmp_path, bounds=ROOMY)


@pytest.mark.parametrize(
    "end", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU], ids=lambda end: end.name
)
async def test_the_signal_that_ended_it_is_told(end: signal.Signals, tmp_path: Path) -> None:
    with pytest.raises(FfmpegFailed) as raised:
        await ffmpeg.run(python(f"import os; os.kill(os.getpid(), {end})"), folder=tmp_path, bounds=ROOMY)
    assert raised.value.returncode == -end


def test_an_exit_status_of_its_own_is_left_alone() -> None:
    for status in (0, 1, 69, 128, 183, 255, -9):
        assert isolation.signalled(status) == status
    assert isolation.signalled(128 + signal.SIGXCPU) == -signal.SIGXCPU


async def test_limits_hold_from_its_first_instruction(tmp_path: Path) -> None:
    bounds = Bounds(wall_s=30, cpu_s=7, memory_bytes=1 << 30, file_bytes=4096)
    names = ["CPU", "AS", "FSIZE", "CORE", "NOFILE"]
    code = f"import resource; print([resource.getrlimit(getattr(resource, 'RLIMIT_' + n))[0] for n in {names}])"
    if isolation.walls(sys.executable, tmp_path.parent):
        found = await ffmpeg.run(python(code), folder=tmp_path, bounds=bounds)
        assert found.stdout.decode().strip() == str([7, 1 << 30, 4096, 0, ffmpeg.MAX_FILES])


def left_at_work(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    walls, argv = isolation.walls("/bin/sleep", folder.parent), ["/bin/sleep", "600"]
    inside = walls.around(argv, wall_s=600, limits={}) if walls else argv
    return subprocess.Popen(inside, cwd=folder, start_new_session=True)


async def test_what_a_killed_worker_left_inside_is_ended(tmp_path: Path) -> None:
    job = tmp_path / "work" / f"{PREFIX}dead" / "job-1"
    with left_at_work(job) as process:
        try:
            async with own_folder(tmp_path / "work"):
                assert process.wait(10) != 0
                assert await gone(job)
        finally:
            process.kill()


def test_with_nobody_left_outside_the_deadline_holds_inside(tmp_path: Path) -> None:
    walls = isolation.walls("/bin/sleep", tmp_path)
    if walls:
        argv = walls.around(["/bin/sleep", "600"], wall_s=1 - isolation.LAST_WORD_S, limits={})
        began = time.monotonic()
        assert isolation.signalled(subprocess.run(argv, check=False, timeout=30).returncode) == -signal.SIGKILL
        assert time.monotonic() - began < 20
