"""What else happens to a phone: old URLs, a lost refresh, a wrong clock, and a second one of the same person."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.embedded import EmbeddedPostgres, Urls
from api.settings import Settings
from media.s3_store import S3Place, S3Storage
from tests.factories.jobs import a_house, own_database
from tests.phone.phone import Phone
from tests.phone.saved import Saved
from tests.phone.wire import Killed, TurnedClock, Wire
from tests.phone.world import Rep, World, a_world, recording
from tests.s3_shim import S3Server, running_s3

TWENTY_MINUTES_S = 1200.0


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_troubled_phones")


@pytest.fixture(scope="module")
async def s3() -> AsyncIterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture(scope="module")
async def world(
    own_urls: Urls, settings: Settings, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("phones")
    storage = S3Storage(S3Place(s3.bucket, endpoint=s3.endpoint, region=s3.region), session=s3.session)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(storage.close)
        house = await stack.enter_async_context(a_house(own_urls, storage, folder))
        yield await stack.enter_async_context(a_world(house, storage, settings, folder))


@pytest.fixture(scope="module")
def video(world: World) -> Path:
    return recording(world.folder / "talk.mp4")


class Meddling(Wire):
    """A wire on which something happens before calls, and answers may be lost while the phone lives on."""

    def __init__(self, of: Wire, **meddle: Any) -> None:
        super().__init__(of._client, checked=of._checked)
        self.before = meddle.get("before", lambda *_: None)
        self.lost = meddle.get("lost", lambda *_: False)

    async def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        self.before(method, url, options)
        answer = await super().send(method, url, **options)
        if self.lost(method, url):
            raise httpx.ReadError("the answer was lost")
        return answer


async def test_urls_that_expired_are_asked_for_again(world: World, video: Path, s3: S3Server) -> None:
    rep = await world.rep()
    aged: list[str] = []

    def before(method: str, url: str, _: Any) -> None:
        s3.expire(0)
        if method == "PUT" and "X-Amz-Signature" in url and len(aged) < 2:
            aged.append(url)
            s3.expire()

    saved = world.folder / "expired.json"
    wire = Meddling(world.wire(), before=before)
    assert (await world.phone(rep, video, saved=saved, wire=wire).run()).result == "playable"
    assert len(aged) == 2
    assert sum(call.endswith("part-urls") for call in wire.made) == 3
    await world.check(rep, video)


async def test_a_refresh_whose_answer_is_lost_keeps_the_session(world: World, video: Path) -> None:
    """Its access token ends in the middle of the upload; the phone dies, or only waits, before it has the next."""
    rep = await world.rep()
    saved = world.folder / "refresh.json"
    first = world.wire()
    first.last_call = 8
    with pytest.raises(Killed):
        await world.phone(rep, video, saved=saved, wire=first).run()
    _end_access(saved)
    second = world.wire()
    second.last_call = 1
    with pytest.raises(Killed):
        await world.phone(rep, video, saved=saved, wire=second).run()
    assert second.made == ["POST /v1/auth/refresh"]
    lost: list[str] = []

    def lose(_: str, url: str) -> bool:
        lost.append(url)
        return len(lost) == 1

    third = Meddling(world.wire(), lost=lose)
    assert (await world.phone(rep, video, saved=saved, wire=third).run()).result == "playable"
    assert third.made[:2] == ["POST /v1/auth/refresh"] * 2
    assert "POST /v1/auth/sign-in" not in third.made
    await world.check(rep, video)


def _end_access(path: Path) -> None:
    """Let the saved access token be one that the server takes no more; the phone does not know it yet."""
    saved = Saved.read(path)
    saved.access, saved.access_until = saved.access[:-3] + "AAA", 0.0
    saved.write(path)


@pytest.mark.parametrize("wrong_by_s", [-TWENTY_MINUTES_S, TWENTY_MINUTES_S], ids=["slow", "fast"])
async def test_a_clock_that_is_wrong_changes_nothing(world: World, video: Path, wrong_by_s: float) -> None:
    rep = await world.rep()
    clock = TurnedClock(wrong_by_s)
    phone = world.phone(rep, video, saved=world.folder / f"{rep.id}.json", clock=clock)
    assert (await phone.run()).result == "playable"
    await world.check(rep, video)


@pytest.mark.parametrize("wrong_by_s", [-TWENTY_MINUTES_S, TWENTY_MINUTES_S], ids=["back", "forward"])
async def test_a_clock_that_is_turned_in_between_changes_nothing(world: World, video: Path, wrong_by_s: float) -> None:
    rep, clock = await world.rep(), TurnedClock()
    calls: list[str] = []

    def before(method: str, url: str, options: dict[str, Any]) -> None:
        calls.append(url)
        if len(calls) == 7:
            clock.wrong_by_s = wrong_by_s
            bearer = options["headers"]["authorization"]
            options["headers"] = {"authorization": bearer[:-3] + "AAA"}  # as a token is that has ended

    wire = Meddling(world.wire(), before=before)
    phone = world.phone(rep, video, saved=world.folder / f"{rep.id}.json", wire=wire, clock=clock)
    assert (await phone.run()).result == "playable"
    assert "POST /v1/auth/refresh" in wire.made
    await world.check(rep, video)


class InTurns:
    """Lets two phones make their calls in an order drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.turn = asyncio.Condition()
        self.waiting: set[int] = set()
        self.alive: set[int] = set()
        self.next: int | None = None

    async def take(self, who: int) -> None:
        async with self.turn:
            self.waiting.add(who)
            self._draw()
            await self.turn.wait_for(lambda: self.next == who)
            self.waiting.discard(who)
            self.next = None

    async def leave(self, who: int) -> None:
        async with self.turn:
            self.alive.discard(who)
            self._draw()

    def _draw(self) -> None:
        if self.next is None and self.waiting and self.waiting == self.alive:
            self.next = self.chance.choice(sorted(self.waiting))
        self.turn.notify_all()


class TurnWire(Wire):
    def __init__(self, of: Wire, turns: InTurns, who: int) -> None:
        super().__init__(of._client, checked=of._checked)
        self.turns, self.who = turns, who

    async def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        await self.turns.take(self.who)
        return await super().send(method, url, **options)


@pytest.mark.parametrize("seed", range(6))
async def test_two_devices_at_once_hand_in_one_take(world: World, video: Path, seed: int) -> None:
    """Each has recorded a video of its own; their calls mix in an order of the seed, and one dies once."""
    rep, turns = await world.rep(), InTurns(seed)
    videos = [video, recording(world.folder / "other.mp4", 7)]
    results = await asyncio.gather(*(_device(world, rep, videos[who], turns, who) for who in (0, 1)))
    assert all(results)
    await world.check(rep, *videos)


async def _device(world: World, rep: Rep, video: Path, turns: InTurns, who: int) -> str:
    turns.alive.add(who)
    await asyncio.sleep(0)  # until the other is there too
    saved = world.folder / f"{rep.id}-{who}.json"
    deaths = [turns.chance.randint(2, 12)] if who else []
    try:
        for last_call in [*deaths, None]:
            wire = TurnWire(world.wire(), turns, who)
            wire.last_call = last_call
            phone: Phone = world.phone(rep, video, saved=saved, wire=wire)
            try:
                return (await phone.run()).result
            except Killed:
                continue
    finally:
        await turns.leave(who)
    raise AssertionError("the last life has no end")
