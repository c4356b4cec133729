"""What two people, or two devices, can edit carries its version as an ETag; a write says which one it saw."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter

from models.errors import PreconditionFailedError, PreconditionRequiredError

# A route takes it for the document's sake; `require_match` reads the request.
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description="The ETag of the version this edits.", max_length=200)
]

ETAG_HEADER = [ResponseHeader(name="ETag", description="The version, for If-Match.", documentation_only=True)]


def etag(version: int) -> str:
    return f'"{version}"'


def tagged(version: int) -> dict[str, str]:
    """Return the headers of an answer at this version."""
    return {"ETag": etag(version)}


async def match_if_named(
    request: Request[Any, Any, Any], version: int, current: Callable[[], Awaitable[Any]] | Any
) -> None:
    """Let a write through that names no version, or the present one. As `require_match` else."""
    if request.headers.get("if-match", "").strip():
        await require_match(request, version, current)


async def require_match(
    request: Request[Any, Any, Any], version: int, current: Callable[[], Awaitable[Any]] | Any
) -> None:
    """Let a write through that names the present version.

    `current` is the present representation, or a coroutine function that makes it when it is needed.

    Raises:
        PreconditionRequiredError: there is no If-Match.
        PreconditionFailedError: it names another version.
    """
    header = request.headers.get("if-match", "").strip()
    if not header:
        raise PreconditionRequiredError("Send If-Match with the ETag of the version you edit.")
    named = {tag.strip() for tag in header.split(",")}
    if named & {"*", etag(version)}:
        return
    present = await current() if callable(current) else current
    raise PreconditionFailedError("This was changed after you read it.", current=present)
