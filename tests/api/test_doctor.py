"""`showme doctor` names what is wrong, and what to do about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from api.doctor import doctor
from api.embedded import EmbeddedPostgres, Urls
from api.settings import Settings
from media.binaries import find_binaries
from media.isolation import attempt
from tests.s3_shim import running_s3


def lines(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


async def test_a_house_in_order_is_well(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(replace(settings, secret_key="x" * 40)) == 0
    said = lines(capsys)
    for part in ("schema", "role", "clock", "store", "ffmpeg", "ffprobe", "isolation", "captions", "disk", "secret"):
        assert f"ok   {part}" in said
    assert "All is well." in said


async def test_it_names_a_role_that_passes_by_the_policies(
    settings: Settings, urls: Urls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor(replace(settings, database_url=urls.migrate, secret_key="x" * 40)) == 1
    said = lines(capsys)
    assert "BAD  role" in said
    assert "plain role that owns no table" in said


async def test_it_names_a_database_that_was_never_migrated(
    settings: Settings, cluster: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = cluster.create_database("of_the_doctor")
    assert await doctor(replace(settings, database_url=fresh.app, secret_key="x" * 40)) == 1
    assert "BAD  schema     empty" in lines(capsys)


async def test_it_names_a_database_that_does_not_answer(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    gone = replace(settings, database_url="postgresql+asyncpg://x:hush@127.0.0.1:1/x", secret_key="x" * 40)
    assert await doctor(gone) == 1
    said = lines(capsys)
    assert "BAD  database" in said
    assert "hush" not in said


async def test_it_names_a_bucket_that_is_not_there(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with running_s3() as server:
        store_url = server.store_url.replace("s3://", "s3://not-there-", 1)
        assert await doctor(replace(settings, store_url=store_url, secret_key="x" * 40)) == 1
    said = lines(capsys)
    assert "BAD  store" in said
    assert "does not exist" in said
    assert "secret_key=" not in said


async def test_it_makes_what_a_bucket_lacks_when_it_is_asked_to(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_s3() as server:
        bare = replace(settings, store_url=server.store_url, secret_key="x" * 40)
        assert await doctor(bare) == 1
        said = lines(capsys)
        assert "lacks CORS" in said
        assert "keeps abandoned uploads for ever" in said
        assert await doctor(bare, mend=True) == 0
    assert "All is well." in lines(capsys)


async def test_it_names_a_program_that_is_not_there(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(replace(settings, ffmpeg="/nowhere/ffmpeg", secret_key="x" * 40)) == 1
    assert "SHOWME_FFMPEG" in lines(capsys)


async def test_it_says_how_ffmpeg_is_kept_from_the_network(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = find_binaries()
    told = replace(settings, ffmpeg=tools.ffmpeg, ffprobe=tools.ffprobe, secret_key="x" * 40)
    attempt.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    assert await doctor(told) == 0
    assert "ok   isolation  only by lists of what ffmpeg may open, without namespaces: unshare" in lines(capsys)
    attempt.cache_clear()


async def test_it_asks_for_one_secret_on_all_machines(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(replace(settings, secret_key="")) == 1
    assert "Set SHOWME_SECRET_KEY, the same on every machine." in lines(capsys)


async def test_it_says_that_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(Settings(data_dir=tmp_path / "data")) == 1
    assert "start `showme up` first" in lines(capsys)


async def test_it_names_a_data_folder_that_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor(Settings(Path("/proc/showme"), secret_key="x" * 40)) == 1
    said = lines(capsys)
    assert "BAD  disk       the data folder cannot be used" in said
    assert "-> SHOWME_DATA_DIR: /proc/showme cannot be used: " in said
    assert "ok   secret" in said


async def test_it_names_what_a_model_for_captions_lacks(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor(replace(settings, secret_key="x" * 40, captions_model=tmp_path)) == 1
    said = lines(capsys)
    assert f"BAD  captions   {tmp_path}" in said
    assert "has no model.bin" in said
