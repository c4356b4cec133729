"""Serves the embedded store to clients: signed URLs that bring a part or read an object, as S3 would.

A raw ASGI application, since bodies stream here: 1 MiB in memory at a time, all file access in threads.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, TypeVar
from urllib.parse import parse_qsl

import msgspec
import structlog
from anyio.to_thread import run_sync
from litestar import asgi
from litestar.exceptions import NotFoundException
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from api.access import PUBLIC
from api.problems import MEDIA_TYPE
from media.local_store import LocalStorage
from media.signing import CHECKSUM_HEADER, Grant, UrlRefusedError, content_disposition
from media.storage import NoSuchKey, NoSuchMultipart, ObjectInfo, PartRefused

log = structlog.get_logger()

CHUNK_BYTES = 1024 * 1024
SILENT_S = 30.0
# Neither HTML nor SVG, in which scripts run.
_HARMLESS = re.compile(
    r"(?:(?:video|audio)/[A-Za-z0-9!#$&^_.+-]{1,100}|image/(?:jpeg|png|webp)|text/(?:plain|vtt)"
    r"|application/(?:octet-stream|json|vnd\.apple\.mpegurl))",
    re.ASCII,
)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Content-Range, Content-Length",
    "cross-origin-resource-policy": "cross-origin",
}
PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, PUT",
    "access-control-allow-headers": f"range, content-type, {CHECKSUM_HEADER}",
    "access-control-max-age": "86400",
}

T = TypeVar("T")


class _RefusedError(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: int, slug: str, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers
        self.body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}


class _ClientGoneError(Exception):
    """The client hung up; there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    receive: Receive
    send: Send


