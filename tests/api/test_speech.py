"""What the voice in a video does, as the API tells it."""

from typing import Any

from media.storage import Storage
from tests.factories.assets import Video, deleted, problem, put_ready
from tests.factories.people import OrgKit, Somebody

MEASURED = {"speaking_share": 0.6, "spoken_ms": 30_000, "pauses": [[5000, 8000]], "loudness_range_lu": 4.2}
VTT = "WEBVTT\n\n00:00.500 --> 00:05.000\nUm, most operations leaders, um, you know, lose two days.\n"


async def heard(who: Somebody, video: Video) -> dict[str, Any]:
    answer = await who.client.get(f"/v1/assets/{video.id}/speech")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sent(who: Somebody, video: Video, language: str, text: str = VTT) -> None:
    answer = await who.client.put(f"/v1/assets/{video.id}/captions/{language}", json={"text": text})
    assert answer.status_code == 200, answer.text


async def test_until_it_is_measured_all_is_null(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    found = await heard(rep, await put_ready(org, storage, rep))
    assert found == {
        "speaking_share": None,
        "spoken_ms": None,
        "pauses": None,
        "loudness_range_lu": None,
        "words": [],
    }


async def test_what_was_measured_is_told(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    found = await heard(rep, await put_ready(org, storage, rep, speech=MEASURED))
    assert found == {
        "speaking_share": 0.6,
        "spoken_ms": 30_000,
        "pauses": [{"start_ms": 5000, "end_ms": 8000}],
        "loudness_range_lu": 4.2,
        "words": [],
    }


async def test_captions_bring_words_a_minute_and_filler_words_by_language(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep, speech=MEASURED)
    await sent(rep, video, "en")
    await sent(rep, video, "fi")
    await sent(rep, video, "ja")
    english, finnish, japanese = (await heard(rep, video))["words"]
    assert english == {
        "language": "en",
        "origin": "uploaded",
        "words": 10,
        "words_per_minute": 20,
        "filler_words": [{"word": "um", "count": 2}, {"word": "you know", "count": 1}],
    }
    assert (finnish["words"], finnish["filler_words"]) == (10, None)
    assert (japanese["words"], japanese["words_per_minute"]) == (None, None)


async def test_words_are_counted_before_the_sound_is_measured_but_have_no_rate(org: OrgKit, storage: Storage) -> None:
    rep = await org.person()
    video = await put_ready(org, storage, rep)
    await sent(rep, video, "en")
    [english] = (await heard(rep, video))["words"]
    assert (english["words"], english["words_per_minute"]) == (10, None)


async def test_of_a_deleted_video_nothing_is_told(org: OrgKit, storage: Storage) -> None:
    rep, stranger = await org.person(), await org.person("Sam")
    video = await put_ready(org, storage, rep, speech=MEASURED)
    await sent(rep, video, "en")
    assert problem(await stranger.client.get(f"/v1/assets/{video.id}/speech")) == (404, "/problems/not-found")
    await deleted(rep, video.id)
    found = await heard(rep, video)
    assert (found["speaking_share"], found["words"]) == (None, [])
