"""How much memory processes have."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self


def child(pid: int, name: str) -> int:
    """Return the process of this name below a supervisor."""
    for found in _children(pid):
        if name.encode() in Path(f"/proc/{found}/cmdline").read_bytes().split(b"\0"):
            return found
    raise RuntimeError(f"The supervisor {pid} runs no {name}.")


def resident_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def resident_with_children_mib(pid: int) -> float:
    """Return the sum; what several of them share counts for each."""
    total = resident_mib(pid)
    for found in _children(pid):
        with suppress(OSError):  # it has just ended
            total += resident_with_children_mib(found)
    return total


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(found) for thread in threads for found in thread.read_text().split()]


class Peak:
    """The most memory a process has had in the meantime, looked at 20 times a second."""

    def __init__(self, pid: int, measure: Callable[[int], float] = resident_mib) -> None:
        self.mib, self._pid, self._measure, self._over = 0.0, pid, measure, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.mib = max(self.mib, self._measure(self._pid))
