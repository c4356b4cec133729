"""`showme store check`: what it says of a store, what it does about it, and how it ends."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from api.cli import main
from api.embedded import EmbeddedPostgres, Urls
from api.parts import store_of
from api.settings import Settings
from api.store_check import NAMED, StoreCheckError, store_check
from media import keys
from media.local_store import LocalStorage
from models.base import now
from tests.factories.assets import Video, put_ready
from tests.factories.jobs import House, a_house, folder_store, own_database
from tests.s3_shim import running_s3

DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_store_check")


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        yield made


def settings_of(house: House, tmp_path: Path, store_url: str = "") -> Settings:
    store_url = store_url or f"file:{tmp_path / 'store'}"
    url = house.context.database_url
    return Settings(data_dir=tmp_path, database_url=url, secret_key="x" * 40, store_url=store_url)


async def check(house: House, settings: Settings, *, repair: bool = False) -> tuple[bool, list[str]]:
    """Check the house's organization: of the others in its database, the objects are in other folders."""
    said: list[str] = []
    return await store_check(settings, repair=repair, slug=house.org.slug, say=said.append), said


async def ready(house: House) -> Video:
    return await put_ready(house.org, house.storage, await house.org.person())


async def orphan(house: House, *, days: float = 2) -> str:
    key = keys.source(house.org.id, uuid4())
    await house.storage.put_bytes(key, b"bytes", "video/mp4")
    assert isinstance(house.storage, LocalStorage)
    written = now().timestamp() - days * DAY_S
    [path] = (house.storage.folder / "objects" / key).parent.glob("source.bin~.json")
    os.utime(path, (written, written))
    return key


async def test_a_store_in_order_is_well(house: House, tmp_path: Path) -> None:
    await ready(house)
    well, said = await check(house, settings_of(house, tmp_path))
    assert well
    assert said[0].split()[:4] == ["organization", "assets", "objects", "size"]
    assert said[1].split() == [house.org.slug, "1", "8", "0.0", "MB", "0", "0", "0"]
    assert said[2:] == ["All is well."]


async def test_it_names_what_is_wrong_and_changes_nothing(house: House, tmp_path: Path) -> None:
    video, loose = await ready(house), await orphan(house)
    await house.storage.delete_keys([keys.playable(house.org.id, video.id), keys.poster(house.org.id, video.id)])
    well, said = await check(house, settings_of(house, tmp_path))
    assert not well
    assert f"  asset {video.id} lacks playable.mp4, poster.jpg" in said
    assert f"  {loose} (0.0 MB) belongs to nothing" in said
    assert said[-1] == "2 to mend: say --repair to have it done."
    assert (await house.state(video.id), await house.storage.head(loose) is not None) == ("ready", True)


async def test_it_mends_what_is_wrong_when_it_is_told_to(house: House, tmp_path: Path) -> None:
    video, loose = await ready(house), await orphan(house)
    await house.storage.delete_keys([keys.video(house.org.id, video.id, "360")])
    well, said = await check(house, settings_of(house, tmp_path), repair=True)
    assert well
    assert f"  asset {video.id} lacks v/360.m4s: to be made: 360" in said
    assert f"  {loose} (0.0 MB) belongs to nothing: removed" in said
    assert said[-1] == "2 mended, 0 left."
    assert (await house.state(video.id), await house.storage.head(loose)) == ("playable", None)
    assert [job.task_name for job in await house.jobs()] == ["make_ladder"]


async def test_it_says_of_how_many_something_is_gone_for_good(house: House, tmp_path: Path) -> None:
    first, second = await ready(house), await ready(house)
    gone = [keys.source(house.org.id, first.id), keys.video(house.org.id, first.id, "360")]
    await house.storage.delete_keys([*gone, keys.poster(house.org.id, second.id)])
    well, said = await check(house, settings_of(house, tmp_path), repair=True)
    assert well
    assert said[-1] == "2 mended, 0 left. Of 1 of them something is gone for good: they say so themselves."
    asset = await house.asset(first.id)
    assert (asset.state, asset.problem_code) == ("playable", "source_lost")


async def test_what_is_younger_than_a_day_is_told_and_let_be(house: House, tmp_path: Path) -> None:
    young = await orphan(house, days=0.9)
    well, said = await check(house, settings_of(house, tmp_path), repair=True)
    assert well
    assert said[-2].startswith("1 objects belong to nothing, but are younger than a day")
    assert await house.storage.head(young) is not None


async def test_much_of_one_kind_is_counted_and_not_all_named(house: House, tmp_path: Path) -> None:
    for _ in range(NAMED + 3):
        await orphan(house)
    _, said = await check(house, settings_of(house, tmp_path))
    assert sum("belongs to nothing" in line for line in said) == NAMED
    assert said[-1].startswith(f"{NAMED + 3} to mend")


async def test_an_organization_that_is_not_there_cannot_be_checked(house: House, tmp_path: Path) -> None:
    with pytest.raises(StoreCheckError, match="no organization elsewhere"):
        await store_check(settings_of(house, tmp_path), repair=False, slug="elsewhere", say=print)


async def test_it_tells_how_far_it_is(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.backup.NEWS_S", -1.0)
    await ready(house)
    _, said = await check(house, settings_of(house, tmp_path))
    assert f"  {house.org.slug}: 8 objects of 1 assets so far" in said


async def test_a_bucket_is_checked_and_mended_as_well(house: House, tmp_path: Path) -> None:
    with running_s3() as server:
        settings = settings_of(house, tmp_path, store_url=server.store_url)
        video = await ready(house)  # its objects are in the folder, not in the bucket
        await store_of(settings, b"x" * 40).ensure()
        well, said = await check(house, settings)
        assert (well, f"  asset {video.id} lacks 720.mp4, audio.m4s, playable.mp4" in "\n".join(said)) == (False, True)
        assert (await check(house, settings, repair=True))[0] is True
        assert (await check(house, settings))[0] is True
    asset = await house.asset(video.id)
    assert (asset.state, asset.problem_code) == ("failed", "lost")


async def test_a_store_that_does_not_answer_is_one_line(house: House, tmp_path: Path) -> None:
    await ready(house)
    nowhere = "s3://nowhere?endpoint=http://127.0.0.1:1&region=eu-central-1&access_key=x&secret_key=hushhush"
    with pytest.raises(StoreCheckError, match="the check was broken off") as caught:
        await check(house, settings_of(house, tmp_path, store_url=nowhere))
    assert "hushhush" not in str(caught.value)


async def test_the_command_ends_with_the_status_of_what_it_found(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(house, tmp_path)
    for name in ("data_dir", "database_url", "store_url", "secret_key"):
        monkeypatch.setenv(f"SHOWME_{name.upper()}", str(getattr(settings, name)))
    await orphan(house)
    mine = ["store", "check", "--org", house.org.slug]
    assert await asyncio.to_thread(main, mine) == 1
    assert await asyncio.to_thread(main, [*mine, "--repair"]) == 0
    assert await asyncio.to_thread(main, mine) == 0
    assert await asyncio.to_thread(main, ["store", "check", "--org", "elsewhere"]) == 2
    told = capsys.readouterr()
    assert "1 to mend" in told.out
    assert told.err == "showme: there is no organization elsewhere.\n"
