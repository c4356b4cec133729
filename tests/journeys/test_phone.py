"""A phone that dies after each of its calls, in turn: its take is handed in once, with the bytes it recorded."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api.embedded import EmbeddedPostgres, Urls
from api.settings import Settings
from media.local_store import LocalStorage
from tests.conftest import SECRET
from tests.factories.jobs import a_house, own_database
from tests.phone.world import World, a_world, recording
from tests.stores import Clock

ORDER = [
    "POST sign-in",
    "GET assignments",
    "GET challenges",
    "POST takes",
    "GET uploads",
    "POST uploads",
    "PUT responses",
    "POST submit",
    "GET uploads",
    "POST part-urls",
    "PUT store",
    "PUT store",
    "POST complete",
    "GET assets",
    "GET assets",
]


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The store's clock, by which its URLs age."""
    return Clock()


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_phones")


@pytest.fixture(scope="module")
async def world(
    own_urls: Urls, settings: Settings, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("phones")
    storage = LocalStorage(folder / "store", secret=SECRET, public_url="http://testserver", clock=clock)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(a_house(own_urls, storage, folder))
        yield await stack.enter_async_context(a_world(house, storage, settings, folder))


@pytest.fixture(scope="module")
def video(world: World) -> Path:
    return recording(world.folder / "talk.mp4")


def short(call: str) -> str:
    """Return the method, and the word of the path that says what is done."""
    method, _, path = call.partition(" ")
    words = [word for word in path.split("/") if word and not any(digit in word for digit in "0123456789")]
    return f"{method} {words[0] if words[0] == 'store' else words[-1]}"


async def test_it_keeps_to_the_order_of_the_recipe(world: World, video: Path) -> None:
    rep = await world.rep()
    saved, calls = await world.live(rep, video, [])
    assert saved.result == "playable"
    assert [short(call) for call in calls] == ORDER
    await world.check(rep, video)


@pytest.mark.parametrize("wipe", [False, True], ids=["restarted", "installed again"])
async def test_killed_after_any_call_it_hands_in_one_take(world: World, video: Path, wipe: bool) -> None:
    for last_call in range(1, len(ORDER) + 1):
        rep = await world.rep()
        saved, calls = await world.live(rep, video, [last_call], wipe=wipe)
        assert len(calls) > last_call
        assert saved.result in ("playable", "ready")
        await world.check(rep, video)
