"""A body is what its schema says: nothing is read into another type."""

from typing import Any

import pytest

from models.ids import new_id
from tests.client import Client
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
