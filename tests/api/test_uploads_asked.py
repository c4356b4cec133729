"""What a prompt allows, and kinds never taken: refused before a byte is sent, in the words of the probe."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from api.uploads.kinds import is_sound, refused_name, refused_type
from media.asked import TOLERANCE_MS
from media.problems import PROBLEMS
from models.asset import Upload
from models.challenge import Prompt
from tests.client import Document
from tests.factories.challenges import changed, drafted, get_challenge, make_cast
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import Story, make_asset, make_story, respond, started
from tests.factories.uploads import FILE

LIMIT_MS = 60_000


async def asking(org: OrgKit, **prompt: Any) -> Story:
    """Make a story whose first prompt allows this."""
    story = await make_story(org, prompts=2)
    async with org.database.tenant(org.id) as session:
        row = await session.get_one(Prompt, (org.id, story.prompts[0]))
        for name, value in prompt.items():
            setattr(row, name, value)
    return story


async def announce(story: Story, **body: Any) -> httpx.Response:
    names = {"assignment_id": str(story.assignment_id), "prompt_id": str(story.prompts[0])}
    return await story.rep.client.post("/v1/uploads", json=FILE | names | body)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["pointer"], error["detail"]


async def test_a_video_longer_than_its_prompt_allows_is_refused_in_the_words_of_the_probe(org: OrgKit) -> None:
    story = await asking(org, max_duration_ms=LIMIT_MS)
    refused = await announce(story, duration_ms=LIMIT_MS + TOLERANCE_MS + 1)
    assert refusal(refused) == (422, "/duration_ms", PROBLEMS["too_long_for_prompt"].message)
    assert (await announce(story, duration_ms=LIMIT_MS + TOLERANCE_MS)).status_code == 201
    assert (await announce(story, prompt_id=str(story.prompts[1]), duration_ms=LIMIT_MS * 2)).status_code == 201


def test_the_document_says_how_much_longer_is_let_pass(document: Document) -> None:
    said = json.dumps(document.content["components"]["schemas"]["PromptIn"]["properties"]["max_duration_ms"])
    assert f"{TOLERANCE_MS} ms more" in said


@pytest.mark.parametrize(
    "file",
    [
        {"content_type": "audio/mp4", "filename": "answer.m4a"},
        {"content_type": "audio/webm;codecs=opus", "filename": "answer"},
        {"content_type": "application/octet-stream", "filename": "answer.MP3"},
        {"content_type": "audio/flac", "filename": "answer.flac"},
        {"content_type": "audio/amr", "filename": "answer.amr"},
        {"content_type": "audio/AMR-WB", "filename": "answer"},
    ],
    ids=["m4a", "webm", "by-its-name", "flac", "amr", "wide-band"],
)
async def test_a_voice_alone_is_taken_where_the_prompt_allows_it_and_nowhere_else(
    org: OrgKit, file: dict[str, Any]
) -> None:
    story = await asking(org, audio_allowed=True)
    assert (await announce(story, **file)).status_code == 201
    for elsewhere in (
        {"prompt_id": str(story.prompts[1])},
        {"prompt_id": None},
        {"prompt_id": None, "assignment_id": None, "purpose": "critique_reply"},
    ):
        refused = await announce(story, **file, **elsewhere)
        assert refusal(refused) == (422, "/content_type", PROBLEMS["no_video_track"].message)


async def test_where_a_voice_is_allowed_a_video_is_too(org: OrgKit) -> None:
    assert (await announce(await asking(org, audio_allowed=True))).status_code == 201


@pytest.mark.parametrize(
    ("file", "pointer", "code"),
    [
        ({"filename": "holiday.jpg"}, "/filename", "not_media"),
        ({"filename": "talk.PPTX", "content_type": "application/octet-stream"}, "/filename", "not_media"),
        ({"filename": "list.m3u8"}, "/filename", "unsupported_container"),
        ({"filename": "old.wmv", "content_type": "application/octet-stream"}, "/filename", "unsupported_container"),
        ({"content_type": "video/x-ms-wmv"}, "/content_type", "unsupported_container"),
        ({"content_type": "audio/x-mpegurl"}, "/content_type", "unsupported_container"),
        ({"content_type": "audio/x-aiff"}, "/content_type", "unsupported_container"),
        ({"content_type": "audio/x-caf"}, "/content_type", "unsupported_container"),
        ({"filename": "memo.caf", "content_type": "application/octet-stream"}, "/filename", "unsupported_container"),
        ({"content_type": "image/jpeg"}, "/content_type", "not_media"),
    ],
)
async def test_a_kind_that_is_never_taken_is_refused_in_the_words_of_the_probe(
    org: OrgKit, file: dict[str, Any], pointer: str, code: str
) -> None:
    rep = await org.person()
    status, where, words = refusal(await rep.client.post("/v1/uploads", json=FILE | file))
    assert (status, where) == (422, pointer)
    assert words.startswith(PROBLEMS[code].message)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ({"content_type": "audio/x-aiff", "filename": "memo"}, "unsupported_recording"),
        ({"content_type": "application/octet-stream", "filename": "memo.aiff"}, "unsupported_recording"),
        ({"filename": "old.wmv"}, "unsupported_recording"),
        ({"filename": "holiday.jpg"}, "not_a_recording"),
    ],
)
async def test_where_a_voice_will_do_the_words_name_kinds_of_sound_as_well(
    org: OrgKit, file: dict[str, Any], code: str
) -> None:
    refused = await announce(await asking(org, audio_allowed=True), **file)
    status, _, words = refusal(refused)
    assert (status, words) == (422, PROBLEMS[code].message)


@pytest.mark.parametrize(
    "filename",
    ["IMG_0042.MOV", "VID_1.mp4", "a.webm", "a.mkv", "a.3gp", "a.ts", "a.avi", "a.m4v", "blob", "a.b.", "x.ogg"],
)
def test_a_name_that_may_be_a_videos_is_let_in(filename: str) -> None:
    assert refused_name(filename) is None
    assert not is_sound("application/octet-stream", filename)


def test_a_name_of_sound_is_believed_only_where_the_type_says_nothing() -> None:
    assert is_sound("application/octet-stream", "a.m4a")
    assert not is_sound("video/mp4", "a.m4a")
    assert refused_type("application/octet-stream") is None


async def test_an_author_says_that_a_voice_alone_will_do(org: OrgKit) -> None:
    cast = await make_cast(org)
    challenge = await drafted(cast, prompts=[{"text": "One", "audio_allowed": True}, {"text": "Two"}])
    assert [prompt["audio_allowed"] for prompt in challenge["prompts"]] == [True, False]
    changed_one = await changed(
        cast.manager, challenge, prompts=[{"text": "One"}, {"text": "Two", "audio_allowed": True}]
    )
    assert [prompt["audio_allowed"] for prompt in changed_one["prompts"]] == [False, True]
    assert (await get_challenge(cast.manager, challenge)).json()["prompts"] == changed_one["prompts"]


@pytest.mark.parametrize(
    ("video", "code"),
    [
        ({"duration_ms": LIMIT_MS + TOLERANCE_MS + 1}, "too_long_for_prompt"),
        ({"duration_ms": LIMIT_MS, "audio_only": True}, "no_video_track"),
    ],
    ids=["too-long", "a-voice-alone"],
)
async def test_a_video_that_was_looked_at_answers_only_a_prompt_that_allows_it(
    org: OrgKit, video: dict[str, Any], code: str
) -> None:
    story = await asking(org, max_duration_ms=LIMIT_MS)
    take = await started(story)
    asset_id = await make_asset(org, story.rep.id, "ready", **video)
    refused = await respond(story, take["id"], asset_id)
    assert refusal(refused) == (422, "/asset_id", PROBLEMS[code].message)
    assert (await respond(story, take["id"], asset_id, prompt=1)).status_code == (
        200 if code.startswith("too") else 422
    )


async def test_an_upload_that_named_no_prompt_is_held_against_the_one_it_then_answers(org: OrgKit) -> None:
    story = await asking(org, max_duration_ms=LIMIT_MS)
    upload = (await story.rep.client.post("/v1/uploads", json=FILE)).json()
    take = await started(story)
    assert (await respond(story, take["id"], upload["asset_id"])).status_code == 200
    assert await _prompt_of(story.rep, story, upload) == story.prompts[0]


async def _prompt_of(rep: Somebody, story: Story, upload: dict[str, Any]) -> UUID | None:
    async with story.database.tenant(story.org.id) as session:
        found: UUID | None = await session.scalar(
            select(Upload.prompt_id).where(Upload.org_id == story.org.id, Upload.id == UUID(upload["id"]))
        )
    seen = (await rep.client.get(f"/v1/uploads/{upload['id']}")).json()["prompt_id"]
    assert seen == (str(found) if found else None)
    return found
