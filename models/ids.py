"""Time-ordered identifiers that clients can make as well."""

import secrets
import threading
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class InOrder:
    """Makes UUIDv7s of which each is greater than the one before from the same process (RFC 9562, 6.2, method 1)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        """Return one; its milliseconds and the 12 bits behind them count on where the clock stands still."""
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000 << 12)
            count = self._last
        value = count >> 12 << 80 | 0x7 << 76 | (count & 0xFFF) << 64 | 0x2 << 62 | secrets.randbits(62)
        return UUID(int=value)


next_id = InOrder()
