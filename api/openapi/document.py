"""One document from the routes: litestar finds the schemas, the rest is tidied here."""

from collections.abc import Iterator
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from litestar import Litestar

from api.access import OPT, PUBLIC
from api.openapi.examples import Examples
from api.openapi.schemas import close, shorten_names, tidy
from api.problems import MEDIA_TYPE

METHODS = ("get", "put", "post", "patch", "delete")
DONE = {200: "OK", 201: "Created", 204: "Done, with nothing to say"}
# What litestar says where nothing is said; an operation tells it when it knows better.
NOISE = ("deprecated", "allowEmptyValue", "allowReserved")

Document = dict[str, Any]


def document(app: Litestar) -> Document:
    """Return the OpenAPI 3.1 document of an application, the same for the same code."""
    found = deepcopy(app.openapi_schema.to_schema())
    public = set(_public(app))
    for operation in _operations(found):
        _tidy_operation(operation, public=operation["operationId"] in public)
    found = close(tidy(shorten_names(found)))
    examples = Examples(found)
    for operation in _operations(found):
        examples.add_to(operation)
    return _ordered(found)


def _ordered(found: Document) -> Document:
    found["paths"] = {path: _by_method(found["paths"][path]) for path in sorted(found["paths"])}
    schemas = found["components"]["schemas"]
    found["components"]["schemas"] = {name: schemas[name] for name in sorted(schemas)}
    first = ("openapi", "info", "servers", "security", "tags", "paths", "components")
    return {key: found[key] for key in first if key in found}


def _by_method(item: Document) -> Document:
    return {key: item[key] for key in (*METHODS, *sorted(item.keys() - set(METHODS))) if key in item}


def _operations(found: Document) -> Iterator[Document]:
    for path in sorted(found["paths"]):
        for method in METHODS:
            if method in found["paths"][path]:
                yield found["paths"][path][method]


def _public(app: Litestar) -> Iterator[str]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.opt.get(OPT) == PUBLIC[OPT] and isinstance(handler.operation_id, str):
                yield handler.operation_id


def _tidy_operation(operation: Document, *, public: bool) -> None:
    if public:
        operation["security"] = []
    elif operation.get("security") == [{}]:
        del operation["security"]
    for thing in (operation, *operation.get("parameters", [])):
        for key in NOISE:
            if thing.get(key) is False:
                del thing[key]
    operation["responses"] = dict(sorted(_responses(operation)))
    _tidy_body(operation)


def _tidy_body(operation: Document) -> None:
    """Leave out a body that has no schema, and say of one that may be absent that it may."""
    body = operation.get("requestBody", {})
    schemas = [content["schema"] for content in body.get("content", {}).values() if "schema" in content]
    if not schemas:
        operation.pop("requestBody", None)
    elif any({"type": "null"} in schema.get("oneOf", ()) for schema in schemas):
        body["required"] = False


def _responses(operation: Document) -> Iterator[tuple[str, Document]]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, response in operation["responses"].items():
        if response.get("content", {}).get("application/json", {}).get("schema", {}).get("description") == (
            "Validation Exception"  # litestar's own, which is a problem of status 422 here
        ):
            continue
        if not response.get("headers", True):
            del response["headers"]
        for name, header in response.get("headers", {}).items():
            response["headers"][name] = {"description": header["description"], "schema": {"type": "string"}}
        if response["description"] == HTTPStatus(int(status)).description:
            response["description"] = DONE[int(status)]
        yield status, response
    if "requestBody" in operation:
        yield "408", {"description": "The body did not come whole in time", "content": problem}
        yield "413", {"description": "The body is larger than what is read", "content": problem}
        yield "415", {"description": "The body is not said to be JSON", "content": problem}
