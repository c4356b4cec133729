"""One stream of changes as Server-Sent Events: the same items as of the list, each with the place behind it as `id`.

It holds no connection to the database while nothing happens. Whether its caller is still signed in, and what they may
see, is asked anew with each reading.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import msgspec
from litestar.datastructures import State
from sqlalchemy.exc import DBAPIError

from api.changes.hub import Hub, Listener
from api.changes.service import Changes, changes
from api.reading import reading
from models.errors import UnauthenticatedError, UnavailableError
from models.feed import Cursor

HEARTBEAT_S = 15.0
RETRY_MS = 3000
GAP_S = 0.25
AT_ONCE = 100


async def told(state: State, hub: Hub, listener: Listener, place: Cursor) -> AsyncGenerator[bytes]:
    """Yield what follows a place, as it comes, and why it ends at last."""
    try:
        await hub.join(listener, state)
        yield _block(retry=RETRY_MS, id=place)
        while not listener.ended:
            listener.woken.clear()
            page = await _page(state, listener, place)
            if page is None:
                break
            for behind, item in page.items:
                yield _block(id=behind, event="change", data=msgspec.json.encode(item).decode())
            if page.next.xid != place.xid:
                yield _block(id=page.next)
            place = page.next
            if not page.more and not listener.ended:
                yield b"" if await _rest(listener) else b":\n\n"
        yield _block(event="end", data=msgspec.json.encode({"reason": listener.ended}).decode())
    finally:
        hub.leave(listener)


async def _page(state: State, listener: Listener, place: Cursor) -> Changes | None:
    """Read on; None, and the stream ends, where that cannot be."""
    try:
        async with reading(state, listener.caller) as read:
            listener.know(read.actor)
            return await changes(read, place, AT_ONCE)
    except UnauthenticatedError:
        listener.end("signed-out")
    except (UnavailableError, DBAPIError, OSError):
        listener.end("unavailable")
    return None


async def _rest(listener: Listener) -> bool:
    """Wait until there may be something, and tell so; or else until it is time to say that the stream lives."""
    with suppress(TimeoutError):
        await asyncio.wait_for(listener.woken.wait(), HEARTBEAT_S)
    if listener.woken.is_set() and not listener.ended:
        await asyncio.sleep(GAP_S)  # what comes all at once is read at once
    return listener.woken.is_set()


def _block(**fields: Any) -> bytes:
    return ("".join(f"{name}: {value}\n" for name, value in fields.items()) + "\n").encode()
