"""Both stores as clients meet them: over real HTTP on a port of their own."""

import base64
import hashlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import uvicorn
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from api.local_store import serve
from media.local_store import LocalStorage
from media.s3_store import S3Place, S3Storage
from media.storage import MIN_PART_BYTES, PartToJoin, SignedRequest, Storage
from tests.s3_shim import S3Server

ASSET = f"{uuid4()}/assets/{uuid4()}/"
KEY = ASSET + "source.bin"
BIG = random.Random(7).randbytes(MIN_PART_BYTES)
SMALL = b"the last part may be short"
SECRET = b"a secret of the tests, 32 bytes or more"
# For clients on the loopback address, who speak plain HTTP: by default each loads all authorities, 50 ms of CPU.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@contextmanager
def serving(app: Litestar, listener: socket.socket) -> Iterator[None]:
    """Serve an application from a thread on a socket that is bound already."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server ended"
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class LocalServer:
    """One server for many stores in turn, since stopping one takes longer than most tests."""

    url: str
    now: LocalStorage | None = None

    @contextmanager
    def serve(self, folder: Path, clock: Clock) -> Iterator[LocalStorage]:
        self.now = LocalStorage(folder, secret=SECRET, public_url=self.url, clock=clock)
        try:
            yield self.now
        finally:
            self.now = None


@contextmanager
def running_local() -> Iterator[LocalServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = LocalServer(f"http://127.0.0.1:{listener.getsockname()[1]}")

        @asgi("/store", is_mount=True, copy_scope=True)
        async def store(scope: Scope, receive: Receive, send: Send) -> None:
            assert server.now is not None, "no test is served"
            await serve(server.now, scope, receive, send)

        with serving(Litestar([store], openapi_config=None), listener):
            yield server


def open_s3(server: S3Server, bucket: str, clock: Clock, *, page: int = 1000) -> S3Storage:
    place = S3Place(bucket, endpoint=server.endpoint, region=server.region)
    return S3Storage(place, clock=clock, session=server.session, page=page)


def sha256_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def send(http: httpx.AsyncClient, signed: SignedRequest, data: bytes) -> httpx.Response:
    return await http.request(signed.method, signed.url, headers=signed.headers, content=data)


class Upload:
    """One multipart, driven as a client and the API together would."""

    def __init__(self, store: Storage, http: httpx.AsyncClient, multipart_id: str, *, checksum: bool) -> None:
        self.store, self.http, self.id, self.checksum = store, http, multipart_id, checksum
        self.sent: dict[int, PartToJoin] = {}

    async def put(self, number: int, data: bytes) -> str:
        checksum = sha256_of(data) if self.checksum else None
        signed = self.store.sign_part(
            KEY, self.id, number, size_bytes=len(data), checksum_sha256=checksum, expires_in_s=60
        )
        response = await send(self.http, signed, data)
        assert response.status_code == 200, response.text
        self.sent[number] = (number, response.headers["etag"], checksum)
        return str(response.headers["etag"])

    async def complete(self) -> None:
        await self.store.complete_multipart(KEY, self.id, [self.sent[number] for number in sorted(self.sent)])


async def begin(store: Storage, http: httpx.AsyncClient, *, checksum: bool = False) -> Upload:
    multipart_id = await store.create_multipart(KEY, "video/mp4", checksum=checksum)
    return Upload(store, http, multipart_id, checksum=checksum)
