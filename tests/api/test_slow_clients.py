"""Clients that begin and do not go on are given up; those that only take long are not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from litestar import Litestar
from uvicorn.server import ServerState

import api.bodies
import api.local_store
import api.slow_clients
from api.openapi.routes import cached
from api.run import server_config
from api.settings import Settings
from media.local_store import LocalStorage
from media.storage import Storage
from tests.client import Client, Document
from tests.factories.accounts import account
from tests.factories.people import OrgKit

SOON_S = 0.3
DEADLINE_S = 10.0
HEAD = "POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"


class Wire:
    """A connection on which a client sends what it likes, as slowly as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, said: str | bytes) -> None:
        self._writer.write(said.encode() if isinstance(said, str) else said)
        await self._writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split(" ")[1]), headers, body

    async def until_closed(self) -> bytes:
        """Return what came until the server closed it. Raises TimeoutError when it does not."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._reader.read()

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def connect(app: Litestar, settings: Settings) -> AsyncIterator[Callable[[], Any]]:
    """Connect to a server as `showme serve` configures it."""
    config = server_config(app, settings)
    config.load()
    kind, state = config.http_protocol_class, ServerState()
    made: list[Wire] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)  # type: ignore[call-arg]  # as uvicorn calls it

    async def new() -> Wire:
        made.append(Wire(*await asyncio.open_connection(*server.sockets[0].getsockname())))
        return made[-1]

    yield new
    for wire in made:
        wire.close()
    server.close()
    await server.wait_closed()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@pytest.mark.parametrize(
    "beginning",
    ["GET / HTTP/1.1\r\nhost: x\r\n", "G", "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET /he"],
    ids=["half a head", "a letter", "half a head after a whole request"],
)
async def test_half_a_head_is_not_waited_for_for_ever(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    monkeypatch.setattr(api.slow_clients, "HEAD_S", SOON_S)
    wire = await connect()
    await wire.send(beginning)
    await wire.until_closed()


async def test_a_head_that_comes_drop_by_drop_has_no_more_time(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.slow_clients, "HEAD_S", SOON_S)
    wire = await connect()

    async def drip() -> None:
        await wire.send("GET / HTTP/1.1\r\nx: ")
        while True:
            await wire.send("y")
            await asyncio.sleep(SOON_S / 10)

    dripping = asyncio.create_task(drip())
    try:
        await wire.until_closed()
    except ConnectionResetError:
        pass
    finally:
        dripping.cancel()
        await asyncio.wait([dripping])


async def test_a_connection_that_says_nothing_is_one_that_rests(app: Litestar, settings: Settings) -> None:
    config = server_config(app, settings)
    config.timeout_keep_alive = 0  # less than anybody would set
    config.load()
    kind: Any = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(lambda: kind(config, ServerState(), {}), "127.0.0.1", 0)
    wire = Wire(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    assert await wire.until_closed() == b""
    wire.close()
    server.close()
    await server.wait_closed()


async def test_half_a_body_is_answered_408_and_its_connection_closed(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.bodies, "BODY_S", SOON_S)
    wire = await connect()
    await wire.send(HEAD.format(1000) + "{")
    status, headers, body = await wire.answer()
    assert (status, headers["connection"], json.loads(body)["type"]) == (408, "close", "/problems/body-incomplete")
    assert await wire.until_closed() == b""


async def test_a_body_that_is_answered_before_its_end_is_not_waited_for_for_ever(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.slow_clients, "HEAD_S", SOON_S)
    wire = await connect()
    await wire.send("POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    assert (await wire.answer())[0] == 404
    assert await wire.until_closed() == b""


async def test_who_sends_a_whole_request_later_on_the_same_connection_is_answered(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, org: OrgKit
) -> None:
    monkeypatch.setattr(api.slow_clients, "HEAD_S", SOON_S)
    wire, who = await connect(), await account(org)
    body = json.dumps({"org": org.slug, "email": who.email, "password": "not that one"})
    for _ in range(2):
        for part in (HEAD.format(len(body)), body[:5], body[5:]):
            await wire.send(part)
            await asyncio.sleep(SOON_S)  # what is measured is time
        assert (await wire.answer())[0] == 401


async def test_a_client_that_hangs_up_in_its_body_is_no_failure_of_ours(app: Litestar) -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/v1/auth/sign-in", "raw_path": b"/v1/auth/sign-in"}
    scope |= {"headers": headers, "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    await app(scope | {"server": ("x", 80), "client": ("127.0.0.1", 1), "state": {}}, gone, send)  # type: ignore[arg-type]  # likewise
    assert [message["status"] for message in said if "status" in message] == [408]


async def test_without_a_body_it_is_said_that_there_is_none(anonymous: Client) -> None:
    answer = await anonymous.post("/v1/auth/sign-in")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "", "detail": "The body is missing: send JSON."}]


@pytest.fixture
async def part(storage: Storage) -> str:
    """Return where a part of four bytes may be put."""
    assert isinstance(storage, LocalStorage)
    multipart = await storage.create_multipart("slow/source.bin", "video/mp4", checksum=False)
    url = urlsplit(storage.sign_part("slow/source.bin", multipart, 1, size_bytes=4, expires_in_s=600).url)
    return f"{url.path}?{url.query}"


def put(part: str) -> str:
    return f"PUT {part} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n"


async def test_a_part_is_not_cut_while_bytes_arrive(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(api.local_store, "SILENT_S", 2 * SOON_S)
    monkeypatch.setattr(api.bodies, "BODY_S", SOON_S)
    monkeypatch.setattr(api.slow_clients, "HEAD_S", SOON_S)
    wire = await connect()
    await wire.send(put(part))
    for byte in b"slow":
        await asyncio.sleep(SOON_S)  # likewise
        await wire.send(bytes([byte]))
    assert (await wire.answer())[0] == 200


async def test_a_part_of_which_no_byte_comes_any_more_is_given_up(
    connect: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(api.local_store, "SILENT_S", SOON_S)
    wire = await connect()
    await wire.send(put(part) + "sl")
    status, headers, body = await wire.answer()
    assert (status, headers["connection"], json.loads(body)["type"]) == (408, "close", "/problems/body-incomplete")
    assert await wire.until_closed() == b""


def test_it_is_in_the_document_where_there_is_a_body(app: Litestar) -> None:
    paths = Document(cached(app)).content["paths"]
    with_body = {"post", "put", "patch"}
    for path, item in paths.items():
        for method, operation in item.items():
            if method in with_body:
                assert ("408" in operation["responses"]) == ("requestBody" in operation), f"{method} {path}"
