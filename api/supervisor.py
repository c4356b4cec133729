"""Children of one supervisor: restarted when they die, ended with it, asked before they are killed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

GRACE_S = 25.0
WRONG_SETTING = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Becomes the child once it is tied to us (1: PR_SET_PDEATHSIG): code between fork and exec can deadlock beside threads.
TIED = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 15)
except (AttributeError, OSError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""


class Log(Protocol):
    def info(self, event: str, /, **facts: Any) -> Any: ...
    def warning(self, event: str, /, **facts: Any) -> Any: ...
    def error(self, event: str, /, **facts: Any) -> Any: ...
    def exception(self, event: str, /, **facts: Any) -> Any: ...


@dataclass(frozen=True)
class Child:
    """A program to keep running; `env` is its whole environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Pace:
    """The first and the longest pause before a restart, and the life after which a child counts as healthy."""

    first_s: float = 0.5
    longest_s: float = 30.0
    healthy_s: float = 60.0

    def pause_s(self, last_s: float | None, *, lived_s: float) -> float:
        if last_s is None or lived_s >= self.healthy_s:
            return self.first_s
        return min(last_s * 2, self.longest_s)


async def supervise(
    children: list[Child],
    *,
    log: Log,
    ready: Callable[[], Awaitable[None]],
    grace_s: float = GRACE_S,
    pace: Pace | None = None,
) -> int:
    """Keep the children running until a signal, and return the exit status.

    `ready` runs once beside them. The first signal asks each child with SIGTERM to end and gives it `grace_s`; a second
    one does not wait. A child that ends with status 2 has a wrong setting: that ends all, with 2.
    """
    run = _Run(log, grace_s, pace or Pace())
    loop = asyncio.get_running_loop()
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    for number in heard:
        loop.add_signal_handler(number, run.signalled, number)
    try:
        async with asyncio.TaskGroup() as group:
            announcing = group.create_task(run.announce(ready))
            for child in children:
                group.create_task(run.keep(child))
            await run.stopping.wait()
            announcing.cancel()
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
    return run.status


class _Run:
    def __init__(self, log: Log, grace_s: float, pace: Pace) -> None:
        self.log = log
        self.grace_s = grace_s
        self.pace = pace
        self.status = 0
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()

    def signalled(self, number: int) -> None:
        if self.stopping.is_set():
            self.hurry.set()
            return
        self.log.info("stopping", signal=signal.Signals(number).name)
        self.stopping.set()

    async def announce(self, ready: Callable[[], Awaitable[None]]) -> None:
        try:
            await ready()
        except TimeoutError:
            self.log.warning("not ready yet")
        except Exception as error:
            self.log.exception("not ready", error=str(error))

    async def keep(self, child: Child) -> None:
        """Run the child again and again, until it is time to stop."""
        pause_s: float | None = None
        while not self.stopping.is_set():
            born = time.monotonic()
            how = await self._live(child)
            if how is None:
                return
            pause_s = self.pace.pause_s(pause_s, lived_s=time.monotonic() - born)
            self.log.error("died", child=child.name, how=how, restart_in_s=pause_s)
            await _before(asyncio.sleep(pause_s), self.stopping)

    async def _live(self, child: Child) -> str | None:
        """Run the child once, and return how it died; None when it is not to run again."""
        try:
            process = await _start(child)
        except OSError as error:
            return str(error)
        self.log.info("started", child=child.name, pid=process.pid)
        try:
            if not await _before(process.wait(), self.stopping):
                await self._end(child, process)
                return None
        finally:
            await _kill(process)
        if process.returncode == WRONG_SETTING:
            self.log.error("ended for a wrong setting", child=child.name)
            self.status = WRONG_SETTING
            self.stopping.set()
            return None
        return _how(process.returncode)

    async def _end(self, child: Child, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self.grace_s):
                if await _before(process.wait(), self.hurry):
                    self.log.info("stopped", child=child.name)
                    return
        except TimeoutError:
            pass
        self.log.warning("killed: it did not stop in time", child=child.name)


async def _start(child: Child) -> asyncio.subprocess.Process:
    tie = [sys.executable, "-I", "-S", "-c", TIED, str(os.getpid())] if sys.platform == "linux" else []
    return await asyncio.create_subprocess_exec(
        *tie,
        *child.argv,
        env=child.env,
        stdin=asyncio.subprocess.DEVNULL,
        # Ctrl-C goes to the terminal's whole group: a child in one of its own hears of it from us, once.
        start_new_session=True,
    )


async def _before(work: Coroutine[Any, Any, Any], event: asyncio.Event) -> bool:
    """Wait for the work, but no longer than until the event; tell whether the work was first."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        return doing.done()
    finally:
        doing.cancel()
        waiting.cancel()


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of the child's group, whether or not the child itself has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"
