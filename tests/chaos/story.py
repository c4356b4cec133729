"""Several reps at work: one take after the other, each from a phone that dies now and then as well."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from api.demo.org import Speaker, positioning_challenge, positioning_rubric, token
from api.orgs import NewOrg, create_org
from api.settings import read_settings
from tests.chaos.house import House
from tests.phone.phone import Account, Phone
from tests.phone.saved import Saved
from tests.phone.wire import Killed, TurnedClock, Wire
from tests.phone.world import recording
from tests.processes import environment
from tests.stores import NO_TLS

SLUG, PASSWORD, ADMIN = "chaos", "a password of the chaos", "ada@example.com"
PHONE_DIES = 0.3
LONGEST_S = 600.0


class Broken(AssertionError):  # noqa: N818 - what the server is
    """An answer that no death and no failing store explains."""


@dataclass
class Handed:
    """A take whose submission the server accepted, as its phone knows it."""

    email: str
    saved: Saved
    video: Path


@dataclass
class Story:
    """`answers` counts what the API answered; `over` says that no new take is to be begun."""

    house: House
    chance: random.Random
    reps: int
    say: Callable[[str], None]
    handed: list[Handed] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    over: bool = False
    phones_died: int = 0
    _number: int = 0

    async def prepare(self, challenges: int) -> None:
        """Make the organization, a team of reps, and so many challenges for each."""
        settings = read_settings(environment(**self.house.settings))
        await create_org(settings, NewOrg(SLUG, "Chaos", "UTC", ADMIN, "Ada", PASSWORD))
        async with httpx.AsyncClient(base_url=self.house.base_url, timeout=60) as client:
            admin = Speaker(client, await token(client, SLUG, ADMIN, PASSWORD))
            team = await admin.post("/v1/teams", {"name": "North"})
            for name, role in [("manager", "manager"), *((f"rep-{n}", "rep") for n in range(self.reps))]:
                person = await admin.person(name, f"{name}@example.com", PASSWORD)
                await admin.put(f"/v1/teams/{team['id']}/members/{person}", {"role": role})
            skill = await admin.post("/v1/skills", {"name": "Positioning"})
            manager = Speaker(client, await token(client, SLUG, "manager@example.com", PASSWORD))
            rubric = await manager.post("/v1/rubrics", positioning_rubric(skill["id"]))
            for number in range(challenges):
                body = positioning_challenge(rubric["id"], team["id"], f"Challenge {number}")
                made = await manager.post("/v1/challenges", body)
                await manager.post(f"/v1/challenges/{made['id']}/publish", {})

    async def tell(self, challenges: int) -> None:
        """Let each rep answer challenges until it is over."""
        chances = [random.Random(self.chance.random()) for _ in range(self.reps)]
        async with asyncio.TaskGroup() as group:
            for number, chance in enumerate(chances):
                group.create_task(self._rep(f"rep-{number}@example.com", challenges, chance))

    async def _rep(self, email: str, challenges: int, chance: random.Random) -> None:
        for _ in range(challenges):
            if self.over:
                return
            self._number += 1
            video = recording(self.house.folder / f"{self._number}.mp4", self._number)
            saved = await self._take(email, video, chance)
            self.handed.append(Handed(email, saved, video))
            self.say(f"{email} has handed in take {saved.take_id}, which is {saved.result}")

    async def _take(self, email: str, video: Path, chance: random.Random) -> Saved:
        """Let a phone live, die and live again until its take is handed in and its video plays."""
        database = video.with_suffix(".json")
        async with asyncio.timeout(LONGEST_S):
            while True:
                client = httpx.AsyncClient(base_url=self.house.base_url, timeout=10, verify=NO_TLS)
                wire = Wire(client, checked=self._note)
                if chance.random() < PHONE_DIES:
                    wire.last_call = chance.randint(1, 20)
                account = Account(SLUG, email, PASSWORD)
                try:
                    return await Phone(database, video, account, wire, clock=TurnedClock(), wait=self._wait).run()
                except Killed:
                    self.phones_died += 1
                finally:
                    await client.aclose()

    async def _wait(self) -> None:
        await asyncio.sleep(0.25)

    def _note(self, answer: httpx.Response) -> None:
        self.answers[answer.status_code] += 1
        if answer.status_code == 500:
            raise Broken(f"{answer.request.method} {answer.request.url.path} was answered 500: {answer.text[:200]}")
