"""Texts that let someone in, derived from an id and the server's secret, so that the database holds ids only."""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from models.errors import UnauthenticatedError

PURPOSES = ("refresh", "invitation", "password_reset")


def token_text(secret: bytes, purpose: str, org_id: UUID, token_id: UUID) -> str:
    """Return `<base64url of org, id and HMAC-SHA256>`; the same arguments give the same text."""
    body = org_id.bytes + token_id.bytes
    return base64.urlsafe_b64encode(body + _mac(secret, purpose, body)).rstrip(b"=").decode()


def read_token(secret: bytes, purpose: str, text: str) -> tuple[UUID, UUID]:
    """Return `(org_id, token_id)`.

    Raises:
        UnauthenticatedError: the text was not made here, or for another purpose.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnauthenticatedError("This token is not valid.", code="token-invalid") from error
    body, mac = raw[:32], raw[32:]
    if len(raw) != 64 or not hmac.compare_digest(mac, _mac(secret, purpose, body)):
        raise UnauthenticatedError("This token is not valid.", code="token-invalid")
    return UUID(bytes=body[:16]), UUID(bytes=body[16:])


def _mac(secret: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.new(secret, purpose.encode() + b"\0" + body, hashlib.sha256).digest()
