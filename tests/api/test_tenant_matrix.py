"""Each operation of the document x each role x the ids of another organization: they are as unknown as what never was.

Made from the document itself: an operation or a field added tomorrow is tested without a line here.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from api.auth import Tokens
from api.embedded import Urls
from models.base import Base, Tenant
from models.database import Database
from models.ids import new_id
from models.org import Org
from tests.client import Document
from tests.conftest import SECRET
from tests.factories.people import OrgKit, Somebody, new_org
from tests.factories.relations import World, make_world
from tests.fuzz.operations import (
    DOCUMENT,
    ENDS_ITSELF,
    MARK,
    OPERATIONS,
    Ids,
    address,
    example,
    furnish,
    mark,
    names_of,
    things,
    with_ids,
)

ROLES = ("admin", "enablement", "manager", "rep")
# What differs between any two answers, whatever they say.
EACH_ITS_OWN = {"date", "x-request-id", "content-length"}
At = tuple[str | int, ...]


class Place(NamedTuple):
    """Where an id stands in a request: in the path, the query or the body, and what it is an id of."""

    where: str
    at: At
    thing: str


class Ask(NamedTuple):
    """A request of an operation, with every id in it that is ours."""

    name: str
    ids: dict[str, Any]
    query: dict[str, str]
    body: Any

    def with_id(self, place: Place, value: UUID) -> "Ask":
        if place.where == "path":
            return self._replace(ids={**self.ids, place.thing: value})
        if place.where == "query":
            return self._replace(query={**self.query, str(place.at[0]): str(value)})
        return self._replace(body=put(self.body, place.at, str(value)))


def put(body: Any, at: At, value: Any) -> Any:
    """Return the body with the value there, and what has to be around it."""
    if not at:
        return value
    key, rest = at[0], at[1:]
    if isinstance(key, int):
        items = body if isinstance(body, list) else []
        return [put(items[0] if items else None, rest, value), *items[1:]]
    inside = body if isinstance(body, dict) else {}
    return {**inside, key: put(inside.get(key), rest, value)}


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = OPERATIONS[name][2].get("requestBody", {}).get("content", {}).get("application/json", {})
    schema: dict[str, Any] = found.get("schema", {})
    return schema


def ids_in(schema: dict[str, Any], at: At = ()) -> Iterator[At]:
    """Yield where a schema has ids."""
    if "$ref" in schema:
        yield from ids_in(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], at)
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from ids_in(choice, at)
    if schema.get("format") == "uuid":
        yield at
    if "items" in schema:
        yield from ids_in(schema["items"], (*at, 0))
    for name, part in schema.get("properties", {}).items():
        yield from ids_in(part, (*at, name))


def thing_at(at: At) -> str:
    named = [part for part in at if isinstance(part, str)]
    return named[-1].removesuffix("s")


def places(name: str) -> list[Place]:
    _, path, operation = OPERATIONS[name]
    in_path = [Place("path", (one,), one) for one in names_of(path) if one.endswith("_id")]
    in_query = [
        Place("query", (one["name"],), one["name"])
        for one in operation.get("parameters", [])
        if one["in"] == "query" and "uuid" in json.dumps(one["schema"])
    ]
    in_body = [Place("body", at, thing_at(at)) for at in ids_in(schema_of(name))]
    return [*in_path, *in_query, *in_body]


def foreign(place: Place, theirs: Ids, role: str) -> list[UUID]:
    """Return ids of theirs that could stand there: the first and the last of their kind; for a new `id`, any."""
    if place.thing not in theirs:
        return [theirs["take_id"][ROLES.index(role)]]  # one each: of two who use an id the second is refused
    found = theirs[place.thing]
    return [found[0]] if found[0] == found[-1] else [found[0], found[-1]]


async def told(who: Somebody, ask: Ask, asked_for: UUID) -> tuple[int, dict[str, str], Any]:
    """Send it, and return what the answer tells apart from the id itself, which the sender knew."""
    method, path, _ = OPERATIONS[ask.name]
    headers = {"if-match": "*", "content-type": "application/json"}
    content = None if ask.body is None else json.dumps(fresh(ask.body)).encode()
    url = address(path, ask.ids)
    answer = await who.client.request(method, url, headers=headers, params=ask.query, content=content)
    assert answer.status_code < 500, answer.text
    assert MARK not in answer.text, f"{ask.name} shows what is theirs: {answer.text[:500]}"
    status = 200 if answer.status_code == 201 else answer.status_code  # made before, by the request this is like
    shown = {name: value for name, value in answer.headers.items() if name not in EACH_ITS_OWN}
    return status, shown if status >= 400 else {}, _body(method, answer, asked_for)


def fresh(body: Any) -> Any:
    """Return the body with another name in it, so that it does not clash with the request it is like."""
    if not isinstance(body, dict):
        return body
    unique = new_id().hex
    names = {"name": unique, "email": f"{unique}@example.com"}
    return {**body, **{key: value for key, value in names.items() if key in body}}


def _body(method: str, answer: httpx.Response, asked_for: UUID) -> Any:
    if answer.status_code < 400 and method != "GET":
        return None
    said = answer.text.replace(str(asked_for), "<id>")
    if not answer.headers["content-type"].endswith("json"):
        return said
    body = json.loads(said)
    body.pop("request_id", None)
    return body


async def picture(world: World) -> list[tuple[Any, ...]]:
    """Return the size and the fingerprint of every table of an organization."""
    tables = sorted(table.name for table in Base.metadata.sorted_tables if "org_id" in table.c)
    each = [
        f"SELECT '{table}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) "  # noqa: S608  # our own names
        f'FROM "{table}" t WHERE org_id = :org'
        for table in tables
    ]
    async with world.org.database.tenant(world.org.id) as session:
        rows = await session.execute(text(" UNION ALL ".join(each)), {"org": world.org.id})
        return sorted(tuple(row) for row in rows)


@pytest.fixture(scope="module")
async def worlds(
    app: Litestar, database: Database, document: Document, urls: Urls
) -> AsyncIterator[tuple[World, World]]:
    """Two organizations with everything in them; in the second each name is marked."""

    def kit(org: Org) -> OrgKit:
        return OrgKit(org.id, org.slug, database, Tokens(SECRET), document, app)

    ours, theirs = kit(await new_org(urls.migrate)), kit(await new_org(urls.migrate))
    made = await make_world(ours, theirs), await make_world(theirs, ours)
    for world in made:
        await furnish(world)
    await mark(made[1])
    yield made
    for one in (ours, theirs):
        for client in one.clients:
            await client.aclose()


def of_ours(name: str, ids: Ids) -> Ask:
    own = {key: values[0] for key, values in ids.items()}
    return Ask(name, own, {}, with_ids(example(OPERATIONS[name][2]), ids))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - ENDS_ITSELF))
async def test_what_is_another_organizations_is_as_unknown_as_what_never_was(
    worlds: tuple[World, World], name: str
) -> None:
    """The same answer for their id and for one nobody made, in each place, whoever asks; nothing of theirs changes."""
    ours, theirs = worlds
    before = await picture(theirs)
    ask, their_ids = of_ours(name, things(ours)), things(theirs)
    for role in ROLES:
        who = ours.people[role]
        for place in places(name):
            unknown = new_id()
            expected = await told(who, ask.with_id(place, unknown), unknown)
            for found in foreign(place, their_ids, role):
                answer = await told(who, ask.with_id(place, found), found)
                assert answer == expected, f"{role}: {place}"
    assert await picture(theirs) == before


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - ENDS_ITSELF))
async def test_a_request_of_nothing_but_their_ids_shows_and_changes_nothing_of_theirs(
    worlds: tuple[World, World], name: str
) -> None:
    ours, theirs = worlds
    before = await picture(theirs)
    for role in ROLES:
        ask = of_ours(name, things(theirs))
        for place in places(name):
            ask = ask.with_id(place, foreign(place, things(theirs), role)[0])
        status, _, _ = await told(ours.people[role], ask, new_id())
        in_path = any(place.where == "path" for place in places(name))
        assert status in {403, 404, 409, 422} or not in_path, f"{role}: {status}"
    assert await picture(theirs) == before


def test_the_matrix_has_ids_in_every_place() -> None:
    found = [place for name in OPERATIONS for place in places(name)]
    assert {place.where for place in found} == {"path", "query", "body"}
    assert {"rubric_id", "asset_id", "person_id", "team_id", "skill_id", "criterion_id", "level_id"} <= {
        place.thing for place in found if place.where == "body"
    }
    assert len(found) > 100


async def test_the_picture_shows_each_change(worlds: tuple[World, World]) -> None:
    """Else the matrix would be content with anything."""
    _, theirs = worlds
    before = await picture(theirs)
    assert {row[0] for row in before} >= {
        kind.__tablename__ for kind in Tenant.__subclasses__() if kind.__name__ != "Stateful"
    }
    await theirs.people["admin"].client.patch("/v1/me", json={"name": f"Other {MARK}"})
    changed = {old[0] for old, new in zip(before, await picture(theirs), strict=True) if old != new}
    assert "person" in changed
