"""A body is what its schema says: nothing is read into another type."""

import json
from typing import Any

import pytest

from models.ids import new_id
from tests.client import Client
from tests.factories.accounts import PASSWORD, account
from tests.factories.challenges import make_cast, post
from tests.factories.people import OrgKit


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"opens_at": 0}, "/opens_at"),
        ({"opens_at": 1_700_000_000.5}, "/opens_at"),
        ({"due_at": "1700000000"}, "/due_at"),
        ({"max_takes": "5"}, "/max_takes"),
        ({"max_takes": True}, "/max_takes"),
        ({"pass_mark": "0.5"}, "/pass_mark"),
        ({"title": 5}, "/title"),
        ({"audience": {"everyone": 0}}, "/audience/everyone"),
        ({"audience": {"everyone": "true"}}, "/audience/everyone"),
        ({"prompts": [{"text": "One"}, {"text": "Two", "max_duration_ms": "60000"}]}, "/prompts/1/max_duration_ms"),
        ({"prompts": [{"text": "One", "length": 1}]}, "/prompts/0/length"),
        ({"rubric_id": None}, "/rubric_id"),
        ({"nobody_knows_this": 1}, "/nobody_knows_this"),
    ],
)
async def test_a_value_of_another_type_is_refused_at_its_place(
    org: OrgKit, values: dict[str, Any], pointer: str
) -> None:
    cast = await make_cast(org)
    answer = await post(cast.manager, cast.body() | values)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert "Refused" not in answer.text


@pytest.mark.parametrize("body", [[], "text", 5, None])
async def test_a_body_that_is_no_object_is_refused_as_a_whole(org: OrgKit, body: Any) -> None:
    cast = await make_cast(org)
    answer = await post(cast.manager, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "")
    assert "Refused" not in answer.text


async def test_a_whole_number_is_a_number(org: OrgKit) -> None:
    cast = await make_cast(org)
    answer = await post(cast.manager, cast.body() | {"pass_mark": 1, "max_takes": 2})
    assert (answer.status_code, answer.json()["pass_mark"]) == (201, 1.0)


async def test_what_is_wrong_with_a_body_is_told_to_those_only_who_may_send_it(org: OrgKit, anonymous: Client) -> None:
    somebody, wrong = await org.person(), {"text": 5}
    assert (await anonymous.post("/v1/skills", json=wrong)).status_code == 401
    assert (await somebody.client.post("/v1/skills", json=wrong)).status_code == 403
    assert (await somebody.client.post(f"/v1/takes/{new_id()}/moments", json=wrong)).status_code == 404


async def test_a_wrong_query_and_a_wrong_header_are_told_as_before(org: OrgKit) -> None:
    somebody = await org.person()
    answer = await somebody.client.get("/v1/skills", params={"limit": "many"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/limit")


@pytest.mark.parametrize(
    ("limit", "said"),
    [("101", "This may be 100 at most."), ("0", "This must be 1 or more."), ("-20", "This must be 1 or more.")],
)
async def test_the_bounds_of_a_page_are_said_whole(org: OrgKit, limit: str, said: str) -> None:
    answer = await (await org.person()).client.get("/v1/skills", params={"limit": limit})
    assert (answer.status_code, answer.json()["detail"]) == (422, said)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""],
)
async def test_a_body_that_is_not_said_to_be_json_is_not_read(org: OrgKit, anonymous: Client, kind: str) -> None:
    who, somebody = await account(org), await org.person()
    body = json.dumps({"org": org.slug, "email": who.email, "password": PASSWORD})
    headers = {"content-type": kind} if kind else {}
    for client, url, content in (
        (who.client, "/v1/auth/sign-in", body),
        (somebody.client, "/v1/uploads", "{"),
        (somebody.client, "/v1/uploads", "a=b"),
    ):
        answer = await client.post(url, content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type"), url
    assert (await anonymous.post("/v1/uploads", content="{}", headers=headers)).status_code == 401


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.a+json"])
async def test_json_may_say_more_of_itself(org: OrgKit, kind: str) -> None:
    who = await account(org)
    body = {"org": org.slug, "email": who.email, "password": PASSWORD}
    answer = await who.client.post("/v1/auth/sign-in", content=json.dumps(body), headers={"content-type": kind})
    assert answer.status_code == 200


async def test_a_parameter_that_is_sent_twice_is_refused_and_one_that_nobody_asks_for_is_not_read(org: OrgKit) -> None:
    somebody = await org.person()
    for query in ("limit=1&limit=2", "limit=1&limit=1", "limit=1&l%69mit=2", "limit=1&x=&limit="):
        answer = await somebody.client.get(f"/v1/uploads?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/limit"), query
    for query in ("limit=1&x=1", "limit=1&state=open", "limit=1&"):
        assert (await somebody.client.get(f"/v1/uploads?{query}")).status_code == 200, query
