"""Captions: sent, checked, shown to players, and made where that can be."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from api.assets.tickets import Ticket, Tickets
from media import keys
from media.storage import Storage, StorageUnavailable
from models.asset import Asset, Caption
from models.captions import captioning, note_captioning, put_caption
from models.database import Database
from models.ids import new_id
from tests.client import Client
from tests.conftest import SECRET
from tests.factories.assets import Video, deleted, jobs_of, problem, put_playable, put_ready, seen
from tests.factories.people import OrgKit, Somebody
from tests.factories.takes import make_asset, make_story, make_take, respond, started, submit

VTT = """WEBVTT

00:00.500 --> 00:02.000
Most operations <b>leaders</b> I meet

00:03.000 --> 00:05.000
lose two days.
"""
SRT = "1\n00:00:00,500 --> 00:00:02,000\nDie meisten Leiter\n"


async def sent(who: Somebody, asset_id: object, language: str = "en", **body: Any) -> httpx.Response:
    return await who.client.put(f"/v1/assets/{asset_id}/captions/{language}", json={"text": VTT, **body})


async def removed(who: Somebody, asset_id: object, language: str = "en") -> httpx.Response:
    return await who.client.delete(f"/v1/assets/{asset_id}/captions/{language}")


async def listed(who: Somebody, asset_id: object) -> dict[str, Any]:
    answer = await who.client.get(f"/v1/assets/{asset_id}/captions")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(who: Somebody, video: Video) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await seen(who, video.id)).json()["playback"]["captions"]
    return found


async def read(anonymous: Client, url: str) -> httpx.Response:
    return await anonymous.get(httpx.URL(url).path)


async def rows_of(video: Video) -> list[Caption]:
    async with video.org.database.tenant(video.org.id) as session:
        query = select(Caption).where(Caption.org_id == video.org.id, Caption.asset_id == video.id)
        return list(await session.scalars(query.order_by(Caption.language)))


async def stored(video: Video) -> list[str]:
    return await video.storage.list_keys(keys.asset_prefix(video.org.id, video.id) + "captions/")


@pytest.fixture
async def rep(org: OrgKit) -> Somebody:
    return await org.person()


@pytest.fixture
async def video(org: OrgKit, storage: Storage, rep: Somebody) -> Video:
    return await put_ready(org, storage, rep)


async def test_a_caption_is_kept_as_webvtt_and_shown_to_players(video: Video, rep: Somebody, anonymous: Client) -> None:
    answer = await sent(rep, video.id)
    assert answer.status_code == 200, answer.text
    out = answer.json()
    assert (out["language"], out["label"], out["origin"]) == ("en", "English", "uploaded")
    assert out["created_by"] == str(rep.id)
    [caption] = await shown(rep, video)
    assert {**caption, "url": ""} == {"language": "en", "label": "English", "origin": "uploaded", "url": ""}
    file = await read(anonymous, caption["url"])
    assert file.headers["content-type"].startswith("text/vtt")
    assert file.headers["access-control-allow-origin"] == "*"
    assert file.text.startswith("WEBVTT\n")
    assert "00:00:00.500 --> 00:00:02.000\nMost operations <b>leaders</b> I meet\n" in file.text
    assert (await rows_of(video))[0].text == "Most operations leaders I meet\nlose two days."


async def test_subrip_in_another_language_stands_beside_it(video: Video, rep: Somebody, anonymous: Client) -> None:
    await sent(rep, video.id)
    assert (await sent(rep, video.id, "PT-br", label="Português do Brasil")).json()["language"] == "pt-BR"
    assert (await sent(rep, video.id, "de", text=SRT)).status_code == 200
    found = await shown(rep, video)
    assert [(one["language"], one["label"]) for one in found] == [
        ("de", "Deutsch"),
        ("en", "English"),
        ("pt-BR", "Português do Brasil"),
    ]
    assert "00:00:00.500 --> 00:00:02.000\nDie meisten Leiter\n" in (await read(anonymous, found[0]["url"])).text
    assert [one["language"] for one in (await listed(rep, video.id))["captions"]] == ["de", "en", "pt-BR"]


async def test_the_hls_playlist_offers_each_caption_as_one_segment(
    video: Video, rep: Somebody, anonymous: Client
) -> None:
    await sent(rep, video.id, label="Subtitles")
    await sent(rep, video.id, "de", text=SRT, label="Subtitles")
    playback = (await seen(rep, video.id)).json()["playback"]
    master = (await read(anonymous, playback["hls_url"])).text
    offered = [line for line in master.splitlines() if "TYPE=SUBTITLES" in line]
    assert ['NAME="Subtitles",LANGUAGE="de"' in offered[0], 'NAME="Subtitles (en)",LANGUAGE="en"' in offered[1]] == [
        True,
        True,
    ]
    assert master.count(',SUBTITLES="captions"') == master.count("#EXT-X-STREAM-INF") == 1
    playlist = await read(anonymous, offered[1].split('URI="')[1].rstrip('"'))
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert "#EXTINF:6.000," in playlist.text
    assert playback["captions"][1]["url"] in playlist.text.splitlines()


async def test_without_captions_the_playlist_names_none(video: Video, rep: Somebody, anonymous: Client) -> None:
    playback = (await seen(rep, video.id)).json()["playback"]
    assert playback["captions"] == []
    assert "SUBTITLES" not in (await read(anonymous, playback["hls_url"])).text


async def test_another_one_takes_the_place_of_that_of_its_language(
    video: Video, rep: Somebody, anonymous: Client
) -> None:
    await sent(rep, video.id)
    [before] = await shown(rep, video)
    await sent(rep, video.id, "EN", text=VTT.replace("two days", "three days"))
    [after] = await shown(rep, video)
    assert after["url"] != before["url"]
    assert "three days" in (await read(anonymous, after["url"])).text
    assert problem(await read(anonymous, before["url"])) == (404, "/problems/not-found")
    assert len(await stored(video)) == 1


async def test_what_is_wrong_with_a_file_is_told_with_its_lines(video: Video, rep: Somebody) -> None:
    bad = "WEBVTT\n\n00:03.000 --> 00:02.000\nHi\n\n00:05.000 --> 00:09.000\nthere"
    answer = await sent(rep, video.id, text=bad)
    assert problem(answer) == (422, "/problems/invalid")
    assert answer.json()["errors"] == [
        {"pointer": "/text", "detail": "Line 3: this cue ends before it begins."},
        {
            "pointer": "/text",
            "detail": "Line 6: this cue lasts until 00:00:09.000, but the video only until 00:00:06.000.",
        },
    ]
    assert (await rows_of(video), await stored(video)) == ([], [])


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("english", {}),
        ("e1", {}),
        ("en_US", {}),
        ("en", {"label": ""}),
        ("en", {"label": 'a"b'}),
        ("en", {"label": "<b>"}),
        ("en", {"label": " \t "}),
        ("en", {"label": "x" * 61}),
        ("en", {"text": ""}),
        ("en", {"text": "x" * (512 * 1024 + 1)}),
        ("en", {"text": None}),
        ("en", {"kind": "subtitles"}),
    ],
)
async def test_what_cannot_be_is_refused(video: Video, rep: Somebody, language: str, body: dict[str, Any]) -> None:
    assert problem(await sent(rep, video.id, language, **body)) == (422, "/problems/invalid")
    assert await rows_of(video) == []


async def test_before_a_video_plays_it_has_no_captions(org: OrgKit, rep: Somebody) -> None:
    for state in ("uploading", "processing", "failed"):
        values = {"problem_code": "corrupt"} if state == "failed" else {}
        answer = await sent(rep, await make_asset(org, rep.id, state, **values))
        assert problem(answer) == (409, "/problems/asset-not-playable")
        assert answer.json()["state"] == state


async def test_removed_captions_are_erased_and_removing_them_again_changes_nothing(
    video: Video, rep: Somebody, anonymous: Client
) -> None:
    await sent(rep, video.id)
    await sent(rep, video.id, "de", text=SRT)
    [_, english] = await shown(rep, video)
    for _ in range(2):
        assert (await removed(rep, video.id, "EN")).status_code == 204
    assert [one["language"] for one in await shown(rep, video)] == ["de"]
    assert problem(await read(anonymous, english["url"])) == (404, "/problems/not-found")
    assert await stored(video) == [(await rows_of(video))[0].key]


async def test_captions_that_could_not_be_erased_are_still_there_to_be_erased_again(
    org: OrgKit, video: Video, rep: Somebody, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(rep, video.id)

    async def down(_keys: object) -> None:
        raise StorageUnavailable("The store is down.")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "delete_keys", down)
        assert problem(await removed(rep, video.id)) == (503, "/problems/unavailable")
    assert len(await rows_of(video)) == 1
    assert (await removed(rep, video.id)).status_code == 204
    assert (await rows_of(video), await stored(video)) == ([], [])


async def test_its_owner_and_enablement_write_captions_and_who_sees_the_video_reads_them(
    org: OrgKit, storage: Storage
) -> None:
    story = await make_story(org)
    video = await put_ready(org, storage, story.rep)
    take = await started(story)
    await respond(story, take["id"], video.id)
    await submit(story, take["id"])
    enablement, stranger = await org.person("Eve", "enablement"), await org.person("Sam")
    assert (await sent(enablement, video.id)).status_code == 200
    assert problem(await sent(story.manager, video.id)) == (403, "/problems/forbidden")
    assert problem(await removed(story.manager, video.id)) == (403, "/problems/forbidden")
    assert problem(await sent(stranger, video.id)) == (404, "/problems/not-found")
    assert [one["language"] for one in (await listed(story.manager, video.id))["captions"]] == ["en"]
    found = (await story.manager.client.get(f"/v1/takes/{take['id']}")).json()["responses"][0]["asset"]
    assert [one["label"] for one in found["playback"]["captions"]] == ["English"]
    assert (await removed(story.rep, video.id)).status_code == 204


async def test_captions_of_a_practice_take_are_its_reps_alone(org: OrgKit) -> None:
    story = await make_story(org)
    take_id = await make_take(story, "draft", practice=True)
    async with org.database.tenant(org.id) as session:
        asset_id = await session.scalar(text("SELECT asset_id FROM response WHERE take_id = :id"), {"id": take_id})
    assert problem(await sent(await org.person("Eve", "enablement"), asset_id)) == (404, "/problems/not-found")


async def test_a_deleted_video_keeps_no_captions_and_takes_none(video: Video, rep: Somebody, anonymous: Client) -> None:
    await sent(rep, video.id)
    [caption] = await shown(rep, video)
    assert (await deleted(rep, video.id)).status_code == 204
    assert await rows_of(video) == []
    assert problem(await read(anonymous, caption["url"])) == (404, "/problems/not-found")
    assert problem(await sent(rep, video.id)) == (409, "/problems/asset-not-playable")
    assert await stored(video) != []  # until the job that erases all of it has run


async def test_urls_of_other_captions_open_nothing(
    org: OrgKit, video: Video, rep: Somebody, storage: Storage, anonymous: Client
) -> None:
    other = await put_playable(org, storage, rep)
    await sent(rep, other.id)
    [caption] = await shown(rep, other)
    mine = httpx.URL((await seen(rep, video.id)).json()["playback"]["hls_url"]).path.rsplit("/", 1)[0]
    theirs = httpx.URL(caption["url"]).path.split("/captions/")[1]
    for name in (theirs, theirs.replace("captions.vtt", "playlist.m3u8"), f"{new_id()}/captions.vtt"):
        assert problem(await anonymous.get(f"{mine}/captions/{name}")) == (404, "/problems/not-found")
    old = Tickets(SECRET, "").token(Ticket(org.id, other.id, 1_000_000_000))
    assert problem(await anonymous.get(f"/v1/media/{old}/captions/{theirs}")) == (403, "/problems/url-expired")


async def test_what_happened_to_captions_stands_in_the_events(video: Video, rep: Somebody) -> None:
    await sent(rep, video.id)
    await removed(rep, video.id)
    events = (await rep.client.get(f"/v1/assets/{video.id}/events")).json()["items"]
    assert [one["change"] for one in events][-2:] == ["captioned", "caption_removed"]


async def test_where_none_can_be_made_the_api_says_so_and_nothing_changes(
    database: Database, video: Video, rep: Somebody
) -> None:
    answer = await rep.client.post(f"/v1/assets/{video.id}/captions")
    assert problem(answer) == (409, "/problems/captions-unavailable")
    found = await listed(rep, video.id)
    assert (found["automatic"], found["can_make"], found["problem"]) == ("none", False, None)
    assert await jobs_of(database, video.id) == []
    assert (await sent(rep, video.id)).status_code == 200


async def test_a_person_s_captions_are_never_replaced_by_a_machine_s(video: Video, rep: Somebody) -> None:
    heard = {"label": "English", "origin": "automatic", "text": "heard"}
    async with video.org.database.tenant(video.org.id) as session:
        asset = await session.get_one(Asset, (video.org.id, video.id))
        first = _caption(video, **heard)
        assert await put_caption(session, asset, first) is None
    assert [row.origin for row in await rows_of(video)] == ["automatic"]
    await sent(rep, video.id)
    async with video.org.database.tenant(video.org.id) as session:
        asset = await session.get_one(Asset, (video.org.id, video.id))
        second = _caption(video, **heard)
        assert await put_caption(session, asset, second) == second.key
    [kept] = await rows_of(video)
    assert (kept.origin, kept.created_by) == ("uploaded", rep.id)


def _caption(video: Video, **values: Any) -> Caption:
    id_ = new_id()
    key = keys.caption(video.org.id, video.id, id_)
    return Caption(org_id=video.org.id, id=id_, asset_id=video.id, language="en", key=key, **values)


async def test_how_far_the_automatic_ones_are_is_told(org: OrgKit, video: Video, rep: Somebody) -> None:
    async with org.database.tenant(org.id) as session:
        note_captioning(await session.get_one(Asset, (org.id, video.id)), "failed", problem="no_speech")
    found = await listed(rep, video.id)
    assert found["automatic"] == "failed"
    assert (found["problem"]["code"], found["problem"]["retryable"]) == ("no_speech", False)
    assert captioning(await video.row())["state"] == "failed"
    assert (await seen(rep, video.id)).json()["problem"] is None
