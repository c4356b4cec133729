"""What hostile files name, so that opening it is noticed: files of which the kernel tells, ports that listen."""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clips import clip, ffmpeg

IN_OPEN = 0x20
EVENT = struct.Struct("iIII")
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass
class Canary:
    """`folder` holds the victims, beside which a source may be put; `url` leads to a port where nobody should come."""

    folder: Path
    descriptor: int
    server: socket.socket

    VICTIMS = ("victim.ts", "victim.mp4", "source.sub")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    @property
    def port(self) -> int:
        return int(self.server.getsockname()[1])

    def opened(self) -> list[str]:
        """Return which victims were opened since it was asked last, by whomever."""
        names = []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 1 << 16):
                names += list(_names(data))
        return [name for name in names if name in self.VICTIMS]

    def connections(self) -> int:
        """Return how many have come since it was asked last."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.server.accept()[0].close()
                count += 1
        return count


def _names(data: bytes) -> Iterator[str]:
    while data:
        _, _, _, length = EVENT.unpack_from(data)
        yield data[EVENT.size : EVENT.size + length].rstrip(b"\0").decode()
        data = data[EVENT.size + length :]


@contextmanager
def watched(folder: Path) -> Iterator[Canary]:
    """Put the victims into `folder`, which a video could be made of, and watch them."""
    folder.mkdir(parents=True)
    for name in Canary.VICTIMS[:2]:
        ffmpeg("-i", str(clip("tiny.mp4")), "-c", "copy", str(folder / name))
    (folder / "source.sub").write_bytes(bytes(4096))
    descriptor = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or LIBC.inotify_add_watch(descriptor, os.fsencode(folder), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            yield Canary(folder, descriptor, server)
    finally:
        os.close(descriptor)
