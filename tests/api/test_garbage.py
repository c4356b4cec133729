"""Each operation of the document fed what no client should send: never a 500, always a reason.

Made from the document itself, so that an operation added tomorrow is tested without a line here.
"""

import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar

from api.auth import Tokens
from api.embedded import Urls
from models.database import Database
from models.org import Org
from tests.client import Document
from tests.conftest import SECRET
from tests.factories.people import OrgKit, Somebody, new_org
from tests.factories.relations import World, make_world
from tests.fuzz.operations import OPERATIONS, WITH_BODY, Ids, address, example, furnish, names_of, things, with_ids

ACTORS = ("manager", "rep", "admin")
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    0.5,
    1e308,
    "",
    "x",
    "0" * 5000,
    "nul \x00 here",
    "\u202e\U0001f600",
    "2027-13-45T99:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "not-a-uuid",
    "00000000-0000-0000-0000-000000000000",
    [],
    {},
    [None],
    [[[[]]]],
    {"a": {"b": None}},
)
RAW = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"17",
    b"NaN",
    b'{"a": NaN}',
    b"\xff\xfe",
    b'{"title": "\\ud800"}',
    b'{"\\u0000": 1}',
    b"[" * 50_000,
)


def places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in a body, its parts too."""
    if at:
        yield at
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def replaced(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(body))
    inside = copy
    for key in at[:-1]:
        inside = inside[key]
    inside[at[-1]] = value
    return copy


def mutants(name: str, body: Any) -> Iterator[Any]:
    """Yield the body with one thing wrong in it: each place gets some of what is wrong, the same ones every time."""
    seeded = random.Random(name)
    for at in places(body):
        for value in seeded.sample(WRONG, 3):
            yield replaced(body, at, value)
    if isinstance(body, dict):
        yield {**body, "nobody_knows_this": 1}
        for key in body:
            yield {kept: value for kept, value in body.items() if kept != key}


def hold(answer: httpx.Response, about: str) -> None:
    assert answer.status_code < 500, f"{about}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["type"].startswith("/problems/"), about
        assert problem["detail"], about
        assert answer.headers["content-type"].startswith("application/problem+json"), about


@pytest.fixture(scope="module")
async def kits(app: Litestar, database: Database, document: Document, urls: Urls) -> AsyncIterator[list[OrgKit]]:
    def kit(org: Org) -> OrgKit:
        return OrgKit(org.id, org.slug, database, Tokens(SECRET), document, app)

    made = [kit(await new_org(urls.migrate)), kit(await new_org(urls.migrate))]
    yield made
    for one in made:
        for client in one.clients:
            await client.aclose()


@pytest.fixture(scope="module")
async def world(kits: list[OrgKit]) -> World:
    made = await make_world(*kits)
    await furnish(made)
    return made


async def send(who: Somebody, name: str, url: str, **request: Any) -> httpx.Response:
    method, _, _ = OPERATIONS[name]
    headers = {"if-match": "*", "content-type": "application/json"}
    return await who.client.request(method, url, headers=headers, **request)


def addresses(path: str, ids: Ids) -> list[str]:
    """Return the path with each of the things it may be about: in one state or another the body is read."""
    most = max([len(ids.get(name, [])) for name in names_of(path)], default=1)
    return [address(path, {key: values[place % len(values)] for key, values in ids.items()}) for place in range(most)]


@pytest.mark.parametrize("name", WITH_BODY)
async def test_a_body_with_something_wrong_in_it_is_refused_with_a_reason(world: World, name: str) -> None:
    _, path, operation = OPERATIONS[name]
    ids = things(world)
    body = with_ids(example(operation), ids)
    urls = addresses(path, ids)
    asked, wrong, told = [world.people[who] for who in ACTORS], list(mutants(name, body)), set()
    for number, mutant in enumerate(wrong):
        content = json.dumps(mutant).encode()
        few = len(wrong) < 30
        for who in asked if few else [asked[number % len(asked)]]:
            for url in urls if len(wrong) < 5 else [urls[number % len(urls)]]:
                answer = await send(who, name, url, content=content)
                hold(answer, f"{name} {content[:300]!r}")
                told.add(answer.status_code)
    assert 422 in told, f"{name}: nothing of it was ever read, only {told}"


@pytest.mark.parametrize("name", WITH_BODY)
async def test_what_is_no_body_at_all_is_refused_with_a_reason(world: World, name: str) -> None:
    _, path, _ = OPERATIONS[name]
    url = address(path, {key: values[0] for key, values in things(world).items()})
    for number, raw in enumerate(RAW):
        who = world.people[ACTORS[number % len(ACTORS)]]
        hold(await send(who, name, url, content=raw), f"{name} {raw[:100]!r}")


@pytest.mark.parametrize("name", WITH_BODY)
async def test_a_body_that_is_absurdly_large_is_refused(world: World, name: str) -> None:
    _, path, _ = OPERATIONS[name]
    url = address(path, {key: values[0] for key, values in things(world).items()})
    large = json.dumps({"title": "x" * 2_000_000}).encode()
    answer = await send(world.people["manager"], name, url, content=large)
    assert answer.status_code in {403, 404, 413}, answer.text[:200]


@pytest.mark.parametrize("name", sorted(name for name, (_, path, _) in OPERATIONS.items() if names_of(path)))
async def test_a_malformed_id_is_nobodys(world: World, name: str) -> None:
    _, path, _ = OPERATIONS[name]
    for wrong in ("x", "%00", "..%2f..", "0" * 3000):
        answer = await send(world.people["admin"], name, address(path, dict.fromkeys(names_of(path), wrong)))
        hold(answer, f"{name} {wrong[:40]}")
        assert answer.status_code in {403, 404, 405, 422}, name


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_a_query_with_something_wrong_in_it_is_refused_with_a_reason(world: World, name: str) -> None:
    _, path, operation = OPERATIONS[name]
    ids = things(world)
    url = address(path, {key: values[0] for key, values in ids.items()})
    queries = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    for query in queries:
        for wrong in ("", "-1", "\x00", "'; --", "9" * 300, "x" * 5000):
            hold(
                await send(world.people["manager"], name, url, params={query: wrong}), f"{name} {query}={wrong[:40]!r}"
            )


@pytest.mark.parametrize("name", sorted(OPERATIONS))
async def test_without_a_token_only_what_is_open_answers(world: World, name: str) -> None:
    method, path, operation = OPERATIONS[name]
    ids = {key: values[0] for key, values in things(world).items()}
    client = world.org.client()
    content = None if example(operation) is None else json.dumps(example(operation)).encode()
    answer = await client.request(
        method, address(path, ids), content=content, headers={"content-type": "application/json"}
    )
    hold_open = operation.get("security") == []
    assert answer.status_code < 500 or path == "/health/ready"
    assert hold_open or answer.status_code == 401, f"{name}: {answer.status_code}"


def test_the_document_was_not_read_in_vain() -> None:
    assert len(OPERATIONS) > 50
    assert len(WITH_BODY) > 20
    assert all(example(OPERATIONS[name][2]) is not None for name in WITH_BODY)
