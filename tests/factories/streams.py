"""Streams of changes over real HTTP: a server in this process, and a client that reads blocks as they come."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from api.draining import DrainingServer

DEADLINE_S = 20.0
Block = dict[str, str]


@asynccontextmanager
async def served(app: Any) -> AsyncGenerator[str]:
    """Serve an application as `showme serve` does, and give its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=10)
    server = DrainingServer(config, app, 0)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(DEADLINE_S):
        while not server.started:  # noqa: ASYNC110  # uvicorn gives no event
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.draining = server.should_exit = True
        await serving
        app.state.draining = False
        await app.state.hub.close()


class Blocks:
    """What comes on a stream, block by block; comments are counted."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines: AsyncIterator[str] = response.aiter_lines()
        self.comments = 0
        self.last_id = ""

    async def next(self) -> Block | None:
        """Return the next block; None at the end. Raises TimeoutError when nothing comes."""
        block: Block = {}
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    block[name] = value
                elif block:
                    self.last_id = block.get("id", self.last_id)
                    return block
        return None

    async def change(self) -> dict[str, Any]:
        """Return the next change, past what names a place only."""
        while (block := await self.next()) is not None:
            if block.get("event") == "change":
                found: dict[str, Any] = json.loads(block["data"])
                return found
        raise EOFError

    async def end(self) -> str:
        """Return why the stream ends, past what comes before."""
        while (block := await self.next()) is not None:
            if block.get("event") == "end":
                assert await self.next() is None
                return str(json.loads(block["data"])["reason"])
        raise EOFError


@asynccontextmanager
async def streaming(url: str, token: str, last_id: str | None = None) -> AsyncGenerator[Blocks]:
    """Open a stream; its first block, which names the place it begins at, has come."""
    headers = {"authorization": token} | ({"last-event-id": last_id} if last_id else {})
    async with (
        httpx.AsyncClient(base_url=url, timeout=DEADLINE_S) as client,
        client.stream("GET", "/v1/events", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = Blocks(response)
        first = await blocks.next()
        assert first is not None
        assert set(first) == {"retry", "id"}
        yield blocks
