"""Bodies are read as their schemas say: `"5"` is no number, `0` is not false, and a number is no instant.

The framework reads bodies as leniently as queries, where all is text. So a body is read here first; what cannot be is
told by its place once the rest of the request is in order: a stranger hears 404, not what is wrong with the body.
"""

import re
from typing import Any

import msgspec
from litestar import Request

_REFUSED = "refused_body"
_AT = re.compile(r"(?P<message>.*) - at `\$\.?(?P<key>.*)`", re.DOTALL)


class _Refused:
    """Stands where the body would, so that the framework refuses it in its turn."""


class StrictRequest(Request[Any, Any, Any]):
    async def json(self) -> Any:
        body = await super().json()
        field = self.route_handler.parsed_data_field
        if field is None:
            return body
        try:
            return msgspec.convert(body, type=field.annotation, strict=True, str_keys=True)
        except msgspec.ValidationError as error:
            self.scope["state"][_REFUSED] = str(error)
            return _Refused()


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
