"""What a prompt allows, held against what came; what many are to watch; and what is known of a voice."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.process_asset import process_asset
from media.jobs.transcode_asset import transcode_asset
from media.problems import PROBLEMS
from models.challenge import Prompt
from models.take import Response
from tests.factories.jobs import House, own_database
from tests.factories.takes import make_story, make_take


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_asked")


async def prompt_that(house: House, **allows: Any) -> UUID:
    story = await make_story(house.org)
    async with house.database.tenant(house.org.id) as session:
        prompt = await session.get_one(Prompt, (house.org.id, story.prompts[0]))
        for name, value in allows.items():
            setattr(prompt, name, value)
    return prompt.id


async def test_a_voice_where_one_is_allowed_plays_with_its_waveform(house: House) -> None:
    id_ = await house.upload("audio.m4a", prompt_id=await prompt_that(house, audio_allowed=True))
    await process_asset(house.context, house.org.id, id_)
    asset = await house.asset(id_)
    assert (asset.state, asset.audio_only, asset.duration_ms) == ("processing", True, 2000)
    assert [job[0] for job in await house.statuses()] == ["process_asset", "transcode_asset"]
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.audio_only, asset.problem_code, asset.storyboard) == ("ready", True, None, False)
    assert sorted(await house.renditions(id_)) == ["360", "720", "audio", "playable"]
    assert {"poster.jpg", "waveform.json"} < set(await house.objects(id_))
    assert asset.speech is not None


async def test_a_voice_where_none_is_asked_for_is_no_video(house: House) -> None:
    for prompt in (None, await prompt_that(house)):
        id_ = await house.upload("audio.m4a", prompt_id=prompt)
        await house.drain()
        asset = await house.asset(id_)
        assert (asset.state, asset.problem_code, asset.audio_only) == ("failed", "no_video_track", False)


@pytest.mark.parametrize(
    ("name", "audio_allowed", "code"),
    [
        ("memo.aiff", True, "unsupported_recording"),
        ("memo.aiff", False, "unsupported_container"),
        ("text.mp4", True, "not_a_recording"),
        ("text.mp4", False, "not_media"),
    ],
)
async def test_where_a_voice_would_do_the_words_name_kinds_of_sound_as_well(
    house: House, name: str, audio_allowed: bool, code: str
) -> None:
    id_ = await house.upload(name, prompt_id=await prompt_that(house, audio_allowed=audio_allowed))
    await house.drain()
    assert (await house.asset(id_)).problem_code == code


async def test_a_voice_memo_in_flac_plays_too(house: House) -> None:
    id_ = await house.upload("memo.flac", prompt_id=await prompt_that(house, audio_allowed=True))
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.audio_only) == ("ready", True)


async def test_what_answers_another_prompt_than_it_was_announced_for_keeps_to_the_stricter(house: House) -> None:
    story = await make_story(house.org, prompts=2)
    async with house.database.tenant(house.org.id) as session:
        (await session.get_one(Prompt, (house.org.id, story.prompts[1]))).audio_allowed = True
    id_ = await house.upload("audio.m4a", prompt_id=story.prompts[1])
    take_id = await make_take(story, "draft")
    async with house.database.tenant(house.org.id) as session:
        query = select(Response).where(Response.org_id == house.org.id, Response.take_id == take_id)
        (await session.scalars(query.where(Response.prompt_id == story.prompts[0]))).one().asset_id = id_
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "no_video_track")


async def test_a_video_is_as_welcome_where_a_voice_would_do(house: House) -> None:
    id_ = await house.upload("silent.mp4", prompt_id=await prompt_that(house, audio_allowed=True))
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.audio_only) == ("ready", False)


@pytest.mark.parametrize("name", ["plain.mp4", "audio.m4a"])
async def test_what_is_longer_than_its_prompt_allows_is_refused_by_what_it_is(house: House, name: str) -> None:
    prompt_id = await prompt_that(house, max_duration_ms=900, audio_allowed=True)
    id_ = await house.upload(name, prompt_id=prompt_id, duration_ms=800)
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "too_long_for_prompt")
    assert asset.problem_detail == "2000 ms, 900 are allowed"
    assert PROBLEMS["too_long_for_prompt"].retryable is False


async def test_what_is_longer_by_a_moment_is_let_pass(house: House) -> None:
    id_ = await house.upload("silent.mp4", prompt_id=await prompt_that(house, max_duration_ms=1100))
    await house.drain()
    assert await house.state(id_) == "ready"


@pytest.mark.parametrize("purpose", ["prompt", "model_answer"])
async def test_what_many_are_to_watch_has_a_file_for_data_savers(house: House, purpose: str) -> None:
    id_ = await house.upload("two_rungs.mp4")
    await house.set(id_, purpose=purpose)
    await house.drain()
    rows = await house.renditions(id_)
    assert sorted(rows) == ["360", "360p", "432", "432p", "audio", "playable"]
    assert (rows["360p"].kind, rows["360p"].height) == ("progressive", 360)
    assert {"720.mp4", "360.mp4"} < set(await house.objects(id_))


async def test_a_first_rung_plays_by_hls_before_its_ladder_is_made(house: House) -> None:
    id_ = await house.upload("phone.mov")
    await process_asset(house.context, house.org.id, id_)
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    assert await house.state(id_) == "processing"
    await transcode_asset(house.context, house.org.id, id_)
    asset, rows = await house.asset(id_), await house.renditions(id_)
    assert (asset.state, asset.renditions_pending) == ("playable", True)
    assert {name: (row.kind, row.index is not None) for name, row in rows.items()} == {
        "playable": ("progressive", False),
        "360": ("video", True),
        "audio": ("audio", True),
    }
    first = {name: row.id for name, row in rows.items()}
    await house.drain()
    rows = await house.renditions(id_)
    assert await house.state(id_) == "ready"
    assert sorted(rows) == ["360", "432", "432p", "audio", "playable"]
    assert first.items() <= {name: row.id for name, row in rows.items()}.items()
