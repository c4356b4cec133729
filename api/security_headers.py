"""What each answer tells a browser, so that nothing in it can be run, framed, sniffed, leaked or kept."""

import base64
import hashlib

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from api.openapi.page import STYLE
from api.settings import Settings

Header = tuple[bytes, bytes]

LOCKED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
YEAR_S = 365 * 24 * 3600
DOCS = "/docs"
PROBLEMS = f"{DOCS}/problems"
# No one's: they may be kept, if they are asked about each time.
FOR_ALL = (DOCS, f"{DOCS}/openapi.json", "/v1/openapi.json")

EVERYWHERE: dict[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def page_policy() -> str:
    """Return the policy of the pages at /docs: their one style, known by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"{LOCKED}; style-src 'sha256-{digest}'"


def security_headers(settings: Settings) -> BeforeMessageSendHookHandler:
    """Return the hook that completes the headers of each answer; what a route has said itself stays."""
    common = dict(EVERYWHERE)
    if settings.base_url.startswith("https://"):
        common["strict-transport-security"] = f"max-age={YEAR_S}; includeSubDomains"
    private = _encoded(common | {"content-security-policy": LOCKED, "cache-control": "no-store"})
    public = _encoded(common | {"content-security-policy": LOCKED, "cache-control": "no-cache"})
    page = _encoded(common | {"content-security-policy": page_policy(), "cache-control": "no-cache"})
    by_path = dict.fromkeys(FOR_ALL, public) | {DOCS: page, PROBLEMS: page}

    async def complete(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            said = list(message["headers"])
            names = {name.lower() for name, _ in said}
            wanted = by_path.get(scope["path"].rstrip("/"), private)
            message["headers"] = [*said, *(header for header in wanted if header[0] not in names)]

    return complete


def _encoded(headers: dict[str, str]) -> tuple[Header, ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers.items())
