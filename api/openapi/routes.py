"""The document, and a page to read it."""

from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

from api.access import PUBLIC
from api.openapi.document import Document, document
from api.openapi.page import page
from api.openapi.problems import problems_html


def cached(app: Litestar) -> Document:
    """Return the application's document, made once."""
    found: Document | None = app.state.get("openapi")
    if found is None:
        found = app.state["openapi"] = document(app)
    return found


class DocumentPlugin(OpenAPIRenderPlugin):
    """The document below /docs too, where tools look for it."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type="application/vnd.oai.openapi+json")  # type: ignore[arg-type]  # any text will do

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del openapi_schema  # the framework's own, before it is tidied
        return msgspec.json.encode(cached(request.app))


class PagePlugin(OpenAPIRenderPlugin):
    """A page to read it, at /docs."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del openapi_schema
        return page(cached(request.app)).encode()


class ProblemsPlugin(OpenAPIRenderPlugin):
    """The catalogue of problems, at /docs/problems."""

    def __init__(self) -> None:
        super().__init__(path="/problems", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del request, openapi_schema
        return problems_html().encode()


@get("/openapi.json", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def get_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(cached(request.app)), media_type=MediaType.JSON)


routes = [get_document]
