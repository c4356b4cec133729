import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from media import ffmpeg, isolation
from media.ffmpeg import Bounds, FfmpegFailed
from media.problems import MediaProblem
from tests.at_work import at_work, gone, python
from tests.clips import TOOLS, clip

ROOMY = Bounds(wall_s=30, cpu_s=20, memory_bytes=2 << 30, file_bytes=1 << 30)


async def failure(argv: list[str], folder: Path, bounds: Bounds = ROOMY) -> FfmpegFailed:
    with pytest.raises(FfmpegFailed) as raised:
        await ffmpeg.run(argv, folder=folder, bounds=bounds)
    return raised.value


@pytest.fixture(params=["walled", "bare"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways of running a process: in namespaces, where the system allows them, and where there are no tools."""
    if request.param == "bare":
        monkeypatch.setenv("PATH", "/nowhere")
    isolation.attempt.cache_clear()
    yield request.param
    isolation.attempt.cache_clear()


FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("born", flush=True)
child.wait()
"""
RUNAWAY = FAMILY.replace("])", "], start_new_session=True)")


async def test_what_it_prints_is_kept(tmp_path: Path) -> None:
    finished = await ffmpeg.run(python("print('a'); print('b')"), folder=tmp_path, bounds=ROOMY)
    assert finished.stdout == b"a\nb\n"


async def test_lines_are_handed_over_as_they_come(tmp_path: Path) -> None:
    lines: list[str] = []
    argv = python("import sys; sys.stdout.write('one\\ntw'); sys.stdout.flush(); sys.stdout.write('o\\n')")
    await ffmpeg.run(argv, folder=tmp_path, bounds=ROOMY, on_line=lines.append)
    assert lines == ["one", "two"]


async def test_it_runs_in_its_folder_with_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    argv = python("import os; print(os.getcwd()); print(os.environ.get('AWS_SECRET_ACCESS_KEY'))")
    finished = await ffmpeg.run(argv, folder=tmp_path, bounds=ROOMY)
    assert finished.stdout.decode().split() == [str(tmp_path), "None"]


async def test_a_bad_end_carries_the_tail_of_what_it_said(tmp_path: Path) -> None:
    failed = await failure(python("import sys; sys.stderr.write('x' * 100_000 + 'the reason'); sys.exit(3)"), tmp_path)
    assert failed.returncode == 3
    assert failed.code == "processing_failed"
    assert failed.tail.endswith("the reason")
    assert len(failed.tail) <= ffmpeg.TAIL_BYTES


async def test_the_deadline_kills_the_whole_family(tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(FfmpegFailed) as raised:
        await ffmpeg.run(
            python(FAMILY),
            folder=tmp_path,
            bounds=Bounds(wall_s=1, cpu_s=20, memory_bytes=2 << 30, file_bytes=1 << 30),
            on_line=lambda _: seen.extend(at_work(tmp_path)),
        )
    assert raised.value.code == "timed_out"
    assert raised.value.retryable
    assert len(seen) >= 2
    assert await gone(tmp_path)


async def test_a_cancellation_kills_the_whole_family(tmp_path: Path) -> None:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(ffmpeg.run(python(FAMILY), folder=tmp_path, bounds=ROOMY, on_line=started.set_result))
    await started
    assert len(at_work(tmp_path)) >= 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(tmp_path)


async def test_a_child_that_left_its_group_and_holds_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    bounds = Bounds(wall_s=1, cpu_s=20, memory_bytes=2 << 30, file_bytes=1 << 30)
    try:
        async with asyncio.timeout(30):
            assert (await failure(python(RUNAWAY), tmp_path, bounds)).code == "timed_out"
    finally:
        for pid in at_work(tmp_path):
            os.kill(pid, signal.SIGKILL)


def refuse(line: str) -> None:
    raise MediaProblem("corrupt", line)


async def test_an_error_of_the_reader_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem):
        await ffmpeg.run(python(FAMILY), folder=tmp_path, bounds=ROOMY, on_line=refuse)
    assert await gone(tmp_path)


@pytest.mark.parametrize(
    ("code", "bounds", "expected"),
    [
        ("while True: pass", Bounds(wall_s=30, cpu_s=1, memory_bytes=2 << 30, file_bytes=1), "timed_out"),
        (
            "open('big', 'wb').write(bytes(200_000))",
            Bounds(wall_s=30, cpu_s=9, memory_bytes=2 << 30, file_bytes=100_000),
            "too_large",
        ),
    ],
)
async def test_limits_hold(code: str, bounds: Bounds, expected: str, tmp_path: Path) -> None:
    wait = "import time; time.sleep(0.3); "  # the limits are set from outside, right after the start
    assert (await failure(python(wait + "exec(" + repr(code) + ")"), tmp_path, bounds)).code == expected


async def test_memory_is_bounded(tmp_path: Path) -> None:
    bounds = Bounds(wall_s=30, cpu_s=9, memory_bytes=256 << 20, file_bytes=1)
    failed = await failure(python("import time; time.sleep(0.3); bytearray(512 << 20)"), tmp_path, bounds)
    assert "MemoryError" in failed.tail


async def test_absurd_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem) as raised:
        await ffmpeg.run(python("while True: print('x' * 1000)"), folder=tmp_path, bounds=ROOMY)
    assert raised.value.code == "corrupt"


async def test_progress_is_told_in_milliseconds(tmp_path: Path) -> None:
    told: list[int] = []
    await ffmpeg.run_with_progress(
        [
            *[TOOLS.binaries.ffmpeg, "-v", "error", "-progress", "pipe:1", "-i", str(clip("plain.mp4"))],
            *["-f", "null", "-"],
        ],
        folder=tmp_path,
        bounds=ROOMY,
        on_progress=told.append,
    )
    assert told == sorted(told)
    assert abs(told[-1] - 2000) < 100


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        ("av_interleaved_write_frame(): No space left on device", "out_of_space"),
        ("Cannot allocate memory", "out_of_memory"),
        ("Decoder not found", "unsupported_codec"),
        ("Nothing was written, because at least one of its streams received no packets.", "corrupt"),
        ("moov atom not found\nInvalid data found when processing input", "corrupt"),
        ("who knows", "processing_failed"),
    ],
)
async def test_what_ffmpeg_says_becomes_a_problem(tail: str, code: str, tmp_path: Path) -> None:
    failed = await failure(python(f"import sys; sys.exit({tail!r})"), tmp_path)
    assert failed.code == code


async def test_a_decoder_that_finds_no_memory_for_absurd_sizes_is_fed_a_damaged_file(tmp_path: Path) -> None:
    said = "import sys; sys.stderr.write('Error submitting packet: Cannot allocate memory'); sys.exit(69)"
    assert (await failure(python(said), tmp_path)).code == "corrupt"


async def test_one_that_the_system_killed_is_no_fault_of_the_file(tmp_path: Path) -> None:
    failed = await failure(python("import os; os.kill(os.getpid(), 9)"), tmp_path)
    assert (failed.code, failed.retryable, failed.from_outside) == ("out_of_memory", True, True)


def test_bounds_grow_with_the_work() -> None:
    short, long = ffmpeg.encoding(1, 1), ffmpeg.encoding(3600, 1)
    assert short.wall_s >= 60
    assert long.wall_s > 10 * short.wall_s
    assert long.memory_bytes == short.memory_bytes


def test_another_loop_works_as_well(tmp_path: Path) -> None:
    loops: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
    for make in loops:
        with asyncio.Runner(loop_factory=make) as runner:
            finished = runner.run(ffmpeg.run(python("print(1)"), folder=tmp_path, bounds=ROOMY))
        assert finished.stdout == b"1\n"
