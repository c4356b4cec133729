"""How a story is told: steps with their times, each checked, and a table at the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from api.demo.org import Speaker


class StoryError(Exception):
    """Something did not hold; the message says what."""


@dataclass
class Step:
    title: str
    seconds: float
    remark: str


@dataclass
class Telling:
    """Prints a line a step. `quiet` keeps the table only."""

    quiet: bool = False
    steps: list[Step] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Time a step. Remarks appended to the list it gives stand beside it."""
        remarks: list[str] = []
        started = time.monotonic()
        try:
            yield remarks
        except BaseException:
            self._say(f"  FAILED  {title}")
            raise
        seconds = time.monotonic() - started
        self.steps.append(Step(title, seconds, ", ".join(remarks)))
        self._say(f"  {seconds:6.2f} s  {title}" + (f": {', '.join(remarks)}" if remarks else ""))

    def _say(self, line: str) -> None:
        if not self.quiet:
            print(line, flush=True)

    def table(self) -> str:
        width = max(len(step.title) for step in self.steps)
        rows = [f"  {step.title:<{width}}  {step.seconds:7.2f} s  {step.remark}" for step in self.steps]
        total = sum(step.seconds for step in self.steps)
        links = [f"  {name:<{width}}  {url}" for name, url in self.links.items()]
        return "\n".join(
            [*rows, f"  {'All together':<{width}}  {total:7.2f} s", "", "Links (signed, for some hours):", *links]
        )


def holds(fact: object, sentence: str) -> None:
    """Go on only if it is so.

    Raises:
        StoryError: it is not; the sentence says what should have been.
    """
    if not fact:
        raise StoryError(sentence)


async def until(ask: Callable[[], Awaitable[Any]], done: Callable[[Any], bool], what: str, seconds: float = 180) -> Any:
    """Ask again and again until the answer is as wanted.

    Raises:
        StoryError: it never was.
    """
    started = time.monotonic()
    delay = 0.05
    while True:
        answer = await ask()
        if done(answer):
            return answer
        if time.monotonic() - started > seconds:
            raise StoryError(f"{what} did not happen within {seconds:.0f} s; the last answer was {answer}")
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, 0.5)


async def refused(speaker: Speaker, status: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Make a call that must be refused with this status, and return the problem."""
    answer = await speaker.ask(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    holds(answer.status_code == status, f"{method} {path} answered {answer.status_code} instead of {status}")
    return answer.json()
