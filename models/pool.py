"""A pool that tells how long it took to get a connection from it."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool


class WatchedPool(AsyncAdaptedQueuePool):
    """`waited` is told the seconds, also those that ended in vain, and those that a new connection took."""

    waited: Callable[[float], object] | None = None

    def _do_get(self) -> Any:
        started = time.perf_counter()
        try:
            return super()._do_get()
        finally:
            if self.waited is not None:
                self.waited(time.perf_counter() - started)
