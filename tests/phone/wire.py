"""How a phone's calls go out: one by one, counted, and with what can happen to the phone in between."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from secrets import randbits
from typing import Any
from uuid import UUID

import httpx

Clock = Callable[[], float]
Checked = Callable[[httpx.Response], None]


class Killed(BaseException):
    """The phone's process is gone; like a real death, nothing in it may catch this."""


class Wire:
    """Sends each call. `last_call`: the answer of that one is lost, because the phone dies; 1 is the first."""

    def __init__(self, client: httpx.AsyncClient, *, checked: Checked | None = None) -> None:
        self._client = client
        self._checked = checked
        self.last_call: int | None = None
        self.made: list[str] = []

    async def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        path = httpx.URL(url).path
        self.made.append(f"{method} {path}")
        answer = await self._client.request(method, url, **options)
        if self._checked and not url.startswith("http"):
            self._checked(answer)
        if len(self.made) == self.last_call:
            raise Killed
        return answer


@dataclass
class TurnedClock:
    """A phone's clock, which may be wrong, and set right or wrong at any moment."""

    wrong_by_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.wrong_by_s


@dataclass
class Ids:
    """UUIDv7 as a phone makes them: by its own clock."""

    clock: Clock

    def __call__(self) -> str:
        stamp = int(self.clock() * 1000) & (1 << 48) - 1
        value = stamp << 80 | 7 << 76 | randbits(12) << 64 | 2 << 62 | randbits(62)
        return str(UUID(int=value))