def local_store_handler(storage: LocalStorage) -> ASGIRouteHandler:
    """Return the route that serves this store under /store, ready to be registered."""

    @asgi("/store", is_mount=True, copy_scope=True, opt=PUBLIC)
    async def local_store(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith("/"):  # of /stores, which only begins like it, it is handed `s`
            raise NotFoundException
        await serve(storage, scope, receive, send)

    return local_store


async def serve(storage: LocalStorage, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request; `scope["path"]` may still begin with /store."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    key = scope["path"].strip("/").removeprefix("store/")
    request = _Request(scope["method"], key, query, headers, receive, send)
    try:
        await _route(storage, request)
    except _ClientGoneError:
        return
    except _RefusedError as refused:
        body = {**refused.body, "request_id": scope.get("state", {}).get("request_id", "")}
        await _answer(request, refused.status, {"content-type": MEDIA_TYPE, **refused.headers}, body)


async def _route(storage: LocalStorage, request: _Request) -> None:
    if request.method == "OPTIONS":
        await _answer(request, 204, PREFLIGHT)
    elif request.method == "PUT":
        _check(storage, request, _put_grant(request))
        await _put(storage, request)
    elif request.method in ("GET", "HEAD"):
        expires_at = _check(storage, request, _get_grant(request))
        await _get(storage, request, life_s=int(expires_at - storage.clock()))
    else:
        raise _RefusedError(
            405, "method-not-allowed", "Method not allowed", "Use GET, HEAD or PUT.", allow="GET, HEAD, PUT, OPTIONS"
        )


def _put_grant(request: _Request) -> Grant:
    number, size_bytes = request.query.get("part_number", ""), request.query.get("size_bytes", "")
    return Grant(
        "PUT",
        request.key,
        multipart_id=request.query.get("multipart_id", ""),
        part_number=int(number) if re.fullmatch(r"[1-9]\d{0,4}", number, re.ASCII) else 0,
        size_bytes=int(size_bytes) if re.fullmatch(r"[1-9]\d{0,14}", size_bytes, re.ASCII) else 0,
        checksum_sha256=request.headers.get(CHECKSUM_HEADER, ""),
    )


def _get_grant(request: _Request) -> Grant:
    """A HEAD tells less than the GET whose URL it uses."""
    return Grant(
        "GET",
        request.key,
        content_type=request.query.get("content_type", ""),
        download_name=request.query.get("download_name", ""),
    )


def _check(storage: LocalStorage, request: _Request, grant: Grant) -> int:
    expires, signature = request.query.get("expires", ""), request.query.get("signature", "")
    try:
        return storage.signer.check(grant, expires=expires, signature=signature, now=storage.clock())
    except UrlRefusedError as error:
        slug = "url-expired" if error.expired else "url-refused"
        raise _RefusedError(403, slug, "This URL does not hold", str(error)) from error


async def _put(storage: LocalStorage, request: _Request) -> None:
    grant = _put_grant(request)
    _check_length(request, grant.size_bytes)
    checksum = grant.checksum_sha256 or None
    begin = partial(storage.open_part, request.key, grant.multipart_id, grant.part_number)
    writer = await _blocking(partial(begin, size_bytes=grant.size_bytes, checksum=checksum))
    try:
        async for chunk in _chunks(request.receive):
            await _blocking(partial(writer.write, chunk))
        etag = await _blocking(writer.commit)
    finally:
        writer.discard()
    await _answer(request, 200, {"etag": etag})


def _check_length(request: _Request, size_bytes: int) -> None:
    """Refuse a part of another size than was signed, while none of it is read."""
    length = request.headers.get("content-length", "")
    if not re.fullmatch(r"\d{1,15}", length, re.ASCII):
        raise _RefusedError(411, "length-required", "Length required", "Send the part with its Content-Length.")
    if int(length) != size_bytes:
        detail = f"This part has {size_bytes} bytes, and its Content-Length says {int(length)}."
        raise _RefusedError(400, "part-refused", "The part was refused", detail)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body in pieces of about 1 MiB, so that a thread is asked seldom."""
    waiting = bytearray()
    while True:
        message = await _next(receive)
        if message["type"] != "http.request":
            raise _ClientGoneError
        waiting += message.get("body", b"")
        more = message.get("more_body", False)
        if waiting and (len(waiting) >= CHUNK_BYTES or not more):
            yield bytes(waiting)
            waiting.clear()
        if not more:
            return


async def _next(receive: Receive) -> Any:
    """Wait for more of the body, however long all of it takes; a client that sends nothing at all is given up."""
    try:
        async with asyncio.timeout(SILENT_S):
            return await receive()
    except TimeoutError as error:
        detail = f"No byte came for {SILENT_S:.0f} seconds. Send the part again."
        raise _RefusedError(408, "body-incomplete", "Body incomplete", detail, connection="close") from error


async def _get(storage: LocalStorage, request: _Request, *, life_s: int) -> None:
    file, info = await _blocking(partial(storage.open_object, request.key))
    with file:
        headers = _object_headers(request, info, life_s)
        if _is_known(request.headers.get("if-none-match", ""), info.etag):
            await _answer(request, 304, headers)
            return
        span = _span(request, info)
        status, (first, last) = (200, (0, info.size_bytes - 1)) if span is None else (206, span)
        if span is not None:
            headers["content-range"] = f"bytes {first}-{last}/{info.size_bytes}"
        headers["content-length"] = str(last - first + 1)
        await _start(request, status, headers)
        if request.method == "GET":
            await _stream(request, file, first, last - first + 1)
        else:
            await request.send({"type": "http.response.body", "body": b"", "more_body": False})


def _object_headers(request: _Request, info: ObjectInfo, life_s: int) -> dict[str, str]:
    headers = {
        "content-type": _harmless(request.query.get("content_type") or info.content_type),
        "etag": info.etag,
        "accept-ranges": "bytes",
        "cache-control": f"private, max-age={max(life_s, 0)}",
        # The bytes come from people, and this is the address of the API: nothing in them may run here.
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }
    if name := request.query.get("download_name"):
        headers["content-disposition"] = content_disposition(name)
    return headers


def _harmless(content_type: str) -> str:
    """Return the type if a browser runs nothing of it. Uploads say theirs themselves, though only of such kinds."""
    return content_type if _HARMLESS.fullmatch(content_type) else "application/octet-stream"


def _is_known(if_none_match: str, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or known == ["*"]


def _span(request: _Request, info: ObjectInfo) -> tuple[int, int] | None:
    """Return (first, last) of the one range asked for; None where the whole is the answer (RFC 9110, 14.2)."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or match[0] == "bytes=-" or request.method != "GET":
        return None
    if request.headers.get("if-range", info.etag) != info.etag:
        return None
    size = info.size_bytes
    if match[1]:
        first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
        if match[2] and int(match[2]) < first:
            return None
    else:
        first, last = max(size - int(match[2]), 0), size - 1
    if first > last:
        raise _RefusedError(
            416,
            "range-not-satisfiable",
            "Range not satisfiable",
            f"The object has {size} bytes.",
            **{"content-range": f"bytes */{size}"},
        )
    return first, last


async def _stream(request: _Request, file: BinaryIO, first: int, size_bytes: int) -> None:
    """Send the bytes, and stop when the client hangs up, as players do whenever they seek."""
    gone = asyncio.create_task(_until_gone(request.receive))
    try:
        await run_sync(file.seek, first)
        left = size_bytes
        while left > 0 and not gone.done():
            chunk = await run_sync(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                raise EOFError("An object is shorter than its facts say.")
            left -= len(chunk)
            await request.send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if size_bytes == 0:
            await request.send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _blocking(function: Callable[[], T]) -> T:
    """Run in a thread, and turn what the store refuses into a problem."""
    try:
        return await run_sync(function)
    except NoSuchKey as error:
        raise _RefusedError(404, "not-found", "Not found", str(error)) from error
    except NoSuchMultipart as error:
        raise _RefusedError(404, "no-such-upload", "No such upload", str(error)) from error
    except PartRefused as error:
        raise _RefusedError(400, "part-refused", "The part was refused", str(error)) from error
    except OSError as error:
        log.exception("the store's folder failed")
        raise _RefusedError(503, "unavailable", "Not available right now", "The store failed; try again.") from error


async def _start(request: _Request, status: int, headers: Mapping[str, str]) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in {**CORS, **headers}.items()]
    await request.send({"type": "http.response.start", "status": status, "headers": pairs})


async def _answer(
    request: _Request, status: int, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> None:
    data = msgspec.json.encode(body) if body is not None else b""
    if status not in (204, 304):
        headers = {**headers, "content-length": str(len(data))}
    await _start(request, status, headers)
    content = b"" if request.method == "HEAD" else data
    await request.send({"type": "http.response.body", "body": content, "more_body": False})
