"""The wire between a browser and a server, which can be cut: what is on its way breaks off, and nobody gets through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 64 * 1024


class Wire:
    """`origin` is where browsers reach the server that listens on `port`."""

    def __init__(self, port: int) -> None:
        self.origin = ""
        self._port = port
        self._down = False
        self._ends: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self._down = True
        for end in list(self._ends):
            end.transport.abort()

    def mend(self) -> None:
        self._down = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = {writer}
        try:
            if not self._down:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
                ends.add(far_writer)
                self._ends |= ends
                await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        except OSError:
            pass  # cut, or nobody listens there
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def a_wire(port: int) -> AsyncIterator[Wire]:
    wire = Wire(port)
    server = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    wire.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
