"""`showme up` as an init system would keep it: its processes are known by pid, killed, and it is started again."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from api.demo.command import free_port, stop
from api.embedded_home import Record, home_of
from api.embedded_server import find_server
from tests.processes import environment

TARGETS = ("serve", "worker", "postgres", "supervisor")
RESTART_S = 0.3
APPEARS_S = 120.0
Say = Callable[[str], None]


class House:
    """One `showme up` in a folder of its own, whatever happens to it."""

    def __init__(self, folder: Path, store_url: str, say: Say) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.temporary = folder / "tmp"
        self.base_url = f"http://127.0.0.1:{free_port()}"
        self.settings = {
            "data_dir": str(self.data_dir),
            "port": self.base_url.rsplit(":", 1)[1],
            "store_url": store_url,
            "part_size_bytes": str(5 << 20),
            "worker_silence_s": "3",
            "log_format": "json",
        }
        self.ends: Counter[str] = Counter()
        self._say = say
        self._killed: set[int] = set()  # one that is still dying is not killed twice
        self._process: subprocess.Popen[bytes] | None = None
        for path in (self.data_dir, self.temporary):
            path.mkdir()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "api.cli", "up"],
                env=environment(**self.settings) | {"TMPDIR": str(self.temporary)},
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    async def keep(self) -> None:
        """Start it again whenever it has ended, until cancelled."""
        while True:
            if self._process is None or self._process.poll() is not None:
                if self._process is not None:
                    self.ends[str(self._process.returncode)] += 1
                await asyncio.sleep(RESTART_S)
                self.start()
            await asyncio.sleep(0.05)

    async def kill(self, target: str, chance: random.Random) -> int:
        """Kill it with SIGKILL, and return its pid; when it is not there at the moment, as soon as it is.

        Raises:
            TimeoutError: it does not come back.
        """
        async with asyncio.timeout(APPEARS_S):
            while (pid := self._pid_of(target)) is None or pid in self._killed:  # noqa: ASYNC110 - nobody tells when a process appears
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, 0.4))  # not always in its first moment
        self._killed.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    async def stall(self, seconds: float) -> bool:
        """Stop postgres with all its processes for so long, as a disk that hangs would; tell whether it was there."""
        postmaster = self._postmaster()
        if postmaster is None or postmaster in self._killed:
            return False
        stopped = []
        try:
            for pid in (postmaster, *_children(postmaster)):  # in this order: one that is stopped starts no other
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)
            await asyncio.sleep(seconds)
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        return True

    def _pid_of(self, target: str) -> int | None:
        if target == "supervisor":
            alive = self._process is not None and self._process.poll() is None
            return self._process.pid if alive and self._process else None
        if target == "postgres":
            return self._postmaster()
        return next((pid for pid, argv in self.processes() if argv[1:2] == ["-P"] and argv[-1] == target), None)

    def _postmaster(self) -> int | None:
        record = Record.read(self.data_dir)
        server = find_server(home_of(self.data_dir, record)) if record else None
        return server.pid if server else None

    def processes(self) -> list[tuple[int, list[str]]]:
        """Return pid and command line of all that runs for this folder, ourselves left out."""
        mine = os.fsencode(self.folder)
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line, told = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
                cwd = os.fsencode((path / "cwd").readlink())
                if int(path.name) != os.getpid() and (mine in line or mine in told or cwd.startswith(mine)):
                    found.append((int(path.name), [os.fsdecode(word) for word in line.split(b"\0")[:-1]]))
        return found

    async def end(self) -> list[str]:
        """End it as Ctrl-C does, and return the command lines of what is left after that."""
        if self._process:
            await asyncio.to_thread(stop, self._process)
        deadline = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < deadline:  # noqa: ASYNC110 - nor when one ends
            await asyncio.sleep(0.1)
        for pid, _ in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [" ".join(argv)[:200] for _, argv in left]

    def leftovers(self) -> list[str]:
        """Return the temporary files and folders that nobody cleared away."""
        work = [path for path in (self.data_dir / "work").glob("*") if path.name != "lock"]
        return [str(path.relative_to(self.folder)) for path in [*work, *self.temporary.glob("*")]]

    def remove(self) -> None:
        """Remove a cluster that root had to keep elsewhere; the folder itself is the caller's."""
        record = Record.read(self.data_dir)
        if record and record.elsewhere:
            rmtree(record.elsewhere, ignore_errors=True)


def _children(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(path.parent.name)
