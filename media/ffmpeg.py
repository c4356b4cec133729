"""The one place that runs a process: bounded in time, memory and output, walled in, killed whole."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media import isolation
from media.problems import MediaProblem

GIB = 1 << 30
TAIL_BYTES = 16_384
MAX_OUTPUT_BYTES = 8 << 20
CHUNK_BYTES = 1 << 16
MAX_FILES = 256
LETTING_GO_S = 5
AT_LEAST_S, PATIENCE = 120, 4
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


def encoding(cost_s: float, file_bytes: int) -> Bounds:
    """For what is thought to cost so many seconds of one core (`media.costs`): machines may be slower, or shared."""
    allowed_s = round(AT_LEAST_S + PATIENCE * cost_s)
    return Bounds(wall_s=allowed_s, cpu_s=allowed_s, memory_bytes=3 * GIB, file_bytes=file_bytes)


@dataclass(frozen=True)
class Finished:
    stdout: bytes
    tail: str


class FfmpegFailed(MediaProblem):
    """The process ended badly; `tail` is the end of what it said."""

    def __init__(self, code: str, returncode: int | None, tail: str) -> None:
        self.returncode = returncode
        self.tail = tail
        self.from_outside = returncode in (None, -signal.SIGKILL)  # of what it read that says nothing
        super().__init__(code, f"exit status {returncode}: {tail[-2000:].strip()}")


async def run(
    argv: Sequence[str], *, folder: Path, bounds: Bounds, on_line: Callable[[str], None] | None = None
) -> Finished:
    """Run in `folder`, with nothing of our environment. Each line of stdout goes to `on_line`, or all is kept.

    It is without network, where `media.isolation` can have it so.

    Raises FfmpegFailed. Whatever ends it, also a cancellation, no process of its group is left.
    """
    walls = isolation.walls(argv[0], folder.parent)
    limits = _limits(bounds)
    process = await asyncio.create_subprocess_exec(
        *(walls.around(argv, wall_s=bounds.wall_s, limits=limits) if walls else argv),
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
        _make_nice(process.pid)
        if walls is None:
            _limit(process.pid, limits)
        async with asyncio.timeout(bounds.wall_s):
            stdout = await _consume(process.stdout, on_line)
            await stderr
            returncode = isolation.signalled(await process.wait())
    except TimeoutError as expired:
        raise FfmpegFailed("timed_out", None, _text(tail)) from expired
    finally:
        _kill(process)
        await _let_go(process, asyncio.gather(process.stdout.read(), stderr, process.wait(), return_exceptions=True))
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


def _limits(bounds: Bounds) -> isolation.Limits:
    """Soft and hard ones, by the names that both `prlimit` and Python's `resource` know."""
    return {
        "cpu": (bounds.cpu_s, bounds.cpu_s + 2),
        "as": (bounds.memory_bytes, bounds.memory_bytes),
        "fsize": (bounds.file_bytes, bounds.file_bytes),
        "nofile": (MAX_FILES, MAX_FILES),
        "core": (0, 0),
    }


def _make_nice(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PGRP, pid, NICENESS)


def _limit(pid: int, limits: isolation.Limits) -> None:
    """Set from outside, right after the start: code between fork and exec can deadlock beside threads (boto3's).

    The child cannot do harm in the moment before: what is limited is what it uses from then on.
    """
    if not hasattr(resource, "prlimit"):  # only Linux has it; elsewhere the deadline and ffmpeg's own limits hold
        return
    with suppress(ProcessLookupError, PermissionError):
        for name, soft_and_hard in limits.items():
            resource.prlimit(pid, getattr(resource, f"RLIMIT_{name.upper()}"), soft_and_hard)


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


async def _let_go(process: asyncio.subprocess.Process, reading: asyncio.Future[Any]) -> None:
    """Read to the end: a pipe left full would keep its transport open for ever, and so would one that is held."""
    try:
        async with asyncio.timeout(LETTING_GO_S):
            await reading
    except TimeoutError:  # by a child that left the group, where no namespace holds it
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to it


def _code(returncode: int, tail: str) -> str:
    if returncode in (255, -signal.SIGXCPU):  # 255: ffmpeg's own answer to a signal, here that of its CPU limit
        return "timed_out"
    if returncode == -signal.SIGKILL:  # not by us: by a system that is short of memory
        return "out_of_memory"
    if returncode == -signal.SIGXFSZ or "File too large" in tail:
        return "too_large"
    if returncode == 69 and "No space left" not in tail:
        # Most of what was decoded had errors; decoders say of absurd sizes, too, that there is no memory for them.
        return "corrupt"
    for said, code in (
        ("No space left on device", "out_of_space"),
        ("exceeds specified max pixel count", "too_many_pixels"),
        ("Cannot allocate memory", "out_of_memory"),
        ("Out of memory", "out_of_memory"),  # the same as musl says it
        ("Decoder not found", "unsupported_codec"),
        ("Invalid data found", "corrupt"),
        ("received no packets", "corrupt"),  # of a track that the header tells of nothing was there to decode
        ("partial file", "truncated"),
    ):
        if said in tail:
            return code
    return "processing_failed"
