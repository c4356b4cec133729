"""The load generator, a process of its own: keep-alive HTTP/1.1 over bare sockets, each client one request at a time.

It reads its orders as JSON from stdin and answers with the figures as JSON.
"""

import asyncio
import json
import sys
import time
from itertools import cycle
from typing import Any

import uvloop

WARM_UP_S = 0.3


class _Client(asyncio.Protocol):
    """Sends the next request as soon as the answer before is whole, and notes how long it took."""

    def __init__(self, requests: Any, took_ms: list[float], failed: list[str]) -> None:
        self.requests, self.took_ms, self.failed = requests, took_ms, failed
        self.answer = b""
        self.length = -1

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.answer, self.length = b"", -1
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.answer += data
        if self.length < 0:
            end = self.answer.find(b"\r\n\r\n")
            if end < 0:
                return
            self.length = end + 4 + _content_length(self.answer[:end])
        if len(self.answer) >= self.length:
            self.took_ms.append((time.perf_counter() - self.sent_at) * 1000)
            if not self.answer.startswith(b"HTTP/1.1 200"):
                self.failed.append(self.answer[:400].decode(errors="replace"))
            self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        self.failed.append("the connection was closed")


def _content_length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + len(b"content-length:")
    return int(head[at:].split(b"\r\n", 1)[0])


async def _run(order: dict[str, Any]) -> dict[str, Any]:
    took_ms: list[float] = []
    failed: list[str] = []
    requests = cycle([line.encode("latin-1") for line in order["requests"]])
    loop = asyncio.get_running_loop()
    clients = [
        await loop.create_connection(lambda: _Client(requests, took_ms, failed), "127.0.0.1", order["port"])
        for _ in range(order["clients"])
    ]
    await asyncio.sleep(order.get("warm_up_s", WARM_UP_S))
    took_ms.clear()
    started = time.perf_counter()
    await asyncio.sleep(order["seconds"])
    elapsed, taken, trouble = time.perf_counter() - started, sorted(took_ms), failed[:3]
    for transport, _ in clients:
        transport.abort()
    figures = {f"p{share}": _at(taken, share) for share in (50, 95, 99)}
    return {"per_s": len(taken) / elapsed, "failed": trouble, **figures}


def _at(taken: list[float], share: int) -> float:
    return taken[min(len(taken) - 1, len(taken) * share // 100)] if taken else float("nan")


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.load(sys.stdin)))))  # noqa: T201  # this is its answer
