"""A query says each thing once: of two values for one parameter, who reads the request later may take the other."""

from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from models.errors import InvalidError


def said_once(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Raises InvalidError for a parameter that is sent twice. Those that nobody asks for are not read at all."""
    query = connection.scope["query_string"]
    if b"&" not in query:
        return
    seen = set()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in seen:
            raise InvalidError(f"The query has {name[:100]!r} twice: send it once.", pointer=f"#query/{name[:100]}")
        seen.add(name)
