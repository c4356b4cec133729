"""A round-robin HTTP balancer: keeps connections open, sends nothing to who is not ready, repeats nothing."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

POLL_S = 0.05
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "date", "server"})


class Balancer:
    """The ASGI application. `served` counts the answers of each server behind it."""

    def __init__(self, servers: list[str]) -> None:
        self.servers = servers
        self.ready: set[str] = set()
        self.served: Counter[str] = Counter()
        self.order: list[str] = []
        self._next = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request = await self._request(scope, receive)
        answer = await self._ask(request, scope["path"])
        kept = [(k, v) for k, v in answer.headers.raw if k.decode().lower() not in HOP_BY_HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": b"".join(answer.stream)})  # type: ignore[arg-type]  # read

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        limits = httpx.Limits(keepalive_expiry=60)
        async with httpx.AsyncClient(timeout=60, limits=limits) as self.client, httpx.AsyncClient(timeout=5) as asking:
            watching = [asyncio.create_task(self._watch(server, asking)) for server in self.servers]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in watching:
                task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _watch(self, server: str, asking: httpx.AsyncClient) -> None:
        while True:
            ready = False
            with contextlib.suppress(httpx.TransportError):
                ready = (await asking.get(f"{server}/health/ready")).status_code == 200
            (self.ready.add if ready else self.ready.discard)(server)
            await asyncio.sleep(POLL_S)

    async def _request(self, scope: Any, receive: Any) -> httpx.Request:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        kept = [(k, v) for k, v in scope["headers"] if k.decode() not in HOP_BY_HOP]
        headers = [*kept, (b"x-forwarded-for", scope["client"][0].encode())]
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        return httpx.Request(scope["method"], f"http://balanced{target.decode()}", headers=headers, content=body)

    async def _ask(self, request: httpx.Request, path: str) -> httpx.Response:
        """Pass it on to the next that is ready; only when nobody took the connection does another get it."""
        for server in self._turn():
            request.url = httpx.URL(server).copy_with(raw_path=request.url.raw_path)
            try:
                answer = await self.client.send(request, stream=True)
            except httpx.ConnectError:
                self.ready.discard(server)
                continue
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            await answer.aclose()
            if path.startswith("/v1"):
                self.served[server] += 1
                self.order.append(server)
            return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(raw))
        return httpx.Response(503, stream=httpx.ByteStream(b"nobody is ready"))

    def _turn(self) -> list[str]:
        able = [server for server in self.servers if server in self.ready]
        self._next += 1
        return able[self._next % len(able) :] + able[: self._next % len(able)] if able else []


@contextmanager
def balancing(servers: list[str], port: int = 0) -> Iterator[tuple[str, Balancer]]:
    """Run one from a thread; gives its address once all servers behind it are ready."""
    balancer = Balancer(servers)
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = uvicorn.Server(uvicorn.Config(balancer, log_level="warning", lifespan="on", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            wait_for_ready(balancer, servers)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", balancer
        finally:
            server.should_exit = True
            thread.join(20)


def wait_for_ready(balancer: Balancer, servers: list[str], *, ready: bool = True, seconds: float = 60) -> None:
    """Wait until the balancer sees each of these so. Blocks."""
    deadline = time.monotonic() + seconds
    while any((server in balancer.ready) != ready for server in servers):
        assert time.monotonic() < deadline, f"{servers} should be ready: {ready}"
        time.sleep(0.01)
