"""Walls around a program that reads what strangers sent: no network, no other process in sight, limits of its own.

They are built by util-linux and coreutils, and only where the system lets an ordinary user make namespaces.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

NAMESPACES = ("--user", "--net", "--ipc", "--pid", "--fork", "--kill-child")
LAST_WORD_S = 5
TRYING_S = 2  # takes a hundredth of it

Limits = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Walls:
    """The programs that build them, by their paths."""

    unshare: str
    timeout: str
    prlimit: str

    def around(self, argv: Sequence[str], *, wall_s: float, limits: Limits) -> list[str]:
        """Return `argv` inside. `timeout` is the first process in there, and when that ends, all others do.

        It has a deadline of its own, a little later than `wall_s`, for the case that nobody is left outside.
        """
        entering = [self.unshare, *NAMESPACES]
        watched = [self.timeout, "--foreground", "--signal=KILL", f"{wall_s + LAST_WORD_S:.0f}"]
        limited = [self.prlimit, *(f"--{name}={soft}:{hard}" for name, (soft, hard) in limits.items()), "--"]
        return [*entering, *watched, *limited, *argv]


def signalled(returncode: int) -> int:
    """Return the exit status as Python gives it: the first process inside says 128 and the signal, which is below 32.

    What is above that is ffmpeg's own, as 183 for invalid data.
    """
    return 128 - returncode if 128 < returncode < 160 else returncode


def walls(program: str, place: Path) -> Walls | None:
    """Return the walls for this program at work below `place`; None where the system does not allow them."""
    return attempt(program, place)[0]


@lru_cache(maxsize=64)
def attempt(program: str, place: Path) -> tuple[Walls | None, str]:
    """Try them, once. Where they cannot be had, the second is the reason.

    Inside, root is nobody but the owner of its files: what it cannot reach there, it must reach without walls.
    """
    found = [shutil.which(name) for name in ("unshare", "timeout", "prlimit", "test")]
    if not all(found):
        return None, "unshare and prlimit of util-linux, timeout and test of coreutils are needed"
    unshare, timeout, prlimit, test = map(str, found)
    made = Walls(unshare, timeout, prlimit)
    reaching = [test, "-x", program, "-a", "-w", str(place), "-a", "-x", str(place)]
    argv = made.around(reaching, wall_s=TRYING_S, limits={"core": (0, 0)})
    try:
        tried = subprocess.run(argv, capture_output=True, text=True, timeout=2 * TRYING_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if tried.returncode:
        return None, tried.stderr.strip() or f"{program} or {place} cannot be reached from a namespace"
    return made, ""
