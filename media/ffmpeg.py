"""The one place that runs a process: bounded in time, memory and output, alone in its group, killed whole."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from media.problems import MediaProblem

GIB = 1 << 30
TAIL_BYTES = 16_384
MAX_OUTPUT_BYTES = 8 << 20
CHUNK_BYTES = 1 << 16
NICENESS = 10  # the API beside it answers first


@dataclass(frozen=True)
class Bounds:
    """`file_bytes` holds for each file written; `cpu_s` is the sum over threads."""

    wall_s: float
    cpu_s: int
    memory_bytes: int
    file_bytes: int


PROBING = Bounds(wall_s=20, cpu_s=10, memory_bytes=GIB, file_bytes=0)
SCANNING = Bounds(wall_s=120, cpu_s=60, memory_bytes=GIB, file_bytes=0)


def encoding(duration_ms: int, file_bytes: int) -> Bounds:
    """Generous: a slow shared core takes about six seconds for one of 4K."""
    wall_s = 120 + 20 * duration_ms // 1000
    return Bounds(wall_s=wall_s, cpu_s=4 * wall_s, memory_bytes=3 * GIB, file_bytes=file_bytes)


@dataclass(frozen=True)
class Finished:
    stdout: bytes
    tail: str


class FfmpegFailed(MediaProblem):
    """The process ended badly; `tail` is the end of what it said."""

    def __init__(self, code: str, returncode: int | None, tail: str) -> None:
        self.returncode = returncode
        self.tail = tail
        super().__init__(code, f"exit status {returncode}: {tail[-2000:].strip()}")


async def run(
    argv: Sequence[str], *, folder: Path, bounds: Bounds, on_line: Callable[[str], None] | None = None
) -> Finished:
    """Run in `folder`, with nothing of our environment. Each line of stdout goes to `on_line`, or all is kept.

    Raises FfmpegFailed. Whatever ends it, also a cancellation, no process of its group is left.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    tail = bytearray()
    stderr = asyncio.ensure_future(_keep_tail(process.stderr, tail))
    try:
        _limit(process.pid, bounds)
        async with asyncio.timeout(bounds.wall_s):
            stdout = await _consume(process.stdout, on_line)
            await stderr
            returncode = await process.wait()
    except TimeoutError as expired:
        raise FfmpegFailed("timed_out", None, _text(tail)) from expired
    finally:
        _kill(process)
        # Read to the end: a pipe left full would keep its transport open for ever.
        await asyncio.gather(process.stdout.read(), stderr, process.wait(), return_exceptions=True)
    if returncode != 0:
        raise FfmpegFailed(_code(returncode, _text(tail)), returncode, _text(tail))
    return Finished(stdout=stdout, tail=_text(tail))


async def run_with_progress(
    argv: Sequence[str], *, folder: Path, bounds: Bounds, on_progress: Callable[[int], None] | None
) -> Finished:
    """As `run`, for an ffmpeg told `-progress pipe:1`: `on_progress` gets the milliseconds done so far."""

    def on_line(line: str) -> None:
        name, _, value = line.partition("=")
        if on_progress and name == "out_time_us" and value.lstrip("-").isdigit():
            on_progress(max(0, int(value) // 1000))

    return await run(argv, folder=folder, bounds=bounds, on_line=on_line)


def _environment(folder: Path) -> Mapping[str, str]:
    # Arenas: each thread's would count against the address space by 64 MiB, used or not.
    return {"LC_ALL": "C", "HOME": str(folder), "TMPDIR": str(folder), "MALLOC_ARENA_MAX": "2"}


def _limit(pid: int, bounds: Bounds) -> None:
    """Set from outside, right after the start: code between fork and exec can deadlock beside threads (boto3's).

    The child cannot do harm in the moment before: what is limited is what it uses from then on.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
        if not hasattr(resource, "prlimit"):  # only Linux has it; elsewhere the deadline and ffmpeg's own limits hold
            return
        resource.prlimit(pid, resource.RLIMIT_CPU, (bounds.cpu_s, bounds.cpu_s + 2))
        resource.prlimit(pid, resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (bounds.file_bytes, bounds.file_bytes))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


async def _consume(stream: asyncio.StreamReader, on_line: Callable[[str], None] | None) -> bytes:
    kept = bytearray()
    while chunk := await stream.read(CHUNK_BYTES):
        kept += chunk
        if on_line:
            *lines, rest = kept.split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace").strip())
            kept = bytearray(rest)
        if len(kept) > MAX_OUTPUT_BYTES:
            raise MediaProblem("corrupt", "absurdly much to say about this file")
    return bytes(kept)


async def _keep_tail(stream: asyncio.StreamReader, tail: bytearray) -> None:
    while chunk := await stream.read(CHUNK_BYTES):
        tail += chunk
        del tail[:-TAIL_BYTES]


def _text(tail: bytearray) -> str:
    return tail.decode(errors="replace")


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _code(returncode: int, tail: str) -> str:
    if returncode in (255, -signal.SIGXCPU):  # 255: ffmpeg's own answer to a signal, here that of its CPU limit
        return "timed_out"
    if returncode == -signal.SIGXFSZ or "File too large" in tail:
        return "too_large"
    for said, code in (
        ("No space left on device", "out_of_space"),
        ("exceeds specified max pixel count", "too_many_pixels"),
        ("Cannot allocate memory", "out_of_memory"),
        ("Decoder not found", "unsupported_codec"),
        ("Invalid data found", "corrupt"),
        ("partial file", "truncated"),
    ):
        if said in tail:
            return code
    return "corrupt" if returncode == 69 else "processing_failed"  # 69: most of what was decoded had errors
