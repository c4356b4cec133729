"""Structured logs, JSON or readable, each line of a request or of its jobs with the same request id."""

import logging
import re
import sys
import time

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import Processor

from models.ids import new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Whoever reads such a path can play the video.
_TICKET = re.compile(r"(?<=^/v1/media/)[^/]+")
CALLER = "caller"
access_log = structlog.get_logger("access")


def configure_logs(form: str, level: str) -> None:
    number = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = form == "json"
    # Never the local variables of a traceback: they are people's, passwords among them.
    to_dict = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    errors: list[Processor] = [structlog.processors.ExceptionRenderer(to_dict)] if as_json else []
    last: Processor = structlog.processors.JSONRenderer()
    if not as_json:
        last = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, *errors, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, last],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[of_libraries], force=True)


class RequestId(ASGIMiddleware):
    """Give each request an id, the client's own where it sent a sane one; answer with it; log the request."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        sent = dict(scope.get("headers", [])).get(b"x-request-id", b"").decode("latin-1")
        request_id = sent if REQUEST_ID.fullmatch(sent) else new_id().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        path = _TICKET.sub("…", _asked_for(scope))
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await next_app(scope, receive, sending)
            finally:
                took = round((time.perf_counter() - started) * 1000, 1)
                access_log.info("request", method=scope.get("method"), path=path, status=status, ms=took, **_who(scope))


def _asked_for(scope: Scope) -> str:
    """Return the path with what a mount took away from its beginning, and without the slash it put at its end."""
    handler = scope.get("route_handler")
    if not getattr(handler, "is_mount", False):
        return scope["path"]
    [mounted_at] = handler.paths
    return f"{mounted_at}{scope['path']}".rstrip("/")


def _who(scope: Scope) -> dict[str, str]:
    """Return by their ids who asked, where a token said so."""
    caller = scope.get("state", {}).get(CALLER)
    return {"org": str(caller.org_id), "person": str(caller.person_id)} if caller else {}
