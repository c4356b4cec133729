"""URLs of the API that carry their own signature: native players send no Authorization header."""

import base64
import binascii
import hmac
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from models.errors import ForbiddenError

_FIELDS = struct.Struct(">16s16sQ")
_TOKEN_BYTES = _FIELDS.size + 32


@dataclass(frozen=True, slots=True)
class Ticket:
    """What such a URL allows: to play one asset, until `expires_at` (seconds since the epoch)."""

    org_id: UUID
    asset_id: UUID
    expires_at: int


class Tickets:
    """Writes tickets into URLs under `base_url`, and reads them back."""

    def __init__(self, secret: bytes, base_url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret, b"showme media tickets 1", "sha256")
        self._base = f"{base_url.rstrip('/')}/v1/media/"
        self.now = clock

    def url(self, ticket: Ticket, name: str) -> str:
        """Return where `name` is for who holds this ticket. It ends as `name` does: players look at that."""
        return self.folder(ticket) + name

    def folder(self, ticket: Ticket) -> str:
        """Return what the URLs of all its files begin with."""
        return f"{self._base}{self.token(ticket)}/"

    def token(self, ticket: Ticket) -> str:
        said = _FIELDS.pack(ticket.org_id.bytes, ticket.asset_id.bytes, ticket.expires_at)
        return base64.urlsafe_b64encode(said + self._signature(said)).decode()

    def read(self, token: str) -> Ticket:
        """Return what a token says.

        Raises:
            ForbiddenError: it was not made here (`url-refused`), or its time is over (`url-expired`).
        """
        said, signature = _split(token)
        if not hmac.compare_digest(self._signature(said), signature):
            raise ForbiddenError("This URL was not signed here.", code="url-refused")
        org_id, asset_id, expires_at = _FIELDS.unpack(said)
        if self.now() >= expires_at:
            raise ForbiddenError("This URL has expired; ask for fresh ones.", code="url-expired")
        return Ticket(UUID(bytes=org_id), UUID(bytes=asset_id), expires_at)

    def left_s(self, ticket: Ticket) -> int:
        """Return how long the ticket holds still, in whole seconds."""
        return max(0, int(ticket.expires_at - self.now()))

    def _signature(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256")


def _split(token: str) -> tuple[bytes, bytes]:
    try:
        data = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != _TOKEN_BYTES:
        data = bytes(_TOKEN_BYTES)  # signs nothing
    return data[: _FIELDS.size], data[_FIELDS.size :]
