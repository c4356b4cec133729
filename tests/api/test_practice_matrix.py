"""A practice take is its person's alone: whoever else asks, by no operation of the document is it told from nothing.

Made from the document that the application gives, so that an operation of tomorrow is asked too.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from api.auth import Tokens
from api.embedded import Urls
from models.asset import Upload
from models.audits import practice_seen
from models.base import now
from models.database import Database
from models.ids import new_id
from models.org import Org
from models.take import Take
from tests.client import Document
from tests.conftest import SECRET
from tests.factories.people import OrgKit, Somebody, new_org
from tests.factories.relations import World, make_world
from tests.factories.takes import make_asset
from tests.fuzz.operations import address, example, furnish, names_of, things, with_ids

OTHERS = ("peer", "outsider", "manager", "above", "elsewhere", "former", "enablement", "admin", "stranger")
MARK = "seen-by-nobody-else"
# An admin is told that somebody uploads and deletes videos, not what for: of their ids none leads to a take.
AUDITED = {"ListAuditEvents"}
OF_A_TAKE = ("take_id", "asset_id", "upload_id")
Operation = tuple[str, str, str, dict[str, Any]]


@dataclass(frozen=True)
class Practice:
    """A world, and the ids of a practice take in it, its video and the upload of that."""

    world: World
    ids: dict[str, UUID]

    @property
    def of_its_video(self) -> set[str]:
        return {str(self.ids["asset_id"]), str(self.ids["upload_id"])}

    def shown_in(self, answer: httpx.Response) -> list[str]:
        """Return what an answer tells of it; that it repeats its own address is nothing new."""
        said = answer.text.replace(answer.request.url.path, "")
        return [word for word in (MARK, *map(str, self.ids.values())) if word in said]


@pytest.fixture(scope="module")
async def practice(app: Litestar, database: Database, document: Document, urls: Urls) -> AsyncIterator[Practice]:
    def kit(org: Org) -> OrgKit:
        return OrgKit(org.id, org.slug, database, Tokens(SECRET), document, app)

    kits = [kit(await new_org(urls.migrate)), kit(await new_org(urls.migrate))]
    world = await make_world(*kits)
    await furnish(world)
    yield Practice(world, await practised(world))
    for made in kits:
        for client in made.clients:
            await client.aclose()


async def practised(world: World) -> dict[str, UUID]:
    """Have the rep practise: begin, answer twice, and leave a note."""
    org, rep, take_id = world.org, world.people["rep"], world.things["take-practice"].id
    again = await rep.client.post(f"/v1/assignments/{world.things['assignment'].id}/takes", json={"practice": True})
    assert (again.status_code, again.json()["id"]) == (200, str(take_id))
    url = f"/v1/takes/{take_id}/responses/{world.things['prompt-published'].id}"
    for _ in range(2):
        asset_id = await make_asset(org, rep.id, "ready")
        assert (await rep.client.put(url, json={"asset_id": str(asset_id)})).status_code == 200
    async with org.database.tenant(org.id) as session:
        (await session.get_one(Take, (org.id, take_id))).note = MARK
        upload = _upload(org, rep, asset_id)
        session.add(upload)
    return {"take_id": take_id, "asset_id": asset_id, "upload_id": upload.id}


def _upload(org: OrgKit, rep: Somebody, asset_id: UUID) -> Upload:
    sizes = {"size_bytes": 9, "part_size_bytes": 9, "part_count": 1}
    return Upload(
        org_id=org.id,
        asset_id=asset_id,
        person_id=rep.id,
        state="completed",
        filename=f"{MARK}.mp4",
        content_type="video/mp4",
        completed_at=now(),
        expires_at=now(),
        **sizes,
    )


def operations(document: Document) -> Iterator[Operation]:
    """Yield each as `(name, method, path, operation)`, but those that never end."""
    for path, item in sorted(document.content["paths"].items()):
        for method, operation in sorted(item.items()):
            if "text/event-stream" not in json.dumps(operation["responses"]):
                yield operation["operationId"], method.upper(), path, operation


def named_in(body: Any) -> set[str]:
    """Return the names of the fields of a body, however deep."""
    if isinstance(body, list):
        return set().union(*map(named_in, body))
    if isinstance(body, dict):
        return set(body).union(*map(named_in, body.values()))
    return set()


async def asked(who: Somebody, operation: Operation, ids: dict[str, Any]) -> httpx.Response:
    _, method, path, said = operation
    body = with_ids(example(said), {name: [value] for name, value in ids.items()})
    headers = {"if-match": "*", "content-type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    query = {
        one["name"]: str(ids["take_id"] if one["name"] == "with" else ids[one["name"]])
        for one in said.get("parameters", [])
        if one["in"] == "query" and one["name"] in {*ids, "with"}
    }
    return await who.client.request(method, address(path, ids), headers=headers, content=content, params=query)


def told(answer: httpx.Response) -> tuple[int, Any]:
    body = json.loads(answer.text.replace(answer.request.url.path, "")) if answer.content else None
    return answer.status_code, {**body, "request_id": ""} if isinstance(body, dict) else body


def takes_one(operation: Operation) -> bool:
    """Tell whether an id of a take, a video or an upload has a place in it."""
    named = {*names_of(operation[2]), *named_in(example(operation[3]))}
    return bool(named & set(OF_A_TAKE))


@pytest.mark.parametrize("who", OTHERS)
async def test_by_its_ids_it_is_as_unknown_as_what_never_was(practice: Practice, document: Document, who: str) -> None:
    person = practice.world.people[who]
    others = {name: ids[0] for name, ids in things(practice.world).items()}
    for operation in operations(document):
        if not takes_one(operation):
            continue
        answer = await asked(person, operation, {**others, **practice.ids})
        unknown = await asked(person, operation, {**others, **{name: new_id() for name in OF_A_TAKE}})
        assert told(answer) == told(unknown), operation[:3]
        assert answer.status_code >= 400, operation[:3]
        assert practice.shown_in(answer) == [], operation[:3]


@pytest.mark.parametrize("who", OTHERS)
async def test_no_list_and_no_other_thing_shows_it(practice: Practice, document: Document, who: str) -> None:
    person = practice.world.people[who]
    others = {name: ids[0] for name, ids in things(practice.world).items()}
    for operation in operations(document):
        _, method, path, _ = operation
        if method != "GET" or set(names_of(path)) & set(OF_A_TAKE):
            continue
        answer = await asked(person, operation, others)
        assert answer.status_code < 500, operation[:3]
        known = practice.of_its_video if operation[0] in AUDITED else set()
        assert set(practice.shown_in(answer)) <= known, operation[:3]


async def test_its_person_sees_it_and_a_manager_what_was_handed_in(practice: Practice) -> None:
    """Else the matrix would be content with anything."""
    world = practice.world
    seen = await world.people["rep"].client.get(f"/v1/takes/{practice.ids['take_id']}")
    assert len(practice.shown_in(seen)) == 3
    uploads = await world.people["rep"].client.get("/v1/uploads")
    assert str(practice.ids["upload_id"]) in uploads.text
    handed_in = f"/v1/takes/{world.things['take-submitted'].id}"
    assert (await world.people["manager"].client.get(handed_in)).status_code == 200


async def test_no_row_of_any_table_leads_anybody_else_to_it(practice: Practice) -> None:
    org = practice.world.org
    async with org.database.tenant(org.id) as session:
        assert await practice_seen(session, org.id) == []
