"""A server that ends without losing a request: it first lets its balancer look elsewhere, then stops listening."""

import signal
import time
from types import FrameType

import uvicorn
from litestar import Litestar

CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """Goes on answering for `drain_s` after SIGTERM, while `/health/ready` answers 503 and connections are closed.

    A balancer that keeps connections open would else send a request on one that is being closed. Whoever presses
    Ctrl-C, or asks a second time, does not wait.
    """

    def __init__(self, config: uvicorn.Config, app: Litestar, drain_s: float) -> None:
        super().__init__(config)
        self.app = app
        self.drain_s = drain_s
        self._drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._drained_at is not None or not self.drain_s:
            self.app.state.draining = True
            super().handle_exit(sig, frame)
            return
        self._drained_at = time.monotonic() + self.drain_s
        self.app.state.draining = True

    async def on_tick(self, counter: int) -> bool:
        if self._drained_at is not None:
            self._say_goodbye()
            if time.monotonic() >= self._drained_at and not self.should_exit:
                super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

    def _say_goodbye(self) -> None:
        """Have each answer end its connection; the headers are made anew every second from these."""
        for headers in (self.config.encoded_headers, self.server_state.default_headers):
            if CLOSE not in headers:
                headers.append(CLOSE)
