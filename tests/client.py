"""A client whose every response is checked against the OpenAPI document."""

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests import telling

Operation = dict[str, Any]


class Document:
    """The OpenAPI document, asked for the schema of one response."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self._registry: Registry[Any] = Registry().with_resource("doc:", DRAFT202012.create_resource(content))
        self._paths = [
            (re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + r"\Z"), path) for path in content["paths"]
        ]
        # A literal path wins over one with a parameter.
        self._paths.sort(key=lambda pair: pair[1].count("{"))
        self._validator = cache(self._make_validator)

    def path_of(self, path: str) -> str | None:
        return next((found for pattern, found in self._paths if pattern.match(path)), None)

    def operation(self, request: httpx.Request) -> Operation | None:
        found = self.path_of(request.url.path)
        operation: Operation | None = self.content["paths"][found].get(request.method.lower()) if found else None
        return operation

    def check(self, method: str, path: str, response: httpx.Response) -> None:
        """Fail when the response is not one that the document declares."""
        found = self.path_of(path)
        if found is None:
            return
        operation = self.content["paths"][found].get(method.lower())
        if operation is None:
            assert response.status_code == 405, f"{method} {path} is not documented, yet answers {response.status_code}"
            return
        declared = operation["responses"].get(str(response.status_code))
        assert declared is not None, (
            f"{method} {found} answers {response.status_code}, undeclared: {response.text[:500]}"
        )
        media_type = response.headers.get("content-type", "").split(";")[0]
        if not declared.get("content") or not response.content:
            return
        assert media_type in declared["content"], f"{method} {found} answers {media_type}, undeclared"
        if media_type.endswith("json"):
            self._validate(f"{found}|{method.lower()}|{response.status_code}|{media_type}", response.json())

    def _validate(self, key: str, body: Any) -> None:
        errors = [f"{error.json_path}: {error.message}" for error in self._validator(key).iter_errors(body)]
        assert not errors, f"{key}: {errors[:3]}"

    def _make_validator(self, key: str) -> Draft202012Validator:
        path, method, status, media_type = key.split("|")
        parts = ["paths", path, method, "responses", status, "content", media_type, "schema"]
        pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
        return Draft202012Validator({"$ref": f"doc:#/{pointer}"}, registry=self._registry)


class Client(httpx.AsyncClient):
    """Speaks to the application in this process; a response the document does not declare fails the test."""

    def __init__(self, app: Any, document: Document, token: str | None = None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        super().__init__(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://testserver",
            headers=headers,
        )
        self.document = document

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        with telling.listening() as noted:
            response = await super().send(request, **options)
        telling.count(request.method, self.document.operation(request), response.status_code, noted)
        if not options.get("stream"):
            self.document.check(request.method, request.url.path, response)
        return response
