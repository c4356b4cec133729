"""Clients that begin a request and do not go on: uvicorn by itself would keep their connections for ever.

Bodies are waited for where they are read (`api/bodies.py`, `api/local_store.py`). Here it is the head of a request, and
the rest of a body that has been answered already.
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 30.0


class PatientProtocol(HttpToolsProtocol):
    """Closes what is not whole in time. A connection that was opened and says nothing is one that rests."""

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._whole()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._whole()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self._wait()

    def on_message_complete(self) -> None:
        self._whole()
        super().on_message_complete()

    def _wait(self) -> None:
        self._whole()
        self._deadline = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)  # which closes it

    def _whole(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
