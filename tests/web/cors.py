"""CORS as S3 does it, before moto, which lets every origin in: the bucket's own rules decide, the first that fits.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from http import HTTPStatus
from typing import Any

from media.s3_bucket import cors_rules
from tests.s3_shim import S3Server

Headers = list[tuple[str, str]]


class BucketCors:
    """The WSGI application: a browser's requests get the headers that a rule of the bucket gives them, or none."""

    def __init__(self, server: S3Server, app: Callable[..., Iterable[bytes]]) -> None:
        self.server = server
        self.app = app

    @cached_property
    def _rules(self) -> list[Any]:
        client = self.server.client()
        try:
            return cors_rules(client, self.server.bucket)
        finally:
            client.close()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return self.app(environ, start_response)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return self._preflight(origin, environ, start_response)
        rule = self._rule(origin, environ["REQUEST_METHOD"])
        allowed = self._allowed(rule) if rule else []

        def ruled(status: str, headers: Headers, *rest: Any) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start_response(status, kept + allowed, *rest)

        return self.app(environ, ruled)

    def _preflight(self, origin: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        names = [name.strip().lower() for name in asked.split(",") if name.strip()]
        rule = self._rule(origin, environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", ""), names)
        status = HTTPStatus.OK if rule else HTTPStatus.FORBIDDEN
        headers = [*self._allowed(rule), ("Access-Control-Allow-Headers", ", ".join(names))] if rule else []
        start_response(f"{status.value} {status.phrase}", [*headers, ("Content-Length", "0")])
        return [b""]

    def _rule(self, origin: str, method: str, names: Iterable[str] = ()) -> Any:
        for rule in self._rules:
            headers = [header.lower() for header in rule.get("AllowedHeaders", [])]
            if (
                any(fnmatchcase(origin, pattern) for pattern in rule["AllowedOrigins"])
                and method in rule["AllowedMethods"]
                and all(any(fnmatchcase(name, pattern) for pattern in headers) for name in names)
            ):
                return rule
        return None

    def _allowed(self, rule: Any) -> Headers:
        said = [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", ", ".join(rule["AllowedMethods"])),
            ("Access-Control-Expose-Headers", ", ".join(rule.get("ExposeHeaders", []))),
            ("Access-Control-Max-Age", str(rule.get("MaxAgeSeconds", 0))),
        ]
        return [(name, value) for name, value in said if value]
