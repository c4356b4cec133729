"""Bodies are read as their schemas say: `"5"` is no number, `0` is not false, and a number is no instant.

The framework reads bodies as leniently as queries, where all is text. So a body is read here first; what cannot be is
told by its place once the rest of the request is in order: a stranger hears 404, not what is wrong with the body.
A body that does not come whole in time is waited for no longer.
"""

import asyncio
import re
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException

BODY_S = 60.0  # for a megabyte at most
_REFUSED = "refused_body"
_OTHER_KIND = "body_of_another_kind"
# What a page of another origin may send without being asked first (text, forms, no type at all) is none of it.
_JSON = re.compile(r"\s*application/(?:[a-z0-9.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
_AT = re.compile(r"(?P<message>.*) - at `\$\.?(?P<key>.*)`", re.DOTALL)


class _Refused:
    """Stands where the body would, so that the framework refuses it in its turn."""


class StrictRequest(Request[Any, Any, Any]):
    async def body(self) -> bytes:
        """Return the body once it is whole.

        Raises:
            HTTPException: 408, it is not whole in time, or its client has hung up: then nobody hears it.
        """
        try:
            async with asyncio.timeout(BODY_S):
                body = await super().body()
        except (TimeoutError, InternalServerException) as error:
            raise HTTPException(status_code=408, headers={"connection": "close"}) from error
        if not body and self.route_handler.parsed_data_field is not None:
            self.scope["state"][_REFUSED] = "The body is missing: send JSON."
        return body

    async def json(self) -> Any:
        if not _JSON.fullmatch(self.headers.get("content-type", "")):
            self.scope["state"][_OTHER_KIND] = True
            return _Refused()
        body = await super().json()
        field = self.route_handler.parsed_data_field
        if field is None:
            return body
        try:
            return msgspec.convert(body, type=field.annotation, strict=True, str_keys=True)
        except msgspec.ValidationError as error:
            self.scope["state"][_REFUSED] = str(error)
            return _Refused()


def is_of_another_kind(request: Request[Any, Any, Any]) -> bool:
    """Whether the body was refused since it does not say that it is JSON."""
    return _OTHER_KIND in request.scope["state"]


def refusal(request: Request[Any, Any, Any]) -> dict[str, str] | None:
    """Return what is wrong with the body, in the form that the framework gives its own findings."""
    text = request.scope["state"].get(_REFUSED)
    if text is None:
        return None
    found = _AT.fullmatch(text)
    return {
        "message": found["message"] if found else text,
        "key": (found and found["key"]) or "data",
        "source": "body",
    }
