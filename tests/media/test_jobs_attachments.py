"""An attachment, from the bytes that came to what is served: a file as it is, a recording as any other video."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from api.embedded import EmbeddedPostgres, Urls
from api.settings import Settings
from media import keys
from media.inventory import Finding, inventory_of
from media.jobs.assets import order
from media.local_store import LocalStorage
from models.asset import Upload
from models.base import now
from tests import files
from tests.client import Document
from tests.clips import clip
from tests.factories.jobs import House, own_database
from tests.factories.people import Somebody
from tests.factories.uploads import new_app


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_attachments")


async def attached(house: House, data: bytes, filename: str = "Preise 2027.pdf", owner: Somebody | None = None) -> UUID:
    """Bring it as far as a completed upload does, and have it processed."""
    owner_id = owner.id if owner else (await house.org.person()).id
    id_ = await house.put_asset("processing", purpose="attachment", processing_at=now(), owner_id=owner_id)
    await house.storage.put_bytes(keys.source(house.org.id, id_), data, "application/octet-stream")
    upload = Upload(
        org_id=house.org.id,
        asset_id=id_,
        person_id=owner_id,
        purpose="attachment",
        state="completed",
        filename=filename,
        content_type="application/octet-stream",
        size_bytes=len(data),
        part_size_bytes=8 << 20,
        part_count=1,
        completed_at=now(),
        expires_at=now() + timedelta(days=7),
    )
    async with house.database.tenant(house.org.id) as session:
        session.add(upload)
        await order(session, "process_asset", id_)
    await house.drain()
    return id_


async def at_home(house: House, settings: Settings, document: Document) -> Somebody:
    """Return somebody who speaks to an application over the house's store."""
    app = new_app(house.storage, house.database, settings)
    kit = replace(house.org, app=app, document=document)
    return await kit.person()


async def served(house: House, id_: UUID, ending: str) -> bytes:
    return await house.storage.read_bytes(keys.file(house.org.id, id_, ending))


async def test_a_file_is_kept_as_it_came_and_saved_under_its_name(
    on_each_store: House, http: httpx.AsyncClient, settings: Settings, document: Document
) -> None:
    house = on_each_store
    owner = await at_home(house, settings, document)
    id_ = await attached(house, files.PDF, owner=owner)
    seen = (await owner.client.get(f"/v1/assets/{id_}")).json()
    assert (seen["state"], seen["playback"], seen["renditions"]) == ("ready", None, [])
    found = seen["file"]
    assert (found["filename"], found["content_type"]) == ("Preise 2027.pdf", "application/pdf")
    assert found["size_bytes"] == len(files.PDF)
    got = await http.get(found["url"])
    assert (got.status_code, got.content) == (200, files.PDF)
    assert got.headers["content-disposition"].startswith('attachment; filename="Preise 2027.pdf"')
    refused = await owner.client.post(f"/v1/assets/{id_}/playback")
    assert refused.json()["type"] == "/problems/asset-not-playable"


async def test_a_page_is_served_as_text_to_be_saved_and_runs_nowhere(
    on_each_store: House, http: httpx.AsyncClient, settings: Settings, document: Document
) -> None:
    house = on_each_store
    owner = await at_home(house, settings, document)
    id_ = await attached(house, b"<html><script>alert(1)</script></html>", "page.html", owner)
    found = (await owner.client.get(f"/v1/assets/{id_}")).json()["file"]
    assert (found["filename"], found["content_type"]) == ("page.txt", "text/plain")
    headers = (await http.get(found["url"])).headers
    assert headers["content-type"].split(";")[0] == "text/plain"
    assert headers["content-disposition"].startswith('attachment; filename="page.txt"')
    if isinstance(house.storage, LocalStorage):  # S3 has an origin of its own, and no such headers to ask for
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "sandbox"


async def test_a_picture_is_served_without_what_its_camera_noted(house: House) -> None:
    id_ = await attached(house, files.noted_jpeg(), "IMG_1.JPG")
    data = await served(house, id_, "jpg")
    assert files.SECRET not in data
    assert files.decoded(data, "jpg") == files.decoded(files.picture("jpg"), "jpg")
    assert (await house.asset(id_)).content_type == "image/jpeg"


@pytest.mark.parametrize("name", ["plain.mp4", "voice.m4a"])
async def test_a_recording_plays_as_any_other(house: House, name: str) -> None:
    data = clip("plain.mp4").read_bytes() if name == "plain.mp4" else files.voice()
    id_ = await attached(house, data, name)
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code, asset.audio_only) == ("ready", None, name == "voice.m4a")
    assert asset.duration_ms == pytest.approx(2000, abs=150)
    assert "playable.mp4" in await house.objects(id_)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"MZ\x90\x00" + bytes(500), "unsupported_file"),
        (files.zipped({"a.txt": b"a"}), "unsupported_file"),
        (files.office("word", "word/vbaProject.bin"), "file_with_programs"),
        (files.noted_jpeg()[:700], "file_damaged"),
    ],
    ids=["a-program", "an-archive", "macros", "half-a-picture"],
)
async def test_what_is_not_taken_says_why(house: House, data: bytes, code: str) -> None:
    asset = await house.asset(await attached(house, data))
    assert (asset.state, asset.problem_code) == ("failed", code)


async def test_a_file_is_told_by_no_other_purpose(house: House) -> None:
    id_ = await house.upload(files.PDF)
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "not_media")


async def found_in(house: House) -> list[Finding]:
    inventory = inventory_of(house.database, house.storage, house.org.id)
    return [finding async for finding in replace(inventory, at=now() + timedelta(days=3)).findings()]


async def test_the_inventory_knows_a_file(house: House) -> None:
    id_ = await attached(house, files.PDF)
    assert await found_in(house) == []
    assert await house.objects(id_) == ["file.pdf", "source.bin"]
    await house.storage.delete_keys([keys.file(house.org.id, id_, "pdf")])
    assert len(await found_in(house)) == 1


async def test_a_deleted_file_is_erased_with_all_that_is_kept_of_it(
    house: House, settings: Settings, document: Document
) -> None:
    owner = await at_home(house, settings, document)
    id_ = await attached(house, files.PDF, owner=owner)
    assert (await owner.client.delete(f"/v1/assets/{id_}")).status_code == 204
    await house.drain()
    assert await house.objects(id_) == []
    assert await house.renditions(id_) == {}
    seen = (await owner.client.get(f"/v1/assets/{id_}")).json()
    assert (seen["state"], seen["file"]) == ("deleted", None)
    receipt = (await owner.client.get(f"/v1/assets/{id_}/erasure")).json()
    assert receipt["names"] == ["file.pdf", "source.bin"]
