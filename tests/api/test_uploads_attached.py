"""Attachments are announced as any other file, in kinds and sizes of their own."""

from typing import Any

import httpx
import pytest

from api.settings import SettingError, Settings, read_settings
from api.uploads.kinds import is_attached
from media.problems import PROBLEMS
from tests.factories.people import OrgKit, Somebody

FILE = {"filename": "Preise.pdf", "content_type": "application/pdf", "size_bytes": 1000, "purpose": "attachment"}


async def announce(who: Somebody, **body: Any) -> httpx.Response:
    return await who.client.post("/v1/uploads", json=FILE | body)


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("Preise.pdf", "application/pdf"),
        ("photo.JPG", "image/jpeg"),
        ("notes", "text/plain; charset=utf-8"),
        ("deck.pptx", "application/octet-stream"),
        ("call.m4a", "audio/mp4"),
        ("talk.mov", "video/quicktime"),
    ],
)
async def test_files_and_recordings_are_let_in(org: OrgKit, filename: str, content_type: str) -> None:
    made = await announce(await org.person(), filename=filename, content_type=content_type)
    assert (made.status_code, made.json()["purpose"]) == (201, "attachment")


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("setup.exe", "application/octet-stream"),
        ("page.HTML", "text/html"),
        ("logo.svg", "image/svg+xml"),
        ("old.doc", "application/msword"),
        ("macros.xlsm", "application/octet-stream"),
        ("all.zip", "application/zip"),
        ("list.m3u8", "application/octet-stream"),
        ("a.pdf", "pdf"),
    ],
)
async def test_what_could_run_and_what_is_not_taken_is_refused_at_once(
    org: OrgKit, filename: str, content_type: str
) -> None:
    refused = await announce(await org.person(), filename=filename, content_type=content_type)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error) == (
        422,
        {"pointer": "/filename", "detail": PROBLEMS["unsupported_file"].message},
    )


async def test_an_attachment_has_a_size_of_its_own(org: OrgKit, settings: Settings) -> None:
    person, most = await org.person(), settings.max_attachment_bytes
    assert (await announce(person, size_bytes=most)).status_code == 201
    refused = await announce(person, size_bytes=most + 1)
    [error] = refused.json()["errors"]
    assert (error["pointer"], f"{most} are allowed" in error["detail"]) == ("/size_bytes", True)
    video = {"purpose": "prompt", "filename": "a.mp4", "content_type": "video/mp4", "size_bytes": most + 1}
    assert (await announce(person, **video)).status_code == 201


@pytest.mark.parametrize("value", ["1000", "99999999999"])
def test_a_limit_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="SHOWME_MAX_ATTACHMENT_BYTES must be between"):
        read_settings({"SHOWME_MAX_ATTACHMENT_BYTES": value})


async def test_an_attachment_answers_no_prompt(org: OrgKit) -> None:
    person = await org.person()
    refused = await announce(person, assignment_id=str(org.id))
    assert refused.json()["errors"][0]["pointer"] == "/assignment_id"


def test_a_name_without_an_ending_is_let_in() -> None:
    assert is_attached("application/octet-stream", "README")
    assert not is_attached("nothing", "README")
