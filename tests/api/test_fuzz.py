"""A few hundred of the cases that `make fuzz` sends by the ten thousand, drawn from one seed."""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import httpx
import pytest
from schemathesis import Case

from api.embedded import Urls
from api.settings import Settings
from media.storage import Storage
from tests.conftest import SECRET
from tests.fuzz.campaign import Campaign
from tests.fuzz.home import Home


@pytest.fixture(scope="module")
def home(urls: Urls, settings: Settings, storage: Storage) -> Iterator[Home]:
    with Home(urls, settings, storage, SECRET) as made:
        yield made


def test_no_answer_breaks_the_word_of_the_document(home: Home) -> None:
    campaign = Campaign(home, cases=500, seed=20)
    campaign.run()
    assert len(campaign.findings) == 0, campaign.findings.text()
    assert campaign.sent >= 500
    assert set(campaign.kinds) == {"boundary", "positive", "negative", "sequence"}
    assert {200, 201, 403, 404, 422} <= set(campaign.answers), campaign.answers


def _server_error(answer: httpx.Response) -> httpx.Response:
    return _with(answer, status=500)


def _other_status(answer: httpx.Response) -> httpx.Response:
    return _with(answer, status=418)


def _accepted(answer: httpx.Response) -> httpx.Response:
    return _with(answer, status=200)


def _other_content_type(answer: httpx.Response) -> httpx.Response:
    return _with(answer, content_type="text/plain")


def _field_missing(answer: httpx.Response) -> httpx.Response:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return answer
    body = json.loads(answer.content)
    return _with(answer, content=json.dumps({key: body[key] for key in list(body)[1:]}).encode())


def _with(
    answer: httpx.Response, *, status: int = 0, content_type: str = "", content: bytes | None = None
) -> httpx.Response:
    headers = dict(answer.headers) | ({"content-type": content_type} if content_type else {})
    headers.pop("content-length", None)
    body = answer.content if content is None else content
    made = httpx.Response(status or answer.status_code, headers=headers, content=body, request=answer.request)
    made.elapsed = answer.elapsed
    return made


SPOILT = (_server_error, _other_status, _other_content_type, _field_missing)


def test_what_breaks_it_is_found_and_can_be_sent_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real application's answers, each spoilt in one way or another."""
    honest, turns = home.send, cycle(SPOILT)

    def spoilt(case: Case[Any], role: str) -> httpx.Response:
        answer = honest(case, role)
        return _accepted(answer) if answer.status_code == 422 else next(turns)(answer)

    monkeypatch.setattr(home, "send", spoilt)
    campaign = Campaign(home, cases=100, seed=1)
    campaign.run()
    titles = {finding.title for finding in campaign.findings}
    assert titles >= {
        "Server error",
        "Undocumented status code",
        "Schema-violating request accepted",
        "Undocumented Content-Type",
        "Response violates schema",
    }
    for finding in campaign.findings:
        assert finding.curl.startswith("curl -X ")
        assert '"Authorization: Bearer $TOKEN"' in finding.curl
        assert f"first as {finding.role}" in finding.text()
