"""The embedded store as a client meets it: what a server of files must do beyond the contract both stores keep."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar

from api.local_store import CHUNK_BYTES, local_store_handler, serve
from media.local_store import LocalStorage
from tests.stores import ASSET, BIG, KEY, SECRET, SMALL, Clock, LocalServer, begin, running_local

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with running_local() as running:
        yield running


@pytest.fixture
def local(server: LocalServer, tmp_path: Path) -> Iterator[LocalStorage]:
    with server.serve(tmp_path / "store", Clock()) as storage:
        yield storage


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
async def url(local: LocalStorage) -> str:
    await local.put_bytes(KEY, BODY, "video/mp4")
    return local.sign_get(KEY, expires_in_s=600)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.01)


def left_in(folder: Path) -> list[str]:
    return [path.name for path in (folder / "incoming").iterdir()]


def raw_put(url: str, *headers: str) -> bytes:
    parts = urlsplit(url)
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


async def test_a_head_tells_what_a_get_would(http: httpx.AsyncClient, url: str) -> None:
    response = await http.head(url)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(BODY))
    assert response.headers["accept-ranges"] == "bytes"


async def test_an_object_is_kept_by_its_reader_alone_and_no_longer_than_its_url(
    http: httpx.AsyncClient, url: str
) -> None:
    response = await http.get(url)
    scope, _, age = response.headers["cache-control"].partition(", max-age=")
    assert scope == "private"
    assert 590 <= int(age) <= 600 + 3600


async def test_nothing_in_an_object_may_run(local: LocalStorage, http: httpx.AsyncClient) -> None:
    await local.put_bytes(KEY, b"<script>alert(1)</script>", "text/html")
    response = await http.get(local.sign_get(KEY, expires_in_s=60))
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=9-3", "bytes=-", "bytes=a-b", "items=0-5", "bytes=0-1;q=2"])
async def test_a_range_that_cannot_be_read_is_ignored(http: httpx.AsyncClient, url: str, asked: str) -> None:
    response = await http.get(url, headers={"range": asked})
    assert (response.status_code, response.content) == (200, BODY)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=-0", "bytes=99999-100000"])
async def test_a_range_behind_the_end_says_how_long_the_object_is(
    http: httpx.AsyncClient, url: str, asked: str
) -> None:
    response = await http.get(url, headers={"range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */10240"
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_empty_object_is_served(local: LocalStorage, http: httpx.AsyncClient) -> None:
    await local.put_bytes(KEY, b"", "video/mp4")
    url = local.sign_get(KEY, expires_in_s=60)
    assert (await http.get(url)).content == b""
    assert (await http.get(url, headers={"range": "bytes=0-"})).status_code == 416


async def test_a_range_of_what_has_changed_is_the_whole(local: LocalStorage, http: httpx.AsyncClient, url: str) -> None:
    etag = (await http.get(url)).headers["etag"]
    resume = {"range": "bytes=100-", "if-range": etag}
    assert (await http.get(url, headers=resume)).status_code == 206
    await local.put_bytes(KEY, BODY[::-1], "video/mp4")
    response = await http.get(url, headers=resume)
    assert (response.status_code, response.content) == (200, BODY[::-1])


@pytest.mark.parametrize("known", ["W/{etag}", '"other", {etag}', "*"])
async def test_what_is_known_is_not_sent_again(http: httpx.AsyncClient, url: str, known: str) -> None:
    etag = (await http.get(url)).headers["etag"]
    response = await http.get(url, headers={"if-none-match": known.format(etag=etag)})
    assert response.status_code == 304
    assert response.headers["etag"] == etag


async def test_a_large_object_arrives_whole(local: LocalStorage, http: httpx.AsyncClient) -> None:
    await local.put_bytes(KEY, BIG + SMALL, "video/mp4")
    response = await http.get(local.sign_get(KEY, expires_in_s=60))
    assert response.content == BIG + SMALL


async def test_an_erased_object_is_gone_though_its_url_lives(
    local: LocalStorage, http: httpx.AsyncClient, url: str
) -> None:
    await local.delete_prefix(ASSET)
    response = await http.get(url)
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    "path", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e/%2e%2e/etc/passwd", "a/../../secret", "%00", "", "a~.json", "%FF"]
)
async def test_no_path_leaves_the_folder(http: httpx.AsyncClient, url: str, path: str) -> None:
    parts = urlsplit(url)
    response = await http.get(f"{parts.scheme}://{parts.netloc}/store/{path}?{parts.query}")
    assert response.status_code in (403, 404)


async def test_a_refusal_is_a_problem_that_browsers_may_read(http: httpx.AsyncClient, url: str) -> None:
    response = await http.get(url[:-1] + ("0" if url[-1] != "0" else "1"), headers={"origin": "https://app.example"})
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.json()["type"] == "/problems/url-refused"


async def test_an_expired_url_says_so(local: LocalStorage, http: httpx.AsyncClient) -> None:
    await local.put_bytes(KEY, BODY, "video/mp4")
    stale = local.sign_get(KEY, expires_in_s=-3600)
    response = await http.get(stale)
    assert response.status_code == 403
    assert response.json()["type"] == "/problems/url-expired"


async def test_other_methods_are_refused(http: httpx.AsyncClient, url: str) -> None:
    response = await http.delete(url)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, PUT, OPTIONS"


async def test_browsers_may_see_what_players_need(http: httpx.AsyncClient, url: str) -> None:
    exposed = (await http.get(url)).headers["access-control-expose-headers"].lower()
    assert {"etag", "content-range", "content-length"} <= set(exposed.split(", "))
    asked = {"origin": "https://a.example", "access-control-request-method": "PUT"}
    allowed = (await http.options(url, headers=asked)).headers["access-control-allow-headers"]
    assert {"range", "content-type", "x-amz-checksum-sha256"} <= set(allowed.split(", "))


async def test_a_part_needs_its_length(local: LocalStorage, http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield SMALL

    upload = await begin(local, http)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    response = await http.put(signed.url, content=chunks())
    assert response.status_code == 411
    assert await local.list_parts(KEY, upload.id) == []


@pytest.mark.parametrize("length", [0, 999, 1001, 100 * 1024 * 1024, 10**15 - 1])
async def test_a_part_of_another_length_is_refused_before_it_is_read(
    local: LocalStorage, http: httpx.AsyncClient, length: int
) -> None:
    upload = await begin(local, http)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=1000, expires_in_s=60)
    with connect(signed.url) as client:
        client.sendall(raw_put(signed.url, f"Content-Length: {length}"))
        answer = await asyncio.to_thread(client.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 400")
    assert f"This part has 1000 bytes, and its Content-Length says {length}.".encode() in answer
    assert left_in(local.folder) == []


async def test_a_part_cut_short_leaves_nothing(local: LocalStorage, http: httpx.AsyncClient) -> None:
    upload = await begin(local, http)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=len(BIG), expires_in_s=60)
    with connect(signed.url) as client:
        client.sendall(raw_put(signed.url, f"Content-Length: {len(BIG)}") + BIG[: CHUNK_BYTES * 2])
        await until(lambda: left_in(local.folder) != [])
    await until(lambda: left_in(local.folder) == [])
    assert await local.list_parts(KEY, upload.id) == []
    await upload.put(1, BIG)
    assert [part.size_bytes for part in await local.list_parts(KEY, upload.id)] == [len(BIG)]


async def test_a_part_that_fails_keeps_the_one_before(local: LocalStorage, http: httpx.AsyncClient) -> None:
    upload = await begin(local, http)
    etag = await upload.put(1, SMALL)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=1000, expires_in_s=60)
    with connect(signed.url) as client:
        client.sendall(raw_put(signed.url, "Content-Length: 1000") + b"half")
        await until(lambda: left_in(local.folder) != [])
    await until(lambda: left_in(local.folder) == [])
    assert [part.etag for part in await local.list_parts(KEY, upload.id)] == [etag]


async def test_a_store_without_room_answers_503_and_keeps_nothing(local: LocalStorage, http: httpx.AsyncClient) -> None:
    upload = await begin(local, http)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    (local.folder / "incoming").rmdir()
    (local.folder / "incoming").write_text("in the way")
    response = await http.put(signed.url, content=SMALL)
    assert response.status_code == 503
    assert await local.list_parts(KEY, upload.id) == []


class Exchange:
    """One request spoken to the application itself, to see when it reads and what it holds."""

    def __init__(self, method: str, url: str, body: Iterator[bytes], headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self.body = body
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self.received = 0

    async def receive(self) -> Any:
        chunk = next(self.body, None)
        if chunk is None:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self.received += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


async def test_nothing_is_read_for_a_client_that_hung_up(local: LocalStorage) -> None:
    await local.put_bytes(KEY, BIG * 4, "video/mp4")
    exchange = Exchange("GET", local.sign_get(KEY, expires_in_s=60), iter(()), {})

    async def send(message: Any) -> None:
        exchange.sent.append(message)
        exchange.gone.set()
        await asyncio.sleep(0)

    await serve(local, exchange.scope, exchange.receive, send)
    assert sum(len(message.get("body", b"")) for message in exchange.sent) < len(BIG)


async def test_a_part_is_written_as_it_comes(local: LocalStorage, http: httpx.AsyncClient) -> None:
    upload = await begin(local, http)
    signed = local.sign_part(KEY, upload.id, 1, size_bytes=64 * 65_536, expires_in_s=60)
    behind: list[int] = []

    def body() -> Iterator[bytes]:
        for n in range(64):
            written = sum(path.stat().st_size for path in (local.folder / "incoming").iterdir())
            behind.append(n * 65_536 - written)
            yield bytes(65_536)

    exchange = Exchange("PUT", signed.url, body(), {"content-length": str(64 * 65_536)})
    exchange.gone.set()
    await serve(local, exchange.scope, exchange.receive, exchange.send)
    assert exchange.received == 64 * 65_536
    assert max(behind) <= 2 * CHUNK_BYTES
    assert exchange.sent == []  # it hung up: nobody is answered
    assert await local.list_parts(KEY, upload.id) == []


async def test_the_store_is_mounted_in_an_application_with_other_routes(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "store", secret=SECRET, public_url="http://testserver")
    await storage.put_bytes(KEY, BODY, "video/mp4")
    app: Any = Litestar([local_store_handler(storage)], request_max_body_size=1024)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        assert (await client.get(storage.sign_get(KEY, expires_in_s=60))).content == BODY
        upload = await begin(storage, client)
        await upload.put(1, BIG)
        assert (await client.get("/store")).status_code == 403
        assert (await client.get("/elsewhere")).status_code == 404
        assert (await client.get("/storefront")).status_code == 404
        assert (await client.get(f"/stores/{KEY}")).status_code == 404
        assert "/store" not in json.dumps((await client.get("/schema/openapi.json")).json()["paths"])
    await storage.close()


async def test_a_refusal_names_the_request_as_every_problem_does(app: Litestar) -> None:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # it knows ASGI by other names
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        refused = await client.get(f"/store/{KEY}?expires=1&signature=wrong")
    assert refused.status_code == 403
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
