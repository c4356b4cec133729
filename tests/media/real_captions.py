"""Captions that a real model makes of a real voice, from the API to the player.

Run by `make test-captions`, and not by `make test`: it needs the extra `captions`, and a model in the folder that
SHOWME_CAPTIONS_MODEL names (an English one is enough).
"""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.jobs.make_captions import make_captions
from media.sample import make_sample
from media.transcribe import unavailable
from models.asset import Asset, Caption
from models.captions import captioning, captions_of, note_captioning
from tests.clips import TOOLS
from tests.factories.jobs import House, a_house, folder_store, own_database

MODEL = Path(os.environ.get("SHOWME_CAPTIONS_MODEL", "a-model"))
SAYS = "leaders i meet lose two days a month"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_real_captions")


@pytest.fixture
async def house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        made.context = replace(made.context, captions_model=MODEL)
        yield made


async def ask(house: House, id_: UUID) -> None:
    async with house.database.tenant(house.org.id) as session:
        note_captioning(await session.get_one(Asset, (house.org.id, id_)), "pending")


async def made_of(house: House, id_: UUID) -> Caption:
    async with house.database.tenant(house.org.id) as session:
        asset = await session.get_one(Asset, (house.org.id, id_))
        assert captioning(asset)["state"] == "made", captioning(asset)
        [caption] = await captions_of(session, asset, words=True)
        return caption


def test_there_is_a_model() -> None:
    assert unavailable(MODEL) == ""


async def test_a_voice_becomes_captions_in_step_with_it(house: House, tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    await make_sample(path, TOOLS.binaries)
    id_ = await house.upload(path.read_bytes())
    await house.drain()
    await ask(house, id_)
    await house.order("make_captions", id_)
    await house.drain()
    caption = await made_of(house, id_)
    assert (caption.language, caption.origin, caption.created_by) == ("en", "automatic", None)
    assert SAYS in re.sub(r"[^a-z ]", "", caption.text.lower().replace("\n", " "))
    written = (await house.storage.read_bytes(caption.key)).decode()
    begins = [int(second) for second in re.findall(r"\n00:00:(\d\d)\.\d{3} -->", written)]
    assert begins == [0, 5, 8, 12, 15]  # where its sentences do
    assert not list(house.context.work_dir.glob("job-*"))


async def test_made_again_they_are_as_before(house: House, tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    await make_sample(path, TOOLS.binaries, 6000)
    id_ = await house.upload(path.read_bytes())
    await house.drain()
    texts = []
    for _ in range(2):
        await ask(house, id_)
        await make_captions(house.context, house.org.id, id_)
        texts.append((await made_of(house, id_)).text)
    assert texts[0] == texts[1]
    prefix = keys.asset_prefix(house.org.id, id_) + "captions/"
    assert len(await house.storage.list_keys(prefix)) == 1
