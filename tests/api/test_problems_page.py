"""The catalogue of problems as a page: each with an address of its own, and the words that people read."""

import re
from html import unescape

from api.openapi.problems import problems_html, problems_page
from api.problem_types import TYPES
from media.problems import PROBLEMS
from tests.client import Client


def ids() -> list[str]:
    return re.findall(r'<tr id="([^"]+)"', problems_html())


async def test_the_catalogue_is_a_page_beside_the_document(anonymous: Client) -> None:
    page = await anonymous.get("/docs/problems")
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert page.text == problems_html()
    assert 'href="/docs/problems"' in (await anonymous.get("/docs")).text


async def test_the_page_runs_nothing_and_asks_no_other_host(anonymous: Client) -> None:
    page = await anonymous.get("/docs/problems")
    assert page.headers["content-security-policy"] == (await anonymous.get("/docs")).headers["content-security-policy"]
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    assert "<script" not in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


def test_each_problem_has_an_address_of_its_own() -> None:
    assert sorted(ids()) == sorted([*TYPES, *PROBLEMS])
    assert len(set(ids())) == len(ids())


def test_each_says_what_it_means_in_the_page_and_in_the_file() -> None:
    page = unescape(re.sub(r"</?code>", "`", problems_html()))
    for meaning in [kind.meaning for kind in TYPES.values()] + [kind.message for kind in PROBLEMS.values()]:
        assert meaning in page
        assert meaning in problems_page()


def test_of_each_problem_of_a_video_it_is_said_whether_trying_again_helps() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| .* \| (yes|no) \|$", problems_page(), re.MULTILINE))
    assert rows == {code: "yes" if kind.retryable else "no" for code, kind in PROBLEMS.items()}
