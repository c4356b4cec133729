"""A store that fails: a proxy in front of an S3 that answers 500, stalls, cuts answers short and denies checksums."""

import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CHECKSUM = "x-amz-checksum-sha256"
FATES = ("error", "lost answer", "stall", "cut", "checksum denied")
# The proxy's own, or those of one connection only.
NOT_PASSED_ON = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect"})


class Faults:
    """What happens to the store's calls: `rate` of them meet a fate, drawn from the seed in their order."""

    def __init__(self, seed: int, rate: float) -> None:
        self._random = random.Random(seed)
        self._turn = threading.Lock()
        self.rate = rate
        self.met: Counter[str] = Counter()
        self.calls = 0

    def draw(self, *, with_checksum: bool) -> tuple[str, float]:
        """Return a fate, `""` for none, and for how long a stall lasts."""
        with self._turn:
            self.calls += 1
            lot, which, seconds = self._random.random(), self._random.random(), self._random.uniform(0.2, 2.5)
            if lot >= self.rate:
                return "", 0.0
            fates = FATES if with_checksum else FATES[:-1]
            fate = fates[int(which * len(fates))]
            self.met[fate] += 1
            return fate, seconds


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    upstream: str
    faults: Faults

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the library
        """Say nothing: the faults are counted."""

    def handle(self) -> None:
        with suppress(OSError):  # a client that was killed
            super().handle()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with_checksum = CHECKSUM in self.headers or b"<ChecksumSHA256>" in body
        fate, seconds = self.faults.draw(with_checksum=with_checksum)
        if fate == "error":
            self._refuse(500, "InternalError", "We encountered an internal error. Please try again.")
        elif fate == "checksum denied":
            self._refuse(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        elif fate == "stall":
            time.sleep(seconds)
            self.close_connection = True
        else:
            self._pass_on(body, fate)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - the library's names

    def _pass_on(self, body: bytes, fate: str) -> None:
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in NOT_PASSED_ON:
                    connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if fate == "lost answer":
            self._refuse(500, "InternalError", "It was done, but nobody heard of it.")
        else:
            self._answer(answer, content, cut=fate == "cut")

    def _answer(self, answer: http.client.HTTPResponse, content: bytes, *, cut: bool) -> None:
        if cut and not content:
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else str(len(content))
        self.send_header("content-length", length or "0")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("content-type", "application/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that the killed leave behind."""


@contextmanager
def running_proxy(upstream: str, faults: Faults) -> Iterator[str]:
    """Run it before the store at this endpoint, and yield the endpoint it has itself."""
    handler = type("Proxy", (_Proxy,), {"upstream": urlsplit(upstream).netloc, "faults": faults})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
