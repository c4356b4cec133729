"""Each operation that changes something writes an event: watched over the whole suite, as its requests are sent.

Of every request that a test sends to the application in this process and that succeeds it is noted whether its
transaction wrote an event. An operation that never did, although it was asked for, fails the run. A run of some of the
tests fails for nothing: there an operation may have been asked again only.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from models.database import Database

READING = {"GET", "HEAD", "OPTIONS"}
# What changes nothing that anybody sees, by its operation, and why that is so.
QUIET = {
    "SignParts": "it signs URLs, and has an upload live longer; the parts themselves come to the store",
    "RefreshSession": "a token takes the place of another; the session is as it was",
    "RefreshPlayback": "it hands out URLs",
}

TOLD, SILENT = Counter[str](), Counter[str]()
_noted: ContextVar[list[bool] | None] = ContextVar("noted", default=None)
_hint = Database._hint


def _note(self: Database, session: AsyncSession) -> None:
    noted = _noted.get()
    if noted is not None and session.info.get("told"):
        noted.append(True)
    _hint(self, session)


def watch() -> None:
    Database._hint = _note  # type: ignore[method-assign]  # the one place that knows, after each commit


@contextmanager
def listening() -> Iterator[list[bool]]:
    """Collect what the transactions of a request tell."""
    noted: list[bool] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def count(method: str, operation: dict[str, Any] | None, status: int, noted: list[bool]) -> None:
    if operation is not None and method not in READING and 200 <= status < 300:
        (TOLD if noted else SILENT)[operation["operationId"]] += 1


def complaints(told: Counter[str], silent: Counter[str]) -> list[str]:
    return [
        f"{name} succeeded {silent[name]} times, and no event was ever written."
        for name in sorted(silent)
        if not told[name] and name not in QUIET
    ]
