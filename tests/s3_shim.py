"""An S3 for tests: moto's server over real HTTP, behind a shim that refuses what AWS refuses and moto lets pass.

The shim works out each signature anew, from the wire and by its own code: wrong signatures, methods and dates, expired
URLs, headers that nobody signed, wrong checksums, and parts that do not keep to the checksum mode of their multipart.
"""

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

ACCESS_KEY = "AKIATESTSOFSHOWME"
SECRET_KEY = "a+secret/key+of+the+tests"
REGION = "eu-central-1"
EIGHT_DAYS_S = 8 * 24 * 3600
SKEW_S = 900

Environ = dict[str, Any]
Query = list[tuple[str, str]]


class Refused(Exception):  # noqa: N818 - reads as what happened
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def _part(text: str) -> str:
    return quote(text, safe="-_.~")


@dataclass
class _Seen:
    """One request as it came over the wire."""

    method: str
    path: str
    query: Query
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, environ: Environ) -> "_Seen":
        path, _, query = environ["REQUEST_URI"].partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        headers = {k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                headers[name.replace("_", "-").lower()] = environ[name]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return cls(environ["REQUEST_METHOD"], path, [(unquote(n), unquote(v)) for n, _, v in pairs], headers, body)

    def get(self, name: str) -> str:
        return next((value for key, value in self.query if key == name), "")

    def signature(self, date: str, scope: str, names: list[str], payload: str, secret_key: str) -> str:
        pairs = sorted((_part(n), _part(v)) for n, v in self.query if n != "X-Amz-Signature")
        text = "\n".join(
            [
                self.method,
                self.path,
                "&".join(f"{n}={v}" for n, v in pairs),
                *(f"{name}:{' '.join(self.headers.get(name, '').split())}" for name in names),
                "",
                ";".join(names),
                payload,
            ]
        )
        key = b"AWS4" + secret_key.encode()
        for piece in scope.split("/"):
            key = hmac.new(key, piece.encode(), "sha256").digest()
        digest = hashlib.sha256(text.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
        return hmac.new(key, to_sign.encode(), "sha256").hexdigest()


@dataclass
class Shim:
    """The checking WSGI application. `clock_ahead_s` lets signed URLs age without waiting."""

    app: Callable[..., Iterable[bytes]]
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    clock_ahead_s: float = 0
    multiparts: dict[str, bool] = field(default_factory=dict)
    """Those that are open, by id, and whether their parts need checksums."""
    denied: frozenset[str] = frozenset()
    """What a policy of the bucket forbids, by the name in the query: `versions`, `versioning`."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen = _Seen.of(environ)
        environ["wsgi.input"] = BytesIO(seen.body)
        try:
            if seen.method != "OPTIONS":
                self._check_signature(seen)
                self._check_policy(seen)
                self._check_checksum(seen)
                self._check_multipart(seen)
        except Refused as refused:
            return _refuse(refused, start_response)
        if seen.method in ("POST", "DELETE"):
            return self._follow(seen, environ, start_response)
        return self.app(environ, start_response)

    def _follow(self, seen: _Seen, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass on a request that may begin or end a multipart, and remember which are open."""
        statuses: list[str] = []

        def note(status: str, headers: Any, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, headers, *rest)

        body = b"".join(self.app(environ, note))
        begun = re.search(rb"<InitiateMultipartUploadResult.*<UploadId>([^<]+)</UploadId>", body, re.DOTALL)
        if begun:
            self.multiparts[begun[1].decode()] = seen.headers.get("x-amz-checksum-algorithm") == "SHA256"
        if seen.get("uploadId") and statuses[-1].startswith("2") and b"<Error>" not in body:
            self.multiparts.pop(seen.get("uploadId"), None)
        return [body]

    def _check_signature(self, seen: _Seen) -> None:
        if seen.get("X-Amz-Signature"):
            date, scope, names, signature = self._of_query(seen)
            payload = "UNSIGNED-PAYLOAD"
        else:
            date, scope, names, signature = self._of_header(seen)
            payload = seen.headers.get("x-amz-content-sha256", "")
            if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(seen.body).hexdigest()):
                raise Refused(400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
        if not scope.startswith(date[:8] + "/") or "host" not in names:
            raise Refused(403, "SignatureDoesNotMatch", "The scope or the signed headers cannot be.")
        unsigned = [name for name in seen.headers if name.startswith("x-amz-") and name not in names]
        if unsigned:
            raise Refused(403, "AccessDenied", f"Headers were not signed: {', '.join(unsigned)}.")
        expected = seen.signature(date, scope, names, payload, self.secret_key)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Refused(403, "SignatureDoesNotMatch", "The signature is not that of this request.")

    def _of_query(self, seen: _Seen) -> tuple[str, str, list[str], str]:
        access_key, _, scope = seen.get("X-Amz-Credential").partition("/")
        self._check_access_key(access_key)
        date, life = seen.get("X-Amz-Date"), seen.get("X-Amz-Expires")
        if not life.isdecimal() or not 1 <= int(life) <= 7 * 24 * 3600:
            raise Refused(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be a week at most.")
        now, begins = time.time() + self.clock_ahead_s, _seconds(date)
        if now >= begins + int(life):
            raise Refused(403, "AccessDenied", "Request has expired")
        if begins > now + SKEW_S:
            raise Refused(403, "AccessDenied", "Request is not yet valid")
        return date, scope, seen.get("X-Amz-SignedHeaders").split(";"), seen.get("X-Amz-Signature")

    def _of_header(self, seen: _Seen) -> tuple[str, str, list[str], str]:
        pattern = r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})"
        match = re.fullmatch(pattern, seen.headers.get("authorization", ""))
        if match is None:
            raise Refused(403, "AccessDenied", "This request is not signed.")
        self._check_access_key(match[1])
        date = seen.headers.get("x-amz-date", "")
        if abs(_seconds(date) - time.time()) > SKEW_S:
            raise Refused(403, "RequestTimeTooSkewed", "The request was signed at another time.")
        return date, match[2], match[3].split(";"), match[4]

    def _check_access_key(self, access_key: str) -> None:
        if access_key != self.access_key:
            raise Refused(403, "InvalidAccessKeyId", "There is no such access key.")

    def _check_policy(self, seen: _Seen) -> None:
        if self.denied & {name for name, _ in seen.query}:
            raise Refused(403, "AccessDenied", "Access Denied")

    def _check_checksum(self, seen: _Seen) -> None:
        claimed = seen.headers.get("x-amz-checksum-sha256")
        if claimed is not None and claimed != base64.b64encode(hashlib.sha256(seen.body).digest()).decode():
            raise Refused(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")

    def _check_multipart(self, seen: _Seen) -> None:
        if not seen.get("uploadId"):
            return
        mode = self.multiparts.get(seen.get("uploadId"))
        if mode is None:
            raise Refused(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        if seen.method == "PUT" and mode != ("x-amz-checksum-sha256" in seen.headers):
            raise Refused(400, "InvalidRequest", "Checksum Type mismatch occurred.")
        if seen.method == "POST" and mode:
            parts = [e for e in ET.fromstring(seen.body) if e.tag.endswith("Part")]  # noqa: S314 - our own
            if any(not any(child.tag.endswith("ChecksumSHA256") for child in part) for part in parts):
                raise Refused(400, "InvalidRequest", "The complete request must include the checksum for each part.")


def _seconds(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refused(403, "AccessDenied", "The date of the request cannot be read.") from None


def _refuse(refused: Refused, start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
        f"<Message>{escape(str(refused))}</Message></Error>"
    ).encode()
    headers = [
        ("Content-Type", "application/xml"),
        ("Content-Length", str(len(body))),
        ("Access-Control-Allow-Origin", "*"),
    ]
    start_response(f"{refused.status} Refused", headers)
    return [body]


@dataclass
class S3Server:
    endpoint: str
    bucket: str
    shim: Shim
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION

    @property
    def store_url(self) -> str:
        return self.store_url_of(self.bucket)

    def store_url_of(self, bucket: str) -> str:
        secret_key = quote(self.secret_key, safe="")
        return (
            f"s3://{bucket}?endpoint={self.endpoint}&region={self.region}"
            f"&access_key={self.access_key}&secret_key={secret_key}"
        )

    def expire(self, ahead_s: float = EIGHT_DAYS_S) -> None:
        """Let signed URLs age by this much, all that there are by default; 0 makes them young again."""
        self.shim.clock_ahead_s = ahead_s

    @contextmanager
    def denying(self, *names: str) -> Iterator[None]:
        """Forbid these for a while, by the name in the query: `versions`, `versioning`."""
        self.shim.denied = frozenset(names)
        try:
            yield
        finally:
            self.shim.denied = frozenset()

    @cached_property
    def session(self) -> boto3.Session:
        """Share one session: making a client from a fresh one takes a third of a second."""
        return boto3.Session(self.access_key, self.secret_key, region_name=self.region)

    def client(self) -> Any:
        """Return a boto3 client, to look at the bucket with."""
        return self.session.client(
            "s3",
            endpoint_url=self.endpoint,
            config=Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing: the tests assert."""


@contextmanager
def running_s3(bucket: str = "") -> Iterator[S3Server]:
    """Run an S3 in this process with one bucket in it; objects are kept in memory, which all such servers share."""
    bucket = bucket or f"showme-{uuid4()}"
    shim = Shim(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, shim, threaded=True, request_handler=_Handler)
    thread = threading.Thread(target=server.serve_forever, name="s3", daemon=True)
    thread.start()
    found = S3Server(f"http://127.0.0.1:{server.server_port}", bucket, shim)
    try:
        client = found.client()
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": found.region})
        client.close()
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
